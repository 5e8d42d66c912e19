package rules

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/dsl"
)

// FailsInARow is how often a rule fails one time after the other before it is said to be failing.
const FailsInARow = 20

// OnFailing says what a decision does about rules that fail again and again.
type OnFailing uint8

const (
	IgnoreFailing   OnFailing = iota // failures do not count: of tests, and of what is decided again
	ReportFailing                    // they count: Result.Failing and Set.Failing tell
	SetAsideFailing                  // and a rule that is failing is not asked any more
)

// SkipSetAside is why a failing rule is not asked.
const SkipSetAside dsl.Skip = "set aside"

// A Failing is a rule that has failed FailsInARow times or more, and since the first of them never ended well.
type Failing struct {
	Rule  string    `json:"rule"`
	Stage string    `json:"stage"`
	File  string    `json:"file"` // below the rules folder
	Line  int       `json:"line"`
	Times int       `json:"times"`
	Since time.Time `json:"since"`
	At    dsl.Pos   `json:"at"` // where it failed last: what failed there may say what stands in a mail
}

// failures count for each rule of a set how often it failed in a row, in memory: published anew, a rule begins anew. While
// none fails, which is nearly always, they cost a look at a number.
type failures struct {
	rules atomic.Int32 // in a row of failures just now
	mu    sync.Mutex
	of    map[*dsl.Rule]*Failing
}

// failed counts a failure. It returns the rule where this made it failing.
func (f *failures) failed(r *dsl.Rule, stage string, at dsl.Pos, now time.Time) (Failing, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.of[r]
	if n == nil {
		n = &Failing{Rule: r.Name, Stage: stage, File: r.Pos.File, Line: r.Pos.Line, Since: now.UTC()}
		if f.of == nil {
			f.of = map[*dsl.Rule]*Failing{}
		}
		f.of[r] = n
		f.rules.Add(1)
	}
	n.Times, n.At = n.Times+1, at
	return *n, n.Times == FailsInARow
}

// worked ends a row.
func (f *failures) worked(r *dsl.Rule) {
	if f.rules.Load() == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of[r] != nil {
		delete(f.of, r)
		f.rules.Add(-1)
	}
}

func (f *failures) failing(r *dsl.Rule) bool {
	if f.rules.Load() == 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.of[r]
	return n != nil && n.Times >= FailsInARow
}

// Failing are the rules of the set that fail again and again on this node.
func (s *Set) Failing() []Failing {
	f := s.failures
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []Failing{}
	for _, n := range f.of {
		if n.Times >= FailsInARow {
			out = append(out, *n)
		}
	}
	slices.SortFunc(out, func(a, b Failing) int {
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, cmp.Compare(a.Rule, b.Rule))
	})
	return out
}
