package dsl_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// Rules as they are written by who is new to the language, with all that is said about each.
func TestBroken(t *testing.T) {
	t.Parallel()
	const path = "testdata/broken.txtar"
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(ar.Files) < 120 {
		t.Errorf("%d files are half as many cases", len(ar.Files))
	}
	for i := 0; i+1 < len(ar.Files); i += 2 {
		rules, want := ar.Files[i], &ar.Files[i+1]
		if name := strings.TrimSuffix(rules.Name, ".rules"); name+".txt" != want.Name {
			t.Fatalf("%s is followed by %s", rules.Name, want.Name)
		}
		_, diags := compile(rules.Name, string(rules.Data), options())
		got := diags.Text()
		if *update {
			want.Data = []byte(got)
			continue
		}
		if diff := cmp.Diff(string(want.Data), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rules.Name, diff)
		}
		for _, d := range diags { // each says where, and what to do about it
			if d.Line == 0 || d.Snippet == "" || d.End.Line < d.Line || d.End.Line == d.Line && d.End.Column < d.Column {
				t.Errorf("%s: %+v", rules.Name, d)
			}
		}
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
