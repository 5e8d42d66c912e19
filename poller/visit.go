package poller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"postern/internal/issue"
	"postern/internal/logkey"
)

// A visit is one session at a server, under a lease. It belongs to one goroutine; its workers deliver.
type visit struct {
	r  *runner
	k  *keeper
	s  Session
	st *state
	id string // of the session, for logs

	cursor  json.RawMessage // behind what was listed, perhaps not saved yet
	broken  bool            // the session: it may only be closed
	brief   bool            // what was settled counts once the session was closed
	settled []string        // by this session, of a brief one
	n       int             // how many items the next list asks for
	meter   meter

	works  bool  // a mail was taken in this round
	blamed int   // mails that were put off although nothing else could be taken either
	none   error // why nothing could be
}

// errAgain says that a session came to its end in order, and that there is more to do at once.
var errAgain = errors.New("more at once")

// visit logs in and polls until the session ends. Nil: in order.
func (r *runner) visit(stop context.Context, k *keeper, st *state) (err error) {
	v := &visit{r: r, k: k, st: st, id: issue.NewID(r.m.o.Now()), cursor: st.Cursor, n: r.m.o.Batch, meter: meter{rate: r.src.ImportRate}}
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("panic while polling", logkey.Session, v.id, logkey.Error, fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errors.Join(fmt.Errorf("internal error while polling: %v", p), v.close())
		}
	}()
	until, cancel := either(stop, k.ctx)
	defer cancel()
	r.doing("connecting")
	err = v.call(func() (err error) {
		v.s, err = r.account(st).Open(until)
		return err
	})
	if err != nil {
		v.s = nil
		return err
	}
	_, v.brief = v.s.(Brief)
	r.news.contact(r.m.o.Now())
	err = v.poll(stop, until)
	if cerr := v.close(); err == nil || errors.Is(err, errAgain) {
		if cerr != nil {
			return fmt.Errorf("log out: %w", cerr)
		}
		if v.brief {
			v.confirm(v.settled)
		}
	}
	if st.dirty && k.sure() {
		if serr := k.save(st); serr != nil {
			return serr
		}
	}
	return err
}

// account is the source's, which begins where the one before it ended.
func (r *runner) account(st *state) Account {
	if a, ok := r.src.Account.(Datable); ok && st.Cursor == nil && !st.Since.IsZero() {
		return a.Since(st.Since)
	}
	return r.src.Account
}

