//go:build !race

package webhook

// Raced says that the race detector is on.
const Raced = false
