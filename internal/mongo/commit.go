package mongo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

const (
	commitTime = 25 * time.Second // for all of a commit from the claims to the message's insert
	maxDoc     = 4 << 20          // bytes of a message's document
)

// Commit writes c. See the package comment for the order of things.
func (s *Store) Commit(ctx context.Context, c *issue.Commit) (issue.Committed, error) {
	m, err := s.draft(c)
	if err != nil {
		return issue.Committed{}, err
	}
	if err := s.commit(ctx, c, m); err != nil {
		return issue.Committed{}, fmt.Errorf("commit message %s: %w", c.Message.ID, err)
	}
	return issue.Committed{Message: m.ID, Issue: m.Issue, Note: m.Note}, nil
}

func (s *Store) commit(ctx context.Context, c *issue.Commit, m *messageDoc) error {
	if s.isClosing() {
		return fault.As(fault.Unavailable, errClosed)
	}
	large := slices.ContainsFunc(c.Bodies, func(b *spool.Body) bool { return b.Size() > inlineBlob })
	if large { // takes its time, so nobody should have to wait for it
		if err := s.keepBodies(ctx, m, c.Bodies); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	claims := m.Todo.Claims
	unlock, err := s.threads.lock(ctx, claims)
	if err != nil {
		return err
	}
	free, err := s.decide(ctx, c, m, time.Now(), large)
	switch {
	case err == nil && m.Todo != nil:
		s.finish(m, unlock, free)
		return nil
	case err == nil: // an earlier try was committed and applied
		free()
		s.release(context.WithoutCancel(ctx), m.By, claims)
	case errors.Is(err, errNotSent), errors.Is(err, errRefused), fault.Is(err, fault.Conflict), fault.Is(err, fault.NotFound), fault.Is(err, fault.TooLarge):
		s.release(context.WithoutCancel(ctx), m.By, claims)
	default: // Nobody knows. The claims stay, to be void in a minute, and it is looked whether the message is there.
		s.owed.add(m.Doc)
	}
	unlock()
	return err
}

// decide keeps the bodies, unless that was done, checks what the decision relied on, and commits it. What it returns is called when the
// message is applied.
func (s *Store) decide(ctx context.Context, c *issue.Commit, m *messageDoc, began time.Time, kept bool) (free func(), err error) {
	if err := s.ready(ctx, c, m, kept); err != nil {
		return nil, sure(err)
	}
	free, err = s.deeds.reserve(ctx, m.size())
	if err != nil {
		return nil, sure(err)
	}
	if c.Replaces > 0 {
		err = s.replace(ctx, c, m, began)
	} else {
		err = s.place(ctx, m, began)
	}
	if err != nil {
		free()
		return nil, err
	}
	return free, nil
}

// ready does all that must be done before the commit, as much as may be at once. Of these errors it is certain that nothing was committed.
func (s *Store) ready(ctx context.Context, c *issue.Commit, m *messageDoc, kept bool) error {
	var g errgroup.Group // without a context: a claim that is being written when something else fails must be heard of, to be given back
	if s.fault != nil {
		g.SetLimit(1) // a test of crashes wants to know which write it stops
	}
	if !kept {
		g.Go(func() error { return s.keepBodies(ctx, m, c.Bodies) })
	}
	g.Go(func() error {
		if err := s.claim(ctx, m.Doc, m.By, m.Todo.Claims); err != nil {
			return err
		}
		return s.check(ctx, c)
	})
	var n int64
	if m.Todo.NewIssue != nil {
		g.Go(func() (err error) {
			n, err = s.nextNumber(ctx)
			return err // a number that was counted and not used is a gap
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if m.Todo.NewIssue != nil {
		m.number(n)
	}
	return nil
}

// place commits a new message: its insert claims the slot.
func (s *Store) place(ctx context.Context, m *messageDoc, began time.Time) error {
	raw, err := encode(m)
	if err != nil {
		return err
	}
	if len(m.Todo.Claims) > 0 && time.Since(began) > claimUse {
		return fault.Errorf(fault.Unavailable, "the commit took too long: %w", errNotSent)
	}
	err = s.write(ctx, s.messages, mongo.NewInsertOneModel().SetDocument(raw))[0]
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNotSent):
		return err
	}
	// Taken by somebody else, or by ourselves in a write that was sent twice or whose answer got lost.
	have, readErr := s.readDoc(context.WithoutCancel(ctx), m.Doc)
	if readErr == nil && have.By == m.By {
		*m = *have // an earlier try of the same decision took another number
		return nil
	}
	if !errors.Is(err, errDuplicate) {
		return err
	}
	// Our claims may have been its claims: before they go, what it did must be seen.
	if readErr == nil && have.Todo != nil {
		readErr = s.applyFirst(context.WithoutCancel(ctx), have)
	}
	if readErr != nil {
		return fault.Errorf(fault.Unavailable, "slot %s is taken: %w", m.Doc, readErr)
	}
	return fault.Errorf(fault.Conflict, "slot %s is taken", m.Doc)
}

// size is about how many bytes a message takes in memory until it is applied.
func (m *messageDoc) size() int {
	n := len(m.Text) + len(m.Decision.Facts) + len(m.Decision.Trace)
	if is := m.Todo.NewIssue; is != nil {
		n += len(is.Description)
	}
	for _, note := range m.Todo.Notes {
		n += len(note.Text)
	}
	return n
}

// encode makes the document's bytes, within bounds.
func encode(m *messageDoc) (bson.Raw, error) {
	raw, err := marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w: %w", errNotSent, err)
	}
	if len(raw) > maxDoc {
		return nil, fault.Errorf(fault.TooLarge, "the message's own data is %d bytes, more than %d: %w", len(raw), maxDoc, errNotSent)
	}
	return raw, nil
}

// replace decides a message again in place: one conditional replacement is the commit.
func (s *Store) replace(ctx context.Context, c *issue.Commit, m *messageDoc, began time.Time) error {
	for try := 0; ; try++ {
		have, err := s.findMessage(ctx, c.Message.ID)
		if err != nil {
			return sure(err)
		}
		if have.Attempt != c.Replaces {
			return fault.Errorf(fault.Conflict, "message %s was decided again meanwhile", c.Message.ID)
		}
		if have.DeletedAt != nil {
			return fault.Errorf(fault.Conflict, "message %s was deleted meanwhile", c.Message.ID)
		}
		if have.Todo != nil {
			if err := s.apply(ctx, have); err != nil {
				return sure(err)
			}
			continue
		}
		m.Doc, m.Slot, m.Copies, m.Rev = have.Doc, have.Slot, have.Copies, have.Rev+1
		if len(m.Todo.Claims) > 0 && time.Since(began) > claimUse {
			return fault.Errorf(fault.Unavailable, "the commit took too long: %w", errNotSent)
		}
		raw, err := encode(m)
		if err != nil {
			return err
		}
		if err := s.step("replace message"); err != nil {
			return err
		}
		res, err := s.messages.ReplaceOne(ctx, bson.D{{Key: "_id", Value: m.Doc}, {Key: "rev", Value: have.Rev}}, raw)
		if err != nil && !raced(err) {
			now, readErr := s.readDoc(context.WithoutCancel(ctx), m.Doc)
			if readErr == nil && now.By == m.By && now.Rev == m.Rev {
				return nil
			}
			return failed("replace message", err)
		}
		if err == nil && res.MatchedCount == 1 {
			return nil
		}
		if try == maxRaces {
			return fault.Errorf(fault.Conflict, "message %s keeps changing", c.Message.ID)
		}
		if err := pause(ctx, try); err != nil {
			return sure(err)
		}
	}
}

// sure marks an error that came before anything could have been committed.
func sure(err error) error { return fmt.Errorf("%w (%w)", err, errNotSent) }

// check says Conflict unless everything the decision relied on still holds.
func (s *Store) check(ctx context.Context, c *issue.Commit) error {
	if err := s.checkReliances(ctx, c.Relies); err != nil {
		return err
	}
	if c.Change != nil {
		// Earlier decisions about the issue come first, so that for one field the last commit wins.
		if err := s.applyPendingOf(ctx, c.Change.Number); err != nil {
			return err
		}
		err := s.issues.FindOne(ctx, byID(c.Change.Number), options.FindOne().SetProjection(bson.M{"_id": 1})).Err()
		if err != nil {
			return failed(fmt.Sprintf("issue %d", c.Change.Number), err)
		}
	}
	if of := c.Message.ReplayOf; of != "" {
		old, err := s.findMessage(ctx, of)
		if err != nil {
			return err
		}
		if old.ReplayedBy != "" && old.ReplayedBy != c.Message.ID {
			return fault.Errorf(fault.Conflict, "message %s was replayed meanwhile", of)
		}
	}
	return nil
}

// checkReliances looks again where the decision looked.
func (s *Store) checkReliances(ctx context.Context, relies []issue.Reliance) error {
	ids := map[string][]string{} // by mailbox
	for _, r := range relies {
		ids[r.Mailbox] = append(ids[r.Mailbox], r.ID)
	}
	for mailbox, list := range ids {
		links, err := s.linksOf(ctx, mailbox, list)
		if err != nil {
			return err
		}
		for _, r := range relies {
			if r.Mailbox == mailbox && !sameLinks(r, links) {
				return fault.Errorf(fault.Conflict, "where an id leads has changed meanwhile")
			}
		}
	}
	return nil
}

// sameLinks reports whether the id still leads where it led.
func sameLinks(r issue.Reliance, links []issue.Link) bool {
	type way struct {
		issue int64
		kind  issue.LinkKind
	}
	now, then := map[way]bool{}, map[way]bool{}
	for _, l := range links {
		if l.ID == r.ID {
			now[way{l.Issue, l.Kind}] = true
		}
	}
	for _, l := range r.Links {
		then[way{l.Issue, l.Kind}] = true
	}
	if len(now) != len(then) {
		return false
	}
	for w := range then {
		if !now[w] {
			return false
		}
	}
	return true
}

// draft makes the message's document, complete but for an issue's number.
func (s *Store) draft(c *issue.Commit) (*messageDoc, error) {
	if c.Message == nil || c.Message.ID == "" {
		return nil, fault.Errorf(fault.Invalid, "a commit without a message")
	}
	m := &messageDoc{Message: *c.Message}
	m.ReceivedAt = issue.Time(m.ReceivedAt)
	m.Attempt = max(m.Attempt, 1)
	if c.Replaces > 0 {
		m.Attempt = c.Replaces + 1
	}
	m.Doc, m.By, m.Rev = docID(&m.Message), decisionName(m.ID, m.Attempt), 1
	if len(m.From) > 0 {
		m.Author = m.From[0].Email
	}
	now := s.now()
	m.Pending = &now
	m.Todo = &todo{
		Change: c.Change, Users: c.Users, Threads: c.Threads, Participants: c.Participants,
		Ledger: c.Ledger, Event: c.Event, Claims: claimed(c),
	}
	if c.Ledger != nil {
		l := *c.Ledger
		m.Todo.Ledger = &l
	}
	if c.NewIssue != nil {
		is := *c.NewIssue
		m.Todo.NewIssue = &is
		if m.Todo.AsText = is.Description == m.Text; m.Todo.AsText {
			is.Description = ""
		}
	}
	if c.Change != nil {
		m.Issue = c.Change.Number
	}
	for _, n := range c.Notes {
		n := *n
		if n.ID == "" {
			n.ID = issue.NewID(s.nowFn())
		}
		if n.Issue == 0 {
			n.Issue = m.Issue
		}
		if m.Note == "" && n.Kind == "mail" {
			m.Note = n.ID
		}
		m.Todo.Notes = append(m.Todo.Notes, &n)
	}
	if m.Todo.Ledger != nil && m.Todo.Ledger.Issue == 0 {
		m.Todo.Ledger.Issue = m.Issue
	}
	m.Keeps = []string{"raw", "trace"}
	if m.Verdict == verdictQuarantined {
		m.Keeps = []string{"quarantine", "trace"}
	}
	return m, nil
}

const (
	verdictCommitted   = "committed"
	verdictQuarantined = "quarantined"
)

// number fills in the number of a new issue wherever it belongs.
func (m *messageDoc) number(n int64) {
	m.Issue, m.Todo.NewIssue.Number = n, n
	for _, note := range m.Todo.Notes {
		note.Issue = n
	}
	if m.Todo.Ledger != nil {
		m.Todo.Ledger.Issue = n
	}
}

// names lists the blobs that the document names, each once.
func (m *messageDoc) names() []string {
	out := []string{m.Raw.SHA256, m.TextBlob.SHA256, m.HTMLBlob.SHA256, m.FactsBlob, m.TraceBlob}
	for _, a := range m.Attachments {
		out = append(out, a.SHA256)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(sha string) bool { return sha == "" })
}

// keepBodies makes every blob that the message names be there, long facts and traces among them, and fills in m.Blobs.
func (s *Store) keepBodies(ctx context.Context, m *messageDoc, bodies []*spool.Body) error {
	spill := func(raw *json.RawMessage, name *string) {
		if len(*raw) > issue.InlineText {
			b := spool.Bytes(*raw)
			bodies = append(slices.Clone(bodies), b)
			*raw, *name = nil, b.SHA256()
		}
	}
	spill(&m.Decision.Facts, &m.FactsBlob)
	spill(&m.Decision.Trace, &m.TraceBlob)
	m.Blobs = m.names()
	return s.putBlobs(ctx, m.Blobs, bodies)
}
