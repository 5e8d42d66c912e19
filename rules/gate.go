package rules

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"postern/dsl"
)

// Simulate decides a test's mail exactly as real mail is decided, without keeping anything: the caller
// has the road from bytes to a view, this package has the rules.
type Simulate func(ctx context.Context, set *Set, t *dsl.Test) (*dsl.Outcome, []Entry, error)

// A Report is what came of all tests of a set.
type Report struct {
	Version string        `json:"version"`
	Tests   []TestResult  `json:"tests"`
	Took    time.Duration `json:"took"` // nanoseconds
}

// A TestResult is what came of one.
type TestResult struct {
	dsl.Pos
	Name     string    `json:"name"`
	Case     string    `json:"case,omitempty"` // of a table, as it is written, …
	CaseLine int       `json:"caseLine,omitempty"`
	Failures []Failure `json:"failures,omitempty"` // none: it passed
	Trace    []Entry   `json:"trace,omitempty"`
	Near     []Near    `json:"near,omitempty"` // of a failed one: rules that nearly matched

	test  int  // its place in the program
	knows bool // it looks at which rules failed
}

// A Failure is one expectation that was not met, or a reason why nothing could be expected.
type Failure struct {
	dsl.Pos
	Expect string `json:"expect,omitempty"` // as written
	Got    string `json:"got,omitempty"`    // what there was instead
	// Parts are the conditions that and, or join in it, with what each says.
	Parts []dsl.Part `json:"parts,omitempty"`
	SetBy []string   `json:"setBy,omitempty"` // which rule gave what it looks at its value
	Error string     `json:"error,omitempty"`
	Stack string     `json:"stack,omitempty"` // of a panic, which is a bug of ours

	looks []string // what is to blame looks at
}

// OK reports whether it passed.
func (t TestResult) OK() bool { return len(t.Failures) == 0 }

// FullName is the name, and the case of a table.
func (t TestResult) FullName() string {
	if t.Case == "" {
		return t.Name
	}
	return t.Name + ", case " + t.Case
}

// title is what a report calls the test.
func (t TestResult) title() string {
	s := fmt.Sprintf("test %q", t.Name)
	if t.Case != "" {
		s += fmt.Sprintf(", case %s of line %d", t.Case, t.CaseLine)
	}
	return s
}

// Failed counts the tests that did not pass.
func (r Report) Failed() int {
	n := 0
	for _, t := range r.Tests {
		if !t.OK() {
			n++
		}
	}
	return n
}

// OK reports whether all passed.
func (r Report) OK() bool { return r.Failed() == 0 }

// Error tells the failures, so that a report with failures can be returned as an error.
func (r Report) Error() string {
	var b strings.Builder
	_ = r.Write(&b, false)
	return strings.TrimSuffix(b.String(), "\n")
}

