package mongo_test

import (
	"context"
	"os"
	"testing"

	"postern/internal/issue"
	"postern/internal/mongo"
	"postern/internal/peers"
	"postern/internal/storetest"
)

func TestMain(m *testing.M) { os.Exit(peers.WithMongo(m.Run)) }

// A place is a database of its own on the tests' server.
type place struct{ uri string }

func (p place) Open(t *testing.T, o storetest.Options) issue.Store {
	t.Helper()
	s, err := mongo.Open(context.Background(), p.uri, mongo.Options{Now: o.Now, Fault: o.Fault})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Crash drops the store. Close writes only what follows a commit, which the fault stops where the process is to have ended; the
// real thing, a process killed under load, is in internal/crash.
func (p place) Crash(t *testing.T, s issue.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("crash: %v", err)
	}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Place { return place{peers.MongoDatabase(t)} })
}
