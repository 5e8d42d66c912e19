package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Sweep removes blobs that nothing names. A commit that names one again has touched it first, and what was touched within grace stays:
// the mark below is one conditional update. While a backup is under way it does nothing.
func (s *Store) Sweep(ctx context.Context, grace time.Duration) (int, error) {
	cutoff, after, total := s.now().Add(-grace), "", 0
	for {
		n, err := s.meta.CountDocuments(ctx, bson.M{"_id": underBackup, "until": bson.M{"$gt": s.now()}})
		if err != nil || n > 0 {
			return total, failed("look for a backup", err)
		}
		batch, err := find[blobDoc](ctx, s.files, bson.D{
			{Key: "_id", Value: bson.M{"$gt": after}}, {Key: "touched", Value: bson.M{"$lt": cutoff}},
		}, options.Find().SetSort(keys("_id")).SetLimit(upkeepStep).SetProjection(bson.M{"data": 0}))
		if err != nil || len(batch) == 0 {
			return total, err
		}
		for _, head := range batch {
			after = head.ID
			swept, err := s.sweepOne(ctx, head, cutoff)
			if err != nil {
				return total, err
			}
			if swept {
				total++
			}
		}
	}
}

func (s *Store) sweepOne(ctx context.Context, head *blobDoc, cutoff time.Time) (bool, error) {
	if !head.Gone {
		named, err := s.named(ctx, head.ID)
		if err != nil || named {
			return false, err
		}
		if err := s.step("mark blob as gone"); err != nil {
			return false, err
		}
		res, err := s.files.UpdateOne(ctx, bson.D{
			{Key: "_id", Value: head.ID}, {Key: "gen", Value: head.Gen}, {Key: "touched", Value: bson.M{"$lt": cutoff}},
		}, bson.M{"$set": bson.M{"gone": true}})
		if err != nil || res.MatchedCount == 0 {
			return false, failed("sweep blob", err)
		}
	}
	return true, s.bury(ctx, head)
}

// named reports whether anything names a blob.
func (s *Store) named(ctx context.Context, sha string) (bool, error) {
	if n, err := s.messages.CountDocuments(ctx, bson.M{"blobs": sha}, options.Count().SetLimit(1)); err != nil || n > 0 {
		return n > 0, failed("look who names a blob", err)
	}
	if n, err := s.copies.CountDocuments(ctx, bson.M{"blob": sha}, options.Count().SetLimit(1)); err != nil || n > 0 {
		return n > 0, failed("look who names a blob", err)
	}
	inSet := bson.M{"$or": bson.A{bson.M{"filesBlob": sha}, bson.M{"large.blob": sha}}}
	if n, err := s.rulesets.CountDocuments(ctx, inSet, options.Count().SetLimit(1)); err != nil || n > 0 {
		return n > 0, failed("look who names a blob", err)
	}
	n, err := s.shadow.CountDocuments(ctx, inSet, options.Count().SetLimit(1))
	return n > 0, failed("look who names a blob", err)
}
