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
	c := m.Todo.Change
	unlock, err := s.changes.lock(ctx, []string{strconv.FormatInt(c.Number, 10)})
	if err != nil {
		return err
	}
	defer unlock()
	for try := 0; ; try++ {
		var d issueDoc
		if err := s.issues.FindOne(ctx, byID(c.Number)).Decode(&d); err != nil {
			return failed(fmt.Sprintf("read issue %d", c.Number), err)
		}
		rev, now := d.Rev, s.now()
		switch i := slices.IndexFunc(d.Applied, func(a applied) bool { return a.By == m.By }); {
		case i < 0:
			merge(&d.Issue, c)
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
		res, err := s.issues.ReplaceOne(ctx, bson.D{{Key: "_id", Value: c.Number}, {Key: "rev", Value: rev}}, d)
		if err != nil && !raced(err) {
			return failed(fmt.Sprintf("change issue %d", c.Number), err)
		}
		if err == nil && res.MatchedCount == 1 {
			return nil
		}
		if err := pause(ctx, try); err != nil { // ctx ends it
			return fault.As(fault.Unavailable, fmt.Errorf("change issue %d: %w", c.Number, err))
		}
	}
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

// merge changes is as c says.
func merge(is *issue.Issue, c *issue.IssueChange) {
	set := func(field *string, v *string) {
		if v != nil {
			*field = *v
		}
	}
	set(&is.Subject, c.Subject)
	set(&is.Type, c.Type)
	set(&is.Class, c.Class)
	set(&is.Priority, c.Priority)
	set(&is.Status, c.Status)
	set(&is.Assignee, c.Assignee)
	set(&is.Team, c.Team)
	set(&is.Template, c.Template)
	set(&is.Visibility, c.Visibility)
	is.DueAt = moment(is.DueAt, c.DueAt)
	is.ClosedAt = moment(is.ClosedAt, c.ClosedAt)
	is.Tags = without(with(is.Tags, c.AddTags), c.RemoveTags)
	is.Watchers = without(with(is.Watchers, c.AddWatchers), c.DropWatchers)
	for k, v := range c.Fields {
		if v == "" {
			delete(is.Fields, k)
			continue
		}
		if is.Fields == nil {
			is.Fields = map[string]string{}
		}
		is.Fields[k] = v
	}
	if c.UpdatedAt.After(is.UpdatedAt) {
		is.UpdatedAt = issue.Time(c.UpdatedAt)
	}
}

// moment is what becomes of a time: nil leaves it, zero clears it.
func moment(have, change *time.Time) *time.Time {
	switch {
	case change == nil:
		return have
	case change.IsZero():
		return nil
	default:
		t := issue.Time(*change)
		return &t
	}
}

func with(have, more []string) []string {
	for _, s := range more {
		if !slices.Contains(have, s) {
			have = append(have, s)
		}
	}
	return have
}

func without(have, less []string) []string {
	return slices.DeleteFunc(have, func(s string) bool { return slices.Contains(less, s) })
}
