package storetest

import (
	"fmt"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// wantMessage is how a commit's message reads afterwards.
func wantMessage(c *issue.Commit, done issue.Committed) *issue.Message {
	m := *c.Message
	m.Issue, m.Note = done.Issue, done.Note
	return &m
}

func newIssue(w *world) {
	c := w.mail()
	done := w.commit(c)
	if done.Message != c.Message.ID || done.Issue < 1 || done.Note != "" {
		w.Fatalf("commit: got %+v, want message %s, an issue, no note", done, c.Message.ID)
	}
	want := *c.NewIssue
	want.Number = done.Issue
	w.same(w.issue(done.Issue), &want, "issue")
	w.same(w.message(done.Message), wantMessage(c, done), "message")
	w.same(w.notes(done.Issue), []*issue.Note{}, "notes")

	line := *c.Ledger
	line.Issue = done.Issue
	w.same(w.ledger(), []*issue.LedgerLine{&line}, "ledger")
	w.same(w.links("support", c.Message.MessageID),
		[]issue.Link{{ID: c.Message.MessageID, Issue: done.Issue, Kind: issue.Own, At: c.Message.ReceivedAt}}, "links")
	body, _ := c.Bodies[0].Mem()
	if got := w.blob(c.Message.Raw.SHA256); string(got) != string(body) {
		w.Errorf("raw: got %q, want %q", got, body)
	}
	list, _, err := w.s.Issues(background(), issue.IssueQuery{})
	w.must(err, "list issues")
	w.same(list, []*issue.Issue{&want}, "list of issues")

	slots, err := w.s.Slots(background(), "key-1")
	w.must(err, "slots")
	if len(slots) != 1 || slots[0].ID != done.Message || slots[0].TextSHA256 != c.Message.TextSHA256 || slots[0].Text != c.Message.Text {
		w.Errorf("slots: got %+v, want the message with its text and hashes", slots)
	}
}

func noteOnIssue(w *world) {
	first := w.commit(w.mail())
	c := w.reply(first.Issue, "It burns still.")
	remark := &issue.Note{
		ID: issue.NewID(c.Message.ReceivedAt.Add(time.Millisecond)), Kind: "rule", Text: "a rule says so", Visibility: "internal",
		Message: c.Message.ID, CreatedAt: c.Message.ReceivedAt.Add(time.Millisecond),
	}
	c.Notes = append(c.Notes, remark)
	status := "open"
	c.Change.Status, c.Change.AddTags = &status, []string{"fire"}
	done := w.commit(c)
	if done.Issue != first.Issue || done.Note != c.Notes[0].ID {
		w.Fatalf("commit: got %+v, want issue %d and note %s", done, first.Issue, c.Notes[0].ID)
	}
	a, b := *c.Notes[0], *remark
	a.Issue, b.Issue = first.Issue, first.Issue
	w.same(w.notes(first.Issue), []*issue.Note{&a, &b}, "notes")
	w.same(w.message(done.Message), wantMessage(c, done), "message")
	is := w.issue(first.Issue)
	if is.Status != "open" || !is.UpdatedAt.Equal(c.Change.UpdatedAt) {
		w.Errorf("issue: got status %q, updated %v, want open, %v", is.Status, is.UpdatedAt, c.Change.UpdatedAt)
	}
	w.same(is.Tags, []string{"printer", "fire"}, "tags")

	c = w.reply(12345, "to nowhere")
	_, err := w.s.Commit(background(), c)
	w.kind(err, fault.NotFound, "a note on an issue that is not there")
	_, err = w.s.Message(background(), c.Message.ID)
	w.kind(err, fault.NotFound, "its message")
}

func noIssue(w *world) {
	for _, verdict := range []string{"rejected", "discarded", "quarantined", "try later"} {
		c := w.bare(verdict)
		c.Message.Marked = true
		done := w.commit(c)
		if done.Issue != 0 || done.Note != "" {
			w.Errorf("%s: got %+v, want no issue and no note", verdict, done)
		}
		w.same(w.message(done.Message), wantMessage(c, done), verdict)
	}
	list, _, err := w.s.Issues(background(), issue.IssueQuery{})
	w.must(err, "list issues")
	w.same(list, []*issue.Issue{}, "issues")
	if got := len(w.ledger()); got != 4 {
		w.Errorf("ledger: got %d lines, want 4", got)
	}
}

func unicodeText(w *world) {
	const text = "Größe ✓ 日本語 e\u0301 \U0001F525 \x00 'quoted' \"both\" $set {\"a.b\": 1} %s \\ \r\n\ttab"
	c := w.mail()
	c.Message.Subject, c.Message.Text = text, text
	c.Message.From[0].Name = text
	c.Message.Decision.Facts = []byte(`{"$where": "1", "a.b": {"$gt": 2}, "größe": "✓"}`)
	c.NewIssue.Subject, c.NewIssue.Description = text, text
	c.NewIssue.Tags = []string{"größe", "a.b", "$in", "日本"}
	c.NewIssue.Fields = map[string]string{"host.name": "a", "$set": "b", "größe": text, "a b": "c"}
	c.Ledger.Subject = text
	done := w.commit(c)
	want := *c.NewIssue
	want.Number = done.Issue
	w.same(w.issue(done.Issue), &want, "issue")
	w.same(w.message(done.Message), wantMessage(c, done), "message")

	r := w.reply(done.Issue, text)
	r.Change.Fields = map[string]string{"host.name": "", "x.$y": "z"}
	r.Change.AddTags = []string{"b.c"}
	w.commit(r)
	is := w.issue(done.Issue)
	w.same(is.Fields, map[string]string{"$set": "b", "größe": text, "a b": "c", "x.$y": "z"}, "fields")
	w.same(is.Tags, []string{"größe", "a.b", "$in", "日本", "b.c"}, "tags")
	if got := w.notes(done.Issue)[0].Text; got != text {
		w.Errorf("note: got %q, want %q", got, text)
	}
	if got := w.ledger()[1].Subject; got != text {
		w.Errorf("ledger: got %q, want %q", got, text)
	}
}

func wholeMilliseconds(w *world) {
	odd := time.Date(2026, 3, 1, 13, 0, 0, 123_456_789, time.FixedZone("", 3600))
	want := time.Date(2026, 3, 1, 12, 0, 0, 123_000_000, time.UTC)
	c := w.mail()
	c.Message.ReceivedAt, c.Message.Date = odd, &odd
	c.NewIssue.CreatedAt, c.NewIssue.UpdatedAt, c.NewIssue.DueAt = odd, odd, &odd
	c.Notes = []*issue.Note{{ID: issue.NewID(odd), Kind: "rule", Text: "x", Message: c.Message.ID, CreatedAt: odd}}
	c.Ledger.At = odd
	c.Users = []issue.User{{Email: "odd@example.org", CreatedAt: odd}}
	done := w.commit(c)
	m, is := w.message(done.Message), w.issue(done.Issue)
	u, err := w.s.FindUser(background(), "odd@example.org")
	w.must(err, "find user")
	w.must(w.s.AppendEvent(background(), issue.Event{ID: issue.NewID(odd), At: odd, Actor: "cli", Action: "a"}), "event")
	evs, _, err := w.s.Events(background(), issue.Page{})
	w.must(err, "events")
	for name, got := range map[string]time.Time{
		"received": m.ReceivedAt, "date": *m.Date, "created": is.CreatedAt, "updated": is.UpdatedAt, "due": *is.DueAt,
		"note": w.notes(done.Issue)[0].CreatedAt, "ledger": w.ledger()[0].At, "user": u.CreatedAt, "event": evs[0].At,
		"link": w.links("support", c.Message.MessageID)[0].At,
	} {
		if !got.Equal(want) || got.Location() != time.UTC {
			w.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	// Dates in mails are anything.
	for _, year := range []int{1, 1601, 1969, 9999} {
		c := w.mail()
		date := time.Date(year, 5, 6, 7, 8, 9, 0, time.UTC)
		c.Message.Date = &date
		if got := w.message(w.commit(c).Message).Date; got == nil || !got.Equal(date) {
			w.Errorf("a mail of year %d: got %v, want %v", year, got, date)
		}
	}
}

func notFound(w *world) {
	ctx := background()
	_, err := w.s.Issue(ctx, 7)
	w.kind(err, fault.NotFound, "issue")
	_, _, err = w.s.Notes(ctx, 7, issue.Page{})
	w.kind(err, fault.NotFound, "notes of no issue")
	_, err = w.s.Message(ctx, "nobody")
	w.kind(err, fault.NotFound, "message")
	_, err = w.s.Copies(ctx, "nobody")
	w.kind(err, fault.NotFound, "copies of no message")
	_, err = w.s.FindUser(ctx, "nobody@example.org")
	w.kind(err, fault.NotFound, "user")
	_, err = w.s.OpenBlob(ctx, fmt.Sprintf("%064x", 7))
	w.kind(err, fault.NotFound, "blob")
	_, err = w.s.OpenBlob(ctx, "../../../etc/passwd")
	w.kind(err, fault.NotFound, "a blob that is no hash")
	_, _, err = w.s.FindAttachment(ctx, fmt.Sprintf("%064x", 7))
	w.kind(err, fault.NotFound, "attachment")
	_, err = w.s.FindToken(ctx, "nothing")
	w.kind(err, fault.NotFound, "token")
	w.kind(w.s.RevokeToken(ctx, "nothing"), fault.NotFound, "revoking no token")
	_, err = w.s.LatestRuleset(ctx)
	w.kind(err, fault.NotFound, "rule set")
	w.kind(w.s.DropMessage(ctx, "nobody", issue.Event{ID: "e", At: epoch}), fault.NotFound, "dropping no message")
	c := w.mail()
	w.kind(w.s.KeepCopy(ctx, "nobody", &issue.Copy{ReceivedAt: epoch, Raw: c.Message.Raw}, c.Bodies[0]), fault.NotFound, "a copy of no message")

	for what, list := range map[string]func() (int, error){
		"slots":        func() (int, error) { l, err := w.s.Slots(ctx, "none"); return len(l), err },
		"links":        func() (int, error) { l, err := w.s.FindThread(ctx, "support", []string{"<a@b>"}); return len(l), err },
		"no ids":       func() (int, error) { l, err := w.s.FindThread(ctx, "support", nil); return len(l), err },
		"participants": func() (int, error) { l, err := w.s.Participants(ctx, 7, []string{"a@b"}); return len(l), err },
		"recent":       func() (int, error) { return w.s.Recent(ctx, "support", "a@b", epoch) },
		"tokens":       func() (int, error) { l, err := w.s.Tokens(ctx); return len(l), err },
		"messages": func() (int, error) {
			l, _, err := w.s.Messages(ctx, issue.MessageQuery{})
			return len(l), err
		},
		"events": func() (int, error) { l, _, err := w.s.Events(ctx, issue.Page{}); return len(l), err },
	} {
		if n, err := list(); n != 0 || err != nil {
			w.Errorf("%s of an empty store: got %d, %v, want none", what, n, err)
		}
	}
}

func reopening(w *world) {
	c := w.mail()
	c.Users = []issue.User{{Email: "ann@example.org", Name: "Ann", Role: "customer", Organization: "Example", CreatedAt: epoch}}
	done := w.commit(c)
	r := w.reply(done.Issue, "more of it")
	second := w.commit(r)
	_, err := w.s.Once(background(), "id", "one")
	w.must(err, "once")
	before := w.issue(done.Issue)
	w.restart()
	w.same(w.issue(done.Issue), before, "issue")
	w.same(w.message(done.Message), wantMessage(c, done), "first message")
	w.same(w.message(second.Message), wantMessage(r, second), "second message")
	if n := len(w.notes(done.Issue)); n != 1 {
		w.Errorf("notes: got %d, want 1", n)
	}
	u, err := w.s.FindUser(background(), "ann@example.org")
	w.must(err, "user")
	w.same(*u, c.Users[0], "user")
	if v, err := w.s.Once(background(), "id", "two"); v != "one" || err != nil {
		w.Errorf("once: got %q, %v, want what was there", v, err)
	}
	if third := w.commit(w.mail()); third.Issue <= done.Issue {
		w.Errorf("number after opening again: got %d, want more than %d", third.Issue, done.Issue)
	}
}
