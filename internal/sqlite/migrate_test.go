package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

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
		INSERT INTO issues (number, mailbox, subject, description, type, class, priority, status, assignee, team, template, visibility, requester,
			requester_name, watchers, tags, fields, suspected, created_at, updated_at, message, notes)
			VALUES (7, 'support', 'Old', '', '', '', 'normal', 'new', '', '', '', 'public', 'ann@example.org', '', '[]', '[]', '{}', '[]', 0, 0, 'm', 1);
		INSERT INTO notes (place, id, kind, author, author_name, text, visibility, message, created_at) VALUES ((7 << 20) + 1, 'n', 'mail', '', '', 'x', 'public', 'm2', 0);
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
		if h, err := s.History(t.Context(), 7); err != nil || h.Issue.Subject != "Old" || h.Issue.WithdrawnAt != nil || len(h.Sets) != 0 {
			t.Errorf("the old issue: got %+v, %v", h, err)
		}
		if notes, _, err := s.Notes(t.Context(), 7, issue.Page{}); err != nil || len(notes) != 1 {
			t.Errorf("its notes: got %v, %v", notes, err)
		}
		if list, _, err := s.Issues(t.Context(), issue.IssueQuery{}); err != nil || len(list) != 1 {
			t.Errorf("issues: got %v, %v", list, err)
		}
		if err := s.PutShadow(t.Context(), issue.Shadow{ID: "s"}, before); err != nil {
			t.Error(err)
		}
		before = "s"
		if l, err := s.LeaseSource(t.Context(), "in", "a", time.Minute); err != nil || l.Fence != 1 {
			t.Errorf("lease: got %+v, %v", l, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
