package app

import (
	"context"
	"time"

	"postern/internal/config"
	"postern/internal/issue"
	"postern/internal/logkey"
)

const (
	housekeepingFirst = time.Minute // after the start, so that a server that is restarted often cleans up as well
	housekeepingEvery = time.Hour
	sweepGrace        = 24 * time.Hour
)

// housekeeping takes what is older than the configuration keeps and sweeps blobs that nothing names, until ctx ends. What another node's
// crash left half applied the store itself finishes.
func (a *App) housekeeping(ctx context.Context) {
	clean := time.NewTimer(housekeepingFirst)
	defer clean.Stop()
	log := a.part("housekeeping")
	for {
		select {
		case <-ctx.Done():
			return
		case <-clean.C:
			clean.Reset(housekeepingEvery)
			gone, err := a.store.Retain(ctx, retention(a.conf.Config().Keep, a.o.Now()))
			if err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "retention did not finish", logkey.Error, err)
			}
			swept, err := a.store.Sweep(ctx, sweepGrace)
			if err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "the sweep of unused blobs did not finish", logkey.Error, err)
			}
			if gone+swept > 0 {
				log.InfoContext(ctx, "old things removed", "expired", gone, "blobs", swept)
			}
		}
	}
}

// retention turns durations into times; 0 is for ever.
func retention(k config.Keep, now time.Time) issue.Retention {
	before := func(d time.Duration) time.Time {
		if d == 0 {
			return time.Time{}
		}
		return issue.Time(now.Add(-d))
	}
	return issue.Retention{
		Raw: before(k.Raw), Quarantine: before(k.Quarantine), Ledger: before(k.Ledger), Trace: before(k.Trace), RuleCounts: before(countsLife),
	}
}

// countsLife is how long what a rule of a set did is kept after its last match: long after it is called idle.
const countsLife = 400 * 24 * time.Hour
