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
	// claimUse is how long after claiming a commit may still be sent: far enough from claimLife that a slow node
	// never commits under a claim that somebody else has taken for void.
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
		for _, t := range c.Threads {
			out = append(out, threadKey(c.Message.Mailbox, t.ID))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// claim takes all ids for a decision of the message with that document. They are taken in order and none above the first that
// somebody else holds is kept, so no two commits wait for each other.
func (s *Store) claim(ctx context.Context, doc, by string, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	for try := 0; len(ids) > 0; try++ {
		models := make([]mongo.WriteModel, 0, len(ids))
		for _, id := range ids {
			models = append(models, mongo.NewInsertOneModel().SetDocument(claimDoc{ID: id, Holder: doc, By: by, At: s.now()}))
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
		s.release(ctx, by, above)
		if !errors.Is(errs[taken], errDuplicate) {
			s.release(ctx, by, ids[:taken])
			return errs[taken]
		}
		free, err := s.pry(ctx, ids[taken], doc, by)
		if err == nil && !free {
			err = pause(ctx, try)
		}
		if err != nil {
			s.release(context.WithoutCancel(ctx), by, ids[:taken])
			return fault.Errorf(fault.Unavailable, "wait for the claim on a thread: %w", err)
		}
		ids = ids[taken:]
	}
	return nil
}

// pry looks who holds a claim. One whose message was committed ends when that is applied; one that is void, or that an earlier
// attempt at this very message left, is taken away: of two commits with one document only one can succeed.
func (s *Store) pry(ctx context.Context, id, doc, by string) (free bool, err error) {
	var c claimDoc
	err = s.claims.FindOne(ctx, byID(id)).Decode(&c)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return true, nil
	}
	if err != nil {
		return false, failed("read claim", err)
	}
	if c.By == by {
		return false, s.remove(ctx, id, by) // our own, from a write that was sent twice
	}
	m, err := s.readDoc(ctx, c.Holder)
	switch {
	case err == nil && m.By == c.By:
		if m.Todo != nil {
			if err := s.applyFirst(ctx, m); err != nil {
				return false, err
			}
		}
		return true, s.remove(ctx, id, c.By)
	case err != nil && !fault.Is(err, fault.NotFound):
		return false, err
	case c.Holder == doc || s.now().Sub(c.At) >= claimLife:
		return true, s.remove(ctx, id, c.By)
	}
	return false, nil
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
