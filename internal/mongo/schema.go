package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"postern/internal/fault"
)

// schemaVersion is raised when documents change so that an older Postern would misread them.
const schemaVersion = 3

const (
	metaSchema  = "schema"
	metaRestore = "restoring" // there while a restore is under way, and after one that did not finish
	metaBackup  = "backup "   // and chance: there while a backup is under way, and the sweep waits
)

var underBackup = bson.M{"$gte": "backup", "$lt": "backup~"} // all of these

// prepare checks the version of what is there and makes the indexes that are missing.
func (s *Store) prepare(ctx context.Context) error {
	if err := s.checkSchema(ctx); err != nil {
		return err
	}
	return s.makeIndexes(ctx)
}

func (s *Store) checkSchema(ctx context.Context) error {
	_, err := s.meta.InsertOne(ctx, bson.M{"_id": metaSchema, "version": schemaVersion})
	if err == nil {
		return nil
	}
	if !isDuplicate(err) {
		return failed("write schema version", err)
	}
	var have struct {
		Version int `bson:"version"`
	}
	if err := s.meta.FindOne(ctx, byID(metaSchema)).Decode(&have); err != nil {
		return failed("read schema version", err)
	}
	if have.Version > schemaVersion {
		return fault.Errorf(fault.Invalid, "the database has schema %d, this Postern knows schemas up to %d: use the newer Postern that wrote it", have.Version, schemaVersion)
	}
	if have.Version < schemaVersion { // what is new may be missing: there is nothing to move
		_, err := s.meta.UpdateOne(ctx, bson.D{{Key: "_id", Value: metaSchema}, {Key: "version", Value: bson.M{"$lt": schemaVersion}}},
			bson.M{"$set": bson.M{"version": schemaVersion}})
		if err != nil {
			return failed("write schema version", err)
		}
	}
	err = s.meta.FindOne(ctx, byID(metaRestore)).Err()
	if err == nil {
		return fault.Errorf(fault.Invalid, "a restore into this database did not finish: drop the database and restore again")
	}
	if !errors.Is(err, mongo.ErrNoDocuments) {
		return failed("look for an unfinished restore", err)
	}
	return nil
}

// keys makes the key document of an index; a name with a minus before it is descending.
func keys(names ...string) bson.D {
	var d bson.D
	for _, n := range names {
		dir := 1
		if n[0] == '-' {
			n, dir = n[1:], -1
		}
		d = append(d, bson.E{Key: n, Value: dir})
	}
	return d
}

// makeIndexes is idempotent. No index is unique: what must be is an _id.
func (s *Store) makeIndexes(ctx context.Context) error {
	plain := map[*mongo.Collection][]bson.D{
		s.messages: {
			keys("id"), keys("author", "mailbox", "receivedAt"), keys("blobs"), keys("issue", "-id"),
			keys("messageId"), keys("verdict", "-id"), keys("keeps", "receivedAt"),
		},
		s.words:         {keys("words")},
		s.issues:        {keys("status", "-_id"), keys("requester.email", "-_id"), keys("assignee", "-_id"), keys("tags", "-_id")},
		s.notes:         {keys("issue", "place")},
		s.links:         {keys("key", "rank", "issue")},
		s.copies:        {keys("message", "n"), keys("blob"), keys("receivedAt")},
		s.ledger:        {keys("addresses", "-_id"), keys("at")},
		s.tokens:        {keys("hash")},
		s.rulesets:      {keys("-seq")},
		s.shadowReports: {keys("shadow")},
		s.ruleCounts:    {keys("version", "stage", "rule"), keys("stage", "rule")},
		s.used:          {keys("until")},
		s.files:         {keys("touched")},
		s.chunks:        {keys("files_id", "n")},
		s.claims:        {keys("at")},
		s.users:         {},
		s.participants:  {},
		s.events:        {},
		s.sources:       {},
	}
	// Of few messages: an issue may have any number that do not wait to be applied, and hardly any is replayed.
	partial := map[string][]bson.D{"pending": {keys("pending"), keys("issue", "pending")}, "run": {keys("run", "-id")}}

	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for coll, list := range plain {
		var models []mongo.IndexModel
		for _, k := range list {
			models = append(models, mongo.IndexModel{Keys: k})
		}
		if coll == s.messages {
			for field, list := range partial {
				for _, k := range list {
					models = append(models, mongo.IndexModel{Keys: k, Options: options.Index().SetPartialFilterExpression(bson.M{field: bson.M{"$exists": true}})})
				}
			}
		}
		if len(models) == 0 {
			continue
		}
		g.Go(func() error {
			err := persist(ctx, func() error {
				_, err := coll.Indexes().CreateMany(ctx, models)
				return err
			})
			return failed(fmt.Sprintf("make indexes of %s", coll.Name()), err)
		})
	}
	return g.Wait()
}
