package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"postern/internal/fault"
	"postern/internal/logkey"
)

const (
	groupSize = 64 // how many waiting writes share a transaction

	// A checkpoint is due after so many bytes of new rows, as the writer estimates them. It is made by
	// the writer itself with RESTART, so that the log starts over and stays at this size.
	checkpointBytes = 16 << 20
	rowBytes        = 12 << 10 // what a commit writes beside its bodies, pages of indexes included

	indexBatch = 128      // texts that go into the search index at a time
	patience   = 16 << 10 // texts may wait for a quiet moment before the index is filled under load

	idle = 50 * time.Millisecond // without work the writer turns to the search index
)

var errClosed = fault.Errorf(fault.Unavailable, "the store is closed")

// A job is one write that waits for the writer.
type job struct {
	ctx   context.Context
	do    func(tx *tx) error
	alone bool   // not in a transaction
	bytes int    // of bodies
	after func() // called once it is answered
	err   error
	done  chan error
}

func (j *job) answer(err error) {
	j.cancel()
	j.done <- err
}

func (j *job) cancel() {
	if j.after != nil {
		j.after()
	}
}

// A tx is the transaction that a group of jobs shares. A job that fails before it wrote anything has
// simply not happened; one that fails later takes the whole transaction back, and the others are done again.
type tx struct {
	*conn
	fault func(step string) error
	wrote bool // something since the current job began
	texts int  // put into the search queue since then
}

// write runs a statement that changes something; step names it for faults.
func (t *tx) write(step, query string, args ...any) (int64, error) {
	if t.fault != nil {
		if err := t.fault(step); err != nil {
			t.wrote = true
			return 0, fault.As(fault.Unavailable, err)
		}
	}
	n, err := t.exec(query, args...)
	if n > 0 || err != nil {
		t.wrote = true
	}
	return n, err
}

// A writer owns the one connection that writes. Whatever waits when it turns to its queue is committed
// together, with one fsync for all; a single sender waits for nobody.
type writer struct {
	c       *conn
	jobs    chan *job
	quit    chan struct{} // closed: finish what waits, then end
	ended   chan struct{}
	log     *slog.Logger
	fault   func(step string) error
	backlog int // texts that wait for the search index
	behind  int // bytes since the last checkpoint
}

// submit hands a write to the writer and waits until it is durable or failed. When ctx ends first, the write
// may still happen.
func (s *Store) submit(j *job) error {
	j.done = make(chan error, 1)
	select {
	case <-s.w.quit:
		j.cancel()
		return errClosed
	default:
	}
	select {
	case s.w.jobs <- j:
	case <-j.ctx.Done():
		j.cancel()
		return fault.As(fault.Unavailable, fmt.Errorf("wait for the store: %w", j.ctx.Err()))
	case <-s.w.ended:
		j.cancel()
		return errClosed
	}
	select {
	case err := <-j.done:
		return err
	case <-j.ctx.Done():
		return fault.As(fault.Unavailable, fmt.Errorf("wait for the store: %w", j.ctx.Err()))
	case <-s.w.ended:
		select {
		case err := <-j.done: // its last act
			return err
		default:
			j.cancel()
			return errClosed
		}
	}
}

// update is submit for small writes.
func (s *Store) update(ctx context.Context, do func(tx *tx) error) error {
	return s.submit(&job{ctx: ctx, do: do})
}

// exclusively runs f on the writer's connection between two groups, in no transaction.
func (s *Store) exclusively(ctx context.Context, f func(c *conn) error) error {
	return s.submit(&job{ctx: ctx, alone: true, do: func(t *tx) error { return f(t.conn) }})
}

func newWriter(c *conn, log *slog.Logger, fault func(string) error) *writer {
	return &writer{c: c, jobs: make(chan *job, groupSize), quit: make(chan struct{}), ended: make(chan struct{}), log: log, fault: fault}
}

// stop lets the writer finish what waits and waits for its end.
func (w *writer) stop() {
	close(w.quit)
	<-w.ended
}

// run is the writer's life, until quit.
func (w *writer) run() {
	defer close(w.ended)
	timer := time.NewTimer(idle)
	defer timer.Stop()
	group := make([]*job, 0, groupSize)
	for {
		select {
		case j := <-w.jobs:
			group = w.gather(append(group[:0], j))
			w.commit(group)
			w.upkeep()
			timer.Reset(idle)
		case <-timer.C:
			if w.atLeisure() {
				timer.Reset(0) // there is more, unless a job comes first
			}
		case <-w.quit:
			for {
				select {
				case j := <-w.jobs:
					group = w.gather(append(group[:0], j))
					w.commit(group)
				default:
					return
				}
			}
		}
	}
}

