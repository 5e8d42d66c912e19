package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/logkey"
)

const (
	tidyEvery  = 30 * time.Second // how often a node looks for what others left unfinished
	tidyAge    = 15 * time.Second // how old that must be: younger work is probably being done
	owedEvery  = time.Second      // how often a node tries again what it could not apply itself
	recoverMax = 200              // messages read at once
	maxTrouble = 10               // failures after which a round ends: it may be the server
)

// owed are documents of committed messages that this node could not apply yet.
type owed struct {
	mu   sync.Mutex
	docs map[string]bool
}

func (o *owed) add(doc string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.docs == nil {
		o.docs = map[string]bool{}
	}
	o.docs[doc] = true
}

func (o *owed) done(doc string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.docs, doc)
}

func (o *owed) list() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for d := range o.docs {
		out = append(out, d)
	}
	return out
}

// Recover applies every committed message that waits for it and removes claims that are void.
func (s *Store) Recover(ctx context.Context) error {
	return s.recover(ctx, s.now())
}

// tidy finishes now and then what this node owes and what others left, until the store is closed.
func (s *Store) tidy() {
	owed, others := time.NewTicker(owedEvery), time.NewTicker(tidyEvery)
	defer owed.Stop()
	defer others.Stop()
	for {
		var err error
		select {
		case <-s.life.Done():
			return
		case <-owed.C:
			err = s.settle(s.life)
		case <-others.C:
			err = s.recover(s.life, s.now().Add(-tidyAge))
		}
		if err != nil && s.life.Err() == nil {
			s.log.WarnContext(s.life, "work left unfinished waits", logkey.Error, err)
		}
	}
}

// settle tries again what this node owes. One that cannot be applied does not stop the others.
func (s *Store) settle(ctx context.Context) error {
	var trouble []error
	for _, doc := range s.owed.list() {
		m, err := s.readDoc(ctx, doc)
		if fault.Is(err, fault.NotFound) { // it was not committed
			s.owed.done(doc)
			continue
		}
		if err == nil && m.Todo != nil {
			err = s.apply(ctx, m)
		}
		if err == nil {
			s.owed.done(doc)
			continue
		}
		if trouble = append(trouble, err); len(trouble) == maxTrouble || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(trouble...)
}

// recover applies what has been pending since before, oldest first. One that cannot be applied does not stop the others.
func (s *Store) recover(ctx context.Context, before time.Time) error {
	var trouble []error
	since, skip := time.Time{}, map[string]bool{}
	for {
		filter := bson.D{{Key: "pending", Value: bson.M{"$gte": since, "$lte": before}}}
		batch, err := s.readDocs(ctx, filter, options.Find().SetSort(keys("pending")).SetLimit(recoverMax))
		if err != nil {
			return err
		}
		var under []*deed
		news := false
		for _, m := range batch {
			since = *m.Pending
			if skip[m.Doc] {
				continue
			}
			skip[m.Doc], news = true, true
			d, err := s.applyBegin(ctx, m)
			if err != nil {
				trouble = append(trouble, err)
				continue
			}
			under = append(under, d)
		}
		for _, d := range under { // their last steps were done together
			if err := s.applyEnd(ctx, d); err != nil {
				trouble = append(trouble, err)
			}
		}
		if !news || ctx.Err() != nil {
			break
		}
	}
	if err := s.voidClaims(ctx); err != nil {
		trouble = append(trouble, err)
	}
	return errors.Join(trouble...)
}

// voidClaims removes claims that outlived their use. Those of a committed message are given up by its application.
func (s *Store) voidClaims(ctx context.Context) error {
	cur, err := s.claims.Find(ctx, bson.M{"at": bson.M{"$lt": s.now().Add(-claimLife)}}, options.Find().SetLimit(1000))
	if err != nil {
		return failed("look for void claims", err)
	}
	var old []claimDoc
	if err := cur.All(ctx, &old); err != nil {
		return failed("look for void claims", err)
	}
	for _, c := range old {
		if _, err := s.pry(ctx, c.ID, nil); err != nil {
			return err
		}
	}
	return nil
}

// applyPendingOf applies committed messages that concern an issue and wait, so far that the issue is as they say.
func (s *Store) applyPendingOf(ctx context.Context, number int64) error {
	batch, err := s.readDocs(ctx, pendingOf(number), options.Find().SetSort(keys("pending")))
	if err != nil {
		return err
	}
	for _, m := range batch {
		if err := s.applyFirst(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// pendingOf chooses the messages that concern an issue and wait.
func pendingOf(number int64) bson.D {
	return bson.D{{Key: "issue", Value: number}, {Key: "pending", Value: bson.M{"$exists": true}}}
}

// readDoc reads a message's document by its _id.
func (s *Store) readDoc(ctx context.Context, doc string) (*messageDoc, error) {
	var m messageDoc
	if err := s.messages.FindOne(ctx, byID(doc)).Decode(&m); err != nil {
		return nil, failed("read message", err)
	}
	return &m, nil
}

// findMessage reads a message's document by the message's id.
func (s *Store) findMessage(ctx context.Context, id string) (*messageDoc, error) {
	var m messageDoc
	err := s.messages.FindOne(ctx, bson.D{{Key: "id", Value: id}}).Decode(&m)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, fault.Errorf(fault.NotFound, "no message %s", id)
	}
	if err != nil {
		return nil, failed(fmt.Sprintf("read message %s", id), err)
	}
	return &m, nil
}

func (s *Store) readDocs(ctx context.Context, filter any, opts *options.FindOptionsBuilder) ([]*messageDoc, error) {
	return find[messageDoc](ctx, s.messages, filter, opts)
}

// find reads all documents that a filter chooses.
func find[T any](ctx context.Context, coll *mongo.Collection, filter any, opts *options.FindOptionsBuilder) ([]*T, error) {
	cur, err := coll.Find(ctx, filter, opts)
	if err != nil {
		return nil, failed("read "+coll.Name(), err)
	}
	var out []*T
	if err := cur.All(ctx, &out); err != nil {
		return nil, failed("read "+coll.Name(), err)
	}
	return out, nil
}
