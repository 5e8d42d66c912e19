package rules_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/rules"
)

// The limits in docs/rules.md are those of the code; go test ./rules -update writes them.
func TestLimitsAreWritten(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../docs/rules.md", "<!-- limits -->\n", "<!-- end of limits -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the limits", path)
	}
	var b strings.Builder
	b.WriteString("\n| of | what | at most |\n|---|---|---|\n")
	for _, l := range rules.Limits() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", l.Of, l.What, l.Value)
	}
	text := before + begin + b.String() + "\n" + end + after
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(text, string(page)); diff != "" {
		t.Errorf("%s is out of date (go test ./rules -update):\n%s", path, diff)
	}
}
