package mongo

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
)

// A backup is a folder with one file of BSON documents for each collection, as mongodump writes them, and a manifest that is
// written last: without it the folder is no backup.
//
// Mail goes on coming while it is written, and there is no moment at which all collections could be read together. So the messages are read
// before what they make, and what they have made is read after: a note, a link, a new issue that belongs to a message that came later is
// left out. What a later message changed on an older issue (its status, say) may be in it.

const (
	manifestName = "manifest.json"
	backupPause  = 10 * time.Minute // how long the sweep waits for a backup that is no longer heard of
	backupStep   = 1000
	restoreBytes = 4 << 20 // of one bulk insert
)

// A manifest says what a backup holds.
type manifest struct {
	Kind        string                  `json:"kind"`
	Schema      int                     `json:"schema"`
	At          time.Time               `json:"at"`
	Collections map[string]manifestFile `json:"collections"`
}

type manifestFile struct {
	Documents int    `json:"documents"`
	SHA256    string `json:"sha256"`
}

// made is whether a document of a collection may have been made by a message, and which field names its decision.
var made = map[string]string{"issues": "by", "notes": "by", "links": "by", "participants": "by", "words": "by"}

// backedUp lists the collections of a backup, in the order in which they are written: how far the sources got and what was used up first, since
// what they say was done must be among the messages; then messages; blobs last, since a blob is never younger than the message that names it and
// the sweep waits.
func (s *Store) backedUp() []*mongo.Collection {
	return []*mongo.Collection{
		s.sources, s.used, s.messages, s.copies, s.issues, s.notes, s.words, s.links, s.participants, s.users, s.ledger, s.events,
		s.tokens, s.rulesets, s.shadow, s.shadowReports, s.ruleCounts, s.counters, s.meta, s.files, s.chunks,
	}
}

// Backup writes the store below dir, which it makes.
func (s *Store) Backup(ctx context.Context, dir string) error {
	if err := s.backup(ctx, dir); err != nil {
		return fmt.Errorf("back up to %s: %w", dir, err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, manifestName)); !errors.Is(err, fs.ErrNotExist) {
		return fault.Errorf(fault.Conflict, "there is a backup already")
	}
	pausing, err := s.pauseSweep(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pausing()) }()
	if err := s.Recover(ctx); err != nil {
		return err
	}

	m := manifest{Kind: s.Kind(), Schema: schemaVersion, At: s.now(), Collections: map[string]manifestFile{}}
	known := &decisions{attempts: map[string]int{}}
	for _, coll := range s.backedUp() {
		file, err := s.dump(ctx, dir, coll, known)
		if err != nil {
			return fmt.Errorf("%s: %w", coll.Name(), err)
		}
		m.Collections[coll.Name()] = file
		if coll == s.messages {
			// All that was read is applied before anything that it makes is read.
			if err := s.Recover(ctx); err != nil {
				return err
			}
		}
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(dir, manifestName), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// pauseSweep keeps every node's sweep from removing blobs until the returned function is called, or this process is gone for a while.
func (s *Store) pauseSweep(ctx context.Context) (resume func() error, err error) {
	own := byID(metaBackup + rand.Text()) // two backups at once have two marks
	mark := func(ctx context.Context) error {
		_, err := s.meta.UpdateOne(ctx, own, bson.M{"$max": bson.M{"until": s.now().Add(backupPause)}}, options.UpdateOne().SetUpsert(true))
		return failed("pause the sweep", err)
	}
	if _, err := s.meta.DeleteMany(ctx, bson.M{"_id": underBackup, "until": bson.M{"$lt": s.now()}}); err != nil {
		return nil, failed("remove the marks of backups that were cut off", err)
	}
	if err := mark(ctx); err != nil {
		return nil, err
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(backupPause / 5)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				_ = mark(ctx) // tried again at the next tick, long before the pause ends
			}
		}
	}()
	return func() error {
		close(stop)
		<-done
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), opTimeout)
		defer cancel()
		_, err := s.meta.DeleteOne(ctx, own)
		return failed("end the pause of the sweep", err)
	}, nil
}

