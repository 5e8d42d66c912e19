package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

// maxSteps ends the search for steps in a store that asks before each write for ever.
const maxSteps = 200

var errFault = errors.New("the disk says no")

// bigMail is a mail with a body in memory, one that a store keeps as a file or in chunks, and a user.
func (w *world) bigMail() *issue.Commit {
	c := w.mail()
	n := w.next()
	big := spool.Bytes(append(fill(600<<10), fmt.Sprint(n)...))
	c.Message.Attachments = []issue.Attachment{{
		Blob: issue.Blob{SHA256: big.SHA256(), Size: big.Size()}, Name: "big.bin", Type: "application/octet-stream",
	}}
	c.Bodies = append(c.Bodies, big)
	c.Users = []issue.User{{Email: fmt.Sprintf("u%d@example.org", n), CreatedAt: epoch}}
	c.Event = &issue.Event{ID: issue.NewID(w.now()), At: w.now(), Actor: "cli", Action: "deliver", Subject: "message:" + c.Message.ID}
	return c
}

func crashNewIssue(w *world) {
	w.crashAtEach(w.bigMail)
}

func crashNote(w *world) {
	number := w.commit(w.mail()).Issue
	w.crashAtEach(func() *issue.Commit {
		c := w.bigMail()
		r := w.reply(number, c.Message.Text)
		c.NewIssue, c.Change, c.Notes = nil, r.Change, r.Notes
		c.Notes[0].Message = c.Message.ID
		c.Change.AddTags = []string{c.Message.ID}
		c.Change.AddWatchers = []string{c.Users[0].Email}
		return c
	})
}

// crashAtEach commits what make makes, each time with a crash before the next later write, until a commit
// meets no crash any more. After each crash either all of it is there or nothing, and what was
// acknowledged is there.
func (w *world) crashAtEach(build func() *issue.Commit) {
	w.arm()
	for n := int32(1); ; n++ {
		if n > maxSteps {
			w.Fatalf("more than %d writes a commit", maxSteps)
		}
		c := build()
		var count atomic.Int32
		var at atomic.Value
		w.failing(func(step string) error {
			if count.Add(1) < n {
				return nil
			}
			at.CompareAndSwap(nil, step)
			return errFault
		})
		done, err := w.s.Commit(background(), c)
		w.crash()
		if at.Load() == nil {
			w.must(err, "commit without a crash")
			w.whole(c, done, "no crash")
			if n < 4 {
				w.Errorf("got %d steps, want a fault between any two writes", n-1)
			}
			return
		}
		step := fmt.Sprintf("crash %d, before %q", n, at.Load())
		if err != nil {
			w.kind(err, fault.Unavailable, step)
		}
		m, missing := w.s.Message(background(), c.Message.ID)
		if missing == nil {
			w.whole(c, issue.Committed{Message: m.ID, Issue: m.Issue, Note: m.Note}, step)
			continue
		}
		if err == nil {
			w.Errorf("%s: it was acknowledged and is lost: %v", step, missing)
		}
		w.none(c, step)
		// The sender tries again.
		again := *c
		w.whole(&again, w.commit(&again), step+", again")
	}
}

// whole checks that all of a commit is there, once.
func (w *world) whole(c *issue.Commit, done issue.Committed, step string) {
	w.Helper()
	ctx := background()
	w.same(w.message(c.Message.ID), wantMessage(c, done), step+": message")
	if is := w.issue(done.Issue); c.Change != nil {
		for _, tag := range c.Change.AddTags {
			if n := count(is.Tags, tag); n != 1 {
				w.Errorf("%s: tag is there %d times, want once", step, n)
			}
		}
		for _, who := range c.Change.AddWatchers {
			if n := count(is.Watchers, who); n != 1 {
				w.Errorf("%s: watcher is there %d times, want once", step, n)
			}
		}
	} else {
		want := *c.NewIssue
		want.Number = done.Issue
		w.same(is, &want, step+": issue")
	}
	var notes []string
	for _, n := range w.notes(done.Issue) {
		notes = append(notes, n.ID)
	}
	for _, n := range c.Notes {
		if got := count(notes, n.ID); got != 1 {
			w.Errorf("%s: note is there %d times, want once", step, got)
		}
	}
	if links := w.links("support", c.Message.MessageID); len(links) != 1 || links[0].Issue != done.Issue {
		w.Errorf("%s: got links %+v, want issue %d", step, links, done.Issue)
	}
	in, err := w.s.Participants(ctx, done.Issue, c.Participants)
	w.must(err, "participants")
	if len(in) != len(c.Participants) {
		w.Errorf("%s: got participants %q, want %q", step, in, c.Participants)
	}
	for _, u := range c.Users {
		if _, err := w.s.FindUser(ctx, u.Email); err != nil {
			w.Errorf("%s: user: %v", step, err)
		}
	}
	lines := 0
	for _, l := range w.ledger(c.Message.MessageID) {
		if l.ID == c.Ledger.ID {
			lines++
			if l.Issue != done.Issue || l.Count != 1 {
				w.Errorf("%s: ledger: got issue %d, count %d, want %d, 1", step, l.Issue, l.Count, done.Issue)
			}
		}
	}
	if lines != 1 {
		w.Errorf("%s: got %d ledger lines, want 1", step, lines)
	}
	for _, b := range c.Bodies {
		if got := w.blob(b.SHA256()); int64(len(got)) != b.Size() {
			w.Errorf("%s: blob: got %d bytes, want %d", step, len(got), b.Size())
		}
	}
	if c.Event != nil {
		evs, _, err := w.s.Events(ctx, issue.Page{Limit: 500})
		w.must(err, "events")
		if n := len(slices.DeleteFunc(evs, func(e *issue.Event) bool { return e.ID != c.Event.ID })); n != 1 {
			w.Errorf("%s: event is there %d times, want once", step, n)
		}
	}
}

