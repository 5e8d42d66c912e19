package sqlite_test

import (
	"testing"

	"postern/internal/issue"
)

// A search finds what was committed just now.
func TestSearchAtOnce(t *testing.T) {
	s := open(t, t.TempDir())
	for n := range 3 {
		done, err := s.Commit(t.Context(), benchCommit(int64(2000+n)))
		if err != nil {
			t.Fatal(err)
		}
		list, _, err := s.Issues(t.Context(), issue.IssueQuery{Words: []string{"printer"}})
		if err != nil || len(list) != n+1 || list[0].Number != done.Issue {
			t.Errorf("after %d commits: got %d issues, %v", n+1, len(list), err)
		}
	}
}
