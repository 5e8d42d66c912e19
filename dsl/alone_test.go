package dsl_test

import "testing"

// alone skips, where the race detector looks on, a test of much work that one goroutine does: it would find nothing there and takes ten times
// as long. `make check` runs these without it.
func alone(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("one goroutine, much work: run without the race detector")
	}
}
