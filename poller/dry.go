package poller

import (
	"context"
	"fmt"

	"postern/internal/logkey"
	"postern/internal/spool"
)

// rehearse is run for a dry run: without a lease, without saving anything, from where the last poll in earnest ended.
func (r *runner) rehearse(ctx context.Context) {
	st := &state{Version: stateVersion, Account: r.src.Identity, Backlog: -1}
	if rec, err := r.m.o.Store.Source(ctx, r.src.Name); err == nil {
		if was, err := readState(rec.State, r.src.Identity); err == nil {
			st = was
			st.Unsettled = nil
		}
	}
	k := &keeper{now: r.m.o.Now}
	k.ctx, k.cancel = context.WithCancelCause(ctx)
	defer k.cancel(nil)
	r.news.r = r
	r.log.Info("dry run: mail is fetched and decided, and nothing is changed")
	r.work(ctx, k, st)
}

// try decides a mail and says what would become of it.
func (v *visit) try(ctx context.Context, t *taken, h *header, body *spool.Body) {
	o := v.r.m.o
	if o.Try == nil {
		t.is(later, "nothing says what would become of it")
		return
	}
	env := v.envelope(t, h)
	tx, err := o.Begin(ctx, env)
	if err != nil {
		t.ours = true
		t.is(later, "%v", err)
		return
	}
	for _, to := range recipients(h, v.r.src.Mailboxes, v.r.src.User, tx.MailboxOf) {
		d, err := o.Try(ctx, env, to.mailbox, to.address, body)
		if err != nil {
			t.is(later, "%v", err)
			return
		}
		into := "nothing"
		switch {
		case d.Issue != nil && d.Issue.IsNew:
			into = "a new issue"
		case d.Issue != nil:
			into = fmt.Sprintf("a note on issue %d", d.Issue.Number)
		}
		t.verdict = d.Verdict
		v.r.log.Info("dry run: what would become of a mail", "item", t.item.ID, logkey.Mailbox, to.mailbox, logkey.Verdict, string(d.Verdict),
			logkey.Reason, d.Reason, "becomes", into, "after", v.r.src.after(d.Verdict).Do, logkey.Bytes, body.Size())
	}
	t.is(done, "")
}
