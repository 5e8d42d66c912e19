package poller_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"postern/poller"
)

// A wall is the clock on it.
type wall struct{}

func (wall) Sleep(ctx context.Context, d time.Duration) error { return poller.Sleep(ctx, d) }

// BenchmarkFetch fetches mails of 4 KiB from a server that gives them at once, into SQLite.
func BenchmarkFetch(b *testing.B) {
	w := newWorld(b)
	w.clock.now = time.Now()
	text := strings.Repeat("The quick brown fox jumps over the lazy dog, and so on.\r\n", 66)
	s := &server{epoch: 1, clock: w.clock, arrived: make(chan struct{}, 1)}
	for i := range b.N {
		s.add(letter(i) + text)
	}
	b.SetBytes(int64(len(letter(0) + text)))
	b.ResetTimer()
	n := w.node("one", []*poller.Source{s.source()}, func(o *poller.Options) { o.Sleep, o.Now = wall{}.Sleep, time.Now })
	for s.in("INBOX") > 0 {
		time.Sleep(5 * time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	n.stop()
}
