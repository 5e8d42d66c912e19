package poller

import (
	"context"
	"errors"
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// A lease lasts leaseTTL and is renewed when a third of that is over. Who waits for one looks again as often, so that a crash costs less than a minute.
const (
	leaseTTL  = 30 * time.Second
	leaseCall = 8 * time.Second // how long asking may take
)

// errLost says that the source is another node's now, or may be: nothing is begun any more.
var errLost = errors.New("the lease is lost")

// A keeper keeps a lease while its holder works.
type keeper struct {
	store issue.Sources
	lease *issue.Lease // nil in a dry run, which needs none
	now   func() time.Time

	ctx    context.Context // ends with the lease, and some time after the holder was told to stop
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	until  time.Time     // by our clock, from before it was asked for
	margin time.Duration // before its end a lease is not sure any more
}

// lease asks for a source.
func (r *runner) lease(ctx context.Context) (*issue.Lease, time.Time, error) {
	asked := r.m.o.Now()
	c, cancel := context.WithTimeout(ctx, leaseCall)
	defer cancel()
	l, err := r.m.o.Store.LeaseSource(c, r.src.Name, r.m.o.Node, r.m.o.Lease)
	return l, asked.Add(r.m.o.Lease), err
}

// keep renews the lease until it is lost or the holder is done, which must call end.
func (r *runner) keep(stop context.Context, l *issue.Lease, until time.Time) (k *keeper, end func()) {
	k = &keeper{store: r.m.o.Store, lease: l, now: r.m.o.Now, until: until, margin: r.m.o.Lease / 10}
	k.ctx, k.cancel = context.WithCancelCause(context.WithoutCancel(stop))
	undrain := context.AfterFunc(stop, func() {
		if r.m.o.Sleep(k.ctx, r.m.o.Drain) == nil {
			k.cancel(context.Canceled)
		}
	})
	renewing := make(chan struct{})
	renewal, stopRenewal := context.WithCancel(k.ctx)
	go func() {
		defer close(renewing)
		k.renew(renewal, r)
	}()
	return k, func() {
		stopRenewal()
		<-renewing
		undrain()
		k.cancel(nil)
	}
}

func (k *keeper) renew(ctx context.Context, r *runner) {
	pause := r.m.o.Lease / 3
	for r.m.o.Sleep(ctx, pause) == nil {
		l, until, err := r.lease(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && l.Fence == k.lease.Fence:
			k.mu.Lock()
			k.until = until
			k.mu.Unlock()
			pause = r.m.o.Lease / 3
		case err == nil, fault.Is(err, fault.Conflict): // it was another's meanwhile, or is
			k.cancel(errLost)
			if err == nil {
				_ = k.store.ReleaseSource(context.WithoutCancel(ctx), l)
			}
			return
		default:
			pause = r.m.o.Lease / 15
		}
		if !k.sure() {
			k.cancel(errLost)
			return
		}
	}
}

// sure reports whether the lease is surely ours by our clock, however slow we were.
func (k *keeper) sure() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ctx.Err() == nil && (k.lease == nil || k.now().Before(k.until.Add(-k.margin)))
}

// save writes how far the source got. After a Conflict nothing is done any more.
func (k *keeper) save(st *state) error {
	if !k.sure() {
		k.cancel(errLost)
		return errLost
	}
	if k.lease == nil {
		st.dirty = false
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), 30*time.Second)
	defer cancel()
	err := k.store.SaveSource(ctx, k.lease, st.encode())
	if fault.Is(err, fault.Conflict) {
		k.cancel(errLost)
		return errLost
	}
	if err == nil {
		st.dirty = false
	}
	return err
}

// release gives the lease back.
func (k *keeper) release() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), 5*time.Second)
	defer cancel()
	_ = k.store.ReleaseSource(ctx, k.lease) // else it ends by itself
}
