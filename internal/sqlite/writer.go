package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/fault"
	"postern/internal/logkey"
)

const (
	groupSize = 64 // how many waiting writes share a frame of the redo log and its fsync

	// How many writes and bytes the database's transaction takes, and how long it stays open. Readers do not wait for that: see
	// show. What it has changed is in memory, the connection's cache, until its end.
	openWrites = 128
	openBytes  = 4 << 20
	openTime   = 100 * time.Millisecond

	indexBatch = 128      // texts that go into the search index at a time
	patience   = 16 << 10 // texts may wait for a quiet moment before the index is filled under load

	idle = 50 * time.Millisecond // without work the writer turns to what can wait
)

var errClosed = fault.Errorf(fault.Unavailable, "the store is closed")

// A job is one write that waits for the writer.
type job struct {
	ctx   context.Context
	do    func(tx *tx) error
	kind  jobKind
	after func() // called once it is answered
	err   error
	done  chan error
	said  bool // it was answered
}

type jobKind int

const (
	inGroup jobKind = iota
	alone           // on the connection, between two groups and in no transaction
	toShow          // wants what was written before it to be seen by readers
)

func (j *job) answer(err error) {
	j.said = true
	j.cancel()
	j.done <- err
}

func (j *job) cancel() {
	if j.after != nil {
		j.after()
	}
}

// A tx is what a group of jobs writes by. A job that fails before it wrote anything has simply not happened; one that
// fails later takes the whole transaction back, and the others are done again.
type tx struct {
	*conn
	fault func(step string) error
	redo  *frame
	wrote bool     // something since the current job began
	texts int      // put into the search queue since then
	users []string // who were written since the group began
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
	if n > 0 && err == nil && t.redo != nil {
		err = t.redo.add(query, args)
	}
	return n, err
}

// A writer owns the one connection that writes. Whatever waits when somebody turns to its queue is one group: done in the
// database's open transaction, made durable by one frame of the redo log, answered. The transaction itself is committed
// now and then, for many groups at once.
//
// Who brings a write and finds the writer at rest serves the queue himself, once: a single sender then waits for no other
// goroutine. Under load, and for what can wait, there is the writer's own.
type writer struct {
	nudge  chan struct{} // something waits for the writer's own goroutine
	jobs   chan *job
	quit   chan struct{} // closed: finish what waits, then end
	ended  chan struct{}
	hidden atomic.Bool // something was answered that readers do not see yet

	mu    sync.Mutex // held by who serves: all below is his
	c     *conn
	redo  *redo
	log   *slog.Logger
	fault func(step string) error
	turn  func(file int, id uint64) // begins to make the database durable behind a file of the redo log
	users func(emails []string)     // were written; nil: any may have been

	frame   frame
	group   []*job    // gather's
	last    time.Time // when a group was served
	open    time.Time // since when there is a transaction; zero: there is none
	held    int       // writes in it
	bytes   int       // in it
	undone  bool      // SQLite has taken it back
	lost    bool      // what it held is in the redo log alone
	refuse  error     // why nothing can be written any more
	turning bool      // the other file of the redo log is not free yet
	turnAt  int64     // bytes of the redo log after which the database is made durable
	backlog int       // texts that wait for the search index
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
	s.w.help()
	select {
	case err := <-j.done:
		return err
	case <-j.ctx.Done():
		select {
		case <-s.w.ended:
			return unanswered(j)
		default:
			return fault.As(fault.Unavailable, fmt.Errorf("wait for the store: %w", j.ctx.Err()))
		}
	case <-s.w.ended:
		return unanswered(j)
	}
}

// unanswered is what becomes of a job when the writer has ended.
func unanswered(j *job) error {
	select {
	case err := <-j.done: // its last act
		return err
	default:
		j.cancel()
		return errClosed
	}
}

// update is submit for small writes.
func (s *Store) update(ctx context.Context, do func(tx *tx) error) error {
	return s.submit(&job{ctx: ctx, do: do})
}

// exclusively runs f on the writer's connection between two groups, in no transaction.
func (s *Store) exclusively(ctx context.Context, f func(c *conn) error) error {
	return s.submit(&job{ctx: ctx, kind: alone, do: func(t *tx) error { return f(t.conn) }})
}

// show lets readers see all that was answered so far.
func (s *Store) show(ctx context.Context) error {
	if !s.w.hidden.Load() {
		return nil
	}
	return s.submit(&job{ctx: ctx, kind: toShow})
}

