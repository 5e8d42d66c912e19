package app

import (
	"context"

	"postern/internal/intake"
	"postern/rules"
)

// backtest tries a set on stored mail. It is compiled against the configuration and not tested: that is for what is published.
func (a *App) backtest(ctx context.Context, files map[string]string, b intake.Backtest) (*intake.BacktestReport, error) {
	if files != nil {
		set, diags := rules.FromFiles(files, rules.LoadOptions{Vocabulary: a.policy.Load().Vocabulary})
		if set == nil {
			return nil, refused(diags)
		}
		b.Set = set
	}
	return a.intake.Backtest(ctx, b)
}
