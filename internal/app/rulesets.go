package app

import (
	"context"
	"errors"

	"postern/dsl"
	"postern/internal/api"
	"postern/internal/issue"
	"postern/rules"
)

// ruleSets is the rules as the API knows them.
type ruleSets struct{ live *rules.Live }

var _ api.RuleSets = ruleSets{}

func (r ruleSets) Check(ctx context.Context, files map[string]string) ([]api.RulesProblem, error) {
	warnings, err := r.live.Check(ctx, files)
	return problemsOf(warnings), refused(err)
}

func (r ruleSets) Publish(ctx context.Context, files map[string]string, by, note string, after int64) (*api.PublishedRuleset, error) {
	p, err := r.live.PublishFiles(ctx, files, rules.Edit{By: by, Note: note, After: after})
	if err != nil {
		return nil, refused(err)
	}
	return &api.PublishedRuleset{Ruleset: rulesetOf(p.Publication), Warnings: problemsOf(p.Warnings)}, nil
}

func (r ruleSets) Rollback(ctx context.Context, number int64, by, note string, after int64) (*issue.Ruleset, error) {
	return known(r.live.Rollback(ctx, number, rules.Edit{By: by, Note: note, After: after}))
}

func (ruleSets) Diff(from, to map[string]string) []api.FileDiff {
	var out []api.FileDiff
	for _, d := range rules.Diff(from, to) {
		out = append(out, api.FileDiff(d))
	}
	return out
}

func known(p rules.Publication, err error) (*issue.Ruleset, error) {
	if err != nil {
		return nil, refused(err)
	}
	r := rulesetOf(p)
	return &r, nil
}

func rulesetOf(p rules.Publication) issue.Ruleset {
	return issue.Ruleset{Number: p.Number, Version: p.Version, PublishedAt: issue.Time(p.At), By: p.By, Note: p.Note}
}

func problemsOf(diags dsl.Diagnostics) []api.RulesProblem {
	out := []api.RulesProblem{}
	for _, d := range diags {
		p := api.RulesProblem{File: d.File, Line: d.Line, Column: d.Column, EndLine: d.End.Line, EndColumn: d.End.Column, Severity: d.Severity.String(),
			Code: d.Code, Message: d.Message, Hint: d.Hint, Snippet: d.Snippet}
		for _, r := range d.Related {
			p.Related = append(p.Related, api.RulesPlace{File: r.File, Line: r.Line, Column: r.Column, Message: r.Message})
		}
		out = append(out, p)
	}
	return out
}

func failuresOf(tests []rules.Problem) []api.RulesProblem {
	var out []api.RulesProblem
	for _, p := range tests {
		out = append(out, api.RulesProblem{File: p.File, Line: p.Line, Column: p.Column, Message: p.Text})
	}
	return out
}

// refused gives what is wrong with rules the form in which the API tells it.
func refused(err error) error {
	var diags dsl.Diagnostics
	var report rules.Report
	out := &api.InvalidRules{}
	switch {
	case errors.As(err, &diags):
		out.Problems = problemsOf(diags)
	case errors.As(err, &report):
		out.Problems = failuresOf(report.Problems())
	default:
		return err
	}
	return out
}
