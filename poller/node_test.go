package poller_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/poller"
)

func heardAt(at time.Time) issue.Heard { return issue.Heard{At: at, Mail: at, Mails: 1} }

// Wherever the process ends, the next one loses nothing and doubles nothing: it is ended before each step at the server, and before each
// durable write.
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	for _, brief := range []bool{false, true} {
		t.Run(fmt.Sprintf("brief=%v", brief), func(t *testing.T) {
			t.Parallel()
			for at := 0; ; at++ {
				if !crashAt(t, brief, at) {
					t.Logf("%d places", at)
					return
				}
				if t.Failed() {
					t.Fatalf("when it ended at step %d", at)
				}
			}
		})
	}
}

// crashAt ends the process at a step and starts it again. It reports whether there was such a step.
func crashAt(t *testing.T, brief bool, at int) bool {
	w := newWorld(t)
	s := newServer(w.clock, 3)
	s.brief = brief
	s.letters[1].does = "missing"
	src := s.source()
	if brief {
		src.Taken = poller.After{Do: poller.Delete}
	}
	var mu sync.Mutex
	steps, dead := 0, false
	gone := errors.New("the process has ended")
	step := func(string) error {
		mu.Lock()
		defer mu.Unlock()
		if steps++; steps > at {
			dead = true
		}
		if dead {
			return gone
		}
		return nil
	}
	ended := func() bool { mu.Lock(); defer mu.Unlock(); return dead }
	s.step = step
	w.failing(step)
	small := func(o *poller.Options) { o.Batch, o.Workers, o.Drain, o.Lease = 2, 2, time.Millisecond, 0 }
	n := w.node("one", []*poller.Source{src}, small)
	w.until("it ended, or did all", func() bool { return ended() || s.in("INBOX") == 1 && n.status().Doing == "waiting" })
	crashed := ended()
	mu.Lock()
	dead = true
	mu.Unlock()
	n.kill()
	w.crash()
	s.mu.Lock()
	s.step, s.locked, s.letters[1].does = nil, false, ""
	s.mu.Unlock()
	n = w.node("one", []*poller.Source{src}, small)
	w.until("all are settled", func() bool { return s.in("INBOX") == 0 && n.status().Doing == "waiting" })
	w.exactlyOnce(3)
	n.kill()
	return crashed
}

// Two nodes share a store: one polls, the other takes over within a minute of a crash, and at once after an orderly end.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); twoNodes(t, newWorld(t)) })
	t.Run("mongo", func(t *testing.T) { t.Parallel(); twoNodes(t, newMongoWorld(t)) })
}

func twoNodes(t *testing.T, w *world) {
	s := newServer(w.clock, 20)
	src := []*poller.Source{s.source()}
	cut := &cutOff{shared: w.store}
	one := w.node("one", src, func(o *poller.Options) { o.Store = cut }, leased)
	w.calmly("the first has it", func() bool { return one.status().Doing == "waiting" && one.status().Holder == "one" })
	two := w.node("two", src, leased)
	w.calmly("the second stands by", func() bool { return two.status().Doing == "standing by" })
	for range 1200 { // however long
		w.clock.advance(100 * time.Millisecond)
		time.Sleep(time.Millisecond)
	}
	if two.status().Holder != "one" {
		t.Fatalf("%s has it", two.status().Holder)
	}
	if err := two.m.Poll(context.Background(), "box"); !fault.Is(err, fault.Conflict) {
		t.Errorf("poll on the node that stands by: %v", err)
	}
	// The first is gone without a word.
	cut.set(true)
	began := w.clock.Now()
	w.calmly("the second has it", func() bool { return two.status().Holder == "two" })
	if took := w.clock.Now().Sub(began); took > time.Minute {
		t.Errorf("it was taken over after %s", took)
	}
	for i := range 20 {
		s.add(letter(20 + i))
	}
	w.calmly("it goes on", func() bool { return s.in("INBOX") == 0 })
	cut.set(false)
	w.calmly("the first stands by", func() bool { return one.status().Doing == "standing by" })
	w.exactlyOnce(40)
	stopped := make(chan struct{})
	go func() { two.stop(); close(stopped) }()
	w.calmly("the second ends", func() bool {
		select {
		case <-stopped:
			return true
		default:
			return false
		}
	})
	began = w.clock.Now()
	w.calmly("the first has it again", func() bool { return one.status().Holder == "one" })
	if took := w.clock.Now().Sub(began); took > 15*time.Second {
		t.Errorf("it was taken over after %s though it was given back", took)
	}
	one.kill()
}

