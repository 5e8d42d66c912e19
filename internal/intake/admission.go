package intake

import (
	"context"

	"golang.org/x/sync/semaphore"

	"postern/internal/fault"
)

// admission bounds the memory that mails being parsed and decided take together. Raw mail and large files lie on the disk, so
// a mail weighs what its text and our buffers may, not its size; and while it is saved besides, what a store keeps in its database
// of its many small files. Who waits for the second has the first, and nobody the other way round.
type admission struct {
	parsing, saving *semaphore.Weighted
	max             int64
}

const (
	floorWeight = 32 << 10 // what the smallest mail costs: parsed form, views, trace
	factor      = 3        // bytes held for one byte of mail
	copies      = 6        // of the text, at most: decoded, folded, covered, as text and as HTML
	maxHeld     = 1 << 20  // bytes of one mail's files that stay in memory; further ones go to the disk
)

func newAdmission(bytes int64) *admission {
	return &admission{semaphore.NewWeighted(bytes), semaphore.NewWeighted(bytes), bytes}
}

// parse waits for room for a mail of that size, of which so many bytes of text may be kept.
func (a *admission) parse(ctx context.Context, size, text int64) (leave func(), err error) {
	return a.enter(ctx, a.parsing, min(max(size*factor, floorWeight), copies*max(text, 1<<20)), size)
}

// save waits for room for a mail's small files, which have so many bytes together.
func (a *admission) save(ctx context.Context, small int64) (leave func(), err error) {
	if small <= maxHeld {
		return func() {}, nil
	}
	return a.enter(ctx, a.saving, small*factor, small)
}

// enter waits for room, at most until ctx ends or admissionWait has passed.
func (a *admission) enter(ctx context.Context, room *semaphore.Weighted, weight, size int64) (leave func(), err error) {
	weight = min(weight, a.max)
	if room.TryAcquire(weight) {
		return func() { room.Release(weight) }, nil
	}
	ctx, cancel := context.WithTimeout(ctx, admissionWait)
	defer cancel()
	if err := room.Acquire(ctx, weight); err != nil {
		return nil, fault.Errorf(fault.Unavailable, "too much mail at once: no room for %d bytes: %w", size, err)
	}
	return func() { room.Release(weight) }, nil
}
