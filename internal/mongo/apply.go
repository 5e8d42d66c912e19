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
	todoAge     = time.Minute
	appliedLife = time.Hour
)

// apply makes what the todo of a committed message says, and then takes the todo away. It may be done by several at once, twice, or late.
func (s *Store) apply(ctx context.Context, m *messageDoc) error {
	ctx, cancel := context.WithTimeout(ctx, todoAge/2)
	defer cancel()
	if err := s.applyAll(ctx, m); err != nil {
		return fmt.Errorf("apply message %s: %w", m.ID, err)
	}
	done := mongo.NewUpdateOneModel().
		SetFilter(bson.D{{Key: "_id", Value: m.Doc}, {Key: "by", Value: m.By}, {Key: "pending", Value: bson.M{"$exists": true}}}).
		SetUpdate(bson.M{"$unset": bson.M{"pending": "", "todo": ""}, "$inc": bson.M{"rev": 1}})
	if err := s.write(ctx, s.messages, done)[0]; err != nil {
		return err
	}
	return s.unclaim(ctx, m.By, m.Todo.Claims)
}

func (s *Store) applyAll(ctx context.Context, m *messageDoc) error {
	t := m.Todo
	g, ctx := errgroup.WithContext(ctx)
	if s.fault != nil {
		g.SetLimit(1) // a test of crashes wants to know which write it stops
	}
	g.Go(func() error { return s.applyIssue(ctx, m) })
	g.Go(func() error { return s.insert(ctx, s.notes, list(t.Notes, m.noteDoc)...) })
	g.Go(func() error { return s.applyLinks(ctx, m) })
	g.Go(func() error { return s.insert(ctx, s.participants, list(t.Participants, m.participantDoc)...) })
	g.Go(func() error {
		return s.insert(ctx, s.users, list(t.Users, func(_ int, u issue.User) any { return userDoc{u.Email, u} })...)
	})
	if t.Ledger != nil {
		g.Go(func() error { return s.insert(ctx, s.ledger, newLedgerDoc(*t.Ledger)) })
	}
	if t.Event != nil {
		g.Go(func() error { return s.insert(ctx, s.events, eventDoc{t.Event.ID, *t.Event}) })
	}
	if m.ReplayOf != "" {
		g.Go(func() error { return s.applyReplay(ctx, m) })
	}
	return g.Wait()
}

func (m *messageDoc) noteDoc(i int, n *issue.Note) any {
	return noteDoc{
		ID: n.ID, Note: *n, By: m.By, Words: issue.Words(n.Text),
		Place: fmt.Sprintf("%015d-%s-%03d", n.CreatedAt.UnixMilli(), m.ID, i),
	}
}

func (m *messageDoc) participantDoc(_ int, email string) any {
	return participantDoc{ID: participantID(m.Issue, email), Issue: m.Issue, Email: email, By: m.By}
}

func participantID(number int64, email string) string {
	return strconv.FormatInt(number, 10) + " " + email
}

// applyLinks makes the thread names lead to the issue. A name that does already keeps the latest time.
func (s *Store) applyLinks(ctx context.Context, m *messageDoc) error {
	if m.Issue == 0 || len(m.Todo.Threads) == 0 {
		return nil
	}
	docs := list(m.Todo.Threads, func(_ int, t issue.ThreadName) any {
		key := threadKey(m.Mailbox, t.ID)
		return linkDoc{
			ID: fmt.Sprintf("%s %d %s", key, m.Issue, t.Kind), Key: key, Name: t.ID, Issue: m.Issue,
			Kind: t.Kind, Rank: rank(t.Kind), At: m.ReceivedAt, By: m.By,
		}
	})
	var later []mongo.WriteModel
	for i, err := range s.write(ctx, s.links, inserts(docs)...) {
		switch {
		case errors.Is(err, errDuplicate):
			later = append(later, mongo.NewUpdateOneModel().SetFilter(byID(docs[i].(linkDoc).ID)).
				SetUpdate(bson.M{"$max": bson.M{"at": m.ReceivedAt}}))
		case err != nil:
			return err
		}
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

// applyReplay tells the message that was replayed by whom.
func (s *Store) applyReplay(ctx context.Context, m *messageDoc) error {
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

func (s *Store) applyIssue(ctx context.Context, m *messageDoc) error {
	if is := m.Todo.NewIssue; is != nil {
		return s.insert(ctx, s.issues, issueDoc{
			ID: is.Number, Issue: *is, By: m.By, Rev: 1, Words: issue.Words(is.Subject + "\n" + is.Description),
		})
	}
	if m.Todo.Change != nil {
		return s.change(ctx, m)
	}
	return nil
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
		if merge(&d.Issue, c) {
			d.Words = issue.Words(d.Subject + "\n" + d.Description)
		}
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

// merge changes is as c says and reports whether its subject changed.
func merge(is *issue.Issue, c *issue.IssueChange) (subject bool) {
	set := func(field *string, v *string) bool {
		if v == nil || *field == *v {
			return false
		}
		*field = *v
		return true
	}
	subject = set(&is.Subject, c.Subject)
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
	return subject
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
