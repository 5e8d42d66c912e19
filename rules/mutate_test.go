package rules_test

import (
	"slices"
	"testing"
	"time"

	"postern/dsl"
	"postern/rules"
)

const guarded = `
rule "outage" {
    when mail.subject contains "OUTAGE" and mail.from.domain == "example.org"
    then { priority("urgent"); tag("outage") }
}

test "an outage" {
    mail """
        From: Ann <ann@example.org>
        Subject: OUTAGE in Berlin

        Down.
    """
    expect issue.priority == "urgent"
}

test "of somebody else" {
    mail """
        From: Bob <bob@example.com>
        Subject: OUTAGE in Berlin

        Down.
    """
    expect issue.priority == "normal"
}
`

// Each change that a test was written for is noticed, and the others are told where they are.
func TestMutate(t *testing.T) {
	t.Parallel()
	s := compileOne(t, guarded)
	m, report := s.Mutate(t.Context(), simulate, time.Minute)
	if !report.OK() {
		t.Fatal(report.Error())
	}
	var got []string
	for _, one := range m.Survivors {
		got = append(got, one.What)
	}
	want := []string{`mail.subject contains "OUTAGE" left out`, `tag("outage") left out`}
	if !slices.Equal(got, want) || m.Noticed+len(want) != m.Of || m.Untried != 0 {
		t.Errorf("survivors %q of %+v, want %q", got, m, want)
	}
	if p := m.Survivors[1].Pos; p.Line != 4 || p.Column != 32 {
		t.Errorf("the tag is at %v, want 4:32", p)
	}
}

// So are changes of defines that rules use, also through others.
func TestMutateDefines(t *testing.T) {
	t.Parallel()
	s := compileOne(t, `
define ours = mail.from.domain == "example.org" or mail.from.domain == "example.net"
define bad = ours and has(mail.subject, "outage")
define size = mail.size > 1000 ? "large" : "small"
define unused = mail.size > 7
rule "outage" { when bad then { priority("urgent"); tag(size) } }
disabled rule "sleeps" { when unused then { tag("x") } }
test "ours" {
    mail """
        From: Ann <ann@example.org>
        Subject: OUTAGE
    """
    expect issue.priority == "urgent" and "small" in issue.tags
}
test "of another" {
    mail """
        From: Ann <ann@example.com>
        Subject: OUTAGE
    """
    expect issue.priority == "normal"
}
`)
	m, report := s.Mutate(t.Context(), simulate, time.Minute)
	if !report.OK() {
		t.Fatal(report.Error())
	}
	var got []string
	for _, one := range m.Survivors {
		got = append(got, one.Rule+": "+one.What)
	}
	want := []string{
		`define ours: mail.from.domain == "example.net" left out`,
		`define bad: has(mail.subject, "outage") left out`,
	}
	if !slices.Equal(got, want) || m.Of < 10 {
		t.Errorf("survivors %q of %+v, want %q", got, m, want)
	}
}

// What is covered is what some test made true and some test made false.
func TestCover(t *testing.T) {
	t.Parallel()
	c, report := compileOne(t, guarded).Cover(t.Context(), simulate)
	if !report.OK() {
		t.Fatal(report.Error())
	}
	if c.Covered != 5 || c.Of != 6 || len(c.Gaps) != 1 || c.Gaps[0].Message != `mail.subject contains "OUTAGE" is never false` {
		t.Errorf("%+v, want all but one of 6", c)
	}
}

// A failed test says which part is false, where its value is from, and which rule nearly matched.
func TestNear(t *testing.T) {
	t.Parallel()
	s := compileOne(t, guarded+`
rule "calm" { when mail.subject == "calm" then { priority("low") } }
test "is wrong" {
    mail """
        From: Bob <bob@example.com>
        Subject: OUTAGE

        Down.
    """
    expect verdict == "committed" and issue.priority == "urgent"
}
`)
	r := s.TestOnly(t.Context(), simulate, func(t *dsl.Test) bool { return t.Name == "is wrong" })
	if len(r.Tests) != 1 || r.OK() {
		t.Fatalf("%+v, want one test, failed", r)
	}
	f := r.Tests[0].Failures[0]
	if f.Got != `issue.priority is "normal"` || len(f.Parts) != 2 || !f.Parts[0].Holds || f.Parts[1].Holds {
		t.Errorf("failure %+v", f)
	}
	near := r.Tests[0].Near
	if len(near) != 2 || near[0].Rule != "outage" || near[0].False != `mail.from.domain == "example.org"` || near[0].Values != `mail.from.domain is "example.com"` {
		t.Errorf("near %+v, want the outage and why", near)
	}
	var _ []rules.Near = near
}
