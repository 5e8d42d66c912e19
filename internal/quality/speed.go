package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dimiro1/reply"
	"github.com/emersion/go-message"
	gomail "github.com/emersion/go-message/mail"
	"github.com/jhillyerd/enmime/v2"

	"postern/internal/mail"
)

// contestants read a mail for its content alone: ours finds the new text and the kind too, enmime's does not, enmime with
// reply finds the new text.
var contestants = []struct {
	name string
	read func(raw []byte) error
}{
	{"postern", func(raw []byte) error {
		m, err := mail.Parse(bytes.NewReader(raw), mail.Options{})
		if err == nil {
			sink = m.NewText()
		}
		return err
	}},
	{"enmime", func(raw []byte) error {
		e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
		if err == nil {
			sink = e.Text
		}
		return err
	}},
	{"enmime+reply", func(raw []byte) error {
		e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
		if err == nil {
			sink = reply.FromText(e.Text)
		}
		return err
	}},
	{"go-message", func(raw []byte) error {
		r, err := gomail.CreateReader(bytes.NewReader(raw))
		if err != nil && !message.IsUnknownCharset(err) {
			return err
		}
		for {
			p, err := r.NextPart()
			if err != nil && !message.IsUnknownCharset(err) {
				return nil
			}
			var b bytes.Buffer
			if _, err := b.ReadFrom(p.Body); err != nil {
				return nil
			}
			sink = b.String()
		}
	}},
}

// sink keeps what was read from being optimised away.
var sink string //lint:ignore U1000 it is written only

// A corpus is mails that are read one after the other. What enmime cannot read at all is left out for all.
type corpus struct {
	name  string
	mails [][]byte
}

func corpora(root string) ([]corpus, error) {
	out := []corpus{
		{"plain-4KiB", [][]byte{replyMail(4 << 10)}}, {"plain-100KiB", [][]byte{replyMail(100 << 10)}}, {"html-100KiB", [][]byte{pageMail(100 << 10)}},
		{"file-100KiB", [][]byte{fileMail(74 << 10)}}, {"file-25MB", [][]byte{fileMail(18 << 20)}},
	}
	mails, err := readGolden(filepath.Join(root, "internal/mail/testdata/golden"))
	if err != nil {
		return nil, err
	}
	cases, err := readCases(filepath.Join(root, "internal/mail/testdata/cases/open"))
	if err != nil {
		return nil, err
	}
	for name, mails := range map[string][]Mail{"golden": mails, "open cases": cases} {
		c := corpus{name: name}
		for _, m := range mails {
			if _, err := enmime.ReadEnvelope(bytes.NewReader(m.raw)); err == nil {
				c.mails = append(c.mails, m.raw)
			}
		}
		if len(c.mails) > 0 {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b corpus) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// read measures what a contestant spends on a corpus: time, processor time (the collector's included), bytes allocated.
func (c *corpus) read(b *testing.B, with func(raw []byte) error) {
	size := 0
	for _, m := range c.mails {
		size += len(m)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	start := processor()
	for b.Loop() {
		for _, m := range c.mails {
			_ = with(m)
		}
	}
	b.ReportMetric(float64(processor()-start)/float64(b.N), "cpu-ns/op")
}

// processor is the processor time that this process has spent.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak is how far the heap grows while a contestant reads one mail, with a collector that leaves little garbage lying.
func peak(raw []byte, with func(raw []byte) error) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var most uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	_ = with(raw)
	close(stop)
	<-done
	return max(most, before.HeapAlloc) - before.HeapAlloc
}

// measureSpeed runs the benchmarks and makes a table of them.
func (r *report) measureSpeed(root string) error {
	all, err := corpora(root)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("| mails | |")
	for _, who := range contestants {
		fmt.Fprintf(&b, " %s |", who.name)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("--:|", len(contestants)) + "\n")
	faster, less := 1e9, 1e9
	for _, c := range all {
		times, bytes := map[string]float64{}, map[string]float64{}
		var spent, allocated, grown strings.Builder
		mails := float64(len(c.mails))
		for _, who := range contestants {
			got := testing.Benchmark(func(b *testing.B) { c.read(b, who.read) })
			times[who.name], bytes[who.name] = got.Extra["cpu-ns/op"], float64(got.AllocedBytesPerOp())
			fmt.Fprintf(&spent, " %s ms |", digits(got.Extra["cpu-ns/op"]/1e6/mails))
			fmt.Fprintf(&allocated, " %s kB |", digits(float64(got.AllocedBytesPerOp())/1e3/mails))
			if len(c.mails) == 1 && len(c.mails[0]) > 1<<20 {
				fmt.Fprintf(&grown, " %s MB |", digits(float64(peak(c.mails[0], who.read))/1e6))
			}
		}
		faster, less = min(faster, times["enmime"]/times["postern"]), min(less, bytes["enmime"]/bytes["postern"])
		fmt.Fprintf(&b, "| %s | processor time |%s\n| | allocated |%s\n", c.name, spent.String(), allocated.String())
		if grown.Len() > 0 {
			fmt.Fprintf(&b, "| | heap grows by |%s\n", grown.String())
		}
	}
	fmt.Fprintf(&b, "\nBeside enmime alone that is %.1f times as fast at least, and %.1f times less allocated at least.\n", faster, less)
	r.speed = b.String()
	fmt.Fprint(r.out, r.speed)
	return nil
}

// digits writes a number with three digits that say something.
func digits(f float64) string {
	switch {
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	case f >= 1:
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.3f", f)
}
