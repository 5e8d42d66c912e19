package rules

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"postern/dsl"
)

// Mutation is what the tests of a set noticed of changes to its rules.
type Mutation struct {
	Noticed   int        `json:"noticed"`
	Of        int        `json:"of"`
	Survivors []Survivor `json:"survivors"`
	Untried   int        `json:"untried,omitempty"` // the time was over
}

// A Survivor is a change that no test notices.
type Survivor struct {
	dsl.Pos
	Rule string `json:"rule"`
	What string `json:"what"`
}

func (s Survivor) String() string {
	return fmt.Sprintf("%s: %q: no test notices %s", s.Pos, s.Rule, s.What)
}

// Percent is the noticed share of those that were tried, rounded down; 100 of nothing.
func (m Mutation) Percent() int {
	if m.Of == 0 {
		return 100
	}
	return 100 * m.Noticed / m.Of
}

// Mutate changes one thing in one rule or define at a time and runs the tests that reach the rule, of a define all, until one fails. The tests have to pass
// as the rules are: else their report says what is wrong, and nothing is tried. It ends after the time given.
func (s *Set) Mutate(ctx context.Context, sim Simulate, most time.Duration) (Mutation, Report) {
	out := Mutation{Survivors: []Survivor{}}
	parsed, options, _ := s.files.parse(s.files.open, LoadOptions{Vocabulary: s.vocabulary})
	all, diags := dsl.Mutate(parsed, options)
	if all == nil {
		return out, Report{Version: s.version, Tests: []TestResult{{Failures: []Failure{{Error: diags.Text()}}}}}
	}
	base := s.with(all.Program)
	reach, report := base.reach(ctx, sim)
	if !report.OK() {
		return out, report
	}
	every := make([]int, len(report.Tests))
	for i := range every {
		every[i] = i
	}
	deadline := time.Now().Add(most)
	type verdict struct{ tried, noticed bool }
	verdicts := make([]verdict, len(all.Mutants))
	var compiling sync.Mutex
	var wg sync.WaitGroup
	next := 0
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				compiling.Lock()
				i := next
				next++
				if i >= len(all.Mutants) || ctx.Err() != nil || time.Now().After(deadline) {
					compiling.Unlock()
					return
				}
				program := all.Compile(i)
				compiling.Unlock()
				if program == nil {
					continue // what check would not take is nobody's mistake
				}
				mutant, tests := s.with(program), reach[all.Mutants[i].Rule]
				if all.Mutants[i].Defines() {
					tests = every
				}
				verdicts[i].tried = true
				verdicts[i].noticed = slices.ContainsFunc(tests, func(test int) bool {
					return !mutant.passes(ctx, sim, program.Tests[test])
				})
			}
		})
	}
	wg.Wait()
	out.Untried = max(0, len(all.Mutants)-next)
	for i, v := range verdicts {
		if !v.tried {
			continue
		}
		out.Of++
		if v.noticed {
			out.Noticed++
			continue
		}
		m := all.Mutants[i]
		out.Survivors = append(out.Survivors, Survivor{s.place(m.Pos), m.Rule, m.What})
	}
	slices.SortStableFunc(out.Survivors, func(a, b Survivor) int { return comparePos(a.Pos, b.Pos) })
	return out, report
}

// reach runs all tests and says which of them ask each rule: first those in which it matches, since they notice most. A test that
// does not ask a rule cannot notice what is changed in it.
func (s *Set) reach(ctx context.Context, sim Simulate) (map[string][]int, Report) {
	matched := map[string]map[int]bool{}
	r := Report{Version: s.version}
	for i, t := range s.program.Tests {
		res := s.test(dsl.Watching(ctx, func(p *dsl.Point, said bool) {
			if matched[p.Rule] == nil {
				matched[p.Rule] = map[int]bool{}
			}
			matched[p.Rule][i] = matched[p.Rule][i] || p.Kind == dsl.PointWhen && said
		}), sim, t)
		res.test = i
		r.Tests = append(r.Tests, res)
	}
	reach := map[string][]int{}
	for rule, tests := range matched {
		for i := range tests {
			reach[rule] = append(reach[rule], i)
		}
		slices.SortFunc(reach[rule], func(a, b int) int {
			if tests[a] != tests[b] {
				if tests[a] {
					return -1
				}
				return 1
			}
			return cmp.Compare(a, b)
		})
	}
	return reach, r
}