// help serves one group, if nobody else is about it. Whoever was is told of what came meanwhile: a job is in the queue before its
// sender tries, and the queue is looked at again after the writer is free.
func (w *writer) help() {
	if !w.mu.TryLock() {
		return
	}
	due := w.helping()
	if due || len(w.jobs) > 0 {
		w.wake()
	}
}

func (w *writer) helping() (due bool) {
	defer w.mu.Unlock()
	select {
	case <-w.quit: // the writer's own goroutine ends it
		return true
	default:
	}
	fresh := w.open.IsZero()
	if group := w.gather(); len(group) > 0 {
		w.serve(group)
	}
	return w.due() || fresh && !w.open.IsZero() // a transaction that was opened must also end
}

func (w *writer) wake() {
	select {
	case w.nudge <- struct{}{}:
	default:
	}
}

// stop lets the writer finish what waits and waits for its end.
func (w *writer) stop() {
	close(w.quit)
	<-w.ended
}

// run is the life of the writer's own goroutine, until quit.
func (w *writer) run() {
	defer close(w.ended)
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		select {
		case <-w.nudge:
			w.work()
			timer.Reset(idle)
		case <-timer.C:
			if wait := w.leisure(); wait > 0 {
				timer.Reset(wait)
			}
		case <-w.quit:
			w.work()
			return
		}
		if len(w.jobs) > 0 { // came when nobody could help
			w.wake()
		}
	}
}

// work serves until nothing waits.
func (w *writer) work() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		group := w.gather()
		if len(group) > 0 {
			w.serve(group)
		}
		w.upkeep()
		if len(group) == 0 {
			return
		}
	}
}

// leisure turns to what can wait, when nothing has come for a moment, and says when to look again; 0 is never.
func (w *writer) leisure() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if quiet := time.Since(w.last); quiet < idle {
		w.upkeep()
		return idle - quiet
	}
	if w.atLeisure() {
		return time.Nanosecond // there is more, unless a job comes first
	}
	return 0
}

// gather takes what waits.
func (w *writer) gather() []*job {
	group := w.group[:0]
	for len(group) < groupSize {
		select {
		case j := <-w.jobs:
			group = append(group, j)
		default:
			w.group = group
			return group
		}
	}
	w.group = group
	return group
}

// serve answers every job of a group. One that fails after it wrote something is answered and left out, and the rest is
// done again from the beginning.
func (w *writer) serve(group []*job) {
	defer func() {
		p := recover() // a bug of ours outside a job: the redo log has what was answered
		if p == nil {
			return
		}
		w.log.Error("panic in the writer", logkey.Error, fmt.Sprint(p), "stack", string(debug.Stack()))
		w.held++
		w.lose(errUndone)
		for _, j := range group {
			if !j.said {
				j.answer(fault.Errorf(fault.Unavailable, "internal error while writing"))
			}
		}
	}()
	w.last = time.Now()
	var writes, others []*job
	for _, j := range group {
		if j.kind == inGroup {
			writes = append(writes, j)
		} else {
			others = append(others, j)
		}
	}
	for len(writes) > 0 {
		done, bad, err := w.try(writes)
		switch {
		case err != nil: // the disk's fault: it is everybody's
			w.log.Error("commit failed, its mails stay with their senders", logkey.Error, err)
			for _, j := range writes {
				j.answer(fault.As(fault.Unavailable, fmt.Errorf("commit: %w", err)))
			}
			writes = nil
		case bad != nil:
			bad.answer(bad.err)
			writes = slices.DeleteFunc(writes, func(j *job) bool { return j == bad })
		default:
			for _, j := range writes[:done] {
				j.answer(j.err)
			}
			writes = writes[done:]
		}
	}
	for _, j := range others {
		err := w.commit()
		if j.kind == alone && err == nil {
			err = guard(j.do, &tx{conn: w.c, fault: w.fault})
		}
		j.answer(err)
	}
}

