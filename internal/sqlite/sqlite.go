// Package sqlite is the embedded store: one SQLite database and a folder of blobs, for one process.
//
// One goroutine writes. What waits for it is done together, so that many senders share one fsync and
// a single one waits for nobody. What makes it durable is a redo log, see type redo; each sender is answered when his bytes are
// in it. The database follows: its transaction stays open for many mails and ends when somebody wants to read, or a tenth of a
// second later. Readers have connections of their own and see all that was answered before they asked. Small bodies are
// rows, large ones files that are durable before the row that names them. The search index is filled a moment later, from a
// queue that is part of the commit.
//
//	data/postern.lock     who has the folder
//	data/postern.redo-0   (and -1) the redo log: what is not durable in the database yet
//	data/postern.db       (-wal, -shm) the database; people's own tools read its v_ views
//	data/blobs/ab/…       blobs above 256 KiB, named by their SHA-256
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

	users    users
	number   int64          // the last issue's; the writer's alone
	message  int64          // the last message's row; the writer's alone
	settling sync.WaitGroup // see settle

	folders  sync.Map     // of blobs, those that are durable
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
	if err := makeData(dir); err != nil {
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
	s.w = &writer{
		c: c, nudge: make(chan struct{}, 1), jobs: make(chan *job, groupSize), quit: make(chan struct{}), ended: make(chan struct{}), log: log, fault: o.Fault,
		turn:  func(file int, id uint64) { s.settling.Go(func() { s.settle(file, id) }) },
		users: s.users.forget, turnAt: turnBytes,
	}
	if err := s.prepareDatabase(c); err != nil {
		return nil, err
	}
	if err := c.onRollback(func() { s.w.undone = true }); err != nil {
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

// makeData makes the folder, durably, where it is not there.
func makeData(dir string) error {
	_, missing := os.Stat(dir)
	if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o700); err != nil || missing == nil {
		return err
	}
	return syncPath(filepath.Dir(dir))
}

// prepareDatabase brings the database up to date: with its redo log, and with our schema. A log that an older schema wrote is
// done before the schema changes.
func (s *Store) prepareDatabase(c *conn) error {
	have, err := schemaVersion(c)
	if err != nil {
		return err
	}
	if have > 0 {
		err = s.join(c)
	}
	if err == nil {
		err = upgrade(c, have)
	}
	if err == nil && have == 0 {
		err = s.join(c)
	}
	if err == nil {
		err = s.count(c)
	}
	if err == nil {
		_, err = c.exec("PRAGMA synchronous = NORMAL") // from here on the redo log is what makes a commit durable
	}
	return err
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

// read lends a connection to f, which sees all that was answered before. Where that cannot be shown, on a full disk, it
// sees what was before: nothing can be committed on the strength of it meanwhile.
func (s *Store) read(ctx context.Context, f func(c *conn) error) error {
	select {
	case <-s.done:
		return errClosed
	default:
	}
	if err := s.show(ctx); err != nil && ctx.Err() != nil {
		return err
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

// Recover has nothing to do: Open takes from the redo log what a crash kept from the database, the search
// queue goes on where it was, and the sweep takes files without a row.
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
		s.settling.Wait()
		close(s.done)
		if err := s.tidy(); err != nil {
			s.closed = fmt.Errorf("close the store: %w", err)
		}
		s.closed = errors.Join(s.closed, s.shut())
	})
	return s.closed
}

// tidyTime is how long the search index is filled at the end. A command that commits one mail comes to it nowhere else.
const tidyTime = time.Second

// tidy leaves the database whole and both logs empty. Where it fails, the redo log has what is missing.
func (s *Store) tidy() error {
	for end := time.Now().Add(tidyTime); time.Now().Before(end) && s.w.backlog > 0 && s.w.index(indexBatch); {
	}
	if err := errors.Join(s.w.commit(), s.syncDatabase()); err != nil {
		return err
	}
	if _, err := s.w.c.exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return err
	}
	return s.w.redo.empty()
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
		if s.w.redo != nil {
			errs = append(errs, s.w.redo.close())
		}
	}
	return errors.Join(append(errs, s.lock.release())...)
}
