package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"postern/rules"
)

// many writes n rules of the kinds that people write, of which the last ten match Ann's mail.
func many(n int) map[string]string {
	files := map[string]string{}
	var b strings.Builder
	for i := range n {
		when := ""
		switch {
		case i >= n-10:
			when = `mail.from.domain == "example.org"`
		case i%3 == 0:
			when = fmt.Sprintf(`mail.from.domain == "d%d.example"`, i)
		case i%6 == 1:
			when = fmt.Sprintf(`mail.subject contains "word%d"`, i)
		case i%6 == 4:
			when = fmt.Sprintf("mail.text matches `(?i)\\b(order|invoice) word%d\\b`", i)
		default:
			when = fmt.Sprintf(`mail.from.email in ["a%d@example.net", "b%d@example.net"] and mail.isReply`, i, i)
		}
		fmt.Fprintf(&b, "rule \"r%d\" {\n    when %s\n    then { tag(\"t%d\") }\n}\n", i, when, i%10)
		if i%1000 == 999 || i == n-1 {
			files[fmt.Sprintf("%03d.rules", i/1000)] = b.String()
			b.Reset()
		}
	}
	return files
}

// BenchmarkDecide is one mail of 8 KiB against so many rules, of which the same ten match: by the index, and one
// after the other.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{20, 100, 10_000} {
		s := compile(b, many(n))
		for way, s := range map[string]*rules.Set{"indexed": s, "linear": s.Linear()} {
			b.Run(fmt.Sprintf("%s-%d", way, n), func(b *testing.B) {
				v, host := newView(), &issues{}
				v.Mail.Text = strings.Repeat("The printer on the third floor is on fire. ", 8<<10/43)
				first := v.Issue
				b.ReportAllocs()
				for b.Loop() {
					v.Issue = first
					if r := s.Decide(b.Context(), v, host, rules.Options{}); r.Verdict != "" || r.Failed > 0 || r.Err != nil || len(v.Issue.Tags) != 10 {
						b.Fatalf("%+v", r)
					}
				}
			})
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

// BenchmarkCompile is what a reload of so many rules costs before it is published.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{20, 1000, 10_000} {
		files := many(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if s, diags := rules.FromFiles(files, options); s == nil {
					b.Fatal(diags.Text())
				}
			}
		})
	}
}

// Walking past a rule that does not match costs no memory: the trace is made once, and what goes beyond it is counted.
// (Reading a field does: expr boxes each value it reads. Hence the condition that reads none.)
func TestMissAllocatesNothing(t *testing.T) {
	lists := func(n int) *rules.Set {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "rule \"r%d\" { when false then { tag(\"list\") } }\n", i)
		}
		return compileOne(t, b.String())
	}
	few, lots := lists(100), lists(3000)
	allocs := func(s *rules.Set) float64 {
		v, host := newView(), &issues{}
		return testing.AllocsPerRun(50, func() { s.Decide(t.Context(), v, host, rules.Options{Now: still}) })
	}
	if a, b := allocs(few), allocs(lots); b > a+1 {
		t.Errorf("100 rules that do not match make %.0f allocations, 3000 make %.0f", a, b)
	}
}
