package dsl_test

import (
	"fmt"
	"testing"
	"time"

	"postern/dsl"
)

func TestAttributes(t *testing.T) {
	t.Parallel()
	p := must(t, `
disabled shadow rule "all" {
    doc """
        What it is for,
        in two lines.
    """
    owner "the support team"
    until 2026-03-31
    sample 12.5%
    in support
    when mail.isReply
    then { tag("a") }
    else {
        tag("b")
        stop()
    }
}
rule "short" { until "2026-03-31T18:00:00+02:00"; sample "5%"; doc 'x' then { stop() } }
disabled token "t" { then { stop() } }
rule "plain" { then { stop() } }`)
	all, short := p.Rules[0], p.Rules[1]
	if !all.Disabled || !all.Shadow || all.Doc != "What it is for,\nin two lines." || all.Owner != "the support team" || all.Sample != 12.5 ||
		all.SampleText() != "12.5%" || all.UntilText() != "2026-03-31" || !all.Until.Equal(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)) ||
		all.Len(true) != 1 || all.Len(false) != 2 || !all.HasElse() || all.Mailboxes[0] != "support" {
		t.Errorf("%+v", all)
	}
	if short.Disabled || short.UntilText() != "2026-03-31T16:00:00Z" || short.SampleText() != "5%" || short.Doc != "x" {
		t.Errorf("%+v", short)
	}
	if !p.Tokens[0].Disabled || p.Rules[2].UntilText() != "" || p.Rules[2].SampleText() != "" || p.Rules[2].Attributes != (dsl.Attributes{}) {
		t.Errorf("%+v %+v", p.Tokens[0], p.Rules[2])
	}
}

// A share is met nearly, is the same for the same key, and lies within every larger one.
func TestSample(t *testing.T) {
	t.Parallel()
	p := must(t, `
rule "a" { sample 10% then { stop() } }
rule "b" { sample 10% then { stop() } }
rule "c" { sample 60.5% then { stop() } }
rule "d" { sample 100% then { stop() } }`)
	asked := [4]int{}
	const mails = 20_000
	for i := range mails {
		v := view()
		v.Key = fmt.Sprintf("%040x", i)
		var was [4]bool
		for again := range 2 {
			r := p.NewRun(t.Context(), v, dsl.Budget{})
			for j, rule := range p.Rules {
				is := rule.Skipped(r) == ""
				if again == 1 && is != was[j] {
					t.Fatalf("%s: asked once and once not", v.Key)
				}
				was[j] = is
			}
			r.Close()
		}
		if was[0] != was[1] || was[1] && !was[2] || !was[3] {
			t.Fatalf("%s: %v", v.Key, was)
		}
		for j := range was {
			if was[j] {
				asked[j]++
			}
		}
	}
	for j, want := range [4]float64{0.1, 0.1, 0.605, 1} {
		if got := float64(asked[j]) / mails; got < want-0.01 || got > want+0.01 {
			t.Errorf("rule %d was asked about %v of the mail", j, got)
		}
	}
}

// The last day of a rule is its own, to the last moment (UTC), by the message's time.
func TestUntil(t *testing.T) {
	t.Parallel()
	p := must(t, `rule "a" { until 2026-01-31 then { stop() } }`)
	for at, want := range map[string]dsl.Skip{
		"2026-01-31T23:59:59Z": "", "2026-02-01T00:00:00Z": dsl.SkipUntil, "2026-02-01T00:30:00+01:00": "", "2027-01-01T00:00:00Z": dsl.SkipUntil,
	} {
		v := view()
		v.Now, _ = time.Parse(time.RFC3339, at)
		r := p.NewRun(t.Context(), v, dsl.Budget{})
		if got := p.Rules[0].Skipped(r); got != want {
			t.Errorf("%s: %q", at, got)
		}
		r.Close()
	}
}

// A rule with an else has something to do for every message: no index may rule it out.
func TestElseNeedsNothing(t *testing.T) {
	t.Parallel()
	p := must(t, `rule "a" { when mail.subject == "x" then { stop() } else { tag("y") } }`)
	if needs := p.Rules[0].Needs(); len(needs) > 0 {
		t.Errorf("needs %v", needs)
	}
}
