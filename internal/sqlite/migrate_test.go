package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"postern/internal/issue"
	"postern/internal/sqlite"
)

// A database of the first schema is brought to the newest: what it holds stays, and what is new works.
func TestOldDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script, err := os.ReadFile("migrations/0001.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "postern.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(string(script) + `; PRAGMA application_id = 0x5073746e; PRAGMA user_version = 1;
		INSERT INTO rulesets (seq, version, files, published_at, by_whom, note) VALUES (3, 'aa', '{"a.rules":"x"}', 0, 'files', '')`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before := ""
	for range 2 { // and once more, with nothing left to do
		s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := s.LatestRuleset(t.Context()); err != nil || r.Number < 3 || r.Files["a.rules"] != "x" {
			t.Errorf("got %+v, %v", r, err)
		}
		if last, _, err := s.Rulesets(t.Context(), issue.RulesetQuery{Page: issue.Page{Limit: 1}}); err != nil {
			t.Error(err)
		} else if n, err := s.PublishRuleset(t.Context(), issue.Ruleset{Version: "aa", Files: map[string]string{"a.rules": "x"}}, last[0].Number); err != nil || n != last[0].Number+1 {
			t.Errorf("published number %d, %v", n, err)
		}
		if err := s.PutShadow(t.Context(), issue.Shadow{ID: "s"}, before); err != nil {
			t.Error(err)
		}
		before = "s"
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
