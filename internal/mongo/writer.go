package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
)

const (
	maxFlying = 2   // bulk writes of one collection under way at once
	maxBulk   = 256 // documents of one bulk write
)

// A writer gathers what concurrent commits write to one collection: while one bulk write is under way the
// next fills, and goes when it is done. One commit alone waits for nobody. Each document succeeds or fails
// by itself; conditions whose outcome counts are not written this way, since a bulk write only reports sums.
type writer struct {
	store *Store
	coll  *mongo.Collection

	mu     sync.Mutex
	queue  []*order
	flying int
}

// An order is what one caller wants written, and how each of it went.
type order struct {
	models []mongo.WriteModel
	errs   []error
	done   chan struct{}
}

// write writes the models and returns one error for each, nil where it is durable; errDuplicate is in the chain
// where a document of that id is there already.
func (s *Store) write(ctx context.Context, coll *mongo.Collection, models ...mongo.WriteModel) []error {
	errs := make([]error, len(models))
	o := &order{done: make(chan struct{})}
	var at []int // which of models each of the order's is
	for i, m := range models {
		if err := s.step("write " + coll.Name()); err != nil {
			errs[i] = err
			continue
		}
		o.models, at = append(o.models, m), append(at, i)
	}
	if len(o.models) == 0 {
		return errs
	}
	lost := func(err error) {
		for _, i := range at {
			errs[i] = fault.Errorf(fault.Unavailable, "write to %s: %w", coll.Name(), err)
		}
	}
	s.writers[coll.Name()].take(o)
	select {
	case <-o.done:
		for i, err := range o.errs {
			errs[at[i]] = failed("write to "+coll.Name(), err)
		}
	case <-ctx.Done():
		lost(ctx.Err())
	case <-s.life.Done():
		lost(errClosed)
	}
	return errs
}

// insert writes documents whose ids say all: one that is there already is as good as written.
func (s *Store) insert(ctx context.Context, coll *mongo.Collection, docs ...any) error {
	if len(docs) == 0 {
		return nil
	}
	for _, err := range s.write(ctx, coll, inserts(docs)...) {
		if err != nil && !errors.Is(err, errDuplicate) {
			return err
		}
	}
	return nil
}

func inserts(docs []any) []mongo.WriteModel {
	models := make([]mongo.WriteModel, 0, len(docs))
	for _, d := range docs {
		models = append(models, mongo.NewInsertOneModel().SetDocument(d))
	}
	return models
}

func byID(id any) bson.D { return bson.D{{Key: "_id", Value: id}} }

// list makes documents of items, for insert.
func list[T any](items []T, doc func(int, T) any) []any {
	out := make([]any, 0, len(items))
	for i, item := range items {
		out = append(out, doc(i, item))
	}
	return out
}

func (w *writer) take(o *order) {
	o.errs = make([]error, len(o.models))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, o)
	if w.flying < maxFlying && w.store.begin(w.fly) {
		w.flying++
	}
}

// fly writes what is queued until nothing is.
func (w *writer) fly() {
	for {
		w.mu.Lock()
		var batch []*order
		n := 0
		for len(w.queue) > 0 && (n == 0 || n+len(w.queue[0].models) <= maxBulk) {
			batch, n = append(batch, w.queue[0]), n+len(w.queue[0].models)
			w.queue = w.queue[1:]
		}
		if n == 0 {
			w.flying--
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		w.bulk(batch, n)
	}
}

// bulk writes a batch; what lost a race is sent again.
func (w *writer) bulk(batch []*order, n int) {
	models := make([]mongo.WriteModel, 0, n)
	fates := make([]*error, 0, n)
	for _, o := range batch {
		models = append(models, o.models...)
		for i := range o.errs {
			fates = append(fates, &o.errs[i])
		}
	}
	ctx, cancel := context.WithTimeout(w.store.life, opTimeout)
	defer cancel()
	for try := 0; len(models) > 0; try++ {
		again := w.send(ctx, models, fates)
		if len(again) == 0 || try == maxRaces || pause(ctx, try) != nil {
			break
		}
		nextModels, nextFates := make([]mongo.WriteModel, 0, len(again)), make([]*error, 0, len(again))
		for _, i := range again {
			*fates[i] = nil
			nextModels, nextFates = append(nextModels, models[i]), append(nextFates, fates[i])
		}
		models, fates = nextModels, nextFates
	}
	for _, o := range batch {
		close(o.done)
	}
}

// send writes models in one unordered bulk, notes what failed in fates, and returns which lost a race.
func (w *writer) send(ctx context.Context, models []mongo.WriteModel, fates []*error) (again []int) {
	_, err := w.coll.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	if err == nil {
		return nil
	}
	var bulk mongo.BulkWriteException
	if !errors.As(err, &bulk) || bulk.WriteConcernError != nil {
		for i := range fates { // nobody knows which of them were written
			*fates[i] = err
			if raced(err) {
				again = append(again, i)
			}
		}
		return again
	}
	for _, we := range bulk.WriteErrors {
		if we.Index < 0 || we.Index >= len(fates) {
			continue
		}
		one := fmt.Errorf("%w: %w", errRefused, mongo.WriteException{WriteErrors: mongo.WriteErrors{we.WriteError}})
		*fates[we.Index] = one
		if raced(one) {
			again = append(again, we.Index)
		}
	}
	return again
}

// numbers gives out issue numbers, one increment of the counter for all who wait for one.
type numbers struct {
	store *Store

	mu      sync.Mutex
	waiting []chan<- number
	flying  bool
}

type number struct {
	n   int64
	err error
}

// next returns a number that was never given before. One that is not used stays a gap.
func (ns *numbers) next(ctx context.Context) (int64, error) {
	if err := ns.store.step("issue number"); err != nil {
		return 0, err
	}
	got := make(chan number, 1)
	ns.mu.Lock()
	ns.waiting = append(ns.waiting, got)
	if !ns.flying {
		ns.flying = ns.store.begin(ns.fly)
	}
	ns.mu.Unlock()
	select {
	case n := <-got:
		return n.n, n.err
	case <-ns.store.life.Done():
		return 0, fault.As(fault.Unavailable, errClosed)
	case <-ctx.Done():
		return 0, fault.Errorf(fault.Unavailable, "take an issue number: %w", ctx.Err())
	}
}

func (ns *numbers) fly() {
	for {
		ns.mu.Lock()
		waiting := ns.waiting
		ns.waiting = nil
		if len(waiting) == 0 {
			ns.flying = false
			ns.mu.Unlock()
			return
		}
		ns.mu.Unlock()
		ctx, cancel := context.WithTimeout(ns.store.life, opTimeout)
		last, err := ns.store.count(ctx, "issue", int64(len(waiting)))
		cancel()
		for i, w := range waiting {
			w <- number{last - int64(len(waiting)-1-i), err}
		}
	}
}

// count raises a counter and returns what it is then. The first value is by.
func (s *Store) count(ctx context.Context, name string, by int64) (int64, error) {
	var doc struct {
		N int64 `bson:"n"`
	}
	err := persist(ctx, func() error {
		err := s.counters.FindOneAndUpdate(ctx, byID(name), bson.M{"$inc": bson.M{"n": by}},
			options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&doc)
		if mongo.IsDuplicateKeyError(err) { // two made the counter at once: it is there now
			err = s.counters.FindOneAndUpdate(ctx, byID(name), bson.M{"$inc": bson.M{"n": by}},
				options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&doc)
		}
		return err
	})
	return doc.N, failed("count "+name, err)
}
