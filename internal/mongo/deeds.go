package mongo

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/semaphore"

	"postern/internal/fault"
)

// A deed is a message that this node committed and that is not wholly applied yet. The sender has his answer already; whoever
// asks this node for what comes of the message waits until it is there.
type deed struct {
	m     *messageDoc
	names []string
	then  func()        // called, at most once, when claims and locks of its thread may be given up
	after func()        // called when it is over
	made  chan struct{} // closed when issue, notes, links and the like are there, or could not be made
	over  chan struct{} // closed when all is done, or was given up
	err   error         // why it was given up; valid when over is closed
}

func newDeed(m *messageDoc) *deed {
	return &deed{m: m, names: m.leads(), then: func() {}, after: func() {}, made: make(chan struct{}), over: make(chan struct{})}
}

const (
	maxUnapplied = 8 << 20 // bytes of messages that wait to be applied: more mail waits before its commit
	deedWeight   = 4 << 10 // what one counts besides its document
)

// deeds are those under way.
type deeds struct {
	life  context.Context // the store's
	nudge func()          // tells who makes them that somebody waits
	room  *semaphore.Weighted

	mu     sync.Mutex
	byBy   map[string]*deed // by the decision's name
	byName map[string][]*deed
}

func newDeeds(life context.Context, nudge func()) deeds {
	return deeds{life: life, nudge: nudge, room: semaphore.NewWeighted(maxUnapplied), byBy: map[string]*deed{}, byName: map[string][]*deed{}}
}

// The names under which others may ask for what a message makes, besides those of threadKey. An id there begins with "<" or "key:".
func issueName(n int64) string     { return "the issue " + strconv.FormatInt(n, 10) }
func userName(email string) string { return "the user " + email }
func messageName(id string) string { return "the message " + id }

// leads are the names of what a message makes or changes.
func (m *messageDoc) leads() []string {
	var out []string
	for _, t := range m.Todo.Threads {
		out = append(out, nameKey(t, m.Mailbox, m.Issue))
	}
	for _, u := range m.Todo.Users {
		out = append(out, userName(u.Email))
	}
	if m.Issue != 0 {
		out = append(out, issueName(m.Issue))
	}
	if m.ReplayOf != "" {
		out = append(out, messageName(m.ReplayOf))
	}
	return out
}

// reserve waits for room for a message of that many bytes.
func (ds *deeds) reserve(ctx context.Context, size int) (free func(), err error) {
	n := min(int64(size)+deedWeight, maxUnapplied)
	if err := ds.room.Acquire(ctx, n); err != nil {
		return nil, fault.Errorf(fault.Unavailable, "too many messages wait to be applied: %w", err)
	}
	return func() { ds.room.Release(n) }, nil
}

func (ds *deeds) begin(d *deed) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.byBy[d.m.By] = d
	for _, n := range d.names {
		ds.byName[n] = append(ds.byName[n], d)
	}
}

// half says that what others may ask for is there.
func (ds *deeds) half(d *deed) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.forget(d)
	close(d.made)
}

// end says that all is done, or that it was given up.
func (ds *deeds) end(d *deed, err error) {
	d.err = err
	if ds.out(d) {
		d.then()
	}
	close(d.over)
	d.after()
}

// out takes a deed out and reports whether it was not even made.
func (ds *deeds) out(d *deed) (unmade bool) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if ds.byBy[d.m.By] == d {
		delete(ds.byBy, d.m.By)
	}
	select {
	case <-d.made:
		return false
	default:
		ds.forget(d)
		close(d.made)
		return true
	}
}

func (ds *deeds) forget(d *deed) {
	for _, n := range d.names {
		rest := slices.DeleteFunc(ds.byName[n], func(o *deed) bool { return o == d })
		if ds.byName[n] = rest; len(rest) == 0 {
			delete(ds.byName, n)
		}
	}
}

// of is the deed of a decision, or nil.
func (ds *deeds) of(by string) *deed {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	return ds.byBy[by]
}

// await waits until what was committed before under any of the names is there.
func (ds *deeds) await(ctx context.Context, names ...string) error {
	ds.mu.Lock()
	var made []chan struct{}
	for _, n := range names {
		for _, d := range ds.byName[n] {
			made = append(made, d.made)
		}
	}
	ds.mu.Unlock()
	return ds.wait(ctx, made...)
}

// awaitAll waits until all that was committed before is there; wholly: also findable by its words.
func (ds *deeds) awaitAll(ctx context.Context, wholly bool) error {
	ds.mu.Lock()
	under := make([]chan struct{}, 0, len(ds.byBy))
	for _, d := range ds.byBy {
		if wholly {
			under = append(under, d.over)
		} else {
			under = append(under, d.made)
		}
	}
	ds.mu.Unlock()
	return ds.wait(ctx, under...)
}

func (ds *deeds) wait(ctx context.Context, until ...chan struct{}) error {
	for _, done := range until {
		select {
		case <-done:
			continue
		default:
			ds.nudge()
		}
		select {
		case <-done:
		case <-ctx.Done():
			return fault.Errorf(fault.Unavailable, "wait for what was just committed: %w", ctx.Err())
		case <-ds.life.Done():
			return fault.As(fault.Unavailable, errClosed)
		}
	}
	return nil
}
