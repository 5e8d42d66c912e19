package poller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/logkey"
)

// A runner polls one source for as long as the configuration has it.
type runner struct {
	m       *Manager
	src     *Source
	log     *slog.Logger
	cancel  context.CancelFunc
	gone    chan struct{} // closed when it has ended
	wake    chan struct{} // somebody wants a poll now
	workers *semaphore.Weighted

	// Of the goroutine that polls.
	back       backoff
	news       news
	newFirst   bool // what is pending ended a session: next time it comes after what is new
	barren     int  // groups in a row of which no mail came
	settleLast bool // settling ended a session: next time it comes last

	failing atomic.Int32 // how often in a row nothing could be taken

	mu       sync.Mutex
	live     live
	commands []command
}

// live is what only this node knows of a source.
type live struct {
	holding bool
	doing   string    // "connecting", "polling", "waiting", "backing off", "standing by"
	next    time.Time // poll
	slow    bool      // what it is the fallback for works
	state   state     // a copy
}

// A command changes the state of a source between two groups.
type command struct {
	change func(*state) error
	done   chan error
}

// errNotHere says that a runner does not hold its source.
var errNotHere = errors.New("this node does not poll the source")

// run polls until ctx ends, after the runner before it has ended.
func (r *runner) run(ctx context.Context, before <-chan struct{}) {
	defer close(r.gone)
	if before != nil {
		<-before
	}
	for ctx.Err() == nil {
		if r.src.DryRun {
			r.rehearse(ctx)
			return
		}
		l, until, err := r.lease(ctx)
		switch {
		case err == nil:
			r.hold(ctx, l, until)
		case fault.Is(err, fault.Conflict):
			r.standBy(err)
			_ = r.m.o.Sleep(ctx, r.m.o.Lease/3-jitter(r.m.o.Lease/12))
		default:
			r.failed(ctx, fmt.Errorf("ask for the lease: %w", err))
		}
	}
}

// hold polls while the lease is ours.
func (r *runner) hold(stop context.Context, l *issue.Lease, until time.Time) {
	k, end := r.keep(stop, l, until)
	defer end()
	defer func() {
		r.setHolding(false)
		r.dismiss(errNotHere)
		r.news.flushNow(k.ctx)
		if k.sure() || stop.Err() != nil {
			k.release()
		}
	}()
	st, err := readState(l.State, r.src.Identity)
	if err != nil {
		r.failed(stop, err)
		return
	}
	if len(l.State) > 0 && !st.Since.IsZero() && st.Cursor == nil {
		r.log.Warn("the source's server, or the way it is fetched, is another: it begins anew, and what was taken is known", "since", st.Since)
	}
	r.news.begin(k.ctx, r)
	r.publish(st)
	r.setHolding(true)
	r.log.Info("polling", "fence", l.Fence)
	r.work(stop, k, st)
	if context.Cause(k.ctx) == errLost {
		r.log.Warn("the lease is lost: another node goes on")
	}
}

// longSession is how long a session lasts whose end is no news: servers end them after a while, Gmail with the token, about each hour.
const longSession = 10 * time.Minute

// work visits the server again and again.
func (r *runner) work(stop context.Context, k *keeper, st *state) {
	for stop.Err() == nil && k.ctx.Err() == nil {
		r.obey(k, st)
		began := r.m.o.Now()
		err := r.visit(stop, k, st)
		r.publish(st)
		switch {
		case stop.Err() != nil, k.ctx.Err() != nil, errors.Is(err, errLost):
			return
		case errors.Is(err, errAgain):
		case err == nil:
			r.rest(stop, k, st)
		case r.back.tries == 0 && r.m.o.Now().Sub(began) > longSession:
			r.back.tries++ // what is wrong with the next one, if anything, is told
			r.log.Info("the session ended: logging in again", logkey.Error, err)
			r.sleep(stop, jitter(firstBackoff))
		default:
			r.failed(stop, err)
		}
	}
}

// failed notes what is wrong and waits, longer each time.
func (r *runner) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	d := r.back.next(err)
	r.log.Warn("polling failed: trying again later", logkey.Error, err, "in", d.Round(time.Second))
	r.news.trouble(r.m.o.Now(), err)
	r.news.flushNow(ctx)
	if o := r.m.o.Observer; o != nil {
		o.PollFailed(r.src.Name)
	}
	r.set(func(l *live) { l.doing, l.next = "backing off", r.m.o.Now().Add(d) })
	r.sleep(ctx, d)
}

// rest waits for the next poll without a session.
func (r *runner) rest(stop context.Context, k *keeper, st *state) {
	ctx, cancel := either(stop, k.ctx)
	defer cancel()
	d, slow := r.pause(ctx, st)
	r.waiting(d)
	for end := r.m.o.Now().Add(d); ctx.Err() == nil; {
		left := end.Sub(r.m.o.Now())
		if left <= 0 {
			return
		}
		if slow {
			left = min(left, r.src.Every)
		}
		if r.sleep(ctx, left) || slow && !r.pushed(ctx) {
			return
		}
	}
}

// either ends with a or with b.
func either(a, b context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(a)
	stop := context.AfterFunc(b, cancel)
	return ctx, func() { stop(); cancel() }
}

// sleep waits for d, until ctx ends, or until somebody wants a poll now.
func (r *runner) sleep(ctx context.Context, d time.Duration) (woken bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.m.o.Sleep(ctx, d)
	}()
	select {
	case <-done:
	case <-r.wake:
		woken = true
		cancel()
		<-done
	}
	return woken
}
