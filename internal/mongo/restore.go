package mongo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
)

// Restore reads a backup into this database, which must be empty, and starts a new epoch: issue numbers jump ahead. While it runs, and after
// one that was cut off, a mark in the database keeps every store from opening it.
func (s *Store) Restore(ctx context.Context, dir string) error {
	if err := s.restore(ctx, dir); err != nil {
		return fmt.Errorf("restore from %s: %w", dir, err)
	}
	return nil
}

func (s *Store) restore(ctx context.Context, dir string) error {
	m, err := readManifest(dir)
	if err != nil {
		return err
	}
	for _, coll := range s.backedUp() {
		if coll == s.meta || coll == s.counters {
			continue
		}
		err := coll.FindOne(ctx, bson.D{}, options.FindOne().SetProjection(bson.M{"_id": 1})).Err()
		if err == nil {
			return fault.Errorf(fault.Conflict, "the store is not empty: it has %s; restore into an empty one", coll.Name())
		}
		if !errors.Is(err, mongo.ErrNoDocuments) {
			return failed("look whether the store is empty", err)
		}
	}
	if _, err := s.meta.InsertOne(ctx, bson.M{"_id": metaRestore, "at": s.now()}); err != nil && !isDuplicate(err) {
		return failed("mark the restore", err)
	}
	for _, coll := range s.backedUp() {
		want, ok := m.Collections[coll.Name()]
		if !ok {
			continue
		}
		n, err := s.load(ctx, dir, coll)
		if err != nil {
			return fmt.Errorf("%s: %w", coll.Name(), err)
		}
		if n != want.Documents {
			return fault.Errorf(fault.Invalid, "%s: %d documents, the manifest says %d", coll.Name(), n, want.Documents)
		}
	}
	if _, err := s.sources.UpdateMany(ctx, bson.D{}, bson.M{"$set": bson.M{"holder": "", "until": nil}}); err != nil { // who had a lease is not of this epoch
		return failed("end the leases", err)
	}
	if _, err := s.count(ctx, "issue", issue.EpochJump); err != nil {
		return err
	}
	if err := s.makeIndexes(ctx); err != nil {
		return err
	}
	_, err = s.meta.DeleteOne(ctx, byID(metaRestore))
	return failed("end the restore", err)
}

// load writes a file's documents. Those of meta and counters take the place of what a newly opened store may have put there.
func (s *Store) load(ctx context.Context, dir string, coll *mongo.Collection) (int, error) {
	f, err := os.Open(filepath.Join(dir, coll.Name()+".bson"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var models []mongo.WriteModel
	size, total := 0, 0
	flush := func() error {
		if len(models) == 0 {
			return nil
		}
		_, err := coll.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		total, models, size = total+len(models), nil, 0
		return failed("write", err)
	}
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		raw, err := bson.ReadDocument(r)
		if errors.Is(err, io.EOF) {
			err := flush()
			return total, err
		}
		if err != nil {
			return total, fault.Errorf(fault.Invalid, "%s.bson: %w", coll.Name(), err)
		}
		if coll == s.meta || coll == s.counters {
			models = append(models, mongo.NewReplaceOneModel().SetFilter(byID(raw.Lookup("_id"))).SetReplacement(raw).SetUpsert(true))
		} else {
			models = append(models, mongo.NewInsertOneModel().SetDocument(raw))
		}
		if size += len(raw); size >= restoreBytes || len(models) >= backupStep {
			if err := flush(); err != nil {
				return total, err
			}
		}
	}
}
