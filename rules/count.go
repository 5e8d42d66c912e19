package rules

import (
	"slices"
	"sync"
	"time"

	"postern/dsl"
)

// A Count is what one rule of one set did.
type Count struct {
	Version, Stage, Rule string
	Matches, Errors      int64
	Took                 time.Duration // of those that matched or failed
	LastMatch            time.Time     // zero: it never did
}

// A Counter counts in memory what rules do, until somebody takes the counts away to keep them. It is safe for any number of goroutines.
type Counter struct {
	mu     sync.Mutex
	counts map[countKey]*Count
}

type countKey struct{ version, stage, rule string }

// mostCounts bounds what waits to be taken, should nobody come.
const mostCounts = 50_000

// Add counts one decision. Rules that did not match are not counted: most are not even run.
func (c *Counter) Add(version string, trace []Entry, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range trace {
		e := &trace[i]
		if e.Rule == "" || !e.Matched && e.Error == "" {
			continue
		}
		n := c.at(countKey{version, e.Stage, e.Rule})
		if n == nil {
			continue
		}
		n.Took += time.Duration(e.TookMicros) * time.Microsecond
		if e.Error != "" {
			n.Errors++
		}
		if e.Matched {
			n.Matches++
			n.LastMatch = at
		}
	}
}

func (c *Counter) at(k countKey) *Count {
	n, ok := c.counts[k]
	if !ok && len(c.counts) < mostCounts {
		if c.counts == nil {
			c.counts = map[countKey]*Count{}
		}
		n = &Count{Version: k.version, Stage: k.stage, Rule: k.rule}
		c.counts[k] = n
	}
	return n
}

// Take returns what was counted since it was taken last.
func (c *Counter) Take() []Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Count, 0, len(c.counts))
	for _, n := range c.counts {
		out = append(out, *n)
	}
	c.counts = nil
	return out
}

// Return adds counts that could not be kept.
func (c *Counter) Return(counts []Count) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, old := range counts {
		if n := c.at(countKey{old.Version, old.Stage, old.Rule}); n != nil {
			n.Matches, n.Errors, n.Took = n.Matches+old.Matches, n.Errors+old.Errors, n.Took+old.Took
			if n.LastMatch.Before(old.LastMatch) {
				n.LastMatch = old.LastMatch
			}
		}
	}
}

// A Statistic is what one rule of a set did.
type Statistic struct {
	Rule      string        `json:"rule"`
	Stage     string        `json:"stage"`
	File      string        `json:"file"`
	Line      int           `json:"line"`
	Shadow    bool          `json:"shadow,omitempty"`
	Disabled  bool          `json:"disabled,omitempty"`
	Matches   int64         `json:"matches"` // in this set …
	Errors    int64         `json:"errors"`
	Took      time.Duration `json:"took"`               // nanoseconds, of those that matched or failed
	Ever      int64         `json:"ever"`               // … and in all sets that had a rule of that name
	LastMatch *time.Time    `json:"lastMatch,omitzero"` // in any of them
	Failing   int           `json:"failing,omitempty"`  // times in a row, where the set decides on this node and the rule fails again and again
	Idle      bool          `json:"idle"`               // it had its chance, and has not matched for IdleAfter
}

// IdleAfter is how long a rule has not matched before it is worth a question.
const IdleAfter = 90 * 24 * time.Hour

// Statistics joins the rules of a set, given by its files, with what was counted of this version and of all. Before are the files of the set that
// decided IdleAfter ago: a rule that is younger had no chance yet.
func Statistics(files, before map[string]string, mine, all []Count, now time.Time) ([]Statistic, error) {
	list, err := ruleNames(files)
	if err != nil {
		return nil, err
	}
	old, err := ruleNames(before)
	if err != nil {
		return nil, err
	}
	of := func(counts []Count) map[countKey]Count {
		m := make(map[countKey]Count, len(counts))
		for _, c := range counts {
			m[countKey{stage: c.Stage, rule: c.Rule}] = c
		}
		return m
	}
	here, ever, cutoff := of(mine), of(all), now.Add(-IdleAfter)
	known := map[countKey]bool{}
	for _, s := range old {
		known[countKey{stage: s.Stage, rule: s.Rule}] = true
	}
	for i := range list {
		s := &list[i]
		k := countKey{stage: s.Stage, rule: s.Rule}
		n, a := here[k], ever[k]
		s.Matches, s.Errors, s.Took, s.Ever = n.Matches, n.Errors, n.Took, a.Matches
		if !a.LastMatch.IsZero() {
			s.LastMatch = &a.LastMatch
		}
		s.Idle = known[k] && !s.Disabled && a.LastMatch.Before(cutoff)
	}
	return list, nil
}

// ruleNames are the rules and tokens in a set's files, in their order.
func ruleNames(stored map[string]string) ([]Statistic, error) {
	f, err := fromStored(stored)
	if err != nil {
		return nil, err
	}
	out := []Statistic{}
	for _, name := range f.rulesFiles() {
		file, _ := dsl.Parse(name, f[name])
		for _, b := range file.Rules {
			stage := string(b.Stage)
			if b.Token {
				stage = StageToken
			}
			out = append(out, Statistic{Rule: b.Name, Stage: stage, File: name, Line: b.Pos.Line, Shadow: b.Shadow, Disabled: b.Disabled})
		}
	}
	return slices.Clip(out), nil
}
