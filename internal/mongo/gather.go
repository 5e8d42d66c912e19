package mongo

import (
	"context"
	"sync"
	"time"
)

// A gather does together what many ask for at once: while one batch is under way the next fills, and goes when it is
// done. Where nobody else asks nobody waits, unless the gather lingers.
type gather[T any] struct {
	store  *Store
	work   func(ctx context.Context, batch []T) // tells each who asked how it went
	size   func(T) int                          // what one counts; nil: 1
	most   int                                  // of one batch, in sizes; one that is larger goes alone
	apart  int                                  // batches under way at once
	linger time.Duration                        // how long the first of a batch waits for others
	hurry  chan struct{}                        // ends such a wait; nil where nobody may

	mu     sync.Mutex
	queue  []T
	flying int
	fills  bool // the latest of these has not gone yet
}

// add puts things into the next batch. When the store is closed nothing becomes of them: who waits for an answer also
// waits for the store's end.
func (g *gather[T]) add(items ...T) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue = append(g.queue, items...)
	g.start()
}

// start begins a batch when there is something for it, unless one fills already or enough are under way. g.mu is held.
func (g *gather[T]) start() {
	if len(g.queue) > 0 && !g.fills && g.flying < g.apart && g.store.begin(g.fly) {
		g.flying++
		g.fills = true
	}
}

// nudge makes the batch that lingers go now: somebody waits for it.
func (g *gather[T]) nudge() {
	select {
	case g.hurry <- struct{}{}:
	default:
	}
}

// fly does one batch.
func (g *gather[T]) fly() {
	if g.linger > 0 {
		g.fill()
	}
	batch := g.take()
	ctx, cancel := context.WithTimeout(g.store.life, opTimeout)
	g.work(ctx, batch)
	cancel()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flying--
	g.start()
}

// fill lets a batch fill, until somebody is in a hurry.
func (g *gather[T]) fill() {
	g.mu.Lock()
	full := len(g.queue) >= g.most
	g.mu.Unlock()
	if full {
		return
	}
	t := time.NewTimer(g.linger)
	defer t.Stop()
	select {
	case <-t.C:
	case <-g.hurry:
	case <-g.store.closing:
	}
}

// take is the next batch; what it leaves is for one more.
func (g *gather[T]) take() []T {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, total := 0, 0
	for n < len(g.queue) {
		size := 1
		if g.size != nil {
			size = g.size(g.queue[n])
		}
		if n > 0 && total+size > g.most {
			break
		}
		n, total = n+1, total+size
	}
	batch := g.queue[:n:n]
	if g.queue = g.queue[n:]; len(g.queue) == 0 {
		g.queue = nil
	}
	g.fills = false
	g.start()
	return batch
}
