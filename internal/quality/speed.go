package main

import (
	"bytes"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
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

var sink string

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

// read measures how long a contestant takes for a corpus, what it allocates, and how far the heap grows.
func (c *corpus) read(b *testing.B, with func(raw []byte) error) {
	size := 0
	for _, m := range c.mails {
		size += len(m)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	peak := watchHeap()
	for b.Loop() {
		for _, m := range c.mails {
			_ = with(m)
		}
	}
	b.ReportMetric(float64(peak())/(1<<20), "peak-MB")
}

// measureSpeed runs the benchmarks and makes a table of them.
func (r *report) measureSpeed(root string) error {
	all, err := corpora(root)
	if err != nil {
		return err
	}
	testing.Init()
	if err := flag.Set("test.benchtime", "2s"); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("| mails | |")
	for _, who := range contestants {
		fmt.Fprintf(&b, " %s |", who.name)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("--:|", len(contestants)) + "\n")
	for _, c := range all {
		var rows [3]strings.Builder
		for _, who := range contestants {
			got := testing.Benchmark(func(b *testing.B) { c.read(b, who.read) })
			mails := float64(len(c.mails))
			fmt.Fprintf(&rows[0], " %.3g ms |", float64(got.NsPerOp())/1e6/mails)
			fmt.Fprintf(&rows[1], " %.4g kB |", float64(got.AllocedBytesPerOp())/1000/mails)
			fmt.Fprintf(&rows[2], " %.1f MB |", got.Extra["peak-MB"])
		}
		fmt.Fprintf(&b, "| %s | time a mail |%s\n| | allocated a mail |%s\n| | heap grows by |%s\n", c.name, rows[0].String(), rows[1].String(), rows[2].String())
	}
	r.speed = b.String()
	fmt.Fprint(r.out, r.speed)
	return nil
}

// watchHeap looks at the heap until what it returns is called, which gives how far it grew at most.
func watchHeap() func() uint64 {
	runtime.GC()
	debug.FreeOSMemory()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				most.Store(max(most.Load(), now.HeapInuse))
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-done
		return max(most.Load(), before.HeapInuse) - before.HeapInuse
	}
}
