package storetest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// senders is how many race; many enough to fill groups, few enough for a server on one machine.
const senders = 32

func slotRace(w *world) {
	for round := range 3 {
		var won atomic.Int32
		commits := make([]*issue.Commit, senders)
		for i := range commits {
			commits[i] = w.mail()
			commits[i].Message.Slot = fmt.Sprintf("same-%d/0", round)
		}
		together(senders, func(i int) {
			_, err := w.s.Commit(background(), commits[i])
			switch {
			case err == nil:
				won.Add(1)
			case !fault.Is(err, fault.Conflict):
				w.Errorf("racing for a slot: got %v, want a conflict", err)
			}
		})
		if won.Load() != 1 {
			w.Errorf("round %d: got %d winners, want 1", round, won.Load())
		}
		slots, err := w.s.Slots(background(), fmt.Sprintf("same-%d", round))
		w.must(err, "slots")
		if len(slots) != 1 {
			w.Errorf("round %d: got %d slots, want 1", round, len(slots))
		}
	}
	list, _, err := w.s.Issues(background(), issue.IssueQuery{})
	w.must(err, "issues")
	if len(list) != 3 {
		w.Errorf("issues: got %d, want one a round", len(list))
	}
	if n := len(w.ledger()); n != 3 {
		w.Errorf("ledger: got %d lines, want one a round", n)
	}
}

func slotOrder(w *world) {
	var want []string
	for i := range 12 {
		c := w.mail()
		c.Message.Slot = fmt.Sprintf("k/%d", i)
		want = append(want, w.commit(c).Message)
	}
	for _, other := range []string{"k0/0", "k/x/0", "kk/0", "K/0"} {
		c := w.mail()
		c.Message.Slot = other
		w.commit(c)
	}
	slots, err := w.s.Slots(background(), "k")
	w.must(err, "slots")
	var got []string
	for _, m := range slots {
		got = append(got, m.ID)
	}
	w.same(got, want, "slots of a key, the tenth after the ninth")
}

func numberRace(w *world) {
	var mu sync.Mutex
	seen := map[int64]bool{}
	commits := make([]*issue.Commit, 2*senders)
	for i := range commits {
		commits[i] = w.mail()
	}
	together(senders, func(i int) {
		for _, c := range commits[2*i : 2*i+2] {
			done, err := w.s.Commit(background(), c)
			if err != nil {
				w.Errorf("commit: %v", err)
				return
			}
			mu.Lock()
			if seen[done.Issue] || done.Issue < 1 {
				w.Errorf("number %d was given twice or is none", done.Issue)
			}
			seen[done.Issue] = true
			mu.Unlock()
		}
	})
	for _, c := range commits {
		m := w.message(c.Message.ID)
		if is := w.issue(m.Issue); is.Subject != c.Message.Subject {
			w.Errorf("issue %d: got subject %q, want %q", m.Issue, is.Subject, c.Message.Subject)
		}
	}
}

// decide makes a commit for a mail as intake does: where one of its ids leads to an issue it becomes a
// note there, else a new issue; what it found is what it relies on.
func (w *world) decide(c *issue.Commit, ids ...string) (*issue.Commit, error) {
	links, err := w.s.FindThread(background(), "support", ids)
	if err != nil {
		return nil, err
	}
	again := *c
	again.Relies = nil
	for _, id := range ids {
		r := issue.Reliance{Mailbox: "support", ID: id}
		for _, l := range links {
			if l.ID == id {
				r.Links = append(r.Links, l)
			}
		}
		again.Relies = append(again.Relies, r)
	}
	if len(links) > 0 {
		again.NewIssue = nil
		again.Change = &issue.IssueChange{Number: links[0].Issue, UpdatedAt: c.Message.ReceivedAt}
		again.Notes = []*issue.Note{{
			ID: issue.NewID(c.Message.ReceivedAt), Kind: "mail", Text: c.Message.Text, Message: c.Message.ID, CreatedAt: c.Message.ReceivedAt,
		}}
	}
	return &again, nil
}

