package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"postern/internal/issue"
	"postern/internal/sqlite"
	"postern/internal/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Place { return &place{dir: t.TempDir()} })
}

type place struct{ dir string }

func (p *place) Open(t *testing.T, o storetest.Options) issue.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), p.dir, sqlite.Options{Now: o.Now, Fault: o.Fault})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

// Crash goes on with a copy of the files as they are at this moment, log and all: closing the database would tidy
// it up.
func (p *place) Crash(t *testing.T, s issue.Store) {
	t.Helper()
	after := t.TempDir()
	if err := os.CopyFS(after, os.DirFS(p.dir)); err != nil {
		t.Fatalf("copy %s: %v", p.dir, err)
	}
	if err := os.Remove(filepath.Join(after, "postern.db-shm")); err != nil {
		t.Fatalf("remove shared memory: %v", err) // it does not outlive its processes
	}
	s.(*sqlite.Store).Abandon()
	p.dir = after
}