// gather takes along what waits.
func (w *writer) gather(group []*job) []*job {
	for len(group) < groupSize {
		select {
		case j := <-w.jobs:
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// commit answers every job of the group. A job that fails after it wrote something is answered and left
// out, and the rest is done again from the beginning: that is rare, and so nobody pays for savepoints.
func (w *writer) commit(group []*job) {
	group = slices.DeleteFunc(group, func(j *job) bool {
		if j.alone {
			j.answer(guard(j.do, &tx{conn: w.c, fault: w.fault}))
		}
		return j.alone
	})
	for len(group) > 0 {
		bad, err := w.try(group)
		switch {
		case err != nil: // the disk's fault: it is everybody's
			w.log.Error("commit failed, its mails stay with their senders", logkey.Error, err)
			for _, j := range group {
				j.answer(fault.As(fault.Unavailable, fmt.Errorf("commit: %w", err)))
			}
			return
		case bad < 0:
			for _, j := range group {
				j.answer(j.err)
			}
			return
		default:
			group[bad].answer(group[bad].err)
			group = append(group[:bad], group[bad+1:]...)
		}
	}
}

// try runs the jobs in one transaction. It returns the place of the one that spoilt it, or an error that
// concerns all; in both cases nothing was written.
func (w *writer) try(group []*job) (bad int, err error) {
	if _, err := w.c.exec("BEGIN IMMEDIATE"); err != nil {
		return -1, err
	}
	t := &tx{conn: w.c, fault: w.fault}
	texts, bytes := 0, 0
	for i, j := range group {
		if err := j.ctx.Err(); err != nil {
			j.err = fault.As(fault.Unavailable, err)
			continue
		}
		t.wrote, t.texts = false, 0
		j.err = guard(j.do, t)
		switch {
		case j.err == nil:
			texts, bytes = texts+t.texts, bytes+j.bytes+rowBytes
		case t.wrote && fault.Is(j.err, fault.Unavailable):
			w.rollback()
			return -1, j.err
		case t.wrote:
			w.rollback()
			return i, nil
		}
	}
	if w.fault != nil {
		if err := w.fault("commit"); err != nil {
			w.rollback()
			return -1, err
		}
	}
	if _, err := w.c.exec("COMMIT"); err != nil {
		w.rollback()
		return -1, err
	}
	w.backlog += texts
	w.behind += bytes
	return -1, nil
}

// rollback fails where SQLite has already rolled back by itself, as it does on a full disk.
func (w *writer) rollback() { _, _ = w.c.exec("ROLLBACK") }

// guard turns a panic into an error: one job's bug must not take down the writer.
func guard(do func(*tx) error, t *tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			t.wrote = true
			err = fmt.Errorf("panic in a write: %v\n%s", p, debug.Stack())
		}
	}()
	return do(t)
}

// upkeep is what must be done between groups even under load. The search index is filled in large batches, since
// each one is merged into those before it; meanwhile mail waits as long as for a checkpoint.
func (w *writer) upkeep() {
	if w.backlog >= patience {
		w.index(indexBatch)
	}
	if w.behind >= checkpointBytes {
		w.checkpoint()
	}
}

// atLeisure does a little of what can wait and says whether there is more.
func (w *writer) atLeisure() bool {
	if w.backlog > 0 {
		return w.index(indexBatch)
	}
	if w.behind >= checkpointBytes/8 {
		w.checkpoint()
	}
	return false
}

// checkpoint moves the log into the database and starts it over. A reader that is still in the log
// only delays it. A full disk fails it, and the log goes on.
func (w *writer) checkpoint() {
	w.behind = 0
	if w.fault != nil && w.fault("checkpoint") != nil {
		return
	}
	_, _ = w.c.exec("PRAGMA busy_timeout = 100") // it would wait for readers
	if _, err := w.c.exec("PRAGMA wal_checkpoint(RESTART)"); err != nil {
		w.log.Warn("checkpoint failed, the log grows", logkey.Error, err)
	}
	_, _ = w.c.exec("PRAGMA busy_timeout = 5000")
}
