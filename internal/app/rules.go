package app

import (
	"context"
	"errors"
	"path/filepath"

	"postern/dsl"
	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/rules"
)

// openRules publishes the folder's rules, or what was published last where the folder is broken.
func (a *App) openRules(ctx context.Context, c *config.Config) error {
	a.rules = rules.NewLive(rules.LiveOptions{
		Dir: rulesDir(c), Builtin: c.Rules == "",
		Load: func() rules.LoadOptions { return rules.LoadOptions{Vocabulary: a.policy.Load().Vocabulary} },
		Simulate: func(ctx context.Context, s *rules.Set, t *dsl.Test) (*dsl.Outcome, []rules.Entry, error) {
			return intake.Simulate(a.policy.Load())(ctx, s, t)
		},
		OnPublish: a.keepRules, Log: a.part("rules"), Now: a.o.Now,
	})
	var files map[string]string
	switch last, err := a.store.LatestRuleset(ctx); {
	case err == nil:
		files = last.Files
	case !fault.Is(err, fault.NotFound):
		return err
	}
	if err := a.rules.Start(ctx, files); err != nil {
		return problems(err)
	}
	return nil
}

// rulesDir is the configured folder, or the one beside the configuration that is used when it is there.
func rulesDir(c *config.Config) string {
	if c.Rules != "" {
		return c.Rules
	}
	return filepath.Join(filepath.Dir(c.File), "rules")
}

// keepRules stores a published set, so that it is there after a restart also when the folder is broken by then.
func (a *App) keepRules(ctx context.Context, s *rules.Set) error {
	if a.o.Dry {
		return nil
	}
	after := int64(0)
	if last, err := a.store.LatestRuleset(ctx); err == nil {
		after = last.Number
	}
	_, err := a.store.PublishRuleset(ctx, issue.Ruleset{
		Version: s.Version(), Files: s.Files(), PublishedAt: issue.Time(a.o.Now()), By: "files",
	}, after)
	return err
}

// problems marks what is wrong with the rules as the administrator's to mend.
func problems(err error) error {
	var diags dsl.Diagnostics
	var report rules.Report
	if errors.As(err, &diags) || errors.As(err, &report) {
		return &ErrConfig{Problems: err.Error()}
	}
	return err
}