// decisions are those that a backup holds.
type decisions struct{ attempts map[string]int }

func (d *decisions) add(raw bson.Raw) {
	id, _ := raw.Lookup("id").StringValueOK()
	attempt, _ := raw.Lookup("attempt").AsInt64OK()
	d.attempts[id] = max(d.attempts[id], int(attempt))
}

// has reports whether a decision, as decisionName names it, is among them.
func (d *decisions) has(by string) bool {
	id, attempt, ok := splitDecision(by)
	return ok && attempt <= d.attempts[id]
}

// dump writes one collection.
func (s *Store) dump(ctx context.Context, dir string, coll *mongo.Collection, known *decisions) (manifestFile, error) {
	var file manifestFile
	sum := sha256.New()
	err := writeSynced(filepath.Join(dir, coll.Name()+".bson"), func(w io.Writer) error {
		w = io.MultiWriter(w, sum)
		return s.scan(ctx, coll, func(raw bson.Raw) error {
			switch {
			case coll == s.messages:
				known.add(raw)
			case coll == s.meta && !isOnce(raw):
				return nil
			case made[coll.Name()] != "":
				if by, ok := raw.Lookup(made[coll.Name()]).StringValueOK(); !ok || !known.has(by) {
					return nil
				}
			}
			file.Documents++
			_, err := w.Write(raw)
			return err
		})
	})
	file.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return file, err
}

// isOnce reports whether a document of meta is a value that Once keeps; the others are about this very database.
func isOnce(raw bson.Raw) bool {
	id, _ := raw.Lookup("_id").StringValueOK()
	return len(id) > 5 && id[:5] == "once:"
}

// scan reads a whole collection in the order of its ids, each piece by a query of its own, so that no cursor has to live for hours.
func (s *Store) scan(ctx context.Context, coll *mongo.Collection, each func(bson.Raw) error) error {
	step := int64(backupStep)
	if coll == s.chunks {
		step = chunksAt
	}
	var after bson.RawValue
	for {
		filter := bson.D{}
		if after.Type != 0 {
			filter = bson.D{{Key: "_id", Value: bson.M{"$gt": after}}}
		}
		cur, err := coll.Find(ctx, filter, options.Find().SetSort(keys("_id")).SetLimit(step))
		if err != nil {
			return failed("read", err)
		}
		n := int64(0)
		for cur.Next(ctx) {
			n++
			id := cur.Current.Lookup("_id")
			after = bson.RawValue{Type: id.Type, Value: slices.Clone(id.Value)}
			if err := each(cur.Current); err != nil {
				_ = cur.Close(ctx)
				return err
			}
		}
		if err := errors.Join(cur.Err(), cur.Close(ctx)); err != nil {
			return failed("read", err)
		}
		if n < step {
			return nil
		}
	}
}

// writeSynced writes a file that is whole and on the disk when it returns.
func writeSynced(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		_ = f.Close()
		return err
	}
	return errors.Join(w.Flush(), f.Sync(), f.Close())
}

// readManifest reads what a backup holds and checks that all of it is there, unharmed.
func readManifest(dir string) (*manifest, error) {
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Errorf(fault.NotFound, "no backup there: %s is missing", manifestName)
	}
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fault.Errorf(fault.Invalid, "%s: %w", manifestName, err)
	}
	if m.Kind != "mongodb" {
		return nil, fault.Errorf(fault.Invalid, "this is a backup of a store of kind %q: it can be restored into such a store only", m.Kind)
	}
	if m.Schema > schemaVersion {
		return nil, fault.Errorf(fault.Invalid, "the backup has schema %d, this Postern knows schemas up to %d", m.Schema, schemaVersion)
	}
	for name, file := range m.Collections {
		if err := checkFile(filepath.Join(dir, name+".bson"), file.SHA256); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

func checkFile(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	defer f.Close()
	var sum hash.Hash = sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fault.Errorf(fault.Invalid, "%s is not what was backed up", filepath.Base(path))
	}
	return nil
}