func replyRace(w *world) {
	for round := range 5 {
		const replies = 5
		mail := w.mail()
		commits := []*issue.Commit{mail}
		ids := [][]string{{mail.Message.MessageID}}
		for range replies {
			r := w.mail()
			r.Message.InReplyTo = []string{mail.Message.MessageID}
			r.Threads = append(r.Threads, issue.ThreadName{ID: mail.Message.MessageID, Kind: issue.Mentioned})
			commits = append(commits, r)
			ids = append(ids, []string{mail.Message.MessageID, r.Message.MessageID})
		}
		var mu sync.Mutex
		numbers := map[int64]int{}
		together(len(commits), func(i int) {
			done, err := w.tilNoConflict(func() (*issue.Commit, error) { return w.decide(commits[i], ids[i]...) })
			if err != nil {
				w.Errorf("commit: %v", err)
				return
			}
			mu.Lock()
			numbers[done.Issue]++
			mu.Unlock()
		})
		if len(numbers) != 1 {
			w.Fatalf("round %d: got issues %v, want one for a mail and its replies", round, numbers)
		}
		for number := range numbers {
			if n := len(w.notes(number)); n != replies {
				w.Errorf("round %d: got %d notes, want %d", round, n, replies)
			}
		}
	}
}

func reliances(w *world) {
	first := w.mail()
	id := first.Message.MessageID
	nowhere := issue.Reliance{Mailbox: "support", ID: id}
	first.Relies = []issue.Reliance{nowhere}
	done := w.commit(first)

	leads := issue.Reliance{Mailbox: "support", ID: id, Links: []issue.Link{{ID: id, Issue: done.Issue, Kind: issue.Own}}}
	elsewhere := issue.Reliance{Mailbox: "support", ID: id, Links: []issue.Link{{ID: id, Issue: done.Issue + 1, Kind: issue.Own}}}
	otherKind := issue.Reliance{Mailbox: "support", ID: id, Links: []issue.Link{{ID: id, Issue: done.Issue, Kind: issue.Mentioned}}}
	both := issue.Reliance{Mailbox: "support", ID: id, Links: slices.Concat(leads.Links, elsewhere.Links)}
	for _, tt := range []struct {
		name string
		r    issue.Reliance
		ok   bool
	}{
		{"as it is", leads, true},
		{"nowhere, and it leads to an issue", nowhere, false},
		{"another issue", elsewhere, false},
		{"another kind", otherKind, false},
		{"one issue too many", both, false},
		{"nowhere in another mailbox", issue.Reliance{Mailbox: "sales", ID: id}, true},
		{"an id that nobody knows", issue.Reliance{Mailbox: "support", ID: "<new@example.org>"}, true},
		{"a link of an id that nobody knows", issue.Reliance{Mailbox: "support", ID: "<new@example.org>", Links: leads.Links}, false},
	} {
		c := w.mail()
		c.Relies = []issue.Reliance{tt.r}
		got, err := w.s.Commit(background(), c)
		if tt.ok {
			w.must(err, tt.name)
			continue
		}
		w.kind(err, fault.Conflict, tt.name)
		if got != (issue.Committed{}) {
			w.Errorf("%s: got %+v beside the conflict, want nothing", tt.name, got)
		}
		if _, err := w.s.Message(background(), c.Message.ID); !fault.Is(err, fault.NotFound) {
			w.Errorf("%s: got the message (error %v), want none of it", tt.name, err)
		}
		c.Relies = nil
		w.commit(c) // its slot was not taken by the failure
	}
}

