package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"golang.org/x/sync/errgroup"

	"postern/internal/fault"
	"postern/internal/issue"
)

const (
	// todoAge is how long a todo that was read may be acted upon; an issue remembers for much longer (appliedLife) who changed it, so a
	// slow applier never repeats a change that was made, remembered and forgotten.
	todoAge       = time.Minute
	appliedLife   = time.Hour
	changesAtOnce = 8 // of issues, in one batch
)

// apply makes wholly what the todo of a committed message says, and takes the todo away. It may be done by several at
// once, twice, or late.
func (s *Store) apply(ctx context.Context, m *messageDoc) error {
	d, err := s.applyBegin(ctx, m)
	if err != nil {
		return err
	}
	return s.applyEnd(ctx, d)
}

// applyEnd waits for what applyBegin began.
func (s *Store) applyEnd(ctx context.Context, d *deed) error {
	if err := s.deeds.wait(ctx, d.over); err != nil || d.err == nil {
		return err
	}
	again, err := s.applyOther(ctx, d.m)
	if err != nil {
		return err
	}
	if err := s.deeds.wait(ctx, again.over); err != nil {
		return err
	}
	return again.err
}

// applyFirst makes what others may ask for. The rest follows.
func (s *Store) applyFirst(ctx context.Context, m *messageDoc) error {
	_, err := s.applyBegin(ctx, m)
	return err
}

// applyBegin makes what others may ask for, or waits for this node's own goroutine that does so.
func (s *Store) applyBegin(ctx context.Context, m *messageDoc) (*deed, error) {
	d := s.deeds.of(m.By)
	if d == nil {
		return s.applyOther(ctx, m)
	}
	if err := s.deeds.wait(ctx, d.made); err != nil {
		return nil, err
	}
	select {
	case <-d.over:
		if d.err != nil { // given up
			return s.applyOther(ctx, m)
		}
	default:
	}
	return d, nil
}

// applyOther applies what another node committed, or this one in an earlier life, or what this one gave up.
func (s *Store) applyOther(ctx context.Context, m *messageDoc) (*deed, error) {
	ctx, cancel := context.WithTimeout(ctx, todoAge/2)
	defer cancel()
	if err := s.make(ctx, m)[0]; err != nil {
		return nil, err
	}
	if err := s.unclaim(ctx, m); err != nil {
		return nil, err
	}
	d := newDeed(m)
	s.ending.add(d)
	return d, nil
}

// make makes what the todos say but for what only searches ask for, and returns one error for each.
func (s *Store) make(ctx context.Context, batch ...*messageDoc) []error {
	orders := make([][]*order, len(batch))
	for i, m := range batch {
		orders[i] = s.orders(m)
	}
	s.send(slices.Concat(orders...)...)
	errs := make([]error, len(batch))
	var g errgroup.Group
	g.SetLimit(changesAtOnce)
	if s.fault != nil {
		g.SetLimit(1) // a test of crashes wants to know which write it stops
	}
	for i, m := range batch {
		g.Go(func() error {
			for _, o := range orders[i] {
				if errs[i] = s.there(ctx, o); errs[i] != nil {
					return nil
				}
			}
			errs[i] = s.makeChanges(ctx, m)
			return nil
		})
	}
	_ = g.Wait()
	for i, m := range batch {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("apply message %s: %w", m.ID, errs[i])
		}
	}
	return errs
}

// orders are for the documents that are new. Their ids say all, so one that is there already is as good as written.
func (s *Store) orders(m *messageDoc) []*order {
	t := m.Todo
	var out []*order
	add := func(coll *mongo.Collection, docs ...any) {
		if len(docs) > 0 {
			out = append(out, s.order(coll, inserts(docs)...))
		}
	}
	add(s.notes, list(t.Notes, m.noteDoc)...)
	add(s.links, m.linkDocs()...)
	add(s.participants, list(t.Participants, m.participantDoc)...)
	add(s.users, list(t.Users, func(_ int, u issue.User) any { return userDoc{u.Email, u} })...)
	if is := m.newIssue(); is != nil {
		add(s.issues, issueDoc{ID: is.Number, Issue: *is, By: m.By, Rev: 1})
	}
	if t.Ledger != nil {
		add(s.ledger, newLedgerDoc(*t.Ledger))
	}
	if t.Event != nil {
		add(s.events, eventDoc{t.Event.ID, *t.Event})
	}
	return out
}

