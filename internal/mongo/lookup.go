package mongo

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
)

// A lookup reads documents by the values of one field, with one query for all who ask at once.
type lookup[T any] struct {
	asks gather[*ask[T]]
	life context.Context
	coll *mongo.Collection
	by   string          // the field
	of   func(*T) string // its value in a document
	sort bson.D          // the order of what one gets; nil: none
	most int             // how many one gets: the first in that order
}

// An ask is what one caller wants to read, and what he got.
type ask[T any] struct {
	values []string
	docs   []*T
	err    error
	done   chan struct{}
}

const maxAsked = 256 // values of one query

func newLookup[T any](s *Store, coll *mongo.Collection, by string, of func(*T) string, sort bson.D, most int) *lookup[T] {
	l := &lookup[T]{life: s.life, coll: coll, by: by, of: of, sort: sort, most: most}
	l.asks = gather[*ask[T]]{store: s, work: l.answer, size: func(a *ask[T]) int { return len(a.values) }, most: maxAsked, apart: maxFlying}
	return l
}

// find reads the documents that have one of the values. They are not the caller's alone: he must not change them.
func (l *lookup[T]) find(ctx context.Context, values ...string) ([]*T, error) {
	if len(values) == 0 {
		return nil, nil
	}
	a := &ask[T]{values: values, done: make(chan struct{})}
	l.asks.add(a)
	var lost error
	select {
	case <-a.done:
		return a.docs, a.err
	case <-ctx.Done():
		lost = ctx.Err()
	case <-l.life.Done():
		lost = errClosed
	}
	return nil, fault.As(fault.Unavailable, fmt.Errorf("read %s: %w", l.coll.Name(), lost))
}

func (l *lookup[T]) answer(ctx context.Context, batch []*ask[T]) {
	defer func() {
		for _, a := range batch {
			close(a.done)
		}
	}()
	var values []string
	for _, a := range batch {
		values = append(values, a.values...)
	}
	docs, err := l.read(ctx, values)
	if err == nil && len(docs) >= l.most && len(batch) > 1 {
		// Too many to know that nobody misses one: each by himself.
		for _, a := range batch {
			a.docs, a.err = l.read(ctx, a.values)
		}
		return
	}
	for _, a := range batch {
		if a.err = err; err != nil || len(batch) == 1 {
			a.docs = docs
			continue
		}
		for _, d := range docs {
			if slices.Contains(a.values, l.of(d)) {
				a.docs = append(a.docs, d)
			}
		}
	}
}

func (l *lookup[T]) read(ctx context.Context, values []string) ([]*T, error) {
	opts := options.Find().SetLimit(int64(l.most))
	if l.sort != nil {
		opts.SetSort(l.sort)
	}
	return find[T](ctx, l.coll, bson.D{{Key: l.by, Value: bson.M{"$in": values}}}, opts)
}
