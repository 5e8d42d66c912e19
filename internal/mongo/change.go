package mongo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
)

// change changes an issue unless this decision did so before: read, change, write where nobody wrote in between.
func (s *Store) change(ctx context.Context, m *messageDoc) error {
	number := m.Todo.touches()
	unlock, err := s.changes.lock(ctx, []string{strconv.FormatInt(number, 10)})
	if err != nil {
		return err
	}
	defer unlock()
	for try := 0; ; try++ {
		var d issueDoc
		if err := s.issues.FindOne(ctx, byID(number)).Decode(&d); err != nil {
			return failed(fmt.Sprintf("read issue %d", number), err)
		}
		rev, now := d.Rev, s.now()
		switch i := slices.IndexFunc(d.Applied, func(a applied) bool { return a.By == m.By }); {
		case i < 0:
			if err := s.changeDoc(ctx, &d, m); err != nil {
				return err
			}
			d.Applied = append(d.Applied, applied{m.By, now})
		case now.Sub(d.Applied[i].At) > appliedLife/2: // it has been waiting for long and is to be remembered for as long again
			d.Applied[i].At = now
		default:
			return nil
		}
		if d.Applied, err = s.remembered(ctx, &d, now); err != nil {
			return err
		}
		d.Rev++
		if err := s.step("change issue"); err != nil {
			return err
		}
		res, err := s.issues.ReplaceOne(ctx, bson.D{{Key: "_id", Value: number}, {Key: "rev", Value: rev}}, d)
		if err != nil && !raced(err) {
			return failed(fmt.Sprintf("change issue %d", number), err)
		}
		if err == nil && res.MatchedCount == 1 {
			return nil
		}
		if err := pause(ctx, try); err != nil { // ctx ends it
			return fault.As(fault.Unavailable, fmt.Errorf("change issue %d: %w", number, err))
		}
	}
}

// touches is the number of the issue that a todo changes, 0 for none.
func (t *todo) touches() int64 {
	switch {
	case t.Change != nil:
		return t.Change.Number
	case t.Revise != nil:
		return t.Revise.Number
	}
	return 0
}

// changeDoc changes an issue's document as a decision says. What others have come to work on since it was checked is not withdrawn.
func (s *Store) changeDoc(ctx context.Context, d *issueDoc, m *messageDoc) error {
	h := issue.History{Issue: &d.Issue, Sets: d.Sets}
	if m.Todo.Change != nil {
		h.Change(m.Todo.Change, m.ID)
	} else if err := s.mayWithdraw(ctx, &h, m.Todo.Revise); fault.Is(err, fault.Conflict) {
		return nil
	} else if err != nil {
		return err
	} else {
		h.Revise(m.Todo.Revise)
	}
	d.Sets = h.Sets
	return nil
}

// remembered is which decisions an issue goes on remembering: those of the last hour, and older ones whose message still waits and so may be
// applied again.
func (s *Store) remembered(ctx context.Context, d *issueDoc, now time.Time) ([]applied, error) {
	old := func(a applied) bool { return now.Sub(a.At) > appliedLife }
	if !slices.ContainsFunc(d.Applied, old) {
		return d.Applied, nil
	}
	waiting, err := s.readDocs(ctx, pendingOf(d.ID), options.Find().SetProjection(bson.M{"by": 1}))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(d.Applied, func(a applied) bool {
		return old(a) && !slices.ContainsFunc(waiting, func(m *messageDoc) bool { return m.By == a.By })
	}), nil
}

func with(have, more []string) []string {
	for _, s := range more {
		if !slices.Contains(have, s) {
			have = append(have, s)
		}
	}
	return have
}
