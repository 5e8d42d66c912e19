package rules

import (
	"context"
	"fmt"
	"slices"

	"postern/dsl"
)

// Coverage is what the tests of a set have seen of its rules.
type Coverage struct {
	Covered int   `json:"covered"`
	Of      int   `json:"of"`
	Gaps    []Gap `json:"gaps"`
}

// A Gap is what no test has seen.
type Gap struct {
	dsl.Pos
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

func (g Gap) String() string { return fmt.Sprintf("%s: %q: %s", g.Pos, g.Rule, g.Message) }

// Percent is the covered share, rounded down; 100 of nothing.
func (c Coverage) Percent() int {
	if c.Of == 0 {
		return 100
	}
	return 100 * c.Covered / c.Of
}

// Cover runs all tests and says what they did not see: rules that never matched or always did, and parts of conditions that never were
// true or never false. Each of these two counts once; a rule without a condition only has to be reached.
func (s *Set) Cover(ctx context.Context, sim Simulate) (Coverage, Report) {
	cov := Coverage{Gaps: []Gap{}}
	w := s.watched()
	if w == nil {
		return cov, s.Test(ctx, sim)
	}
	type seen struct{ yes, no bool }
	all := map[*dsl.Point]*seen{}
	for _, p := range w.program.Points {
		all[p] = &seen{}
	}
	report := w.Test(dsl.Watching(ctx, func(p *dsl.Point, said bool) {
		if a := all[p]; said {
			a.yes = true
		} else {
			a.no = true
		}
	}), sim)
	reached := map[string]bool{} // rules whose condition was asked at all
	for p, a := range all {
		if p.Kind == dsl.PointWhen && (a.yes || a.no) {
			reached[p.Rule] = true
		}
	}
	for _, p := range w.program.Points {
		a := all[p]
		count := func(ok bool, message string) {
			cov.Of++
			if ok {
				cov.Covered++
			} else if message != "" {
				cov.Gaps = append(cov.Gaps, Gap{w.place(p.Pos), p.Rule, message})
			}
		}
		switch {
		case p.Kind == dsl.PointWhen && p.Text == "":
			count(a.yes, "is never reached")
		case p.Kind == dsl.PointWhen && !a.yes && !a.no:
			count(false, "is never reached")
			count(false, "")
		case p.Kind == dsl.PointWhen:
			count(a.yes, "never matches")
			if p.Else {
				count(a.no, "always matches: its else is never taken")
			} else {
				count(a.no, "always matches")
			}
		default:
			quiet := !reached[p.Rule] && slices.ContainsFunc(w.program.Points, func(o *dsl.Point) bool { return o.Rule == p.Rule && o.Kind == dsl.PointWhen })
			for _, c := range []struct {
				ok   bool
				word string
			}{{a.yes, "true"}, {a.no, "false"}} {
				if quiet { // said of the rule as a whole
					count(c.ok, "")
				} else {
					count(c.ok, p.Text+" is never "+c.word)
				}
			}
		}
	}
	slices.SortStableFunc(cov.Gaps, func(a, b Gap) int { return comparePos(a.Pos, b.Pos) })
	return cov, report
}

// watched is the set compiled so that it tells what its conditions say; nil where that fails, which would be a bug.
func (s *Set) watched() *Set {
	w, _ := compile(s.files, s.files.open, LoadOptions{Vocabulary: s.vocabulary, watch: true})
	if w != nil {
		w.dir = s.dir
	}
	return w
}