func threads(w *world) {
	a, b := w.mail(), w.mail()
	const root, key = "<root@example.net>", "key:host-7"
	a.Threads = append(a.Threads, issue.ThreadName{ID: root, Kind: issue.Mentioned}, issue.ThreadName{ID: key, Kind: issue.Key})
	b.Threads = append(b.Threads, issue.ThreadName{ID: root, Kind: issue.Mentioned}, issue.ThreadName{ID: key, Kind: issue.Key})
	ia, ib := w.commit(a).Issue, w.commit(b).Issue
	at, bt := a.Message.ReceivedAt, b.Message.ReceivedAt

	w.same(w.links("support", root), []issue.Link{
		{ID: root, Issue: ib, Kind: issue.Mentioned, At: bt}, {ID: root, Issue: ia, Kind: issue.Mentioned, At: at},
	}, "an id that two mention, the newest link first")
	w.same(w.links("support", "<none@example.org>", a.Message.MessageID), []issue.Link{
		{ID: a.Message.MessageID, Issue: ia, Kind: issue.Own, At: at},
	}, "an own id and one of nobody")
	w.same(w.links("sales", root, key), []issue.Link{}, "the same ids in another mailbox")

	// A later message refreshes a link.
	r := w.reply(ia, "again")
	r.Threads = append(r.Threads, issue.ThreadName{ID: key, Kind: issue.Key}, issue.ThreadName{ID: a.Message.MessageID, Kind: issue.Mentioned})
	w.commit(r)
	w.same(w.links("support", key), []issue.Link{
		{ID: key, Issue: ia, Kind: issue.Key, At: r.Message.ReceivedAt}, {ID: key, Issue: ib, Kind: issue.Key, At: bt},
	}, "a key that was used again")
	w.same(w.links("support", a.Message.MessageID), []issue.Link{
		{ID: a.Message.MessageID, Issue: ia, Kind: issue.Own, At: at},
	}, "an id that is owned and mentioned by one issue")

	// The message itself comes after those that mention it.
	late := w.mail()
	late.Message.MessageID = root
	late.Threads = []issue.ThreadName{{ID: root, Kind: issue.Own}}
	il := w.commit(late).Issue
	w.same(w.links("support", root), []issue.Link{
		{ID: root, Issue: il, Kind: issue.Own, At: late.Message.ReceivedAt},
	}, "an id that an issue owns and others mention")

	// What was said in an issue is known in every mailbox.
	said := issue.SaidID("0123", ia)
	r = w.reply(ia, "do it")
	r.Message.Mailbox = "sales"
	r.Threads = []issue.ThreadName{{ID: "0123", Kind: issue.Said}}
	r.Relies = []issue.Reliance{{Mailbox: issue.NoMailbox, ID: said}}
	w.commit(r)
	leads := []issue.Link{{ID: said, Issue: ia, Kind: issue.Said, At: r.Message.ReceivedAt}}
	w.same(w.links(issue.NoMailbox, said, issue.SaidID("0123", ib)), leads, "what was said in one issue")
	w.same(w.links("sales", said), []issue.Link{}, "the same in the message's mailbox")
	began := w.mail()
	began.Threads = []issue.ThreadName{{ID: "0123", Kind: issue.Said}}
	number := w.commit(began).Issue
	said = issue.SaidID("0123", number)
	w.same(w.links(issue.NoMailbox, said), []issue.Link{{ID: said, Issue: number, Kind: issue.Said, At: began.Message.ReceivedAt}},
		"what was said in the mail that made an issue")
	again := w.reply(ia, "do it again")
	again.Relies = r.Relies
	_, err := w.s.Commit(background(), again)
	w.kind(err, fault.Conflict, "it leads somewhere now")
	again.Relies = []issue.Reliance{{Mailbox: issue.NoMailbox, ID: leads[0].ID, Links: leads}}
	w.commit(again)
}

