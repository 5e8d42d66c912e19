package intake

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"postern/dsl"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/rules"
)

// past is the world as a decision saw it, by the facts that it stored. What only other rules ask is looked up in the store, without what
// came later, as far as the store can tell: the other fields of an issue are those that it has now.
type past struct {
	store World
	facts *facts
	keys  map[string]int // the facts' thread keys, by their ids
	trace []rules.Entry  // what the rules did
}

var _ World = (*past)(nil)

// pastOf reads the facts of a message; false where it has none, since no rule was asked or retention took them.
func pastOf(store World, m *issue.Message) (*past, bool) {
	f := &facts{}
	if json.Unmarshal(m.Decision.Facts, f) != nil || f.Sender == nil || f.Envelope == nil || f.Mailbox == nil || f.Thread == nil {
		return nil, false
	}
	w := &past{store: store, facts: f, keys: map[string]int{}, trace: traceOf(m)}
	for key, number := range f.Keys {
		w.keys[keyID(key)] = number
	}
	return w, true
}

// FindThread is asked for the thread keys of rules. Where one led then, it leads; the rest is what the store knows of before.
func (w *past) FindThread(ctx context.Context, mailbox string, ids []string) ([]issue.Link, error) {
	var out []issue.Link
	for _, id := range ids {
		if number, ok := w.keys[id]; ok {
			if number > 0 {
				out = append(out, issue.Link{ID: id, Issue: int64(number), Kind: issue.Key, At: w.facts.Now})
			}
			continue
		}
		links, err := w.store.FindThread(ctx, mailbox, []string{id})
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			is, err := w.store.Issue(ctx, l.Issue)
			if err != nil {
				return nil, err
			}
			if is.CreatedAt.Before(w.facts.Now) {
				l.At = earlier(l.At, w.facts.Now)
				out = append(out, l)
			}
		}
	}
	return out, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Participants is asked while a thread is looked for, which the facts have.
func (w *past) Participants(ctx context.Context, number int64, emails []string) ([]string, error) {
	return w.store.Participants(ctx, number, emails)
}

// FindUser is asked for the sender, whom the facts have.
func (w *past) FindUser(ctx context.Context, email string) (*issue.User, error) {
	return w.store.FindUser(ctx, email)
}

// Recent is the count of then; another is made of two counts of now.
func (w *past) Recent(ctx context.Context, mailbox, email string, since time.Time) (int, error) {
	if n, ok := w.facts.Recent[w.facts.Now.Sub(since).String()]; ok {
		return n, nil
	}
	return sinceThen{w.store, w.facts.Now}.Recent(ctx, mailbox, email, since)
}

// sinceThen is the world of now for a mail that came then: what its sender wrote later is not counted.
type sinceThen struct {
	World
	then time.Time
}

// Recent is made of two counts of now.
func (w sinceThen) Recent(ctx context.Context, mailbox, email string, since time.Time) (int, error) {
	all, err := w.World.Recent(ctx, mailbox, email, since)
	if err != nil {
		return 0, err
	}
	later, err := w.World.Recent(ctx, mailbox, email, w.then)
	return max(all-later, 0), err
}

// Issue is the issue as it was then.
func (w *past) Issue(ctx context.Context, number int64) (*issue.Issue, error) {
	none := fault.Errorf(fault.NotFound, "there was no issue %d", number)
	if is, ok := w.facts.Issues[int(number)]; ok {
		if is == nil {
			return nil, none
		}
		return asIssue(is), nil
	}
	if is := w.facts.Issue; is != nil && int64(is.Number) == number {
		return asIssue(is), nil
	}
	is, err := w.store.Issue(ctx, number)
	if err == nil && !is.CreatedAt.Before(w.facts.Now) {
		return nil, none
	}
	return is, err
}

// asIssue is the opposite of issueView, as far as rules can see.
func asIssue(v *dsl.Issue) *issue.Issue {
	is := &issue.Issue{
		Number: int64(v.Number), Subject: v.Subject, Description: v.Description, Type: v.Type, Class: v.Class, Priority: v.Priority,
		Status: v.Status, Assignee: v.Assignee, Template: v.Template, Requester: issue.Person{Email: v.Requester.Email, Name: v.Requester.Name},
		Watchers: v.Watchers, Tags: v.Tags, Fields: v.Fields, CreatedAt: v.CreatedAt,
	}
	if v.ClosedFor > 0 {
		now := v.CreatedAt.Add(v.Age)
		closed := now.Add(-v.ClosedFor)
		is.ClosedAt = &closed
	}
	return is
}

// question is a stored message waiting to be decided again as of its own time: only the rules are others.
func (w *past) question(j *job, m *issue.Message) *question {
	q := j.question()
	q.id, q.then, q.view, q.auth = m.ID, w.facts, w.facts.Envelope, &w.facts.Auth
	for _, e := range w.trace {
		if e.Overruled { // a person let the message go past it
			q.past = append(q.past, e.Rule)
		}
	}
	mb := *j.mailbox
	mb.Addresses = w.facts.Mailbox.Addresses
	if d := w.facts.Defaults; d != nil {
		mb.New = *d
	}
	if v := w.facts.Visibility; v != "" {
		mb.Visibility = v
	}
	q.mailbox = &mb
	return q
}

// verdictThen is what the rules said of a message, before anybody else had his say.
func verdictThen(m *issue.Message) Verdict {
	switch {
	case m.Reason == afterReview:
		return Quarantined
	case strings.HasPrefix(m.Reason, refusedHere):
		return Rejected
	}
	return Verdict(m.Verdict)
}

// mailboxOf is the mailbox of a stored message: the configured one, or what is known of one that the configuration no longer has.
func (w *past) mailboxOf(pol *Policy) *Mailbox {
	name := w.facts.Mailbox.Name
	if i := slices.IndexFunc(pol.Mailboxes, func(mb *Mailbox) bool { return mb.Name == name }); i >= 0 {
		return pol.Mailboxes[i]
	}
	return &Mailbox{Name: name}
}
