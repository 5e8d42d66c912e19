//go:build race

package webhook

// Raced says that the race detector is on. What it allocates itself counts where memory is measured: make check measures without it.
const Raced = true
