package mongo_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/mongo"
	"postern/internal/peers"
	"postern/internal/spool"
)

// failsAt is a fault that refuses every write of that name.
func failsAt(name string) func(string) error {
	return func(step string) error {
		if step == name {
			return errCrash
		}
		return nil
	}
}

// A commit whose caller gave up before it was sent is not sent after him, when its claims may be void.
func TestGivenUpIsNotSent(t *testing.T) {
	t.Parallel()
	uri := peers.MongoDatabase(t)
	ctx, giveUp := context.WithCancel(context.Background())
	s := open(t, uri, mongo.Options{Fault: at("write messages", func() error { giveUp(); return nil })})
	c := newMail(1)
	if _, err := s.Commit(ctx, c); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("got %v, want try later", err)
	}
	if n := claimsOf(t, uri, c.Message.MessageID); n != 0 {
		t.Errorf("got %d claims, want them given back", n)
	}
	// What is sent later is written later.
	if _, err := s.Commit(context.Background(), newMail(2)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Message(context.Background(), c.Message.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the message: got %v, want none", err)
	}
}

// A change whose message waits for longer than issues remember is made once.
func TestChangeWaitsForHours(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s := open(t, uri, mongo.Options{Now: now, Fault: failsAt("end messages")})
	done, err := s.Commit(ctx, newMail(1))
	if err != nil {
		t.Fatal(err)
	}
	change := func(n int64, status string) {
		t.Helper()
		c := newMail(n)
		asNote(c, done.Issue)
		c.Change.Status = &status
		if _, err := s.Commit(ctx, c); err != nil {
			t.Fatal(err)
		}
		if got := issueOf(t, s, done.Issue).Status; got != status {
			t.Errorf("got status %q, want %q", got, status)
		}
	}
	change(2, "closed")
	ahead.Store(int64(2 * time.Hour))
	change(3, "open")
	if err := s.Recover(ctx); err == nil {
		t.Error("the messages were ended")
	}
	if got := issueOf(t, s, done.Issue).Status; got != "open" {
		t.Errorf("got status %q, want that of the later change", got)
	}
}