type shared = issue.Sources

// cutOff is a store that one node cannot reach for a while.
type cutOff struct {
	shared
	mu  sync.Mutex
	off bool
}

func (c *cutOff) set(off bool) { c.mu.Lock(); defer c.mu.Unlock(); c.off = off }

func (c *cutOff) check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off {
		return fault.Errorf(fault.Unavailable, "no route to the store")
	}
	return nil
}

func (c *cutOff) LeaseSource(ctx context.Context, source, holder string, ttl time.Duration) (*issue.Lease, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return c.shared.LeaseSource(ctx, source, holder, ttl)
}

func (c *cutOff) SaveSource(ctx context.Context, l *issue.Lease, state json.RawMessage) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.shared.SaveSource(ctx, l, state)
}

func (c *cutOff) HeardSource(ctx context.Context, source string, h issue.Heard) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.shared.HeardSource(ctx, source, h)
}

func (c *cutOff) ReleaseSource(ctx context.Context, l *issue.Lease) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.shared.ReleaseSource(ctx, l)
}

// A holder that was stopped in the middle, for longer than its lease, finds another in its place: it saves nothing over the other's
// state, settles nothing, and gives way.
func TestSlowFormerHolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newServer(w.clock, 10)
	hang, resume := make(chan struct{}), make(chan struct{})
	first := true
	s.step = func(what string) error {
		s.mu.Lock()
		mine := what == "mail" && first && s.letters[5].fetched > 0
		if mine {
			first = false
		}
		s.mu.Unlock()
		if mine {
			close(hang)
			<-resume
		}
		return nil
	}
	src := []*poller.Source{s.source()}
	// It does not even notice that time passes: its renewals hang as well.
	slow := &hanging{shared: w.store}
	one := w.node("one", src, func(o *poller.Options) { o.Store = slow }, leased)
	w.calmly("it hangs", func() bool {
		select {
		case <-hang:
			return true
		default:
			return false
		}
	})
	slow.hang()
	two := w.node("two", src, leased)
	w.calmly("the second has taken all", func() bool {
		return s.in("INBOX") == 0 && two.status().Holder == "two" && two.status().Doing == "waiting"
	})
	settled, rec := s.settles, record(t, w)
	slow.resume()
	close(resume)
	w.calmly("the first stands by", func() bool { return one.status().Doing == "standing by" })
	if s.settles != settled {
		t.Error("the former holder settled something")
	}
	now := record(t, w)
	var a, b struct{ Cursor json.RawMessage }
	_, _ = json.Unmarshal(rec.State, &a), json.Unmarshal(now.State, &b)
	if now.Holder != "two" || string(a.Cursor) != string(b.Cursor) {
		t.Errorf("%s has it, at %s instead of %s", now.Holder, b.Cursor, a.Cursor)
	}
	w.exactlyOnce(10)
}

func record(t *testing.T, w *world) *issue.SourceRecord {
	t.Helper()
	rec, err := w.store.Source(t.Context(), "box")
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// hanging is a store whose calls do not come back for a while.
type hanging struct {
	shared
	mu   sync.Mutex
	wait chan struct{}
}

func (h *hanging) hang() { h.mu.Lock(); defer h.mu.Unlock(); h.wait = make(chan struct{}) }

func (h *hanging) resume() { h.mu.Lock(); defer h.mu.Unlock(); close(h.wait); h.wait = nil }

func (h *hanging) LeaseSource(ctx context.Context, source, holder string, ttl time.Duration) (*issue.Lease, error) {
	h.mu.Lock()
	wait := h.wait
	h.mu.Unlock()
	if wait != nil {
		<-wait
	}
	return h.shared.LeaseSource(ctx, source, holder, ttl)
}
