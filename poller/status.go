package poller

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// A Status is what is known of a source, on all nodes.
type Status struct {
	Name      string
	Protocol  string
	Mailboxes []string
	DryRun    bool

	Doing  string    // what this node does: "polling", "waiting", "standing by", …; "" where no server runs
	Holder string    // the node that polls it, "" where none does
	Next   time.Time // poll, where this node holds it
	Slow   bool      // what it is the fallback for works

	HeardAt, MailAt, ErrorAt, Polled time.Time
	Error                            string
	Mails                            int64
	Silence                          time.Duration // since the last mail
	Silent                           bool          // that is longer than usual

	Backlog   int           // at the last look; -1: unknown
	Lag       time.Duration // from the server's receipt to the commit, of the last mail
	Unsettled int
	Pending   []Pending
	Parked    []Parked
	ParkedAll int64
	Import    *Import
}

// Status tells of all sources, by name.
func (m *Manager) Status(ctx context.Context) ([]Status, error) {
	records, err := m.o.Store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	byName := map[string]*issue.SourceRecord{}
	for _, r := range records {
		byName[r.Name] = r
	}
	m.mu.Lock()
	sources := slices.Clone(m.sources)
	m.mu.Unlock()
	out := make([]Status, 0, len(sources))
	for _, s := range sources {
		out = append(out, m.status(s, byName[s.Name]))
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// StatusOf tells of one, NotFound where the configuration has none of that name.
func (m *Manager) StatusOf(ctx context.Context, name string) (Status, error) {
	s, _, err := m.source(name)
	if err != nil {
		return Status{}, err
	}
	rec, err := m.o.Store.Source(ctx, name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Status{}, err
	}
	return m.status(s, rec), nil
}

func (m *Manager) status(s *Source, rec *issue.SourceRecord) Status {
	out := Status{Name: s.Name, Protocol: s.Protocol, Mailboxes: s.Mailboxes, DryRun: s.DryRun, Backlog: -1}
	now := m.o.Now()
	var st *state
	if rec != nil {
		out.HeardAt, out.MailAt, out.Mails = rec.HeardAt, rec.MailAt, rec.Mails
		out.Error, out.ErrorAt = rec.Error, rec.ErrorAt
		out.Silence, out.Silent = Silent(rec, s.SilentAfter, now)
		if rec.Until.After(now) {
			out.Holder = rec.Holder
		}
		st, _ = readState(rec.State, s.Identity)
	}
	m.mu.Lock()
	r := m.runners[s.Name]
	m.mu.Unlock()
	if r != nil {
		r.mu.Lock()
		l := r.live
		r.mu.Unlock()
		out.Doing, out.Slow = l.doing, l.slow
		if l.holding || s.DryRun {
			st, out.Next = &l.state, l.next
		}
	}
	if st != nil {
		out.Backlog, out.Lag, out.Polled = st.Backlog, time.Duration(st.Lag*float64(time.Second)), st.Polled
		out.Unsettled, out.Pending, out.Parked, out.ParkedAll, out.Import = len(st.Unsettled), st.Pending, st.Parked, st.ParkedAll, st.Import
	}
	return out
}

func (r *runner) set(f func(*live)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.live)
}

func (r *runner) doing(what string) { r.set(func(l *live) { l.doing, l.next = what, time.Time{} }) }

func (r *runner) waiting(d time.Duration) {
	r.set(func(l *live) { l.doing, l.next = "waiting", r.m.o.Now().Add(d) })
}

func (r *runner) standBy(err error) {
	r.set(func(l *live) { l.doing, l.next, l.slow = "standing by", time.Time{}, false })
	r.log.Debug("standing by", "holder", err.Error())
}

func (r *runner) setHolding(yes bool) { r.set(func(l *live) { l.holding = yes }) }

func (r *runner) holds() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live.holding
}

// publish copies the state for those who ask.
func (r *runner) publish(st *state) {
	c := *st
	c.Cursor = nil
	c.Pending, c.Parked, c.Unsettled = slices.Clone(st.Pending), slices.Clone(st.Parked), slices.Clone(st.Unsettled)
	if st.Import != nil {
		i := *st.Import
		c.Import = &i
	}
	r.set(func(l *live) { l.state = c })
}
