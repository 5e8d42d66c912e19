package storetest

import (
	"fmt"
	"slices"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// all reads a list piece by piece and fails where pieces overlap or never end.
func all[T any](w *world, limit int, read func(issue.Page) ([]T, issue.Cursor, error)) []T {
	w.Helper()
	var out []T
	p := issue.Page{Limit: limit}
	for range 1000 {
		list, next, err := read(p)
		w.must(err, "read a piece")
		if len(list) > limit {
			w.Fatalf("got a piece of %d, want at most %d", len(list), limit)
		}
		out = append(out, list...)
		if next == "" {
			return out
		}
		if len(list) == 0 {
			w.Fatalf("got an empty piece with a cursor behind it")
		}
		p.After = next
	}
	w.Fatalf("a list of 1,000 pieces does not end")
	return nil
}

func paging(w *world) {
	const n = 13
	var numbers []int64
	var messages, lines, noteIDs []string
	for range n {
		c := w.mail()
		numbers = append(numbers, w.commit(c).Issue)
		messages, lines = append(messages, c.Message.ID), append(lines, c.Ledger.ID)
	}
	for i := range n {
		c := w.reply(numbers[0], fmt.Sprint("note ", i))
		w.commit(c)
		noteIDs = append(noteIDs, c.Notes[0].ID)
		messages, lines = append(messages, c.Message.ID), append(lines, c.Ledger.ID)
	}
	slices.Reverse(numbers)
	slices.Reverse(messages)
	slices.Reverse(lines)
	ctx := background()
	for _, limit := range []int{1, 4, n, n + 1, 500} {
		var got []int64
		for _, is := range all(w, limit, func(p issue.Page) ([]*issue.Issue, issue.Cursor, error) {
			return w.s.Issues(ctx, issue.IssueQuery{Page: p})
		}) {
			got = append(got, is.Number)
		}
		w.same(got, numbers, fmt.Sprint("issues by ", limit))

		var ids []string
		for _, m := range all(w, limit, func(p issue.Page) ([]*issue.Message, issue.Cursor, error) {
			return w.s.Messages(ctx, issue.MessageQuery{Page: p})
		}) {
			ids = append(ids, m.ID)
			if len(m.Decision.Trace)+len(m.Decision.Facts) > 0 {
				w.Errorf("a list of messages has traces and facts")
			}
		}
		w.same(ids, messages, fmt.Sprint("messages by ", limit))

		ids = nil
		for _, l := range all(w, limit, func(p issue.Page) ([]*issue.LedgerLine, issue.Cursor, error) {
			return w.s.Ledger(ctx, issue.LedgerQuery{Page: p})
		}) {
			ids = append(ids, l.ID)
		}
		w.same(ids, lines, fmt.Sprint("ledger by ", limit))

		ids = nil
		for _, l := range all(w, limit, func(p issue.Page) ([]*issue.Note, issue.Cursor, error) {
			return w.s.Notes(ctx, numbers[n-1], p)
		}) {
			ids = append(ids, l.ID)
		}
		w.same(ids, noteIDs, fmt.Sprint("notes, oldest first, by ", limit))
	}
	for _, limit := range []int{-1, 501} {
		_, _, err := w.s.Issues(ctx, issue.IssueQuery{Page: issue.Page{Limit: limit}})
		w.kind(err, fault.Invalid, fmt.Sprint("a limit of ", limit))
	}
	for range 40 {
		w.commit(w.mail())
	}
	list, next, err := w.s.Issues(ctx, issue.IssueQuery{})
	w.must(err, "issues")
	if len(list) != 50 || next == "" {
		w.Errorf("without a limit: got %d and cursor %q, want 50 and one", len(list), next)
	}
}

func pagingWhileGrowing(w *world) {
	var want []int64
	for range 10 {
		want = append(want, w.commit(w.mail()).Issue)
	}
	slices.Reverse(want)
	var got []int64
	for _, is := range all(w, 3, func(p issue.Page) ([]*issue.Issue, issue.Cursor, error) {
		list, next, err := w.s.Issues(background(), issue.IssueQuery{Page: p})
		w.commit(w.mail()) // between any two pieces one more comes
		return list, next, err
	}) {
		got = append(got, is.Number)
	}
	w.same(got, want, "issues that were there at the first piece, each once")

	first, next, err := w.s.Messages(background(), issue.MessageQuery{Page: issue.Page{Limit: 2}})
	w.must(err, "messages")
	w.commit(w.mail())
	second, _, err := w.s.Messages(background(), issue.MessageQuery{Page: issue.Page{Limit: 2, After: next}})
	w.must(err, "messages")
	for _, m := range second {
		if !m.ReceivedAt.Before(first[1].ReceivedAt) {
			w.Errorf("a second piece has %s, which is not older than the first piece", m.ID)
		}
	}
}

func issueFilters(w *world) {
	made := func(change func(*issue.Issue)) int64 {
		c := w.mail()
		change(c.NewIssue)
		return w.commit(c).Issue
	}
	a := made(func(is *issue.Issue) { is.Status, is.Assignee = "open", "eve" })
	b := made(func(is *issue.Issue) { is.Mailbox, is.Tags = "sales", []string{"vip", "big deal"} })
	c := made(func(is *issue.Issue) { is.Requester.Email, is.Tags = "carl@example.org", []string{"vip"} })
	for _, tt := range []struct {
		name string
		q    issue.IssueQuery
		want []int64
	}{
		{"status", issue.IssueQuery{Status: "open"}, []int64{a}},
		{"another status", issue.IssueQuery{Status: "new"}, []int64{c, b}},
		{"mailbox", issue.IssueQuery{Mailbox: "sales"}, []int64{b}},
		{"requester", issue.IssueQuery{Requester: "ann@example.org"}, []int64{b, a}},
		{"assignee", issue.IssueQuery{Assignee: "eve"}, []int64{a}},
		{"tag", issue.IssueQuery{Tag: "vip"}, []int64{c, b}},
		{"a tag of two words", issue.IssueQuery{Tag: "big deal"}, []int64{b}},
		{"two at once", issue.IssueQuery{Tag: "vip", Mailbox: "support"}, []int64{c}},
		{"nothing like it", issue.IssueQuery{Status: "open", Tag: "vip"}, nil},
		{"a pattern is itself", issue.IssueQuery{Status: "%"}, nil},
	} {
		for _, limit := range []int{1, 50} {
			var got []int64
			for _, is := range all(w, limit, func(p issue.Page) ([]*issue.Issue, issue.Cursor, error) {
				tt.q.Page = p
				return w.s.Issues(background(), tt.q)
			}) {
				got = append(got, is.Number)
			}
			w.same(got, tt.want, tt.name)
		}
	}
}

func messageFilters(w *world) {
	start := w.now()
	a := w.mail()
	number := w.commit(a).Issue
	b := w.reply(number, "again")
	b.Message.From = []issue.Person{{Email: "bob@example.org"}}
	w.commit(b)
	c := w.bare("quarantined")
	c.Message.Mailbox = "sales"
	w.commit(c)
	d := w.bare("rejected")
	d.Message.MessageID = a.Message.MessageID
	d.Message.From = nil
	w.commit(d)
	for _, tt := range []struct {
		name string
		q    issue.MessageQuery
		want []*issue.Commit
	}{
		{"all", issue.MessageQuery{}, []*issue.Commit{d, c, b, a}},
		{"verdict", issue.MessageQuery{Verdict: "committed"}, []*issue.Commit{b, a}},
		{"quarantined", issue.MessageQuery{Verdict: "quarantined"}, []*issue.Commit{c}},
		{"mailbox", issue.MessageQuery{Mailbox: "sales"}, []*issue.Commit{c}},
		{"issue", issue.MessageQuery{Issue: number}, []*issue.Commit{b, a}},
		{"author", issue.MessageQuery{Author: "bob@example.org"}, []*issue.Commit{b}},
		{"since, that one too", issue.MessageQuery{Since: start.Add(3 * time.Second)}, []*issue.Commit{d, c}},
		{"Message-ID", issue.MessageQuery{MessageID: a.Message.MessageID}, []*issue.Commit{d, a}},
		{"several", issue.MessageQuery{Author: "ann@example.org", Verdict: "committed", Mailbox: "support", Since: start}, []*issue.Commit{a}},
		{"nothing like it", issue.MessageQuery{Verdict: "nonsense"}, nil},
	} {
		for _, limit := range []int{1, 50} {
			var got, want []string
			for _, m := range all(w, limit, func(p issue.Page) ([]*issue.Message, issue.Cursor, error) {
				tt.q.Page = p
				return w.s.Messages(background(), tt.q)
			}) {
				got = append(got, m.ID)
			}
			for _, c := range tt.want {
				want = append(want, c.Message.ID)
			}
			w.same(got, want, tt.name)
		}
	}
}

func badCursors(w *world) {
	number := w.commit(w.mail()).Issue
	for range 3 {
		w.commit(w.reply(number, "x"))
	}
	ctx := background()
	reads := map[string]func(issue.Page) (issue.Cursor, error){
		"issues": func(p issue.Page) (issue.Cursor, error) {
			_, next, err := w.s.Issues(ctx, issue.IssueQuery{Page: p})
			return next, err
		},
		"words": func(p issue.Page) (issue.Cursor, error) {
			_, next, err := w.s.Issues(ctx, issue.IssueQuery{Page: p, Words: []string{"printer"}})
			return next, err
		},
		"notes": func(p issue.Page) (issue.Cursor, error) { _, next, err := w.s.Notes(ctx, number, p); return next, err },
		"messages": func(p issue.Page) (issue.Cursor, error) {
			_, next, err := w.s.Messages(ctx, issue.MessageQuery{Page: p})
			return next, err
		},
		"ledger": func(p issue.Page) (issue.Cursor, error) {
			_, next, err := w.s.Ledger(ctx, issue.LedgerQuery{Page: p})
			return next, err
		},
		"events": func(p issue.Page) (issue.Cursor, error) { _, next, err := w.s.Events(ctx, p); return next, err },
	}
	for name, read := range reads {
		for _, cursor := range []issue.Cursor{"x", "0", "....", "AAAA", "%00", "' OR 1=1 --", "ü", issue.Cursor(make([]byte, 4000))} {
			_, err := read(issue.Page{After: cursor})
			w.kind(err, fault.Invalid, fmt.Sprintf("%s after cursor %.20q", name, cursor))
		}
	}
	next, err := reads["messages"](issue.Page{Limit: 1})
	w.must(err, "messages")
	for _, r := range string(next) {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' || r == '~') {
			w.Errorf("cursor %q is not URL-safe", next)
		}
	}
	for _, other := range []string{"issues", "notes", "ledger", "events"} {
		_, err := reads[other](issue.Page{After: next})
		w.kind(err, fault.Invalid, "a cursor of messages for "+other)
	}
}