// call asks the session for something. A panic of a protocol ends its session, as any error does but one about single items: from then on
// the session may only be closed.
func (v *visit) call(f func() error) (err error) {
	defer func() {
		if _, only := itemErrors(err); err != nil && !only {
			v.broken = true
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			v.r.log.Error("panic while polling", logkey.Session, v.id, logkey.Error, fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	return f()
}

// close logs out, once.
func (v *visit) close() error {
	if v.s == nil {
		return nil
	}
	s := v.s
	v.s = nil
	return v.call(s.Close)
}

// poll takes what there is, and what comes, until the session is to end.
func (v *visit) poll(stop, until context.Context) error {
	for {
		v.r.doing("polling")
		if err := v.round(stop); err != nil {
			return err
		}
		if stop.Err() != nil {
			return nil
		}
		v.r.back.reset()
		v.r.news.flush(v.k.ctx)
		d, slow := v.r.pause(v.k.ctx, v.st)
		if v.brief || slow {
			return nil
		}
		if err := v.wait(until, d); err != nil {
			if stop.Err() != nil {
				return nil
			}
			return err
		}
		v.r.news.contact(v.r.m.o.Now())
	}
}

// wait lets the server tell of new mail, for d at most, or until somebody wants a poll now.
func (v *visit) wait(until context.Context, d time.Duration) error {
	ctx, cancel := context.WithCancel(until)
	defer cancel()
	woken := false
	gone := make(chan struct{})
	left := make(chan struct{})
	go func() {
		defer close(left)
		select {
		case <-v.r.wake:
			woken = true
			cancel()
		case <-gone:
		}
	}()
	v.r.waiting(d)
	err := v.call(func() error {
		_, err := v.s.Wait(ctx, d)
		return err
	})
	close(gone)
	<-left
	if woken {
		if err == nil {
			return nil
		}
		return errAgain // a session whose wait was cut short is not used any more
	}
	return err
}

// round takes what there is now: items that are due again, then new ones. Groups overlap: while the mails of one are being
// delivered, the next is fetched.
func (v *visit) round(stop context.Context) error {
	v.works = false
	v.r.obey(v.k, v.st)
	if v.st.dirty {
		if err := v.k.save(v.st); err != nil {
			return err
		}
	}
	if !v.r.settleLast {
		if err := v.settle(true); err != nil {
			return err
		}
	}
	if !v.r.newFirst {
		if err := v.askAgain(stop); err != nil {
			return err
		}
	}
	if err := v.askNew(stop); err != nil {
		return err
	}
	if v.r.newFirst {
		v.r.newFirst = false
		if err := v.askAgain(stop); err != nil {
			return err
		}
	}
	if v.r.settleLast {
		if err := v.settle(true); err != nil {
			return err
		}
		v.r.settleLast = false
	}
	if stop.Err() == nil {
		v.st.Polled = v.r.m.o.Now()
		if v.st.importing() && len(v.st.Pending) < maxPending {
			v.st.Import.Ended = v.r.m.o.Now()
			v.st.dirty = true
		}
	}
	defer v.r.publish(v.st)
	if !v.st.dirty {
		return nil
	}
	return v.k.save(v.st)
}

// againAtOnce is how many items are asked for again in one group.
const againAtOnce = 64

// askAgain asks for pending items that are due, each alone, so that one which ends the session takes no other with it.
func (v *visit) askAgain(stop context.Context) error {
	for stop.Err() == nil {
		due := v.st.due(v.r.m.o.Now(), v.atOnce(againAtOnce))
		if len(due) == 0 {
			return nil
		}
		g := &group{}
		for _, p := range due {
			g.items = append(g.items, &taken{item: p.Item, tries: p.Tries})
		}
		for i := range g.items {
			if g.err = v.fetch(g, g.items[i:i+1]); g.err != nil {
				v.r.newFirst = true // what is new must not wait for what ends sessions
				break
			}
		}
		if err := v.finish(g); err != nil {
			return err
		}
		if g.err != nil {
			return g.err
		}
		if err := v.enough(); err != nil {
			return err
		}
	}
	return nil
}

// askNew lists and takes what came after the cursor.
func (v *visit) askNew(stop context.Context) error {
	var last *group
	var again error
	if len(v.st.Pending) >= maxPending {
		v.r.newFirst = false
		return fmt.Errorf("%d mails cannot be taken, so that nothing new is asked for: postern sources show has them", len(v.st.Pending))
	}
	if v.serverFails() {
		return nil
	}
	for empty := 0; stop.Err() == nil && len(v.st.Pending) < maxPending && empty < 1000; {
		g, err := v.list()
		if err == nil {
			g.err = v.fetch(g, g.items)
		}
		if last != nil {
			if err := v.finish(last); err != nil {
				if g != nil {
					g.busy.Wait()
				}
				return err
			}
			last = nil
		}
		if err != nil {
			return err
		}
		if err := v.enough(); err != nil {
			g.busy.Wait() // it is listed again
			return err
		}
		last = g
		if empty++; len(g.items) > 0 {
			empty = 0
		}
		if g.err != nil || !g.more {
			break
		}
		if v.st.importing() && v.meter.wait(stop, len(g.items), v.r.m.o.Now(), v.r.m.o.Sleep) != nil {
			break
		}
		v.r.obey(v.k, v.st)
		if len(v.st.Unsettled) >= maxUnsettled && (v.brief || v.r.settleLast) {
			if v.brief {
				again = errAgain
			}
			break
		}
	}
	if last != nil {
		if err := v.finish(last); err != nil {
			return err
		}
		if last.err != nil {
			return last.err
		}
	}
	return again
}

// list asks for the next items, as many as may be under way together.
func (v *visit) list() (*group, error) {
	n := v.n
	if v.st.importing() && v.r.src.ImportRate > 0 {
		n = max(1, min(n, 2*v.r.src.ImportRate))
	}
	n = v.atOnce(n)
	var b *Batch
	ask := func(n int) error {
		return v.call(func() (err error) {
			b, err = v.s.List(v.k.ctx, v.cursor, n)
			return err
		})
	}
	if err := ask(n); err != nil {
		return nil, err
	}
	if fit := fitting(b.Items, v.r.m.o.BatchBytes); fit < len(b.Items) {
		if err := ask(fit); err != nil {
			return nil, err
		}
		v.n = min(2*fit, v.r.m.o.Batch)
	} else {
		v.n = min(2*v.n, v.r.m.o.Batch)
	}
	if v.cursor == nil && v.st.Import == nil && len(b.Items) > 0 {
		v.st.Import = &Import{Began: v.r.m.o.Now(), Total: int64(b.Total)}
	}
	g := &group{new: true, next: b.Next, more: b.More, total: b.Total}
	for _, item := range b.Items {
		g.items = append(g.items, &taken{item: item})
	}
	v.cursor = b.Next
	return g, nil
}

// fitting is how many of the first items have so many bytes together, one at least.
func fitting(items []Item, bytes int64) int {
	for i, item := range items {
		size := item.Size
		if size < 0 {
			size = 64 << 10
		}
		if bytes -= size; bytes < 0 {
			return max(1, i)
		}
	}
	return len(items)
}

// finish waits for a group, writes down what became of it, and only then settles at the server.
func (v *visit) finish(g *group) error {
	g.busy.Wait()
	if !v.k.sure() {
		return errLost
	}
	if err := v.allFailed(g); err != nil {
		return err
	}
	if err := v.nothingCame(g); err != nil {
		return err
	}
	now := v.r.m.o.Now()
	for _, t := range g.items {
		v.note(g, t, now)
	}
	if g.new {
		v.st.dirty = v.st.dirty || !bytes.Equal(v.st.Cursor, g.next)
		v.st.Cursor, v.st.Backlog = g.next, g.total
		if g.total > 0 {
			v.st.Backlog = max(0, g.total-len(g.items))
		}
	}
	if len(g.items) > 0 || v.st.dirty {
		if err := v.k.save(v.st); err != nil {
			return err
		}
	}
	v.took(g)
	v.r.publish(v.st)
	v.r.news.flush(v.k.ctx)
	if g.err != nil || v.r.settleLast {
		return nil
	}
	return v.settle(false)
}
