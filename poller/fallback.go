package poller

import (
	"context"
	"time"

	"postern/internal/fault"
	"postern/internal/logkey"
)

// pause is how long the next poll waits, and whether it is slow because push works.
func (r *runner) pause(ctx context.Context, st *state) (d time.Duration, slow bool) {
	d = r.src.Every
	if slow = r.pushed(ctx); slow {
		d = r.src.slow()
	}
	if due := st.nextDue(); !due.IsZero() {
		d = min(d, max(due.Sub(r.m.o.Now()), time.Second))
	}
	return d, slow
}

// pushed reports whether all that this source is the fallback for brought mail, or was heard, lately. What was never heard, and what nobody
// can tell, counts as silent: then the source is polled at its own pace, which costs little.
func (r *runner) pushed(ctx context.Context) bool {
	slow := len(r.src.FallbackFor) > 0
	for _, name := range r.src.FallbackFor {
		slow = slow && r.speaks(ctx, name)
	}
	was := false
	r.set(func(l *live) { was, l.slow = l.slow, slow })
	switch {
	case slow && !was:
		r.log.Info("what this source is the fallback for brings mail: it is polled slowly", "every", r.src.slow())
	case was && !slow:
		r.log.Warn("what this source is the fallback for is silent: it is polled at its own pace", "every", r.src.Every)
	}
	return slow
}

func (r *runner) speaks(ctx context.Context, name string) bool {
	rec, err := r.m.o.Store.Source(ctx, name)
	if err != nil {
		if !fault.Is(err, fault.NotFound) {
			r.log.Warn("whether push is silent cannot be told", "hook", name, logkey.Error, err)
		}
		return false
	}
	last := rec.MailAt
	if rec.HeardAt.After(last) {
		last = rec.HeardAt
	}
	return !last.IsZero() && r.m.o.Now().Sub(last) < Patience(rec, r.src.SilentAfter)
}
