package rules_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/rules"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a line of a list\n", 20_000)
	from := map[string]string{"1.rules": "a\nb\nc\n", "gone.rules": "x\n", "same.txt": "s\n", "long.txt": long, "huge.txt": strings.Repeat(long, 20), "bin": "base64:\nAAA="}
	to := map[string]string{"1.rules": "a\nB\nc\nd\n", "new.rules": "y\n", "same.txt": "s\n", "long.txt": strings.ReplaceAll(long, "list", "lisp"), "huge.txt": "", "bin": "base64:\nAAE="}
	var got []string
	for _, d := range rules.Diff(from, to) {
		text := d.Text
		if d.Name == "long.txt" {
			if len(text) > 129<<10 || !strings.HasSuffix(text, "\n… the rest is left out\n") || d.Added != 20_000 || d.Removed != 20_000 {
				t.Errorf("long.txt: %d bytes, %d lines added, %d removed", len(text), d.Added, d.Removed)
			}
			continue
		}
		got = append(got, d.Change+" "+d.Name+"\n"+text)
	}
	want := []string{
		"changed 1.rules\n--- a/1.rules\n+++ b/1.rules\n@@ -1,3 +1,4 @@\n a\n-b\n+B\n c\n+d\n",
		"changed bin\n(no text: its bytes differ)\n",
		"removed gone.rules\n--- a/gone.rules\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-x\n",
		"changed huge.txt\n(too long to be compared line by line: 6800000 bytes, then 0)\n",
		"added new.rules\n--- /dev/null\n+++ b/new.rules\n@@ -0,0 +1,1 @@\n+y\n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := rules.Diff(from, from); len(d) != 0 {
		t.Errorf("a set differs from itself: %+v", d)
	}
}
