package peers

import (
	"os"
	"testing"
)

// Lacking ends a test for which this machine lacks something, with words that say what: it is skipped, and in CI, where nothing
// may be missing, it fails.
func Lacking(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
