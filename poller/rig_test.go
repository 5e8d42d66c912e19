package poller_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/mongo"
	"postern/internal/peers"
	"postern/internal/spool"
	"postern/internal/sqlite"
	"postern/poller"
	"postern/rules"
)

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// A clock stands still until it is moved; whoever sleeps by it wakes then.
type clock struct {
	mu       sync.Mutex
	now      time.Time
	sleepers map[chan struct{}]time.Time
}

func newClock() *clock { return &clock{now: start, sleepers: map[chan struct{}]time.Time{}} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	c.mu.Lock()
	wake := make(chan struct{})
	c.sleepers[wake] = c.now.Add(d)
	c.mu.Unlock()
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.sleepers, wake)
		c.mu.Unlock()
		return ctx.Err()
	}
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for wake, at := range c.sleepers {
		if !at.After(c.now) {
			delete(c.sleepers, wake)
			close(wake)
		}
	}
}

// A world is a store with the road to it, and a clock. Nodes share it.
type world struct {
	testing.TB
	clock *clock
	dir   string
	mongo string // the address of a database; "": SQLite
	store issue.Store
	log   *logs
	rules string

	mu    sync.Mutex
	fault func(step string) error
}

// logs keeps what was logged.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

func newWorld(t testing.TB) *world {
	w := &world{TB: t, clock: newClock(), dir: t.TempDir(), log: &logs{}}
	w.open()
	return w
}

func (w *world) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// open opens the store; the last one that was opened is closed at the test's end.
func (w *world) open() {
	w.Helper()
	var err error
	fault := func(step string) error {
		w.mu.Lock()
		f := w.fault
		w.mu.Unlock()
		if f == nil {
			return nil
		}
		return f(step)
	}
	if w.mongo != "" {
		w.store, err = mongo.Open(context.Background(), w.mongo, mongo.Options{Now: w.clock.Now, Fault: fault})
	} else {
		w.store, err = sqlite.Open(context.Background(), filepath.Join(w.dir, "data"), sqlite.Options{Now: w.clock.Now, Fault: fault})
	}
	if err != nil {
		w.Fatal(err)
	}
	if err := w.store.Recover(context.Background()); err != nil {
		w.Fatal(err)
	}
	s := w.store
	w.Cleanup(func() { _ = s.Close() })
}

// crash goes on with the files as they are, as after the end of the process.
func (w *world) crash() {
	w.Helper()
	after := w.TempDir()
	if err := os.CopyFS(after, os.DirFS(w.dir)); err != nil {
		w.Fatal(err)
	}
	_ = os.Remove(filepath.Join(after, "data", "postern.db-shm")) // does not outlive its processes
	_ = os.Remove(filepath.Join(after, "data", "postern.lock"))
	_ = w.store.Close()
	w.dir = after
	w.failing(nil)
	w.open()
}

// failing sets what each durable write of the store hears.
func (w *world) failing(f func(step string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
}

// A node is a poller with its road.
type node struct {
	*world
	m    *poller.Manager
	stop func() // as a server stops
	kill func() // as a process ends: nothing is given back
}

// node starts one; change may change what it is made of.
func (w *world) node(name string, sources []*poller.Source, change ...func(*poller.Options)) *node {
	w.Helper()
	log := w.logger()
	sp, err := spool.Open(filepath.Join(w.TempDir(), "spool"))
	if err != nil {
		w.Fatal(err)
	}
	set, diags := rules.FromFiles(map[string]string{"10-test.rules": w.rules}, rules.LoadOptions{})
	if set == nil {
		w.Fatal(diags)
	}
	pol := policy()
	in := intake.New(intake.Options{
		Store: w.store, Spool: sp, Policy: func() *intake.Policy { return pol }, Rules: func() *rules.Set { return set }, Log: log, Now: w.clock.Now,
	})
	o := poller.Options{
		Store: w.store, Spool: sp, Node: name, Log: log, Now: w.clock.Now, Sleep: w.clock.Sleep,
		Lease: 1000 * time.Hour, // time flies here
		Begin: func(ctx context.Context, env intake.Envelope) (poller.Transaction, error) { return in.Begin(ctx, env) },
		Try:   in.EvalIn,
	}
	for _, f := range change {
		f(&o)
	}
	n := &node{world: w, m: poller.New(o)}
	n.m.Apply(sources)
	ctx, cancel := context.WithCancel(context.Background())
	var g sync.WaitGroup
	g.Go(func() { _ = in.Run(ctx) })
	polling, end := context.WithCancel(context.Background())
	g.Go(func() { _ = n.m.Run(polling); cancel() })
	n.stop = func() { end(); g.Wait() }
	n.kill = func() {
		end()
		done := make(chan struct{})
		go func() { g.Wait(); close(done) }()
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				w.clock.advance(time.Second)
			}
		}
	}
	w.Cleanup(n.kill)
	return n
}

