package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/dsl"
)

// A Near is a rule that did not match in a test that failed, and might have been meant to.
type Near struct {
	dsl.Pos
	Rule   string `json:"rule"`
	Sets   string `json:"sets,omitempty"`   // what the test looks at and the rule would have set
	False  string `json:"false"`            // the part of its condition that was false
	Values string `json:"values,omitempty"` // of what that looks at
}

func (n Near) String() string {
	s := fmt.Sprintf("%s:%d %q did not match: %s is false", n.File, n.Line, n.Rule, n.False)
	if n.Sets != "" {
		s = fmt.Sprintf("%s:%d %q sets %s and did not match: %s is false", n.File, n.Line, n.Rule, n.Sets, n.False)
	}
	if n.Values != "" {
		s += "; " + n.Values
	}
	return s
}

const (
	maxNear      = 5  // of one test
	maxExplained = 20 // failing tests whose rules are looked into
)

// explain runs failing tests again on a set that tells what its conditions say, for the rules that nearly matched.
func (s *Set) explain(ctx context.Context, sim Simulate, r *Report) {
	var watched *Set
	explained := 0
	for i := range r.Tests {
		t := &r.Tests[i]
		if t.OK() || t.Trace == nil || explained == maxExplained || ctx.Err() != nil {
			continue
		}
		if watched == nil {
			if watched = s.watched(); watched == nil || len(watched.program.Tests) != len(s.program.Tests) {
				return
			}
		}
		explained++
		t.Near = watched.near(ctx, sim, t)
	}
}

// watched is the set compiled so that it tells what its conditions say; nil where that fails, which would be a bug.
func (s *Set) watched() *Set {
	w, _ := compile(s.files, s.files.open, LoadOptions{Vocabulary: s.vocabulary, watch: true})
	if w != nil {
		w.dir = s.dir
	}
	return w
}

// said is what a rule's condition said of one mail.
type said struct {
	held     int // parts that were true
	lost     []*dsl.Point
	values   string // of the first part that was false
	unlikely bool   // it matched
}

func (s *Set) near(ctx context.Context, sim Simulate, res *TestResult) (out []Near) {
	defer func() { _ = recover() }() // it failed before: this is help beside that
	t := s.program.Tests[res.test]
	heard := map[string]*said{}
	_, _, err := sim(dsl.Watching(ctx, func(p *dsl.Point, yes bool, values func() string) {
		h := heard[p.Rule]
		if h == nil {
			h = &said{}
			heard[p.Rule] = h
		}
		switch {
		case p.Kind == dsl.PointBranch:
		case p.Kind == dsl.PointWhen && yes:
			h.unlikely = true
		case p.Kind == dsl.PointWhen && len(h.lost) > 0: // its parts say more
		case yes:
			h.held++
		default:
			if len(h.lost) == 0 {
				h.values = values()
			}
			h.lost = append(h.lost, p)
		}
	}), s, t)
	if err != nil {
		return nil
	}
	wanted := map[string]bool{}
	for _, f := range res.Failures {
		for _, name := range f.looks {
			wanted[fieldOf(name)] = true
		}
	}
	for _, all := range [][]*dsl.Rule{s.program.Rules, s.program.Tokens} {
		for _, r := range all {
			h := heard[r.Name]
			if h == nil || h.unlikely || len(h.lost) == 0 {
				continue
			}
			sets := slices.DeleteFunc(r.Sets(), func(f string) bool { return !wanted[f] })
			if len(sets) == 0 && (h.held == 0 || len(h.lost) > 1) {
				continue
			}
			out = append(out, Near{Pos: s.place(r.Pos), Rule: r.Name, Sets: strings.Join(sets, ", "), False: h.lost[0].Text, Values: h.values})
		}
	}
	slices.SortStableFunc(out, func(a, b Near) int { return min(len(b.Sets), 1) - min(len(a.Sets), 1) })
	return out[:min(len(out), maxNear)]
}

// blamed is what the false parts of an expectation look at, or all of it where it has no parts.
func blamed(e *dsl.Expect, parts []dsl.Clause) (looks []string) {
	for _, p := range parts {
		for _, name := range p.Looks {
			if !p.Holds && !slices.Contains(looks, name) {
				looks = append(looks, name)
			}
		}
	}
	if looks == nil {
		return e.Looks()
	}
	return looks
}

// fieldOf is the field, as a trace names it, of a name that an expectation looks at.
func fieldOf(name string) string {
	switch name {
	case "reason", "outcome.bounce":
		return "verdict"
	case "outcome.dropped":
		return "attachments"
	case "outcome.redacted", "outcome.text":
		return "redact"
	}
	return strings.TrimPrefix(strings.TrimPrefix(name, "issue."), "outcome.")
}

// origins says which rule gave what an expectation looks at its value.
func origins(looks []string, trace []Entry) []string {
	var out []string
	by := SetBy(trace)
	for _, name := range looks {
		if !strings.HasPrefix(name, "issue.") && !strings.HasPrefix(name, "outcome.") && name != "verdict" && name != "reason" {
			continue
		}
		e, ok := by[fieldOf(name)]
		switch {
		case ok:
			out = append(out, fmt.Sprintf("%s was set by %s:%d %q", name, e.File, e.Line, e.Rule))
		case strings.HasPrefix(name, "issue."):
			out = append(out, "no rule set "+name)
		}
	}
	return out
}