// rejected commits a rejected message with a copy.
func rejected(t *testing.T, s issue.Store, n int64) *issue.Message {
	t.Helper()
	c := newMail(n)
	c.Message.Verdict, c.NewIssue, c.Threads = "rejected", nil, nil
	if _, err := s.Commit(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	keepCopy(t, s, c.Message.ID, "a copy")
	return c.Message
}

func keepCopy(t *testing.T, s issue.Store, id, text string) {
	t.Helper()
	raw := spool.Bytes([]byte(text))
	if err := s.KeepCopy(context.Background(), id, &issue.Copy{ReceivedAt: time.Now(), Raw: issue.Blob{SHA256: raw.SHA256(), Size: raw.Size()}}, raw); err != nil {
		t.Fatal(err)
	}
}

// rawCopies counts the copies that still have their raw.
func rawCopies(t *testing.T, uri, id string) int64 {
	t.Helper()
	n, err := database(t, uri).Collection("copies").CountDocuments(context.Background(), bson.M{"message": id, "blob": bson.M{"$gt": ""}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A deletion that failed half way is finished when it is done again, and copies that come later have no raw.
func TestDropTakesCopies(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	s := open(t, uri, mongo.Options{Fault: at("strip copy", func() error { return errCrash })})
	m := rejected(t, s, 1)
	ev := func() issue.Event {
		return issue.Event{ID: issue.NewID(time.Now()), At: time.Now(), Action: "message.delete"}
	}
	if err := s.DropMessage(ctx, m.ID, ev()); err == nil {
		t.Fatal("the fault did not stop it")
	}
	if err := s.DropMessage(ctx, m.ID, ev()); err != nil {
		t.Fatal(err)
	}
	if n := rawCopies(t, uri, m.ID); n != 0 {
		t.Errorf("got %d copies with their raw after the second deletion", n)
	}
	keepCopy(t, s, m.ID, "another copy")
	if n := rawCopies(t, uri, m.ID); n != 0 {
		t.Errorf("got %d copies with their raw that came after the deletion", n)
	}
	if got, err := s.Message(ctx, m.ID); err != nil || got.Copies != 2 {
		t.Errorf("got %+v, %v, want two copies counted", got, err)
	}
}

// Retention of quarantined mail that failed at a copy is finished the next time.
func TestRetentionTakesCopies(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	s := open(t, uri, mongo.Options{Fault: at("strip copy", func() error { return errCrash })})
	c := held(t, s, 1)
	keepCopy(t, s, c.Message.ID, "a copy")
	r := issue.Retention{Quarantine: time.Now().Add(time.Hour)}
	if _, err := s.Retain(ctx, r); err == nil {
		t.Fatal("the fault did not stop it")
	}
	if _, err := s.Retain(ctx, r); err != nil {
		t.Fatal(err)
	}
	if n := rawCopies(t, uri, c.Message.ID); n != 0 {
		t.Errorf("got %d copies with their raw", n)
	}
}

// A message that cannot be finished keeps retention from no other.
func TestRetentionGoesOn(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	s := open(t, uri, mongo.Options{Fault: at("take trace", func() error { return errCrash })})
	for n := range int64(3) {
		rejected(t, s, n)
	}
	n, err := s.Retain(ctx, issue.Retention{Trace: time.Now().Add(time.Hour)})
	if err == nil || n != 2 {
		t.Errorf("got %d, %v, want two of three taken and the trouble with the other", n, err)
	}
}

// The sweep waits until the last of several backups is done.
func TestSweepWaitsForEveryBackup(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	s := open(t, uri, mongo.Options{})
	other := bson.M{"_id": "backup of another node", "until": time.Now().Add(time.Hour)}
	meta := database(t, uri).Collection("meta")
	if _, err := meta.InsertOne(ctx, other); err != nil {
		t.Fatal(err)
	}
	old := spool.Bytes([]byte("nothing names it"))
	if _, err := database(t, uri).Collection("blobs.files").InsertOne(ctx, bson.M{
		"_id": old.SHA256(), "length": 3, "data": []byte("abc"), "gen": "x", "whole": true, "touched": time.Now().Add(-time.Hour),
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(ctx, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(ctx, time.Minute); err != nil || n != 0 {
		t.Errorf("under a backup: got %d blobs swept, %v", n, err)
	}
	if _, err := meta.DeleteOne(ctx, bson.M{"_id": other["_id"]}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(ctx, time.Minute); err != nil || n != 1 {
		t.Errorf("after it: got %d blobs swept, %v, want 1", n, err)
	}
}

// A node that is late to end a message leaves what was to be done about it since.
func TestLateEndLeavesLaterTodo(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	b, deleter := open(t, uri, mongo.Options{}), open(t, uri, mongo.Options{Fault: failsAt("write events")})
	c := newMail(1)
	c.Message.Verdict, c.NewIssue, c.Threads = "rejected", nil, nil
	late, err := mongo.Open(ctx, uri, mongo.Options{Fault: at("end messages", func() error {
		if err := b.Recover(ctx); err != nil {
			t.Error(err)
		}
		now := time.Now()
		if err := deleter.DropMessage(ctx, c.Message.ID, issue.Event{ID: issue.NewID(now), At: now, Action: "message.delete"}); err != nil {
			t.Error(err)
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	_, err = late.Commit(ctx, c)
	if err := late.Close(); err != nil { // it ends what it committed
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Recover(ctx); err != nil {
		t.Fatal(err)
	}
	if list, _, err := b.Events(ctx, issue.Page{}); err != nil || len(list) != 1 {
		t.Errorf("got %d events, %v, want that of the deletion", len(list), err)
	}
}
