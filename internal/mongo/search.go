package mongo

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
)

// Search looks for whole words, as issue.Words splits them. Issues and notes hold theirs in a list with an index of its own, so what
// a caller writes is only ever compared with a word. (MongoDB's text index would have its own idea of words and a query language.)

const (
	maxSearchWords = 50
	searchStep     = 500 // candidates read at once
)

// searchWords are the words that a query asks for, each once.
func searchWords(asked []string) ([]string, error) {
	words := issue.Words(strings.Join(asked, "\n"))
	if len(words) > maxSearchWords {
		return nil, fault.Errorf(fault.Invalid, "a search for %d words: at most %d are looked for", len(words), maxSearchWords)
	}
	return words, nil
}

// search reads the issues below last that hold all words and pass the filter, newest first.
func (s *Store) search(ctx context.Context, words []string, f bson.D, last int64, limit int) ([]*issueDoc, error) {
	var out []*issueDoc
	for {
		numbers, err := s.candidates(ctx, words, last)
		if err != nil || len(numbers) == 0 {
			return out, err
		}
		docs, err := s.listIssues(ctx, append(slices.Clone(f), bson.E{Key: "_id", Value: bson.M{"$in": numbers}}), 0, limit-len(out))
		if err != nil {
			return nil, err
		}
		out = append(out, docs...)
		if len(out) >= limit || len(numbers) < searchStep {
			return out, nil
		}
		last = numbers[len(numbers)-1]
	}
}

// candidates are the numbers of issues below last that hold all words, each word in the issue itself or in any of its notes.
func (s *Store) candidates(ctx context.Context, words []string, last int64) ([]int64, error) {
	hits := bson.M{"$setIntersection": bson.A{"$words", bson.M{"$literal": words}}}
	stage := func(name string, v any) bson.D { return bson.D{{Key: name, Value: v}} }
	matching := func(number string) bson.D {
		f := bson.D{{Key: "words", Value: bson.M{"$in": words}}}
		if last > 0 {
			f = append(f, bson.E{Key: number, Value: bson.M{"$lt": last}})
		}
		return stage("$match", f)
	}
	cur, err := s.issues.Aggregate(ctx, mongo.Pipeline{
		matching("_id"),
		stage("$project", bson.M{"hits": hits}),
		stage("$unionWith", bson.M{"coll": s.notes.Name(), "pipeline": mongo.Pipeline{
			matching("issue"),
			stage("$project", bson.M{"_id": "$issue", "hits": hits}),
		}}),
		stage("$unwind", "$hits"),
		stage("$group", bson.M{"_id": "$_id", "hits": bson.M{"$addToSet": "$hits"}}),
		stage("$match", bson.M{"hits": bson.M{"$size": len(words)}}),
		stage("$sort", bson.M{"_id": -1}),
		stage("$limit", searchStep),
	}, options.Aggregate())
	if err != nil {
		return nil, failed("search", err)
	}
	var found []struct {
		ID int64 `bson:"_id"`
	}
	if err := cur.All(ctx, &found); err != nil {
		return nil, failed("search", err)
	}
	out := make([]int64, 0, len(found))
	for _, d := range found {
		out = append(out, d.ID)
	}
	return out, nil
}
