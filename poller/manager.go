package poller

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/internal/spool"
)

// A Transaction is one mail on the road: *intake.Transaction is one.
type Transaction interface {
	MailboxOf(address string) string
	RecipientIn(ctx context.Context, mailbox, address string) error
	Deliver(ctx context.Context, raw *spool.Body) []intake.Outcome
	Hold(ctx context.Context, raw *spool.Body, reason string) []intake.Outcome
	Abandon(ctx context.Context, reason string)
}

var _ Transaction = (*intake.Transaction)(nil)

// An Observer hears what happens, for metrics.
type Observer interface {
	// Fetched is called for each mail that was taken. The lag is from the server's receipt to the commit, below 0 where it is not known.
	Fetched(source, verdict string, lag time.Duration)
	Parked(source string)
	PollFailed(source string)
}

// Options are what a Manager is made of.
type Options struct {
	Store issue.Sources
	Begin func(ctx context.Context, env intake.Envelope) (Transaction, error)
	Try   func(ctx context.Context, env intake.Envelope, mailbox, address string, raw *spool.Body) (*intake.DryRun, error) // for dry runs
	Spool *spool.Dir
	// Test reports whether a mail that came with this mark, and so many bytes, is one that a check sent: it becomes nothing, is not counted,
	// and is deleted at the server. nil: none is.
	Test     func(ctx context.Context, source, mark string, size int64) bool
	Node     string // who holds leases here: another name for each process
	Log      *slog.Logger
	Observer Observer // may be nil

	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error // nil: package time's

	Lease      time.Duration // how long a lease lasts; 0: 30 s
	Drain      time.Duration // how long what is under way may take at the end; 0: 20 s
	Batch      int           // items that are listed and saved together; 0: 200
	BatchBytes int64         // and their bytes; 0: 32 MiB
	InFlight   int64         // bytes in memory, of all sources; 0: 64 MiB
	Workers    int           // mails of one source that are delivered at once; 0: 32
}

// A Manager polls the sources of a configuration. It is safe for any number of goroutines.
type Manager struct {
	o    Options
	room *semaphore.Weighted

	mu      sync.Mutex
	sources []*Source
	runners map[string]*runner
	ctx     context.Context // of Run; nil before
	ended   bool            // no source is begun any more
	all     sync.WaitGroup
}

// New makes a Manager; Apply says what it polls, Run polls.
func New(o Options) *Manager {
	orInt := func(v *int, or int) {
		if *v <= 0 {
			*v = or
		}
	}
	orInt(&o.Batch, 200)
	orInt(&o.Workers, 32)
	if o.BatchBytes <= 0 {
		o.BatchBytes = 32 << 20
	}
	if o.InFlight <= 0 {
		o.InFlight = 64 << 20
	}
	if o.Lease <= 0 {
		o.Lease = leaseTTL
	}
	if o.Drain <= 0 {
		o.Drain = 20 * time.Second
	}
	if o.Sleep == nil {
		o.Sleep = Sleep
	}
	return &Manager{o: o, room: semaphore.NewWeighted(o.InFlight), runners: map[string]*runner{}}
}

// Run polls until ctx ends, then lets what is under way come to its end and gives the leases back.
func (m *Manager) Run(ctx context.Context) error {
	m.mu.Lock()
	m.ctx = ctx
	m.arrange()
	m.mu.Unlock()
	<-ctx.Done()
	m.mu.Lock()
	m.ended = true
	m.mu.Unlock()
	m.all.Wait()
	return nil
}

// Apply makes these the sources: new ones are begun, others end, those that changed are begun anew.
func (m *Manager) Apply(sources []*Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sources = slices.Clone(sources)
	m.arrange()
}

func (m *Manager) arrange() {
	if m.ctx == nil || m.ended {
		return
	}
	ending := map[string]<-chan struct{}{}
	for name, r := range m.runners {
		i := slices.IndexFunc(m.sources, func(s *Source) bool { return s.Name == name })
		if i < 0 || m.sources[i].Revision != r.src.Revision {
			r.cancel()
			ending[name] = r.gone
			delete(m.runners, name)
		}
	}
	for _, s := range m.sources {
		if m.runners[s.Name] != nil {
			continue
		}
		r := &runner{
			m: m, src: s, gone: make(chan struct{}), wake: make(chan struct{}, 1), log: m.o.Log.With(logkey.Source, s.Name),
			workers: semaphore.NewWeighted(int64(m.o.Workers)),
		}
		var ctx context.Context
		ctx, r.cancel = context.WithCancel(m.ctx)
		m.runners[s.Name] = r
		before := ending[s.Name]
		m.all.Go(func() { r.run(ctx, before) })
	}
}

// source finds one by its name, and its runner where one runs.
func (m *Manager) source(name string) (*Source, *runner, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sources {
		if s.Name == name {
			return s, m.runners[name], nil
		}
	}
	return nil, nil, fault.Errorf(fault.NotFound, "no source is called %q", name)
}
