package poller

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// How failure backs off.
const (
	firstBackoff = 5 * time.Second
	maxBackoff   = 10 * time.Minute
	maxThrottle  = time.Hour // what a server may ask for
	maxTries     = 8         // of one item, over nearly a day, before it is parked
)

// A backoff is how long a source that fails waits: longer each time, never twice the same.
type backoff struct{ tries int }

func (b *backoff) reset() { b.tries = 0 }

// next is the wait after an error, which may say it itself.
func (b *backoff) next(err error) time.Duration {
	d := maxBackoff
	if b.tries < 10 {
		d = min(firstBackoff<<b.tries, maxBackoff)
	}
	b.tries++
	d = jitter(d)
	var asked Throttled
	if errors.As(err, &asked) {
		d = max(d, min(asked.RetryAfter(), maxThrottle))
	}
	return d
}

// jitter is d, up to a third more or less.
func jitter(d time.Duration) time.Duration {
	return d - d/3 + rand.N(2*d/3+1)
}

// retryIn is how long an item waits after so many tries: 1 minute, 3, 9, … 6 hours.
func retryIn(tries int) time.Duration {
	d := time.Minute
	for range tries - 1 {
		if d *= 3; d >= 6*time.Hour {
			d = 6 * time.Hour
			break
		}
	}
	return jitter(d)
}

// A meter lets so many mails a second through.
type meter struct {
	rate int
	free time.Time // when the next may come
}

// wait lets n mails count.
func (m *meter) wait(ctx context.Context, n int, now time.Time, sleep func(context.Context, time.Duration) error) error {
	if m.rate <= 0 || n <= 0 {
		return nil
	}
	if m.free.Before(now) {
		m.free = now
	}
	m.free = m.free.Add(time.Duration(n) * time.Second / time.Duration(m.rate))
	return sleep(ctx, m.free.Sub(now))
}

// Sleep waits for d, or until ctx ends, which is its error.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
