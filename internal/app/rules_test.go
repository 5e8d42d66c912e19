package app

import (
	"os"
	"path/filepath"
	"testing"

	"postern/internal/issue"
	"postern/internal/sqlite"
	"postern/rules"
)

// What a node remembers of its folder holds across restarts, crashes between two steps, a damaged file, and a restored backup.
func TestSeen(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	store, err := sqlite.Open(ctx, filepath.Join(dir, "store"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	file := filepath.Join(dir, "rules.seen")
	k := &archive{store, file, "files@me"}
	publish := func(by, version string, after int64) {
		t.Helper()
		if _, err := k.Publish(ctx, rules.Publication{Version: version, By: by}, after); err != nil {
			t.Fatal(err)
		}
	}
	sees := func(when, want string) {
		t.Helper()
		if got, err := k.Seen(ctx); got != want || err != nil {
			t.Errorf("%s: seen %q, %v, want %q", when, got, err, want)
		}
	}
	see := func(version string) {
		t.Helper()
		if err := k.See(ctx, version); err != nil {
			t.Fatal(err)
		}
	}
	sees("at first", "")
	publish("files@me", "aa", 0)
	sees("published, and crashed before it was remembered, with no file", "")
	see("aa")
	sees("remembered", "aa")
	publish("files@other", "bb", 1)
	sees("another node published", "aa")
	publish("files@me", "cc", 2)
	sees("published, and crashed before it was remembered", "cc")
	see("cc")
	publish("local:ann", "aa", 3)
	sees("somebody went back", "cc")
	see("aa")
	sees("the folder went back, too", "aa")
	if left, err := filepath.Glob(file + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := k.Refuse(ctx, "bad", 4); err != nil {
		t.Fatal(err)
	}
	sees("it was refused", "aa")
	if v, n, err := k.Refused(ctx); v != "bad" || n != 4 || err != nil {
		t.Errorf("refused %q, %d, %v", v, n, err)
	}
	see("aa")
	if v, _, err := k.Refused(ctx); v != "" || err != nil {
		t.Errorf("mended: refused %q, %v", v, err)
	}
	for text, want := range map[string]string{"": "cc", "aa": "cc", "aa x\n": "cc", "aa 4\n": "aa", "zz 9\n": ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sees("a file with "+text, want)
	}
	if _, err := store.Ruleset(ctx, 4); err != nil {
		t.Error(err)
	}
	d := dry{k}
	if n, err := d.Publish(ctx, rules.Publication{Version: "dd"}, 4); n != 5 || err != nil {
		t.Errorf("dry: %d, %v", n, err)
	}
	if err := d.See(ctx, "dd"); err != nil {
		t.Error(err)
	}
	if list, _, err := store.Rulesets(ctx, issue.RulesetQuery{}); err != nil || len(list) != 4 {
		t.Errorf("%d publications, %v", len(list), err)
	}
}