// none checks that nothing of a commit shows.
func (w *world) none(c *issue.Commit, step string) {
	w.Helper()
	ctx := background()
	if links := w.links("support", c.Message.MessageID); len(links) != 0 {
		w.Errorf("%s: got links %+v of a commit that failed", step, links)
	}
	if lines := w.ledger(c.Message.MessageID); len(lines) != 0 {
		w.Errorf("%s: got %d ledger lines of a commit that failed", step, len(lines))
	}
	slots, err := w.s.Slots(ctx, c.Message.Slot[:len(c.Message.Slot)-2])
	w.must(err, "slots")
	if len(slots) != 0 {
		w.Errorf("%s: got the slot taken by a commit that failed", step)
	}
	for _, u := range c.Users {
		if _, err := w.s.FindUser(ctx, u.Email); !fault.Is(err, fault.NotFound) {
			w.Errorf("%s: got user %s (error %v) of a commit that failed", step, u.Email, err)
		}
	}
	if c.Change != nil {
		is := w.issue(c.Change.Number)
		for _, tag := range c.Change.AddTags {
			if slices.Contains(is.Tags, tag) {
				w.Errorf("%s: got the tag of a commit that failed", step)
			}
		}
		for _, n := range w.notes(c.Change.Number) {
			if n.Message == c.Message.ID {
				w.Errorf("%s: got the note of a commit that failed", step)
			}
		}
	}
	list, _, err := w.s.Issues(ctx, issue.IssueQuery{Page: issue.Page{Limit: 500}})
	w.must(err, "issues")
	for _, is := range list {
		if is.Message == c.Message.ID {
			w.Errorf("%s: got issue %d of a commit that failed", step, is.Number)
		}
	}
}

// failureAtWrites lets one write fail after another, with the store going on: a full disk that has room
// again. Without a restart the next try is whole.
func failureAtWrites(w *world) {
	w.arm()
	for n := int32(1); n <= maxSteps; n++ {
		c := w.bigMail()
		var count atomic.Int32
		var at atomic.Value
		w.failing(func(step string) error {
			if count.Add(1) != n {
				return nil
			}
			at.Store(step)
			return errFault
		})
		done, err := w.s.Commit(background(), c)
		_ = w.s.Recover(background()) // waits for what follows the commit, and may be what meets the failure
		w.failing(nil)
		if at.Load() == nil {
			w.must(err, "commit without a failure")
			return
		}
		step := fmt.Sprintf("failure %d, of %q", n, at.Load())
		if err != nil {
			w.kind(err, fault.Unavailable, step)
			w.must(w.s.Recover(background()), step+": recover")
			m, missing := w.s.Message(background(), c.Message.ID)
			if missing == nil {
				done = issue.Committed{Message: m.ID, Issue: m.Issue, Note: m.Note}
			} else {
				w.none(c, step)
				done = w.commit(c)
			}
		}
		w.must(w.s.Recover(background()), step+": recover")
		w.whole(c, done, step)
	}
	w.Fatalf("more than %d writes a commit", maxSteps)
}

func count(list []string, s string) int {
	n := 0
	for _, one := range list {
		if one == s {
			n++
		}
	}
	return n
}