func replaces(w *world) {
	c := w.bare("quarantined")
	w.commit(c)

	released := func() *issue.Commit {
		again := w.mail()
		again.Message.ID, again.Message.Slot = c.Message.ID, c.Message.Slot
		again.Message.Raw, again.Bodies = c.Message.Raw, nil
		again.Message.Attempt = 2
		again.NewIssue.Message = c.Message.ID
		again.Replaces = 1
		again.Event = &issue.Event{ID: issue.NewID(w.now()), At: w.now(), Actor: "cli", Action: "quarantine.release", Subject: "message:" + c.Message.ID}
		return again
	}
	commits := []*issue.Commit{released(), released(), released(), released()}
	done := make([]issue.Committed, len(commits))
	errs := make([]error, len(commits))
	together(len(commits), func(i int) { done[i], errs[i] = w.s.Commit(background(), commits[i]) })
	winner := slices.Index(errs, nil)
	if winner < 0 {
		w.Fatalf("nobody could decide it again: %v", errs)
	}
	for i, err := range errs {
		if i != winner {
			w.kind(err, fault.Conflict, "deciding it again at once")
		}
	}
	m := w.message(c.Message.ID)
	w.same(m, wantMessage(commits[winner], done[winner]), "the message decided again")
	if m.Attempt != 2 || m.Verdict != "committed" || m.Issue != done[winner].Issue {
		w.Errorf("got attempt %d, verdict %q, issue %d, want 2, committed, %d", m.Attempt, m.Verdict, m.Issue, done[winner].Issue)
	}
	list, _, err := w.s.Issues(background(), issue.IssueQuery{})
	w.must(err, "issues")
	if len(list) != 1 {
		w.Errorf("got %d issues, want 1", len(list))
	}
	evs, _, err := w.s.Events(background(), issue.Page{})
	w.must(err, "events")
	if len(evs) != 1 || evs[0].Action != "quarantine.release" {
		w.Errorf("events: got %+v, want the one release", evs)
	}
	if got := w.blob(m.Raw.SHA256); int64(len(got)) != m.Raw.Size {
		w.Errorf("raw: got %d bytes, want %d", len(got), m.Raw.Size)
	}
	q, _, err := w.s.Messages(background(), issue.MessageQuery{Verdict: "quarantined"})
	w.must(err, "messages")
	if len(q) != 0 {
		w.Errorf("quarantined: got %d messages, want none", len(q))
	}
	missing := released()
	missing.Message.ID = "nobody"
	_, err = w.s.Commit(background(), missing)
	w.kind(err, fault.NotFound, "deciding again what is not there")
}

func replays(w *world) {
	old := w.bare("rejected")
	w.commit(old)
	again := w.mail()
	again.Message.ReplayOf = old.Message.ID
	again.Message.Raw, again.Bodies = old.Message.Raw, nil
	done := w.commit(again)
	if m := w.message(old.Message.ID); m.ReplayedBy != done.Message || m.Verdict != "rejected" {
		w.Errorf("the old one: got replayed by %q, verdict %q, want %q, rejected", m.ReplayedBy, m.Verdict, done.Message)
	}
	if m := w.message(done.Message); m.ReplayOf != old.Message.ID {
		w.Errorf("the new one: got replay of %q, want %q", m.ReplayOf, old.Message.ID)
	}
	twice := w.mail()
	twice.Message.ReplayOf = old.Message.ID
	_, err := w.s.Commit(background(), twice)
	w.kind(err, fault.Conflict, "replaying it once more")

	gone := w.bare("rejected")
	w.commit(gone)
	w.must(w.s.DropMessage(background(), gone.Message.ID, issue.Event{ID: issue.NewID(w.now()), At: w.now(), Action: "message.delete"}), "drop")
	back := w.mail()
	back.Message.ReplayOf = gone.Message.ID
	_, err = w.s.Commit(background(), back)
	w.kind(err, fault.Conflict, "replaying what was deleted")
	// Several at once, whose decisions claim slots of their own.
	other := w.bare("rejected")
	w.commit(other)
	commits := make([]*issue.Commit, 4)
	for i := range commits {
		commits[i] = w.mail()
		commits[i].Message.ReplayOf = other.Message.ID
	}
	errs := make([]error, len(commits))
	together(len(commits), func(i int) { _, errs[i] = w.s.Commit(background(), commits[i]) })
	winner := slices.Index(errs, nil)
	if winner < 0 {
		w.Fatalf("nobody could replay it: %v", errs)
	}
	for i, err := range errs {
		if i != winner {
			w.kind(err, fault.Conflict, "replaying it at once")
		}
	}
	if m := w.message(other.Message.ID); m.ReplayedBy != commits[winner].Message.ID {
		w.Errorf("replayed at once: got %q, want %q", m.ReplayedBy, commits[winner].Message.ID)
	}
	missing := w.mail()
	missing.Message.ReplayOf = "nobody"
	_, err = w.s.Commit(background(), missing)
	w.kind(err, fault.NotFound, "replaying what is not there")
}

