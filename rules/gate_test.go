package rules_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"postern/dsl"
	"postern/rules"
)

const tested = `
rule "outage" {
    when mail.subject contains "OUTAGE"
    then { priority("urgent"); tag("outage") }
}

test "an outage is urgent" {
    mail """
        From: Ann <ann@example.org>
        Subject: OUTAGE in Berlin

        Everything is down.
    """
    expect issue.priority == "urgent"
    expect "outage" in issue.tags
    expect verdict == "committed"
}

test "is wrong itself" {
    mail """
        From: Ann <ann@example.org>
        Subject: hello

        Hi.
    """
    expect verdict == "committed"
    expect issue.priority == "urgent"
}
`

func TestReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"10.rules": tested})
	s, diags := rules.Load(dir, options)
	if diags.HasErrors() {
		t.Fatal(diags.Text())
	}
	r := s.Test(t.Context(), simulate)
	if r.OK() || r.Failed() != 1 || len(r.Tests) != 2 || !r.Tests[0].OK() || r.Version != s.Version() {
		t.Fatalf("report %+v, want the second of two tests to fail", r)
	}
	if len(r.Tests[0].Trace) == 0 || !r.Tests[0].Trace[0].Matched {
		t.Errorf("trace %+v, want the rule that matched", r.Tests[0].Trace)
	}
	f := r.Tests[1].Failures[0]
	if f.Line != 27 || f.Expect != `issue.priority == "urgent"` || !strings.Contains(f.Got, "normal") {
		t.Errorf("failure %+v, want line 27, its source and the value there was", f)
	}
	line := r.Error()
	if want := dir + `/10.rules:27:12: `; !strings.HasPrefix(line, want) || !strings.Contains(line, `"is wrong itself"`) || strings.Contains(line, "\n") {
		t.Errorf("printed %q, want it to start with %q", line, want)
	}
}

// What goes wrong in the road is a failure of that test alone.
func TestReportTrouble(t *testing.T) {
	t.Parallel()
	s := compileOne(t, tested)
	r := s.Test(t.Context(), func(ctx context.Context, s *rules.Set, test *dsl.Test) (*dsl.Outcome, []rules.Entry, error) {
		if test.Name == "is wrong itself" {
			panic("boom")
		}
		return nil, nil, errors.New("no road")
	})
	if r.Failed() != 2 {
		t.Fatalf("%d failed, want both", r.Failed())
	}
	if got := r.Error(); !strings.Contains(got, "no road") || !strings.Contains(got, "boom") {
		t.Errorf("printed %q", got)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if r := s.Test(stopped, simulate); r.OK() {
		t.Error("tests that were not run passed")
	}
}

func TestBuiltin(t *testing.T) {
	t.Parallel()
	// No names of a configuration are used, so it fits all of them.
	s, diags := rules.Builtin(rules.LoadOptions{Vocabulary: dsl.Vocabulary{
		Mailboxes: []string{}, Types: []string{}, Classes: []string{}, Priorities: []string{}, Statuses: []string{}, Teams: []string{}, Fields: []string{}}})
	if len(diags) > 0 {
		t.Fatal(diags.Text())
	}
	if len(s.Program().Tests) == 0 {
		t.Fatal("no tests")
	}
	if r := s.Test(t.Context(), simulate); !r.OK() {
		t.Error(r.Error())
	}
}
