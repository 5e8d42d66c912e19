package intake

import (
	"context"

	"golang.org/x/sync/semaphore"

	"postern/internal/fault"
)

// admission bounds the memory that mails being parsed and decided take together. A large mail lies in a file, so it
// weighs what its text and our buffers may, not its size.
type admission struct {
	sem *semaphore.Weighted
	max int64
}

const (
	floorWeight   = 32 << 10 // what the smallest mail costs: parsed form, views, trace
	ceilingWeight = 6 << 20  // what the largest may: 1 MiB each of text and HTML, decoded, folded and covered
	factor        = 3        // bytes held for one byte of mail
)

func newAdmission(bytes int64) *admission {
	return &admission{semaphore.NewWeighted(bytes), bytes}
}

// enter waits for room, at most until ctx ends or admissionWait has passed.
func (a *admission) enter(ctx context.Context, size int64) (leave func(), err error) {
	w := min(max(size*factor, floorWeight), ceilingWeight, a.max)
	if a.sem.TryAcquire(w) {
		return func() { a.sem.Release(w) }, nil
	}
	ctx, cancel := context.WithTimeout(ctx, admissionWait)
	defer cancel()
	if err := a.sem.Acquire(ctx, w); err != nil {
		return nil, fault.Errorf(fault.Unavailable, "too much mail at once: no room to parse %d bytes: %w", size, err)
	}
	return func() { a.sem.Release(w) }, nil
}