// try does the first jobs, as many as make one frame of the redo log, and says how many. Where nothing was written it returns
// the one that spoilt it, or an error that concerns all.
func (w *writer) try(group []*job) (done int, bad *job, err error) {
	if err := w.begin(); err != nil {
		return 0, nil, err
	}
	w.frame.reset()
	t := &tx{conn: w.c, fault: w.fault, redo: &w.frame}
	texts := 0
	for _, j := range group {
		if w.frame.size() >= frameFull {
			break
		}
		done++
		if err := j.ctx.Err(); err != nil {
			j.err = fault.As(fault.Unavailable, err)
			continue
		}
		t.wrote, t.texts = false, 0
		j.err = guard(j.do, t)
		if w.undone {
			err := cmpErr(j.err, errUndone)
			w.lose(err)
			return 0, nil, err
		}
		switch {
		case j.err == nil:
			texts += t.texts
		case t.wrote && fault.Is(j.err, fault.Unavailable):
			w.lose(j.err)
			return 0, nil, j.err
		case t.wrote:
			w.lose(j.err)
			return 0, j, nil
		}
	}
	if err := w.keep(); err != nil {
		w.lose(err)
		return 0, nil, err
	}
	if w.frame.size() > 0 {
		w.hidden.Store(true)
	}
	w.held += done
	w.bytes += w.frame.size()
	w.backlog += texts
	if len(t.users) > 0 {
		w.users(t.users)
	}
	return done, nil, nil
}

// begin opens the transaction where none is open.
func (w *writer) begin() error {
	if err := w.sound(); err != nil || !w.open.IsZero() {
		return err
	}
	w.undone = false
	if _, err := w.c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	w.open = time.Now()
	return nil
}

// keep makes the frame durable.
func (w *writer) keep() error {
	if w.fault != nil {
		if err := w.fault("redo"); err != nil {
			return err
		}
	}
	if w.frame.size() == 0 {
		return nil
	}
	return w.redo.append(w.frame.b)
}

// commit ends the transaction, so that readers see what it wrote.
func (w *writer) commit() error {
	if err := w.sound(); err != nil {
		return err
	}
	if w.open.IsZero() {
		w.hidden.Store(false)
		return nil
	}
	err := error(nil)
	if w.fault != nil {
		err = w.fault("commit")
	}
	if err == nil && w.held > 0 {
		err = putPlace(w.c, w.redo.seq)
	}
	if err == nil {
		_, err = w.c.exec("COMMIT")
	}
	if err != nil {
		w.lose(err)
		return fault.As(fault.Unavailable, fmt.Errorf("commit: %w", err))
	}
	w.open, w.held, w.bytes = time.Time{}, 0, 0
	w.hidden.Store(false)
	return nil
}

// lose takes the transaction back, because a part of it failed or it could not be committed; on a full disk SQLite may have
// done so by itself. What it held for those who were answered is taken from the redo log again, and until that succeeds
// nothing new is written. That is rare, and so nobody pays for savepoints.
func (w *writer) lose(err error) {
	_, _ = w.c.exec("ROLLBACK")
	if w.held > 0 {
		w.log.Warn("the database takes what it had from its redo log again", logkey.Error, err)
	}
	w.lost = w.lost || w.held > 0
	w.open, w.held, w.bytes = time.Time{}, 0, 0
}

var errUndone = fault.Errorf(fault.Unavailable, "SQLite took the transaction back")

// sound says whether the database has all that was answered, after what was lost was done once more.
func (w *writer) sound() error {
	if w.refuse != nil {
		return w.refuse
	}
	if !w.open.IsZero() && w.undone {
		w.lose(errUndone)
	}
	if !w.lost {
		return nil
	}
	// A frame after the last may be there whole, though its fsync failed and nobody was answered.
	if err := catchUp(w.c, w.redo, w.redo.seq); err != nil {
		return err
	}
	w.lost = false
	w.users(nil) // while it lacked something, somebody may have looked and found nobody
	return nil
}

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
// each one is merged into those before it.
func (w *writer) upkeep() {
	if w.full() {
		_ = w.commit() // tried again before the next write
	}
	if w.backlog >= patience {
		w.index(indexBatch)
	}
	if w.redo.size() >= w.turnAt {
		w.turnRedo()
	}
}

// due says whether upkeep has something to do.
func (w *writer) due() bool {
	return w.full() || w.backlog >= patience || w.redo.size() >= w.turnAt && !w.turning
}

func (w *writer) full() bool {
	return w.held >= openWrites || w.bytes >= openBytes || !w.open.IsZero() && time.Since(w.open) >= openTime
}

// atLeisure does a little of what can wait and says whether there is more.
func (w *writer) atLeisure() bool {
	if w.commit() != nil {
		return false
	}
	if w.backlog > 0 {
		return w.index(indexBatch)
	}
	if w.redo.size() >= w.turnAt/8 {
		w.turnRedo()
	}
	return false
}

// turnRedo goes on in the other file of the redo log and has the database made durable behind this one.
func (w *writer) turnRedo() {
	if w.turning || w.redo.torn || w.commit() != nil {
		return
	}
	w.turning = true
	w.turn(w.redo.turn(), w.redo.id)
}
