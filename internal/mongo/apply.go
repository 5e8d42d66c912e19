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
	weight := m.size() // of issue or notes; for the others it is too much, which does no harm
	add := func(coll *mongo.Collection, docs ...any) {
		if len(docs) > 0 {
			o := s.order(coll, inserts(docs)...)
			o.weigh(weight)
			out = append(out, o)
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
	if m.Todo.Revise != nil {
		if err := s.reviseNotes(ctx, m); err != nil {
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
		mailbox, id := t.Leads(m.Mailbox, m.Issue)
		key := threadKey(mailbox, id)
		return linkDoc{
			ID: linkID(key, m.Issue, t.Kind), Key: key, Name: id, Issue: m.Issue,
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
			SetFilter(bson.D{{Key: "_id", Value: linkID(nameKey(t, m.Mailbox, m.Issue), m.Issue, t.Kind)}, {Key: "at", Value: bson.M{"$lt": m.ReceivedAt}}}).
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
