package mongo

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"postern/internal/fault"
)

// A lookup reads documents by the values of one field, with one query for all who ask at once.
type lookup[T any] struct {
	asks gather[*ask[T]]
	life context.Context
	coll *mongo.Collection
	by   string                  // the field
	of   func(*T) string         // its value in a document
	sort []string                // the order of what one gets; nil: none
	most int                     // how many one gets of each value: the first in that order, whatever was asked with it
	back func(value string) bool // whether the last count instead; nil: never
}

// An ask is what one caller wants to read, and what he got.
type ask[T any] struct {
	values []string
	docs   []*T
	err    error
	done   chan struct{}
}

const (
	maxAsked  = 256  // values of one query
	maxFound  = 1000 // documents of one query: where there are more each value gets one of its own
	readApart = 8    // of these at once
)

func newLookup[T any](s *Store, coll *mongo.Collection, by string, of func(*T) string) *lookup[T] {
	l := &lookup[T]{life: s.life, coll: coll, by: by, of: of, most: 1}
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
	slices.Sort(values)
	found, err := l.read(ctx, slices.Compact(values))
	for _, a := range batch {
		a.err = err
		for _, v := range slices.Compact(slices.Sorted(slices.Values(a.values))) {
			a.docs = append(a.docs, found[v]...)
		}
	}
}

// read reads the documents of each value.
func (l *lookup[T]) read(ctx context.Context, values []string) (map[string][]*T, error) {
	var alone, together []string
	for _, v := range values {
		if l.back != nil && l.back(v) {
			alone = append(alone, v)
		} else {
			together = append(together, v)
		}
	}
	found := make(map[string][]*T, len(values))
	if len(together) > 0 {
		docs, err := l.query(ctx, bson.M{"$in": together}, maxFound, false)
		if err != nil {
			return nil, err
		}
		if len(docs) == maxFound {
			alone, docs = append(alone, together...), nil
		}
		for _, d := range docs {
			if v := l.of(d); len(found[v]) < l.most {
				found[v] = append(found[v], d)
			}
		}
	}
	lists := make([][]*T, len(alone))
	var g errgroup.Group
	g.SetLimit(readApart)
	for i, v := range alone {
		g.Go(func() (err error) {
			lists[i], err = l.query(ctx, v, l.most, l.back != nil && l.back(v))
			return err
		})
	}
	err := g.Wait()
	for i, v := range alone {
		found[v] = lists[i]
	}
	return found, err
}

// query reads the first documents whose field is as asked, or the last, in order.
func (l *lookup[T]) query(ctx context.Context, is any, most int, back bool) ([]*T, error) {
	opts := options.Find().SetLimit(int64(most))
	var order bson.D
	for _, field := range l.sort {
		way := 1
		if back {
			way = -1
		}
		order = append(order, bson.E{Key: field, Value: way})
	}
	if order != nil {
		opts.SetSort(order)
	}
	docs, err := find[T](ctx, l.coll, bson.D{{Key: l.by, Value: is}}, opts)
	if back {
		slices.Reverse(docs)
	}
	return docs, err
}
