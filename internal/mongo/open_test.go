package mongo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/mongo"
	"postern/internal/peers"
)

// database opens a test database beside the store.
func database(t *testing.T, uri string) *driver.Database {
	t.Helper()
	c, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Disconnect(context.Background()) })
	return c.Database(uri[strings.LastIndexByte(uri, '/')+1:])
}

func TestOpenRefuses(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		name, uri string
		o         mongo.Options
		want      fault.Kind
		says      string
	}{
		{"an address that is none", "http://example.org/", mongo.Options{}, fault.Invalid, "mongodb address"},
		{"a password without a user", "mongodb://127.0.0.1:1/x", mongo.Options{Password: "s3cret"}, fault.Invalid, "names no user"},
		{"a server that is not there", "mongodb://ann@127.0.0.1:1/x", mongo.Options{Password: "s3cret"}, fault.Unavailable, "127.0.0.1:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := mongo.Open(ctx, tt.uri, tt.o)
			if !fault.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %v (%v), want kind %v, saying %q, without the password", err, fault.KindOf(err), tt.want, tt.says)
			}
		})
	}
	for name, doc := range map[string]bson.M{
		"a schema of the future": {"_id": "schema", "version": 1000},
		"an unfinished restore":  {"_id": "restoring"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uri := peers.MongoDatabase(t)
			open(t, uri, mongo.Options{})
			_, err := database(t, uri).Collection("meta").ReplaceOne(ctx, bson.M{"_id": doc["_id"]}, doc, options.Replace().SetUpsert(true))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := mongo.Open(ctx, uri, mongo.Options{}); !fault.Is(err, fault.Invalid) {
				t.Errorf("got %v, want it refused", err)
			}
		})
	}
}

// A database of the schema before is brought to the newest: an older Postern, which would leave out of a backup what the sources did, refuses it then.
func TestOldSchema(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	db := database(t, uri)
	if _, err := db.Collection("meta").InsertOne(ctx, bson.M{"_id": "schema", "version": 2}); err != nil {
		t.Fatal(err)
	}
	s := open(t, uri, mongo.Options{})
	if l, err := s.LeaseSource(ctx, "in", "a", time.Minute); err != nil || l.Fence != 1 {
		t.Errorf("lease: got %+v, %v", l, err)
	}
	raw, err := db.Collection("meta").FindOne(ctx, bson.M{"_id": "schema"}).Raw()
	if v, _ := raw.Lookup("version").AsInt64OK(); v != 3 || err != nil {
		t.Errorf("got schema %d, %v, want 3", v, err)
	}
}

// A long trace is kept beside the message; what would make its document too large is refused, with the reason.
func TestDocumentsStayBounded(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	s := open(t, uri, mongo.Options{})
	long, err := json.Marshal(strings.Repeat("rule ", 100_000))
	if err != nil {
		t.Fatal(err)
	}
	c := newMail(1)
	c.Message.Decision.Trace, c.Message.Decision.Facts = long, long
	done, err := s.Commit(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Message(ctx, done.Message)
	if err != nil || !bytes.Equal(m.Decision.Trace, long) || !bytes.Equal(m.Decision.Facts, long) {
		t.Errorf("got %d bytes of trace, %d of facts, %v, want %d", len(m.Decision.Trace), len(m.Decision.Facts), err, len(long))
	}
	raw, err := database(t, uri).Collection("messages").FindOne(ctx, bson.M{"id": done.Message}).Raw()
	if err != nil || len(raw) > 32<<10 {
		t.Errorf("its document has %d bytes, %v, want no more than 32 KiB", len(raw), err)
	}
	if n, err := s.Sweep(ctx, -1); n != 0 || err != nil {
		t.Errorf("the sweep took %d blobs of a decision, %v", n, err)
	}

	big := newMail(2)
	big.Message.Subject = strings.Repeat("x", 5<<20)
	if _, err := s.Commit(ctx, big); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a subject of 5 MiB: got %v, want it too large", err)
	}
	big.Message.Subject = "cut"
	if _, err := s.Commit(ctx, big); err != nil {
		t.Errorf("and shortened: %v", err)
	}
}

// A backup that is damaged is refused before anything of it is restored.
func TestDamagedBackup(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := open(t, peers.MongoDatabase(t), mongo.Options{})
	done, err := s.Commit(ctx, newMail(1))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := s.Backup(ctx, dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "notes.bson")
	if err := os.WriteFile(path, []byte("not what it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	uri := peers.MongoDatabase(t)
	other := open(t, uri, mongo.Options{})
	if err := other.Restore(ctx, dir); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want it refused", err)
	}
	if _, err := other.Issue(ctx, done.Issue); !fault.Is(err, fault.NotFound) {
		t.Errorf("an issue of a backup that was refused: got %v", err)
	}
	open(t, uri, mongo.Options{}) // and the database is as usable as before
}
