package rules_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/rules"
)

// BenchmarkDecide is one mail of 8 KiB against so many rules, of which the same ten match: by the index, and one
// after the other.
func BenchmarkDecide(b *testing.B) {
	for kind, rule := range map[string]func(int) string{"simple": simple, "mixed": mixedRule} {
		for _, n := range []int{20, 100, 1000, 10_000} {
			s := compile(b, corpus(n, rule))
			for way, s := range map[string]*rules.Set{"indexed": s, "linear": s.Linear()} {
				b.Run(fmt.Sprintf("%s-%s-%d", kind, way, n), func(b *testing.B) { benchDecide(b, s, 8<<10) })
			}
		}
	}
}

func benchDecide(b *testing.B, s *rules.Set, size int) {
	v, host := newView(), &issues{}
	v.Mail.Text = strings.Repeat("The printer on the third floor is on fire. ", size/43)
	v.Mail.NewText = v.Mail.Text
	first := v.Issue
	o := rules.Options{}
	o.Budget.Time = time.Minute
	b.ReportAllocs()
	for b.Loop() {
		v.Issue = first
		if r := s.Decide(b.Context(), v, host, o); r.Verdict != "" || r.Failed > 0 || r.Err != nil || len(v.Issue.Tags) != 10 {
			b.Fatalf("%+v", r)
		}
	}
}

// BenchmarkShape is the same for ten thousand rules of one shape each, with literals of their own: what the index makes of it.
func BenchmarkShape(b *testing.B) {
	for _, shape := range mixed {
		s := compile(b, corpus(10_000, only(shape)))
		b.Run(strings.NewReplacer("/", "|", "\n    ", " ").Replace(shape), func(b *testing.B) {
			benchDecide(b, s, 8<<10)
			b.ReportMetric(float64(10_000-s.RuledOut(newView())), "asked")
		})
	}
}

// BenchmarkAsked is what a rule costs that every message is asked of, because no index can rule it out.
func BenchmarkAsked(b *testing.B) {
	const n = 1000
	for _, shape := range []string{
		"when mail.size > 1000000§", `when mail.subject != "" and issue.priority == "p§"`, `when sender.recent("1h") > 1§`, `when similar(mail.from.domain, "paypal§.example") > 0.95`,
		`when language(mail.newText) == "l§"`, `when sha256(mail.subject) == "§"`, `when not has(mail.text, "fire") and mail.size > §`, `when businessHours(now(), "Sat 9-17", "Europe/Berlin")`,
	} {
		s := compile(b, corpus(n, only(shape)))
		b.Run(strings.ReplaceAll(shape, "/", "|"), func(b *testing.B) {
			benchDecide(b, s, 8<<10)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/rule")
		})
	}
}

// BenchmarkText is a text of so many bytes against ten thousand rules that look for words in it.
func BenchmarkText(b *testing.B) {
	for name, shape := range map[string]string{"has": `when has(mail.text, ["outage §", "customer-§ down"])`, "regex": "when mail.text matches `(?i)\\bcontract[ -]§\\b`"} {
		s := compile(b, corpus(10_000, only(shape)))
		for way, s := range map[string]*rules.Set{"indexed": s, "linear": s.Linear()} {
			for _, size := range []int{8 << 10, 64 << 10, 1 << 20} {
				if way == "linear" && (name == "regex" || size > 64<<10) {
					continue // half a minute for each mail
				}
				b.Run(fmt.Sprintf("%s-%s-%dKiB", name, way, size>>10), func(b *testing.B) { benchDecide(b, s, size) })
			}
		}
	}
}

// BenchmarkMiss is one mail against rules of which none matches.
func BenchmarkMiss(b *testing.B) {
	for _, n := range []int{20, 100, 10_000} {
		s := compile(b, many(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v, host := newView(), &issues{}
			v.Mail.From.Domain = "example.com"
			b.ReportAllocs()
			for b.Loop() {
				if r := s.Decide(b.Context(), v, host, rules.Options{}); r.Verdict != "" || r.Failed > 0 || len(v.Issue.Tags) > 0 {
					b.Fatalf("%+v", r)
				}
			}
		})
	}
}

