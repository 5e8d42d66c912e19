package sqlite_test

import (
	"strings"
	"testing"
	"time"

	"postern/internal/issue"
)

// Lists page along an index: none reads a whole table or sorts it, however much there is.
func TestQueryPlans(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	for i := range 3 {
		if _, err := s.Commit(ctx, benchCommit(int64(i))); err != nil {
			t.Fatal(err)
		}
	}
	_, cm, err := s.Messages(ctx, issue.MessageQuery{Page: issue.Page{Limit: 1}})
	if err != nil {
		t.Fatal(err)
	}
	_, ci, err := s.Issues(ctx, issue.IssueQuery{Page: issue.Page{Limit: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"all messages": func() error { _, _, err := s.Messages(ctx, issue.MessageQuery{}); return err },
		"messages, next piece": func() error {
			_, _, err := s.Messages(ctx, issue.MessageQuery{Page: issue.Page{After: cm}})
			return err
		},
		"by verdict": func() error { _, _, err := s.Messages(ctx, issue.MessageQuery{Verdict: "quarantined"}); return err },
		"by mailbox": func() error { _, _, err := s.Messages(ctx, issue.MessageQuery{Mailbox: "support"}); return err },
		"by author": func() error {
			_, _, err := s.Messages(ctx, issue.MessageQuery{Author: "a@b", Since: time.Now()})
			return err
		},
		"by issue":      func() error { _, _, err := s.Messages(ctx, issue.MessageQuery{Issue: 1}); return err },
		"by Message-ID": func() error { _, _, err := s.Messages(ctx, issue.MessageQuery{MessageID: "<a@b>"}); return err },
		"by run":        func() error { _, _, err := s.Messages(ctx, issue.MessageQuery{Run: "r"}); return err },
		"withdrawn":     func() error { _, _, err := s.Issues(ctx, issue.IssueQuery{Withdrawn: true}); return err },
		"history":       func() error { _, err := s.History(ctx, 1); return err },
		"notes of one":  func() error { _, err := s.MessageNotes(ctx, 1, "m"); return err },
		"all issues":    func() error { _, _, err := s.Issues(ctx, issue.IssueQuery{}); return err },
		"by status": func() error {
			_, _, err := s.Issues(ctx, issue.IssueQuery{Page: issue.Page{After: ci}, Status: "new"})
			return err
		},
		"by requester": func() error { _, _, err := s.Issues(ctx, issue.IssueQuery{Requester: "a@b"}); return err },
		"by assignee":  func() error { _, _, err := s.Issues(ctx, issue.IssueQuery{Assignee: "eve"}); return err },
		"by tag":       func() error { _, _, err := s.Issues(ctx, issue.IssueQuery{Tag: "vip"}); return err },
		"by words":     func() error { _, _, err := s.Issues(ctx, issue.IssueQuery{Words: []string{"a", "b"}}); return err },
		"ledger":       func() error { _, _, err := s.Ledger(ctx, issue.LedgerQuery{Words: []string{"x"}}); return err },
		"notes":        func() error { _, _, err := s.Notes(ctx, 1, issue.Page{}); return err },
		"source":       func() error { _, err := s.Source(ctx, "in"); return ignore(err) },
		"credential":   func() error { _, _, err := s.Credential(ctx, "in"); return ignore(err) },
		"claim":        func() error { _, err := s.Claim(ctx, "k", "v", time.Now()); return err },
		"slots":        func() error { _, err := s.Slots(ctx, "k"); return err },
		"thread":       func() error { _, err := s.FindThread(ctx, "support", []string{"<a@b>"}); return err },
		"recent":       func() error { _, err := s.Recent(ctx, "support", "a@b", time.Now()); return err },
		"user":         func() error { _, err := s.FindUser(ctx, "a@b"); return ignore(err) },
		"attachment":   func() error { _, _, err := s.FindAttachment(ctx, strings.Repeat("0", 64)); return ignore(err) },
		"copies":       func() error { _, err := s.Copies(ctx, "m"); return ignore(err) },
	} {
		t.Run(name, func(t *testing.T) {
			s.Forget()
			if err := ask(); err != nil {
				t.Fatal(err)
			}
			for _, query := range s.Statements() {
				plan, err := s.Plan(query)
				if err != nil {
					t.Fatal(err)
				}
				for _, step := range plan {
					inOrder := strings.Contains(step, "INDEX") || strings.Contains(step, "VIRTUAL TABLE") || // a part of it, or in the list's order
						step == "SCAN issues" || step == "SCAN (subquery-1)" || step == "SCAN CONSTANT ROW"
					if strings.HasPrefix(step, "SCAN") && !inOrder || step == "USE TEMP B-TREE FOR ORDER BY" && name != "by issue" && name != "by run" && name != "by Message-ID" && name != "thread" {
						t.Errorf("%s\nplan: %s", query, strings.Join(plan, "; "))
					}
				}
			}
		})
	}
}

func ignore(error) error { return nil }
