// Package sqlite is the embedded store: one SQLite database and a folder of blobs, for one process.
//
// One goroutine writes. What waits for it is committed together, so that many senders share one fsync and
// a single one waits for nobody; each is answered when its bytes are on disk. Readers have connections of
// their own and see the last commit. Small bodies are rows, large ones files that are durable before
// the row that names them. The search index is filled a moment after the commit, from a queue that is
// part of it.
//
//	data/postern.lock   who has the folder
//	data/postern.db     (-wal, -shm) the database; people's own tools read its v_ views
//	data/blobs/ab/…     blobs above 256 KiB, named by their SHA-256
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

var _ issue.Store = (*Store)(nil)

// Options are what a store needs beside its folder.
type Options struct {
	Log *slog.Logger     // nil: none
	Now func() time.Time // nil: time.Now

	// Fault, for tests, is called before each durable write; an error from it is that write's failure.
	Fault func(step string) error
}

// queries is how many run at once.
const queries = 4

// A Store is the embedded store. It is safe for many goroutines.
type Store struct {
	dir   string
	clock func() time.Time
	fault func(step string) error
	lock  *lock
	w     *writer

	pool    chan *conn // connections that read, those that nobody uses just now
	readers int        // how many there are
	done    chan struct{}

	number  int64 // the last issue's; the writer's alone
	message int64 // the last message's row; the writer's alone

	files    sync.RWMutex // held for reading while a file waits for its row, for writing by the sweep
	sweeping sync.Mutex   // the sweep and the backup exclude each other

	closing sync.Once
	closed  error
}

// Open opens or makes the store in a folder. A folder that another process has open is a Conflict that says
// who has it.
func Open(ctx context.Context, dir string, o Options) (_ *Store, err error) {
	s := &Store{dir: dir, clock: o.Now, fault: o.Fault, pool: make(chan *conn, queries), done: make(chan struct{})}
	if s.clock == nil {
		s.clock = time.Now
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o700); err != nil {
		return nil, fault.As(fault.Unavailable, fmt.Errorf("open the data folder: %w", err))
	}
	if s.lock, err = take(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open the store in %s: %w", dir, err), s.shut())
		}
	}()
	c, err := connect(ctx, s.path(), toWrite)
	if err != nil {
		return nil, err
	}
	s.w = newWriter(c, log, o.Fault)
	if err := migrate(c); err != nil {
		return nil, err
	}
	if err := s.count(c); err != nil {
		return nil, err
	}
	for range cap(s.pool) {
		r, err := connect(ctx, s.path(), toRead)
		if err != nil {
			return nil, err
		}
		s.readers++
		s.pool <- r
	}
	go s.w.run()
	return s, nil
}

func (s *Store) path() string { return filepath.Join(s.dir, "postern.db") }

func (s *Store) now() time.Time { return issue.Time(s.clock()) }

// step asks whether a write outside the database may happen.
func (s *Store) step(name string) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(name)
}

// count finds where numbers go on, and how much waits for the search index.
func (s *Store) count(c *conn) error {
	r, _, err := c.one(`SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'issues'), 0), coalesce((SELECT max(number) FROM issues), 0)),
		coalesce((SELECT max(seq) FROM messages), 0), (SELECT count(*) FROM search_queue)`)
	if err != nil {
		return fmt.Errorf("read where the numbers are: %w", err)
	}
	s.number, s.message, s.w.backlog = r.int(0), r.int(1), int(r.int(2))
	return nil
}

// read lends a connection to f.
func (s *Store) read(ctx context.Context, f func(c *conn) error) error {
	select {
	case <-s.done:
		return errClosed
	default:
	}
	select {
	case c := <-s.pool:
		defer func() { s.pool <- c }()
		return f(c)
	case <-s.done:
		return errClosed
	case <-ctx.Done():
		return fault.As(fault.Unavailable, fmt.Errorf("wait for the store: %w", ctx.Err()))
	}
}

// Recover has nothing to do: SQLite takes back what a crash left half written when it opens the
// database, the search queue goes on where it was, and the sweep takes files without a row.
func (s *Store) Recover(context.Context) error { return nil }

// Ping says whether the store can commit now, by an empty commit.
func (s *Store) Ping(ctx context.Context) error {
	return wrap(s.update(ctx, func(t *tx) error {
		_, err := t.write("ping", "INSERT INTO once (key, value) VALUES ('ping', '') ON CONFLICT DO UPDATE SET value = ''")
		return err
	}), "ping")
}

// Kind is "sqlite".
func (s *Store) Kind() string { return "sqlite" }

// Close commits what waits, moves the log into the database, and lets go of the folder.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.w.stop()
		close(s.done)
		if _, err := s.w.c.exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			s.closed = fmt.Errorf("close the store: %w", err)
		}
		s.closed = errors.Join(s.closed, s.shut())
	})
	return s.closed
}

// shut closes what is open, once the queries that run have ended.
func (s *Store) shut() error {
	var errs []error
	for range s.readers {
		c := <-s.pool
		errs = append(errs, c.close())
	}
	if s.w != nil {
		errs = append(errs, s.w.c.close())
	}
	return errors.Join(append(errs, s.lock.release())...)
}
