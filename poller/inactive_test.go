package poller_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/internal/spool"
	"postern/poller"
)

// A closed road has a mailbox that is not active.
type closed struct {
	poller.Transaction
	mailbox string
}

func (c closed) RecipientIn(ctx context.Context, mailbox, address string) error {
	if mailbox == c.mailbox {
		return c.Transaction.RecipientIn(ctx, "nowhere", address)
	}
	return c.Transaction.RecipientIn(ctx, mailbox, address)
}

func (c closed) Deliver(ctx context.Context, raw *spool.Body) []intake.Outcome {
	return c.Transaction.Deliver(ctx, raw)
}

// Mail for a mailbox that is not active goes to no other, and however much of it there is, what is for others is taken.
func TestMailboxNotActive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newServer(w.clock, 0)
	const many = 1200
	for i := range many {
		s.add(letter(1000+i, "Delivered-To: sales@example.com"))
	}
	n := w.node("one", []*poller.Source{s.source(func(s *poller.Source) { s.Mailboxes = []string{"support", "sales"} })}, func(o *poller.Options) {
		begin := o.Begin
		o.Begin = func(ctx context.Context, env intake.Envelope) (poller.Transaction, error) {
			tx, err := begin(ctx, env)
			return closed{tx, "sales"}, err
		}
	})
	w.pace("all are put off", 30*time.Second, func() bool { st := n.status(); return len(st.Pending)+int(st.ParkedAll) == many })
	for i := range 3 {
		s.add(letter(i, "Delivered-To: support@example.com"))
	}
	w.until("what is for the other is taken", func() bool { return s.in("Done") == 3 })
	if got := len(w.messages()); got != 3 || s.in("INBOX") != many {
		t.Errorf("%d messages, %d letters lie there", got, s.in("INBOX"))
	}
	if reason := n.status().Pending[0].Reason; reason != "mailbox sales is not active: the mail waits" {
		t.Error(fmt.Sprint(reason))
	}
}