// Write prints every failure as "file:line:col: message"; with trace, the rules that matched or failed
// follow, indented, and the stack of a panic; and, once, each rule that failed in a test that passed.
func (r Report) Write(w io.Writer, trace bool) error {
	var b strings.Builder
	told := map[string]bool{}
	for _, t := range r.Tests {
		for _, f := range t.Failures {
			fmt.Fprintf(&b, "%s: %s: %s\n", f.Pos, t.title(), f.message())
			if trace {
				f.detail(&b)
				b.WriteString(f.Stack)
			}
		}
		if trace && !t.OK() {
			for _, e := range t.Trace {
				if e.Acted() || e.Error != "" {
					fmt.Fprintf(&b, "    %s\n", e)
				}
			}
			for _, n := range t.Near {
				fmt.Fprintf(&b, "    %s\n", n)
			}
		}
		for _, e := range t.ruleErrors() {
			at, why := e.failedAt()
			if line := fmt.Sprintf("%s: warning: %q failed, and took none of its actions: %s", at, e.Rule, why); trace && !told[line] {
				told[line] = true
				fmt.Fprintf(&b, "%s (in %s, which passed)\n", line, t.title())
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ruleErrors are the rules that failed in a test that passed and did not ask for it.
func (t TestResult) ruleErrors() (out []Entry) {
	for _, e := range t.Trace {
		if e.Error != "" && t.OK() && !t.knows {
			out = append(out, e)
		}
	}
	return out
}

// failedAt is where in its file an entry's error is, and the error without that.
func (e Entry) failedAt() (at, why string) {
	if where, rest, ok := strings.Cut(e.Error, ": "); ok {
		if name, column, ok := strings.Cut(where, ":"); ok && strings.HasSuffix(e.File, name) {
			return e.File + ":" + column, rest
		}
	}
	return fmt.Sprintf("%s:%d", e.File, e.Line), e.Error
}

// detail prints the parts of the expectation, and where the values are from.
func (f Failure) detail(b *strings.Builder) {
	for _, p := range f.Parts {
		sign, says := "ok   ", ""
		if !p.Holds {
			sign = "false"
			if says = looked(p); p.Error != "" {
				says = p.Error
			}
		}
		fmt.Fprintf(b, "    %s  %s", sign, p.Text)
		if says != "" {
			b.WriteString("; " + says)
		}
		b.WriteByte('\n')
	}
	for _, s := range f.SetBy {
		b.WriteString("    " + s + "\n")
	}
}

func (f Failure) message() string {
	switch {
	case f.Error != "" && f.Expect != "":
		return fmt.Sprintf("expect %s: %s", f.Expect, f.Error)
	case f.Error != "":
		return f.Error
	case f.Got != "":
		return fmt.Sprintf("expected %s, but %s", f.Expect, f.Got)
	default:
		return "expected " + f.Expect
	}
}

// String is the entry in one line.
func (e Entry) String() string {
	if e.Rule == "" {
		return fmt.Sprintf("%d more rules were tried", e.Omitted)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d %q", e.File, e.Line, e.Rule)
	if e.Shadow {
		b.WriteString(" (shadow)")
	}
	switch {
	case e.Skipped != "":
		b.WriteString(" skipped: " + e.Skipped)
	case e.Matched:
		b.WriteString(" matched")
	case e.Else:
		b.WriteString(" did not match, else")
	default:
		b.WriteString(" did not match")
	}
	if len(e.Actions) > 0 {
		b.WriteString(": " + strings.Join(e.Actions, ", "))
	}
	if e.Error != "" {
		b.WriteString("; failed and was skipped: " + e.Error)
	}
	return b.String()
}

// Test runs all tests of the set, in the order in which they stand. It ends early, with the tests run so far and a failure,
// when ctx ends.
func (s *Set) Test(ctx context.Context, sim Simulate) Report { return s.TestOnly(ctx, sim, nil) }

// TestOnly runs those tests that are asked for; nil: all.
func (s *Set) TestOnly(ctx context.Context, sim Simulate, only func(*dsl.Test) bool) Report {
	began := time.Now()
	r := Report{Version: s.version, Tests: make([]TestResult, 0, len(s.program.Tests))}
	for i, t := range s.program.Tests {
		if only != nil && !only(t) {
			continue
		}
		res := s.test(ctx, sim, t)
		res.test = i
		r.Tests = append(r.Tests, res)
		if ctx.Err() != nil {
			break
		}
	}
	s.explain(ctx, sim, &r)
	r.Took = time.Since(began)
	return r
}

func (s *Set) test(ctx context.Context, sim Simulate, t *dsl.Test) (res TestResult) {
	res = TestResult{Pos: s.place(t.Pos), Name: t.Name, Case: t.Case, CaseLine: t.CasePos.Line}
	fail := func(pos dsl.Pos, f Failure) {
		f.Pos = s.place(pos)
		res.Failures = append(res.Failures, f)
	}
	defer func() {
		// Tests run in the background of a server that is delivering mail: a bug of ours that one brings out fails that test.
		if p := recover(); p != nil {
			fail(t.Pos, Failure{Error: fmt.Sprintf("panic: %v", p), Stack: string(debug.Stack())})
		}
	}()
	if err := ctx.Err(); err != nil {
		fail(t.Pos, Failure{Error: fmt.Sprintf("not run: %v", err)})
		return res
	}
	outcome, trace, err := sim(ctx, s, t)
	for i := range trace { // as people find the file, like all else in a report
		if trace[i].File != "" {
			trace[i].File = s.place(dsl.Pos{File: trace[i].File}).File
		}
	}
	res.Trace = trace
	if err != nil {
		fail(t.Pos, Failure{Error: err.Error()})
		return res
	}
	for _, e := range t.Expects {
		res.knows = res.knows || strings.Contains(e.Source, "outcome.failed")
		ok, got, parts, err := e.Check(outcome)
		switch {
		case err != nil:
			fail(e.Pos, Failure{Expect: e.Source, Error: err.Error()})
		case !ok:
			f := Failure{Expect: e.Source, Got: got, looks: blamed(parts)}
			f.SetBy = origins(f.looks, trace)
			if len(parts) > 1 { // else the whole is all there is to say
				f.Parts = parts[:min(len(parts), mostParts)]
			}
			fail(e.Pos, f)
		}
	}
	return res
}

// passes says only whether a test passes.
func (s *Set) passes(ctx context.Context, sim Simulate, t *dsl.Test) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	if ctx.Err() != nil {
		return false
	}
	outcome, _, err := sim(ctx, s, t)
	return err == nil && !slices.ContainsFunc(t.Expects, func(e *dsl.Expect) bool {
		holds, err := e.Holds(outcome)
		return !holds || err != nil
	})
}

// place names a position's file as people find it.
func (s *Set) place(p dsl.Pos) dsl.Pos {
	if s.dir != "" {
		p.File = inFolder(s.dir, p.File)
	}
	return p
}

func comparePos(a, b dsl.Pos) int {
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}