// BenchmarkPublish is a folder of so many rules, and a test for a hundred of them, read, compiled, tested and made the set that decides,
// beside one that decides already: what that takes of the processors and of memory, at most and afterwards.
func BenchmarkPublish(b *testing.B) {
	for kind, rule := range map[string]func(int) string{"simple": simple, "mixed": mixedRule} {
		for _, n := range []int{100, 1000, 10_000} {
			b.Run(fmt.Sprintf("%s-%d", kind, n), func(b *testing.B) { benchPublish(b, n, rule) })
		}
	}
}

func benchPublish(b *testing.B, n int, rule func(int) string) {
	dir := b.TempDir()
	files := corpus(n, rule)
	files["99_test.rules"] = cornerTests(n / 100)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	live, log := newLive(b, dir, nil)
	if err := live.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	one := live.Current()
	before := heap()
	round := 0
	var peak, kept uint64
	var cpu time.Duration
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		round++
		edit := fmt.Sprintf("rule \"edited %d\" { when mail.subject == \"%d\" then { tag(\"edited\") } }\n", round, round)
		if err := os.WriteFile(filepath.Join(dir, "90.rules"), []byte(edit), 0o600); err != nil {
			b.Fatal(err)
		}
		base := heap()
		stop := watchHeap()
		used := processor()
		b.StartTimer()
		if done, err := live.Publish(b.Context()); !done || err != nil {
			b.Fatal(done, err, log)
		}
		b.StopTimer()
		cpu += processor() - used
		peak = max(peak, stop()-base)
		if round == 1 {
			kept = heap() - before // the first set is still held
		}
		b.StartTimer()
	}
	runtime.KeepAlive(one)
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
	b.ReportMetric(float64(kept)/1e6, "kept-MB")
	b.ReportMetric(float64(cpu.Milliseconds())/float64(b.N), "cpu-ms/op")
}

// cornerTests are so many tests of a set that [corpus] wrote.
func cornerTests(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "test \"t%d\" {\n    mail \"\"\"\n        From: Ann <ann@example.org>\n        To: support@example.com\n        Subject: number %d\n\n        Hello\n    \"\"\"\n    expect len(issue.tags) == 10\n}\n", i, i)
	}
	return b.String()
}

// heap is how much memory is in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what pools held is gone after the second
	return inUse()
}

// inUse is what objects take, those too that nobody has collected yet.
func inUse() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// watchHeap looks at the memory in use until it is asked for the most that there was.
func watchHeap() func() uint64 {
	end, most := make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		peak := uint64(0)
		for {
			peak = max(peak, inUse())
			select {
			case <-tick.C:
			case <-end:
				most <- peak
				return
			}
		}
	}()
	return func() uint64 { close(end); return <-most }
}

// processor is how long the process has used the processors.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Rules that do not match cost no memory, however many they are: the three allocations of a decision are its own, its result and the trace.
// (Those that the index cannot rule out box each value that they read; hence the second condition, which reads none.)
func TestMissAllocatesNothing(t *testing.T) {
	most := 3.0
	if slower > 1 {
		most = 10 // the race detector empties pools at random
	}
	for name, rule := range map[string]func(int) string{
		"ruled out": func(i int) string { return mixedRule(i) },
		"asked":     only("when issue == issue and false"),
	} {
		few, lots := compile(t, corpus(100, rule)), compile(t, corpus(3000, rule))
		for _, s := range []*rules.Set{few, lots} {
			v, host := newView(), &issues{}
			v.Mail.From.Domain = "example.com" // or the last ten match
			if n := testing.AllocsPerRun(50, func() { s.Decide(t.Context(), v, host, rules.Options{Now: still}) }); n > most {
				t.Errorf("%s: %d rules make %.0f allocations, want %.0f", name, len(s.Program().Rules), n, most)
			}
		}
	}
}