// policy has two mailboxes, and one that takes what nobody else does.
func policy() *intake.Policy {
	p := &intake.Policy{Marker: "[[", Ours: func(string) bool { return false }}
	for _, name := range []string{"support", "sales", "rest"} {
		p.Mailboxes = append(p.Mailboxes, &intake.Mailbox{Name: name, Active: true, Addresses: []string{name + "@example.com"}, Visibility: "public",
			New: intake.Defaults{Priority: "normal", Status: "new"}})
	}
	p.Route = func(a string) (*intake.Mailbox, bool) {
		for _, mb := range p.Mailboxes {
			if slices.Contains(mb.Addresses, strings.ToLower(a)) {
				return mb, true
			}
		}
		return nil, false
	}
	return p
}

// until lets time pass until something is so.
func (w *world) until(what string, so func() bool) {
	w.Helper()
	w.pace(what, time.Second, so)
}

// calmly is until, at a pace at which no lease is lost because the machine is busy.
func (w *world) calmly(what string, so func() bool) {
	w.Helper()
	w.pace(what, 50*time.Millisecond, so)
}

func (w *world) pace(what string, step time.Duration, so func() bool) {
	w.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); {
		if time.Now().After(end) {
			log := w.log.text.String()
			w.Fatalf("%s: this never came about; the log's end:\n%s", what, log[max(0, len(log)-4000):])
		}
		w.clock.advance(step)
		time.Sleep(time.Millisecond)
	}
}

// messages are what the store has, by the subject of the mail.
func (w *world) messages() map[string][]*issue.Message {
	w.Helper()
	out := map[string][]*issue.Message{}
	q := issue.MessageQuery{Page: issue.Page{Limit: 500}}
	for {
		items, next, err := w.store.Messages(context.Background(), q)
		if err != nil {
			w.Fatal(err)
		}
		for _, m := range items {
			out[m.Subject] = append(out[m.Subject], m)
		}
		if next == "" {
			return out
		}
		q.After = next
	}
}

func (w *world) issues() int {
	w.Helper()
	n := 0
	q := issue.IssueQuery{Page: issue.Page{Limit: 500}}
	for {
		items, next, err := w.store.Issues(context.Background(), q)
		if err != nil {
			w.Fatal(err)
		}
		if n += len(items); next == "" {
			return n
		}
		q.After = next
	}
}

// exactlyOnce holds that the first n letters of a server are an issue each, and no more.
func (w *world) exactlyOnce(n int) {
	w.Helper()
	all := w.messages()
	for i := range n {
		if got := len(all[subject(i)]); got != 1 {
			w.Errorf("letter %d became %d messages", i, got)
		}
	}
	if len(all) != n || w.issues() != n {
		w.Errorf("%d subjects and %d issues of %d letters", len(all), w.issues(), n)
	}
}

func subject(i int) string { return fmt.Sprintf("letter %d", i) }

func letter(i int, more ...string) string {
	head := append([]string{
		"From: ann@example.org", "To: support@example.com", "Subject: " + subject(i), fmt.Sprintf("Message-ID: <%d@example.org>", i), "Date: Tue, 24 Nov 2026 09:00:00 +0000",
	}, more...)
	return strings.Join(head, "\r\n") + fmt.Sprintf("\r\n\r\nThis is the text of letter %d.\r\n", i)
}

// leased has leases as long as they are in earnest.
func leased(o *poller.Options) { o.Lease = 0 }

func (n *node) status() poller.Status {
	n.Helper()
	st, err := n.m.StatusOf(context.Background(), "box")
	if err != nil {
		n.Fatal(err)
	}
	return st
}

var _ io.Writer = (*logs)(nil)

func TestMain(m *testing.M) { os.Exit(m.Run()) }

// onMongo makes the world one with MongoDB.
func newMongoWorld(t *testing.T) *world {
	if os.Getenv(peers.MongoEnv) == "" {
		t.Skipf("set %s to a server that speaks MongoDB's protocol", peers.MongoEnv)
	}
	w := &world{TB: t, clock: newClock(), dir: t.TempDir(), log: &logs{}, mongo: peers.MongoDatabase(t)}
	w.open()
	return w
}
