package rules_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/rules"
)

func TestCounter(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	trace := []rules.Entry{
		{Rule: "a", Stage: "mail", Matched: true, TookMicros: 3},
		{Rule: "b", Stage: "mail", TookMicros: 5},
		{Rule: "c", Stage: "mail", Matched: true, Error: "broken", TookMicros: 1},
		{Rule: "d", Stage: "mail", Else: true},
		{Stage: "mail", Omitted: 7},
	}
	var c rules.Counter
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				c.Add("v", trace, at)
			}
		})
	}
	wg.Wait()
	got := c.Take()
	if len(c.Take()) != 0 {
		t.Error("what was taken is still there")
	}
	c.Return(got)
	c.Add("v", trace, at.Add(time.Hour))
	by := map[string]rules.Count{}
	for _, n := range c.Take() {
		by[n.Rule] = n
	}
	want := map[string]rules.Count{
		"a": {Version: "v", Stage: "mail", Rule: "a", Matches: 101, Took: 303 * time.Microsecond, LastMatch: at.Add(time.Hour)},
		"c": {Version: "v", Stage: "mail", Rule: "c", Matches: 101, Errors: 101, Took: 101 * time.Microsecond, LastMatch: at.Add(time.Hour)},
	}
	if diff := cmp.Diff(want, by); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestStatistics(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	then := now.Add(-rules.IdleAfter - time.Hour)
	files := map[string]string{"10-a.rules": "rule \"busy\" { then { stop() } }\nrule \"dead\" { then { stop() } }\nrule \"once\" { then { stop() } }\ndisabled rule \"off\" { then { stop() } }\n" +
		"rule \"young\" { then { stop() } }\ntoken \"busy\" { then { close() } }"}
	before := map[string]string{"10-a.rules": "rule \"busy\" { then { stop() } }\nrule \"dead\" { then { stop() } }\nrule \"once\" { then { stop() } }\nrule \"off\" { then { stop() } }"}
	got, err := rules.Statistics(files, before,
		[]rules.Count{{Stage: "mail", Rule: "busy", Matches: 2, Took: time.Second}},
		[]rules.Count{{Stage: "mail", Rule: "busy", Matches: 9, LastMatch: now}, {Stage: "mail", Rule: "once", Matches: 1, LastMatch: then}}, now)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Rule, Stage   string
		Line          int
		Matches, Ever int64
		Idle          bool
	}
	var rows []row
	for _, s := range got {
		rows = append(rows, row{s.Rule, s.Stage, s.Line, s.Matches, s.Ever, s.Idle})
	}
	want := []row{
		{"busy", "mail", 1, 2, 9, false}, {"dead", "mail", 2, 0, 0, true}, {"once", "mail", 3, 0, 1, true}, {"off", "mail", 4, 0, 0, false},
		{"young", "mail", 5, 0, 0, false}, {"busy", "token", 6, 0, 0, false},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func BenchmarkCounter(b *testing.B) {
	trace := make([]rules.Entry, 60)
	for i := range trace {
		trace[i] = rules.Entry{Rule: "rule " + string(rune('a'+i%26)), Stage: "mail", Matched: i < 10}
	}
	var c rules.Counter
	at := time.Now()
	for b.Loop() {
		c.Add("v", trace, at)
	}
}
