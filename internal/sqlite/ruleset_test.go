package sqlite_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/issue"
	"postern/internal/sqlite"
)

// A long list is kept once, however often the rules beside it are edited.
func TestRuleSetsShareFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Repeat("example.org\n", 10_000)
	for i := range int64(5) {
		r := issue.Ruleset{Version: fmt.Sprint(i), Files: map[string]string{"1.rules": fmt.Sprint("rule ", i), "list.txt": list}}
		if _, err := s.PublishRuleset(t.Context(), r, i); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := s.Ruleset(t.Context(), 3); err != nil || r.Files["list.txt"] != list || r.Files["1.rules"] != "rule 2" {
		t.Errorf("got %d files, %v", len(r.Files), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "postern.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var files, size int
	if err := db.QueryRow("SELECT count(*), (SELECT sum(length(files) + length(large)) FROM rulesets) FROM ruleset_files").Scan(&files, &size); err != nil {
		t.Fatal(err)
	}
	if files != 1 || size > 1000 {
		t.Errorf("%d files beside %d bytes of sets, want one", files, size)
	}
}
