package mail_test

import (
	"runtime"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"

	"postern/internal/mail"
)

// BenchmarkHostile is 100 MB of each kind of trouble: time for one parse, and how far the heap grew.
func BenchmarkHostile(b *testing.B) {
	for _, h := range hostiles(100 << 20) {
		b.Run(h.name, func(b *testing.B) {
			var peak uint64
			start := cpu()
			for b.Loop() {
				runtime.GC()
				before := heap()
				stop, top := make(chan struct{}), make(chan uint64)
				go watchHeap(stop, top)
				if _, err := mail.Parse(h.reader(), mail.Options{}); err != nil {
					b.Fatal(err)
				}
				close(stop)
				peak = max(peak, <-top-before)
			}
			b.ReportMetric(float64((cpu()-start).Milliseconds())/float64(b.N), "cpu-ms")
			b.ReportMetric(float64(peak)/(1<<20), "MB-heap")
		})
	}
}

// watchHeap sends the highest heap it saw.
func watchHeap(stop <-chan struct{}, top chan<- uint64) {
	high := heap()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			high = max(high, heap())
			top <- high
			return
		case <-tick.C:
			high = max(high, heap())
		}
	}
}

// allocated is how many bytes were allocated so far, those that are free again too.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// cpu is the processor time of this process: other work on the machine does not count.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
