package smtp

import (
	"sync"
	"time"
)

// rates is a table of token buckets: n in a window, filled evenly. The zero value is ready.
type rates[K comparable] struct {
	mu sync.Mutex
	m  map[K]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// maxKeys bounds a table: some 10 MB at worst. Beyond it the most forgotten of a few is forgotten.
const maxKeys = 50_000

// take uses one token and says whether there was one.
func (r *rates[K]) take(k K, n int, window time.Duration, now time.Time) bool {
	if n < 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	left := r.left(k, n, window, now)
	ok := left >= 1
	if ok {
		left--
	}
	if r.m == nil {
		r.m = map[K]bucket{}
	}
	if _, has := r.m[k]; !has && len(r.m) >= maxKeys {
		r.forget()
	}
	r.m[k] = bucket{left, now}
	return ok
}

// spent says whether no token is left.
func (r *rates[K]) spent(k K, n int, window time.Duration, now time.Time) bool {
	if n < 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left(k, n, window, now) < 1
}

func (r *rates[K]) left(k K, n int, window time.Duration, now time.Time) float64 {
	b, ok := r.m[k]
	if !ok {
		return float64(n)
	}
	return min(float64(n), b.left+float64(n)*max(0, now.Sub(b.at).Seconds())/window.Seconds())
}

// forget drops the bucket that was used longest ago among a few; map order makes the few random.
func (r *rates[K]) forget() {
	var oldest K
	var at time.Time
	seen := 0
	for k, b := range r.m {
		if seen == 0 || b.at.Before(at) {
			oldest, at = k, b.at
		}
		if seen++; seen == 16 {
			break
		}
	}
	delete(r.m, oldest)
}
