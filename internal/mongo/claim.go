package mongo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"postern/internal/fault"
	"postern/internal/issue"
)

const (
	// claimLife is how long a claim holds others off when no commit came of it. Nodes' clocks should agree within half of it.
	claimLife = time.Minute
	// claimUse is how long after it began a commit may still be sent: far enough from claimLife that a slow node, whose bulk takes
	// opTimeout besides, never commits under a claim that somebody else has taken for void.
	claimUse = 20 * time.Second
	// claimWait is how long a commit waits for another node's claim before the mail is put off.
	claimWait = 8 * time.Second
)

// threadKey names an id of a mailbox's threads.
func threadKey(mailbox, id string) string {
	key := mailbox + " " + id
	if len(key) > 600 {
		sum := sha256.Sum256([]byte(key))
		key = "sha256 " + hex.EncodeToString(sum[:])
	}
	return key
}

// nameKey is the threadKey of a name that leads to an issue.
func nameKey(t issue.ThreadName, mailbox string, number int64) string {
	return threadKey(t.Leads(mailbox, number))
}

// claimed are the ids that a commit looked at or makes lead somewhere, in order, and what it replays. A decision that makes nothing lead
// anywhere needs no ids: it only has to be right at one moment.
func claimed(c *issue.Commit) []string {
	var out []string
	if of := c.Message.ReplayOf; of != "" {
		out = append(out, messageName(of))
	}
	if len(c.Threads) > 0 {
		for _, r := range c.Relies {
			out = append(out, threadKey(r.Mailbox, r.ID))
		}
		number := c.Message.Issue
		if c.Change != nil {
			number = c.Change.Number
		}
		for _, t := range c.Threads {
			if t.Kind != issue.Said || c.NewIssue == nil { // what was said in a new issue nobody has asked for
				out = append(out, nameKey(t, c.Message.Mailbox, number))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// claim takes all ids that a decision needs. They are taken in order and none above the first that somebody else holds is kept, so
// no two commits wait for each other. After an error the caller gives back what was taken.
func (s *Store) claim(ctx context.Context, m *messageDoc) error {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	ids := m.Todo.Claims
	for try := 0; len(ids) > 0; try++ {
		models := make([]mongo.WriteModel, 0, len(ids))
		for _, id := range ids {
			models = append(models, mongo.NewInsertOneModel().SetDocument(claimDoc{ID: id, Holder: m.Doc, By: m.By, At: s.now()}))
		}
		errs := s.write(ctx, s.claims, models...)
		taken := slices.IndexFunc(errs, func(err error) bool { return err != nil })
		if taken < 0 {
			return nil
		}
		var above []string
		for i := taken + 1; i < len(ids); i++ {
			if errs[i] == nil {
				above = append(above, ids[i])
			}
		}
		s.release(context.WithoutCancel(ctx), m.By, above)
		if !errors.Is(errs[taken], errDuplicate) {
			return errs[taken]
		}
		who, err := s.pry(ctx, ids[taken], m)
		switch {
		case err == nil && who == ours:
			taken++
		case err == nil && who == others:
			err = pause(ctx, try)
		}
		if fault.Is(err, fault.Conflict) {
			return err
		}
		if err != nil {
			return fault.Errorf(fault.Unavailable, "wait for the claim on a thread: %w", err)
		}
		ids = ids[taken:]
	}
	return nil
}

// A holder is who holds a claim.
type holder int

const (
	nobody holder = iota
	ours
	others
)

// pry looks who holds a claim that m wants; m is nil for none. One whose message was committed ends when that is applied, and one that is
// void ends. One that an earlier attempt at this very message left is taken over: of two inserts of one document only one can succeed.
func (s *Store) pry(ctx context.Context, id string, m *messageDoc) (holder, error) {
	var c claimDoc
	err := s.claims.FindOne(ctx, byID(id)).Decode(&c)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nobody, nil
	}
	if err != nil {
		return others, failed("read claim", err)
	}
	if m != nil && c.By == m.By { // from a write that was sent twice
		return ours, nil
	}
	have, err := s.readDoc(ctx, c.Holder)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return others, err
	}
	there := err == nil
	switch {
	case there && have.By == c.By:
		if have.Todo != nil {
			if err := s.applyFirst(ctx, have); err != nil {
				return others, err
			}
		}
		return nobody, s.remove(ctx, id, c.By)
	case s.now().Sub(c.At) >= claimLife:
		return nobody, s.remove(ctx, id, c.By)
	case m == nil || c.Holder != m.Doc:
		return others, nil
	case there: // somebody decides it again in place, which an insert of ours would not hinder
		return others, fault.Errorf(fault.Conflict, "slot %s is taken, and being decided", m.Doc)
	}
	return s.takeOver(ctx, &c, m)
}

// takeOver makes another's claim m's, without a moment in which it is nobody's.
func (s *Store) takeOver(ctx context.Context, c *claimDoc, m *messageDoc) (holder, error) {
	if err := s.step("take over claim"); err != nil {
		return others, err
	}
	m.took = true
	res, err := s.claims.UpdateOne(ctx, bson.D{{Key: "_id", Value: c.ID}, {Key: "by", Value: c.By}},
		bson.M{"$set": bson.M{"by": m.By, "at": s.now()}})
	if err != nil {
		return others, failed("take over claim", err)
	}
	if res.MatchedCount == 0 {
		return nobody, nil
	}
	return ours, nil
}

// giveBack ends the claims of a decision that was not committed. Where it took some over, whose they were may be committed by now, without
// a claim: what that made must be seen first. It may also be committed only after we looked, so until it is there the
// claims stay, to be void in a minute.
func (s *Store) giveBack(ctx context.Context, m *messageDoc, claims []string) {
	if m.took {
		have, err := s.readDoc(ctx, m.Doc)
		if err == nil && have.Todo != nil {
			err = s.applyFirst(ctx, have)
		}
		if err != nil {
			return
		}
	}
	s.release(ctx, m.By, claims)
}

func (s *Store) remove(ctx context.Context, id, by string) error {
	if err := s.step("remove claim"); err != nil {
		return err
	}
	_, err := s.claims.DeleteOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "by", Value: by}})
	return failed("remove claim", err)
}

// release gives claims back. Where that fails they become void by themselves.
func (s *Store) release(ctx context.Context, by string, ids []string) {
	if len(ids) > 0 {
		s.write(ctx, s.claims, mongo.NewDeleteManyModel().SetFilter(bson.D{
			{Key: "_id", Value: bson.M{"$in": ids}}, {Key: "by", Value: by},
		}))
	}
}

// unclaim gives up the claims of applied decisions. All of these are applied, so it does not matter which of them holds which.
func (s *Store) unclaim(ctx context.Context, batch ...*messageDoc) error {
	var ids, by []string
	for _, m := range batch {
		if len(m.Todo.Claims) > 0 {
			ids, by = append(ids, m.Todo.Claims...), append(by, m.By)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := s.step("give up claims"); err != nil {
		return err
	}
	slices.Sort(ids)
	return persist(ctx, func() error {
		_, err := s.claims.DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.M{"$in": ids}}, {Key: "by", Value: bson.M{"$in": by}}})
		return failed("give up claims", err)
	})
}
