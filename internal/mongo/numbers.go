package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
)

// number is what one who waits for an issue number hears.
type number struct {
	n   int64
	err error
}

// nextNumber returns a number that was never given before: one increment of the counter serves all who wait for one. One that is
// not used stays a gap.
func (s *Store) nextNumber(ctx context.Context) (int64, error) {
	if err := s.step("issue number"); err != nil {
		return 0, err
	}
	got := make(chan number, 1)
	s.numbers.add(got)
	select {
	case n := <-got:
		return n.n, n.err
	case <-s.life.Done():
		return 0, fault.As(fault.Unavailable, errClosed)
	case <-ctx.Done():
		return 0, fault.Errorf(fault.Unavailable, "take an issue number: %w", ctx.Err())
	}
}

func (s *Store) giveNumbers(ctx context.Context, waiting []chan<- number) {
	last, err := s.count(ctx, "issue", int64(len(waiting)))
	for i, w := range waiting {
		w <- number{last - int64(len(waiting)-1-i), err}
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
