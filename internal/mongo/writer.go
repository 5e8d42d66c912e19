package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
)

const (
	maxFlying = 1       // bulk writes of one collection under way at once
	maxBulk   = 256     // documents of one bulk write
	bulkShare = 4 << 10 // bytes that count as a document more
)

// A writer gathers what concurrent commits write to one collection into bulk writes. Each document succeeds or fails
// by itself; conditions whose outcome counts are not written this way, since a bulk write only reports sums.
type writer struct {
	coll   *mongo.Collection
	orders gather[*order]
}

func newWriter(s *Store, coll *mongo.Collection) *writer {
	w := &writer{coll: coll}
	w.orders = gather[*order]{store: s, work: w.bulk, size: func(o *order) int { return o.size }, most: maxBulk, apart: maxFlying}
	return w
}

// An order is what one caller wants written, and how each of it went.
type order struct {
	coll   *mongo.Collection
	size   int                // what it counts in a bulk
	models []mongo.WriteModel // those that were sent
	at     []int              // which of the caller's each of them is
	fates  []error            // one for each that was sent
	errs   []error            // one for each of the caller's
	done   chan struct{}
	until  time.Time   // when it is too late to begin sending it; zero: never
	alone  atomic.Bool // nobody waits any more
}

// late says why it must not be sent any more.
func (o *order) late() error {
	switch {
	case o.alone.Load():
		return fault.Errorf(fault.Unavailable, "given up: %w", errNotSent)
	case !o.until.IsZero() && time.Now().After(o.until):
		return fault.Errorf(fault.Unavailable, "it took too long: %w", errNotSent)
	}
	return nil
}

// order makes an order, which send begins to carry out; heard says how it went.
func (s *Store) order(coll *mongo.Collection, models ...mongo.WriteModel) *order {
	o := &order{coll: coll, errs: make([]error, len(models)), done: make(chan struct{})}
	for i, m := range models {
		if err := s.step("write " + coll.Name()); err != nil {
			o.errs[i] = err
			continue
		}
		o.models, o.at = append(o.models, m), append(o.at, i)
	}
	o.size, o.fates = len(o.models), make([]error, len(o.models))
	return o
}

// weigh makes an order count as much as its bytes take on their way.
func (o *order) weigh(bytes int) { o.size = len(o.models) + bytes/bulkShare }

// send begins to carry out orders, those for one collection together.
func (s *Store) send(orders ...*order) {
	for name, list := range grouped(orders) {
		s.writers[name].orders.add(list...)
	}
}

func grouped(orders []*order) map[string][]*order {
	by := map[string][]*order{}
	for _, o := range orders {
		if len(o.models) > 0 {
			by[o.coll.Name()] = append(by[o.coll.Name()], o)
		}
	}
	return by
}

// heard waits for an order and returns one error for each model, nil where it is durable; errDuplicate is in the chain
// where a document of that id is there already.
func (s *Store) heard(ctx context.Context, o *order) []error {
	if len(o.models) == 0 {
		return o.errs
	}
	var lost error
	select {
	case <-o.done:
		for i, err := range o.fates {
			o.errs[o.at[i]] = failed("write to "+o.coll.Name(), err)
		}
		return o.errs
	case <-ctx.Done():
		lost = ctx.Err()
	case <-s.life.Done():
		lost = errClosed
	}
	o.alone.Store(true)
	for _, i := range o.at {
		o.errs[i] = fault.Errorf(fault.Unavailable, "write to %s: %w", o.coll.Name(), lost)
	}
	return o.errs
}

func (s *Store) write(ctx context.Context, coll *mongo.Collection, models ...mongo.WriteModel) []error {
	o := s.order(coll, models...)
	s.send(o)
	return s.heard(ctx, o)
}

// there waits for an order of documents whose ids say all: one that is there already is as good as written.
func (s *Store) there(ctx context.Context, o *order) error {
	for _, err := range s.heard(ctx, o) {
		if err != nil && !errors.Is(err, errDuplicate) {
			return err
		}
	}
	return nil
}

func (s *Store) insert(ctx context.Context, coll *mongo.Collection, docs ...any) error {
	o := s.order(coll, inserts(docs)...)
	s.send(o)
	return s.there(ctx, o)
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

// bulk writes a batch, but for what came too late; what lost a race is sent again.
func (w *writer) bulk(ctx context.Context, batch []*order) {
	var models []mongo.WriteModel
	var fates []*error
	for _, o := range batch {
		if late := o.late(); late != nil {
			for i := range o.fates {
				o.fates[i] = late
			}
			continue
		}
		models = append(models, o.models...)
		for i := range o.fates {
			fates = append(fates, &o.fates[i])
		}
	}
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
