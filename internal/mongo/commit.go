package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"golang.org/x/sync/errgroup"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

const (
	commitTime = 25 * time.Second // for all of a commit from the claims to the message's insert
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
		s.giveBack(context.WithoutCancel(ctx), m, claims)
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
		err = s.insertMessage(ctx, m, began)
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
		if err := s.claim(ctx, m); err != nil {
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

// insertMessage commits a new message: its insert claims the slot.
func (s *Store) insertMessage(ctx context.Context, m *messageDoc, began time.Time) error {
	raw, err := encode(m)
	if err != nil {
		return err
	}
	o := s.order(s.messages, mongo.NewInsertOneModel().SetDocument(raw))
	o.weigh(len(raw))
	if len(m.Todo.Claims) > 0 {
		o.until = began.Add(claimUse)
	}
	if ctx.Err() != nil {
		return fault.Errorf(fault.Unavailable, "given up before it was sent: %w (%w)", ctx.Err(), errNotSent)
	}
	s.send(o)
	err = s.heard(ctx, o)[0]
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

// replace decides a message again in place: one conditional replacement is the commit.
func (s *Store) replace(ctx context.Context, c *issue.Commit, m *messageDoc, began time.Time) error {
	for try := 0; ; try++ {
		have, err := s.findMessage(ctx, c.Message.ID)
		if err != nil {
			return sure(err)
		}
		if have.By == m.By { // a write that was sent twice
			*m = *have
			return nil
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
			if readErr == nil && now.By == m.By {
				*m = *now // another node may have applied it by now
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
