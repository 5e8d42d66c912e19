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
	recoverEvery      = 30 * time.Second
	sweepGrace        = 24 * time.Hour
)

// housekeeping takes what is older than the configuration keeps, sweeps blobs that nothing names, and finishes what
// another node's crash left half applied, until ctx ends.
func (a *App) housekeeping(ctx context.Context) {
	clean, soon := time.NewTimer(housekeepingFirst), time.NewTicker(recoverEvery)
	defer clean.Stop()
	defer soon.Stop()
	log := a.part("housekeeping")
	for {
		select {
		case <-ctx.Done():
			return
		case <-soon.C:
			if err := a.store.Recover(ctx); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "unfinished work in the store could not be finished now", logkey.Error, err)
			}
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
	return issue.Retention{Raw: before(k.Raw), Quarantine: before(k.Quarantine), Ledger: before(k.Ledger), Trace: before(k.Trace)}
}
