package poller

import (
	"context"
	"time"

	"postern/internal/issue"
	"postern/internal/logkey"
)

// newsEvery is how often what happened is written to the store, at most.
const newsEvery = 10 * time.Second

// news is what happened at a source and is not written yet.
type news struct {
	r       *runner
	heard   issue.Heard
	some    bool
	written time.Time
	last    time.Time // mail, as far as is known
}

// begin takes up what another holder knew.
func (n *news) begin(ctx context.Context, r *runner) {
	n.r = r
	if rec, err := r.m.o.Store.Source(ctx, r.src.Name); err == nil {
		n.last = rec.MailAt
	}
}

// contact notes that the server answered.
func (n *news) contact(at time.Time) {
	n.heard.At, n.some = at, true
}

// mail notes one that came. While an account is being imported its mail says nothing of what is usual.
func (n *news) mail(at time.Time, fresh, importing bool) {
	n.some = true
	if !n.last.IsZero() && !importing {
		n.heard.Gap = max(n.heard.Gap, at.Sub(n.last))
	}
	if at.After(n.last) {
		n.last = at
	}
	n.heard.Mail = n.last
	if fresh {
		n.heard.Mails++
	}
}

// trouble notes what is wrong.
func (n *news) trouble(at time.Time, err error) {
	n.heard.Error, n.heard.ErrorAt, n.some = cut(err.Error(), 2*maxReason), at, true
}

// flush writes it, unless that was done just now.
func (n *news) flush(ctx context.Context) {
	if n.r != nil && n.some && n.r.m.o.Now().Sub(n.written) >= newsEvery {
		n.flushNow(ctx)
	}
}

func (n *news) flushNow(ctx context.Context) {
	if n.r == nil || !n.some || n.r.src.DryRun {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := n.r.m.o.Store.HeardSource(ctx, n.r.src.Name, n.heard); err != nil {
		n.r.log.Warn("what happened at the source was not written; trying again", logkey.Error, err)
		return
	}
	n.heard, n.some, n.written = issue.Heard{}, false, n.r.m.o.Now()
}
