package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
)

// Search looks for whole words, as issue.Words splits them. Issues and notes have theirs in documents of their own, so what
// a caller writes is only ever compared with a word. (MongoDB's text index would have its own idea of words and a query language.)
// An index of words costs more than all others together; that is why they are written last, for many messages at once.

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
	stage := func(name string, v any) bson.D { return bson.D{{Key: name, Value: v}} }
	matching := bson.D{{Key: "words", Value: bson.M{"$in": words}}}
	if last > 0 {
		matching = append(matching, bson.E{Key: "issue", Value: bson.M{"$lt": last}})
	}
	cur, err := s.words.Aggregate(ctx, mongo.Pipeline{
		stage("$match", matching),
		stage("$project", bson.M{"issue": 1, "hits": bson.M{"$setIntersection": bson.A{"$words", bson.M{"$literal": words}}}}),
		stage("$unwind", "$hits"),
		stage("$group", bson.M{"_id": "$issue", "hits": bson.M{"$addToSet": "$hits"}}),
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

// index makes what a batch of messages wrote findable, and returns one error for each.
func (s *Store) index(ctx context.Context, batch []*deed) []error {
	orders := make([]*order, len(batch))
	for i, d := range batch {
		orders[i] = s.order(s.words, inserts(d.m.wordDocs())...)
		orders[i].weigh(d.m.size())
	}
	s.send(orders...)
	errs := make([]error, len(batch))
	for i, d := range batch {
		errs[i] = s.there(ctx, orders[i])
		if c := d.m.Todo.Change; errs[i] == nil && c != nil && c.Subject != nil {
			errs[i] = s.reindex(ctx, c.Number)
		}
		if r := d.m.Todo.Revise; errs[i] == nil && r != nil {
			errs[i] = errors.Join(s.reindex(ctx, r.Number), s.reindexNotes(ctx, d.m))
		}
	}
	return errs
}

// wordDocs are those of the new issue and the notes of a message.
func (m *messageDoc) wordDocs() []any {
	var out []any
	add := func(id string, number int64, rev int64, text string) {
		if words := issue.Words(text); len(words) > 0 {
			out = append(out, wordsDoc{ID: id, Issue: number, Rev: rev, By: m.By, Words: words})
		}
	}
	if is := m.newIssue(); is != nil {
		add(issueWords(is.Number), is.Number, 1, is.Subject+"\n"+is.Description)
	}
	for _, n := range m.Todo.Notes {
		add("note "+n.ID, n.Issue, 1, n.Text)
	}
	return out
}

func issueWords(number int64) string { return "issue " + strconv.FormatInt(number, 10) }

// reindex writes the words of an issue as it is now, unless those of a later state are there.
func (s *Store) reindex(ctx context.Context, number int64) error {
	var d issueDoc
	if err := s.issues.FindOne(ctx, byID(number)).Decode(&d); err != nil {
		return failed(fmt.Sprintf("read issue %d", number), err)
	}
	doc := wordsDoc{ID: issueWords(number), Issue: number, Rev: d.Rev, By: d.By, Words: issue.Words(d.Subject + "\n" + d.Description)}
	return s.putWords(ctx, doc)
}

// putWords writes words in place of those of an earlier state.
func (s *Store) putWords(ctx context.Context, doc wordsDoc) error {
	if err := s.step("index " + doc.ID); err != nil {
		return err
	}
	err := persist(ctx, func() error {
		_, err := s.words.ReplaceOne(ctx, bson.D{{Key: "_id", Value: doc.ID}, {Key: "rev", Value: bson.M{"$lt": doc.Rev}}}, doc,
			options.Replace().SetUpsert(true))
		return err
	})
	if isDuplicate(err) {
		return nil
	}
	return failed("index "+doc.ID, err)
}