func lostUpdates(w *world) {
	const n = 64
	number := w.commit(w.mail()).Issue
	commits := make([]*issue.Commit, n)
	for i := range commits {
		c := w.reply(number, fmt.Sprint("note ", i))
		c.Change.AddTags = []string{fmt.Sprint("t", i)}
		c.Change.AddWatchers = []string{fmt.Sprintf("w%d@example.org", i)}
		c.Change.Fields = map[string]string{fmt.Sprint("f", i): fmt.Sprint(i)}
		commits[i] = c
	}
	together(n, func(i int) {
		if _, err := w.s.Commit(background(), commits[i]); err != nil {
			w.Errorf("change %d: %v", i, err)
		}
	})
	is := w.issue(number)
	if len(is.Tags) != n+1 || len(is.Watchers) != n+1 || len(is.Fields) != n+1 {
		w.Errorf("got %d tags, %d watchers, %d fields, want %d of each", len(is.Tags), len(is.Watchers), len(is.Fields), n+1)
	}
	for i := range n {
		if is.Fields[fmt.Sprint("f", i)] != fmt.Sprint(i) || !slices.Contains(is.Tags, fmt.Sprint("t", i)) {
			w.Errorf("change %d is lost", i)
		}
	}
	if got := len(w.notes(number)); got != n {
		w.Errorf("got %d notes, want %d", got, n)
	}
}

func issueChange(w *world) {
	number := w.commit(w.mail()).Issue
	want := w.issue(number)
	str := func(s string) *string { return &s }
	due, closed := epoch.AddDate(0, 0, 7), epoch.AddDate(0, 0, 1)

	c := w.reply(number, "all of it")
	c.Change = &issue.IssueChange{
		Number: number, Subject: str("New subject"), Type: str("request"), Class: str("software"), Priority: str("high"),
		Status: str("closed"), Assignee: str("oncall"), Team: str("second"), Template: str(""), Visibility: str("internal"),
		DueAt: &due, ClosedAt: &closed, AddTags: []string{"new", "printer", "new"}, AddWatchers: []string{"eve@example.org"},
		DropWatchers: []string{"bob@example.org", "nobody@example.org"}, Fields: map[string]string{"host": "", "rack": "7"},
		UpdatedAt: c.Message.ReceivedAt,
	}
	w.commit(c)
	want.Subject, want.Type, want.Class, want.Priority, want.Status = "New subject", "request", "software", "high", "closed"
	want.Assignee, want.Team, want.Template, want.Visibility = "oncall", "second", "", "internal"
	want.DueAt, want.ClosedAt, want.UpdatedAt = &due, &closed, c.Change.UpdatedAt
	want.Tags, want.Watchers, want.Fields = []string{"printer", "new"}, []string{"eve@example.org"}, map[string]string{"rack": "7"}
	w.same(w.issue(number), want, "after a change of everything")

	c = w.reply(number, "reopened")
	c.Change = &issue.IssueChange{Number: number, Status: str("open"), ClosedAt: new(time.Time), RemoveTags: []string{"printer", "none"}, UpdatedAt: c.Message.ReceivedAt}
	w.commit(c)
	want.Status, want.ClosedAt, want.Tags, want.UpdatedAt = "open", nil, []string{"new"}, c.Change.UpdatedAt
	w.same(w.issue(number), want, "after reopening")

	for tag, n := range map[string]int{"printer": 0, "new": 1} {
		list, _, err := w.s.Issues(background(), issue.IssueQuery{Tag: tag})
		w.must(err, "issues by tag")
		if len(list) != n {
			w.Errorf("issues with tag %q: got %d, want %d", tag, len(list), n)
		}
	}
}
