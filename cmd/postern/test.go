package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/dsl"
	"postern/internal/app"
	"postern/rules"
)

var testFormats = []string{"text", "tap", "junit", "json"}

// A testRun is what was asked for.
type testRun struct {
	only, format string
	cover        bool
	coverMin     int
	mutate       bool
	mutateMin    int
	mutateTime   time.Duration
}

func (p *program) test() *cobra.Command {
	var o testRun
	c := p.withJSON(&cobra.Command{
		Use: "test", Short: "Run the tests that stand in the rules", Args: none,
		Long: `Runs every test block of the rules. What fails is told a line each, file:line:col: message; below it stand the parts of
the condition that did not hold, which rule set what it looks at, the rules that matched and those that nearly did. Exits 1 when a test fails
or the rules are wrong.

--cover also tells what no test has seen: rules that never matched or always did, an else that was never taken, and parts of conditions that
never were true or never false. --mutate changes one thing in one rule or define at a time, a condition negated, a comparison turned round, a side of and, or
left out, a statement left out, and tells what no test noticed.`,
		Example: `  postern test
  postern test --run 'outage|VIP'
  postern test --cover --cover-min 80
  postern test --mutate --mutate-min 90
  postern test --format junit > report.xml
  postern test -c /etc/postern/postern.yaml --json | jq .tests`,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runTests(cmd.Context(), o) },
	})
	f := c.Flags()
	f.StringVar(&o.only, "run", "", "run only tests whose name matches a regular expression (not with --cover)")
	f.StringVar(&o.format, "format", "text", "text, tap, junit or json")
	f.BoolVar(&o.cover, "cover", false, "tell what no test has seen")
	f.IntVar(&o.coverMin, "cover-min", 0, "exit 1 where less than so many percent are covered; implies --cover")
	f.BoolVar(&o.mutate, "mutate", false, "change the rules, and tell which changes no test notices")
	f.IntVar(&o.mutateMin, "mutate-min", 0, "exit 1 where fewer than so many percent of the changes are noticed; implies --mutate")
	f.DurationVar(&o.mutateTime, "mutate-time", time.Minute, "try no new change after this time")
	return c
}

func (p *program) runTests(ctx context.Context, o testRun) error {
	if p.json {
		o.format = "json"
	}
	o.cover, o.mutate = o.cover || o.coverMin > 0, o.mutate || o.mutateMin > 0
	only, err := o.check()
	if err != nil {
		return &exit{exitUsage, err}
	}
	p.json = o.format == "json"
	checked := app.Check(p.options())
	if checked.Wrong {
		return p.checked(checked, true)
	}
	var report rules.Report
	var cover *rules.Coverage
	var mutation *rules.Mutation
	switch {
	case o.mutate:
		var m rules.Mutation
		m, report = checked.Rules.Mutate(ctx, checked.Simulate(), o.mutateTime)
		mutation = &m
	case o.cover:
		var c rules.Coverage
		c, report = checked.Rules.Cover(ctx, checked.Simulate())
		cover = &c
	default:
		report = checked.Rules.TestOnly(ctx, checked.Simulate(), only)
	}
	if err := p.printTests(o.format, report, cover, mutation); err != nil {
		return err
	}
	if !report.OK() || cover != nil && cover.Percent() < o.coverMin || mutation != nil && mutation.Percent() < o.mutateMin {
		return &exit{code: exitFailed}
	}
	return nil
}

// check says which tests are meant.
func (o testRun) check() (func(*dsl.Test) bool, error) {
	if !slices.Contains(testFormats, o.format) {
		return nil, fmt.Errorf("--format %s: there are %s", o.format, strings.Join(testFormats, ", "))
	}
	if o.cover && o.mutate {
		return nil, fmt.Errorf("--cover and --mutate do not go together: run one after the other")
	}
	if o.only == "" {
		return nil, nil
	}
	if o.cover || o.mutate {
		return nil, fmt.Errorf("--run does not go together with --cover and --mutate, which are about all tests")
	}
	re, err := regexp.Compile(o.only)
	if err != nil {
		return nil, fmt.Errorf("--run: %w", err)
	}
	return func(t *dsl.Test) bool { return re.MatchString(t.Name) || t.Case != "" && re.MatchString(t.Case) }, nil
}

func (p *program) printTests(format string, r rules.Report, cover *rules.Coverage, mutation *rules.Mutation) error {
	switch format {
	case "json":
		return p.printJSON(struct {
			rules.Report
			Cover  *rules.Coverage `json:"cover,omitempty"`
			Mutate *rules.Mutation `json:"mutate,omitempty"`
		}{r, cover, mutation})
	case "tap":
		return writeTAP(p.out, r, slices.Concat(gaps(cover, mutation), sums(r, cover, mutation)))
	case "junit":
		return writeJUnit(p.out, r, slices.Concat(gaps(cover, mutation), sums(r, cover, mutation)))
	}
	if err := r.Write(p.out, true); err != nil {
		return err
	}
	for _, g := range gaps(cover, mutation) {
		fmt.Fprintln(p.out, g)
	}
	fmt.Fprintf(p.out, "%d passed, %d failed\n", len(r.Tests)-r.Failed(), r.Failed())
	for _, sum := range sums(r, cover, mutation) {
		fmt.Fprintln(p.out, sum)
	}
	return nil
}

// gaps are what no test saw, or noticed, a line each.
func gaps(cover *rules.Coverage, mutation *rules.Mutation) (out []string) {
	if cover != nil {
		for _, g := range cover.Gaps {
			out = append(out, g.String())
		}
	}
	if mutation != nil {
		for _, s := range mutation.Survivors {
			out = append(out, s.String())
		}
	}
	return out
}

// sums are how much of it all they saw, or noticed.
func sums(r rules.Report, cover *rules.Coverage, mutation *rules.Mutation) (out []string) {
	if cover != nil {
		out = append(out, fmt.Sprintf("%d%% covered: %d of %d", cover.Percent(), cover.Covered, cover.Of))
	}
	if mutation != nil && r.OK() {
		out = append(out, fmt.Sprintf("%d%% of %d changes noticed", mutation.Percent(), mutation.Of))
		if mutation.Untried > 0 {
			out = append(out, fmt.Sprintf("%d more were not tried: the time was over (--mutate-time)", mutation.Untried))
		}
	}
	return out
}
