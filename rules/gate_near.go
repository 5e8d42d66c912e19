package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
	mostParts    = 20 // of an expectation
	nearTime     = 5 * time.Second
)

// explain runs failing tests again, for the rules that nearly matched.
func (s *Set) explain(ctx context.Context, sim Simulate, r *Report) {
	explained := 0
	end := time.Now().Add(nearTime)
	for i := range r.Tests {
		t := &r.Tests[i]
		if t.OK() || t.Trace == nil || explained == maxExplained || ctx.Err() != nil || time.Now().After(end) {
			continue
		}
		explained++
		t.Near = s.near(ctx, sim, t, func() bool { return time.Now().Before(end) })
	}
}

func (s *Set) near(ctx context.Context, sim Simulate, res *TestResult, more func() bool) (out []Near) {
	defer func() { _ = recover() }() // it failed before: this is help beside that
	wanted := map[string]bool{}
	for _, f := range res.Failures {
		for _, name := range f.looks {
			wanted[fieldOf(name)] = true
		}
	}
	asked := map[*dsl.Rule]bool{} // a token may stand in a mail twice
	_, _, _ = sim(Witnessing(ctx, func(r *dsl.Rule, run *dsl.Run) {
		if asked[r] || !more() {
			return
		}
		asked[r] = true
		p := r.Explain(run, nil)
		if p == nil {
			return
		}
		missing, held := p.Missing()
		sets := slices.DeleteFunc(r.Sets(), func(f string) bool { return !wanted[f] })
		lost := p.Nearest()
		if len(lost) == 0 || len(sets) == 0 && (held == 0 || missing > 1) {
			return
		}
		out = append(out, Near{Pos: s.place(r.Pos), Rule: r.Name, Sets: strings.Join(sets, ", "), False: lost[0].Text, Values: looked(lost[0])})
	}), s, s.program.Tests[res.test])
	slices.SortStableFunc(out, func(a, b Near) int { return min(len(b.Sets), 1) - min(len(a.Sets), 1) })
	return out[:min(len(out), maxNear)]
}

// looked is what a part looks at, for a line.
func looked(p dsl.Part) string {
	var out []string
	for _, v := range p.Looked() {
		out = append(out, v.String())
	}
	return strings.Join(out, ", ")
}

// blamed is what the false parts of an expectation look at, or all of it where they look at nothing.
func blamed(parts []dsl.Part) (looks []string) {
	for _, wrong := range []bool{true, false} {
		for _, p := range parts {
			for _, v := range p.Looked() {
				if (!p.Holds || !wrong) && !slices.Contains(looks, v.Text) {
					looks = append(looks, v.Text)
				}
			}
		}
		if looks != nil {
			return looks
		}
	}
	return nil
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
