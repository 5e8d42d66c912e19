package app

import (
	"context"
	"time"

	"postern/internal/api"
	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/rules"
)

// countsEvery is how often what rules did is written to the store. A crash loses so much of it.
const countsEvery = 30 * time.Second

// keepCounts writes what rules did now and then until ctx ends, and once more.
func (a *App) keepCounts(ctx context.Context) {
	tick := time.NewTicker(countsEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = a.flushCounts(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_ = a.flushCounts(last)
			return
		}
	}
}

// flushCounts writes them now. What could not be written is counted on.
func (a *App) flushCounts(ctx context.Context) error {
	taken := a.counter.Take()
	list := make([]issue.RuleCount, 0, len(taken))
	for _, c := range taken {
		n := issue.RuleCount{Version: c.Version, Stage: c.Stage, Rule: c.Rule, Matches: c.Matches, Errors: c.Errors, Took: c.Took}
		if !c.LastMatch.IsZero() {
			n.LastMatch = &c.LastMatch
		}
		list = append(list, n)
	}
	err := a.store.CountRules(ctx, list)
	if err != nil {
		a.counter.Return(taken)
		a.log.WarnContext(ctx, "what rules did was not written; trying again", logkey.Error, err)
	}
	return err
}

// statistics say what the rules of a published set did, up to now where this node is concerned.
func (a *App) statistics(ctx context.Context, r *issue.Ruleset) ([]api.RuleStatistic, error) {
	if err := a.flushCounts(ctx); err != nil {
		return nil, err
	}
	mine, err := a.counts(ctx, r.Version)
	if err != nil {
		return nil, err
	}
	all, err := a.counts(ctx, "")
	if err != nil {
		return nil, err
	}
	now := a.o.Now()
	before, err := a.decidedAt(ctx, now.Add(-rules.IdleAfter))
	if err != nil {
		return nil, err
	}
	stats, err := rules.Statistics(r.Files, before, mine, all, now)
	out := make([]api.RuleStatistic, 0, len(stats))
	failing := a.failingOf(r.Version)
	for _, s := range stats {
		s.Failing = failing[[2]string{s.Stage, s.Rule}]
		out = append(out, api.RuleStatistic(s))
	}
	return out, err
}

// failingOf are the rules that fail again and again, by stage and name, where the version is the one that decides here.
func (a *App) failingOf(version string) map[[2]string]int {
	cur := a.rules.Current()
	if cur == nil || cur.Version() != version {
		return nil
	}
	out := map[[2]string]int{}
	for _, f := range cur.Failing() {
		out[[2]string{f.Stage, f.Rule}] = f.Times
	}
	return out
}

func (a *App) counts(ctx context.Context, version string) ([]rules.Count, error) {
	found, err := a.store.RuleCounts(ctx, version)
	out := make([]rules.Count, 0, len(found))
	for _, c := range found {
		n := rules.Count{Version: c.Version, Stage: c.Stage, Rule: c.Rule, Matches: c.Matches, Errors: c.Errors, Took: c.Took}
		if c.LastMatch != nil {
			n.LastMatch = *c.LastMatch
		}
		out = append(out, n)
	}
	return out, err
}

// decidedAt are the files of the set that decided at a time; none before the first.
func (a *App) decidedAt(ctx context.Context, at time.Time) (map[string]string, error) {
	q := issue.RulesetQuery{Page: issue.Page{Limit: 500}}
	for {
		items, next, err := a.store.Rulesets(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, r := range items {
			if r.PublishedAt.After(at) {
				continue
			}
			whole, err := a.store.Ruleset(ctx, r.Number)
			if err != nil {
				return nil, err
			}
			return whole.Files, nil
		}
		if next == "" {
			return nil, nil
		}
		q.After = next
	}
}
