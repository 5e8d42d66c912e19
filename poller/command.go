package poller

import (
	"context"
	"fmt"
	"time"

	"postern/internal/fault"
)

// Poll has a source polled now. It is a Conflict where another node, which the error names, polls it.
func (m *Manager) Poll(ctx context.Context, name string) error {
	_, r, err := m.source(name)
	if err != nil {
		return err
	}
	if r == nil {
		return fault.Errorf(fault.Unavailable, "no server runs here that would poll %s", name)
	}
	if !r.holds() && !r.src.DryRun {
		return m.elsewhere(ctx, name)
	}
	select {
	case r.wake <- struct{}{}:
	default: // it is on its way
	}
	return nil
}

// elsewhere says which node polls a source.
func (m *Manager) elsewhere(ctx context.Context, name string) error {
	rec, err := m.o.Store.Source(ctx, name)
	if err != nil || rec.Holder == "" || !rec.Until.After(m.o.Now()) {
		return fault.Errorf(fault.Unavailable, "nobody polls %s just now: try again in a minute", name)
	}
	return fault.Errorf(fault.Conflict, "%s is polled by node %s: ask there", name, rec.Holder)
}

// Retry has a parked, or pending, item asked for again at the next poll, which is now.
func (m *Manager) Retry(ctx context.Context, name, item string) error {
	src, r, err := m.source(name)
	if err != nil {
		return err
	}
	err = m.change(ctx, name, func(st *state) error {
		now := m.o.Now()
		for i := range st.Pending {
			if p := &st.Pending[i]; p.Item.ID == item {
				p.Next, st.dirty = now, true
				return nil
			}
		}
		p, ok := st.unpark(item)
		if !ok {
			return fault.Errorf(fault.NotFound, "%s has no parked or pending item %q", name, item)
		}
		if p.Message != "" {
			st.park(p)
			st.ParkedAll--
			return fault.Errorf(fault.Invalid, "its raw mail is here, as message %s: release it with postern quarantine release", p.Message)
		}
		if src.MaxSize > 0 && p.Item.Size > src.MaxSize {
			st.park(p)
			st.ParkedAll--
			return fault.Errorf(fault.Invalid, "it has %d bytes, and no more than %d are fetched: raise the source's max-size first", p.Item.Size, src.MaxSize)
		}
		st.postpone(Pending{Item: p.Item, Next: now, Since: p.At, Reason: p.Reason})
		return nil
	})
	if err != nil {
		return err
	}
	if r == nil || !r.holds() {
		return nil
	}
	return m.Poll(ctx, name)
}

// Drop forgets a parked or pending item: it stays at the server as it is, and is not asked for any more.
func (m *Manager) Drop(ctx context.Context, name, item string) error {
	return m.change(ctx, name, func(st *state) error {
		before := len(st.Pending)
		st.forget(item)
		if _, ok := st.unpark(item); !ok && len(st.Pending) == before {
			return fault.Errorf(fault.NotFound, "%s has no parked or pending item %q", name, item)
		}
		return nil
	})
}

// commandTime is how long a command waits for a source that is just busy.
const commandTime = 30 * time.Second

// change changes the state of a source: by its runner where this node polls it, else under a lease of its own.
func (m *Manager) change(ctx context.Context, name string, f func(*state) error) error {
	src, r, err := m.source(name)
	if err != nil {
		return err
	}
	if r != nil {
		c := command{f, make(chan error, 1)}
		if r.order(c) {
			select {
			case err := <-c.done:
				if err != errNotHere {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(commandTime):
				return fault.Errorf(fault.Unavailable, "%s is busy: it is done as soon as it can be", name)
			}
		}
	}
	l, err := m.o.Store.LeaseSource(ctx, name, m.o.Node+" (command)", m.o.Lease)
	if fault.Is(err, fault.Conflict) {
		return m.elsewhere(ctx, name)
	}
	if err != nil {
		return err
	}
	defer func() { _ = m.o.Store.ReleaseSource(context.WithoutCancel(ctx), l) }()
	st, err := readState(l.State, src.Identity)
	if err != nil {
		return err
	}
	if err := f(st); err != nil {
		return err
	}
	return m.o.Store.SaveSource(ctx, l, st.encode())
}

// order hands a command to a runner that holds its source.
func (r *runner) order(c command) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.live.holding {
		return false
	}
	r.commands = append(r.commands, c)
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return true
}

// obey does what was ordered, and saves it.
func (r *runner) obey(k *keeper, st *state) {
	for _, c := range r.ordered() {
		err := c.change(st)
		if err == nil && st.dirty {
			err = k.save(st)
		}
		c.done <- err
	}
	r.publish(st)
}

func (r *runner) ordered() []command {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.commands
	r.commands = nil
	return list
}

// dismiss refuses what was ordered and not done.
func (r *runner) dismiss(err error) {
	for _, c := range r.ordered() {
		c.done <- err
	}
}

// Check tries each step of polling a source and tells of it.
func (m *Manager) Check(ctx context.Context, name string, tell func(Step)) (err error) {
	src, _, err := m.source(name)
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error while checking %s: %v", name, p)
		}
	}()
	src.Account.Check(ctx, tell)
	return nil
}