// makeChanges changes what was there before.
func (s *Store) makeChanges(ctx context.Context, m *messageDoc) error {
	if m.Todo.Change != nil {
		if err := s.refreshLinks(ctx, m); err != nil {
			return err
		}
		if err := s.change(ctx, m); err != nil {
			return err
		}
	}
	if m.ReplayOf != "" {
		return s.markReplayed(ctx, m)
	}
	return nil
}

func (m *messageDoc) noteDoc(i int, n *issue.Note) any {
	return noteDoc{
		ID: n.ID, Note: *n, By: m.By,
		Place: fmt.Sprintf("%015d-%s-%03d", n.CreatedAt.UnixMilli(), m.ID, i),
	}
}

func (m *messageDoc) participantDoc(_ int, email string) any {
	return participantDoc{ID: participantID(m.Issue, email), Issue: m.Issue, Email: email, By: m.By}
}

func participantID(number int64, email string) string {
	return strconv.FormatInt(number, 10) + " " + email
}

// linkDocs make the thread names lead to the issue.
func (m *messageDoc) linkDocs() []any {
	if m.Issue == 0 {
		return nil
	}
	return list(m.Todo.Threads, func(_ int, t issue.ThreadName) any {
		key := threadKey(m.Mailbox, t.ID)
		return linkDoc{
			ID: linkID(key, m.Issue, t.Kind), Key: key, Name: t.ID, Issue: m.Issue,
			Kind: t.Kind, Rank: rank(t.Kind), At: m.ReceivedAt, By: m.By,
		}
	})
}

func linkID(key string, number int64, kind issue.LinkKind) string {
	return fmt.Sprintf("%s %d %s", key, number, kind)
}

// refreshLinks notes of links that were there before that they were used. A new issue has none.
func (s *Store) refreshLinks(ctx context.Context, m *messageDoc) error {
	var later []mongo.WriteModel
	for _, t := range m.Todo.Threads {
		later = append(later, mongo.NewUpdateOneModel().
			SetFilter(bson.D{{Key: "_id", Value: linkID(threadKey(m.Mailbox, t.ID), m.Issue, t.Kind)}, {Key: "at", Value: bson.M{"$lt": m.ReceivedAt}}}).
			SetUpdate(bson.M{"$max": bson.M{"at": m.ReceivedAt}}))
	}
	if len(later) == 0 {
		return nil
	}
	return errors.Join(s.write(ctx, s.links, later...)...)
}

func rank(k issue.LinkKind) int {
	switch k {
	case issue.Own:
		return 0
	case issue.Key:
		return 1
	default:
		return 2
	}
}

// markReplayed tells the message that was replayed by whom.
func (s *Store) markReplayed(ctx context.Context, m *messageDoc) error {
	if err := s.step("mark the replayed message"); err != nil {
		return err
	}
	return persist(ctx, func() error {
		_, err := s.messages.UpdateOne(ctx,
			bson.D{{Key: "id", Value: m.ReplayOf}, {Key: "replayedBy", Value: bson.M{"$exists": false}}},
			bson.M{"$set": bson.M{"replayedBy": m.ID}, "$inc": bson.M{"rev": 1}})
		return failed("mark the replayed message", err)
	})
}

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
		if slices.ContainsFunc(d.Applied, func(a applied) bool { return a.By == m.By }) {
			return nil
		}
		rev, now := d.Rev, s.now()
		merge(&d.Issue, c)
		d.Rev++
		d.Applied = slices.DeleteFunc(d.Applied, func(a applied) bool { return now.Sub(a.At) > appliedLife })
		d.Applied = append(d.Applied, applied{m.By, now})
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
