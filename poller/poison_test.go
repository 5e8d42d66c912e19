package poller_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/internal/spool"
	"postern/poller"
)

// A choosy road fails, for no reason that anybody decided, at mail that has a word in it: as a store would that cannot keep it.
type choosy struct{ poller.Transaction }

func (c choosy) Deliver(ctx context.Context, raw *spool.Body) []intake.Outcome {
	f, err := raw.Open()
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(f)
	_ = f.Close()
	if !strings.Contains(string(text), "poison") {
		return c.Transaction.Deliver(ctx, raw)
	}
	c.Abandon(ctx, "poison")
	return []intake.Outcome{{Verdict: intake.TryLater, Reason: "the store cannot keep it"}}
}

// Several letters that cannot be kept, whatever the reason, keep no other from being taken: alone in the mailbox, at its head, and when all are due again at once.
func TestSeveralBadLettersStopNobody(t *testing.T) {
	t.Parallel()
	for _, bad := range []int{1, 2, 3, 70} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := newServer(w.clock, 0)
			for i := range bad {
				s.add(letter(1000+i, "X-Odd: poison"))
			}
			n := w.node("one", []*poller.Source{s.source()}, func(o *poller.Options) {
				begin := o.Begin
				o.Begin = func(ctx context.Context, env intake.Envelope) (poller.Transaction, error) {
					tx, err := begin(ctx, env)
					return choosy{tx}, err
				}
			})
			w.pace("all are put off", 30*time.Second, func() bool { return len(n.status().Pending) == bad })
			for i := range 5 {
				s.add(letter(i))
				began := w.clock.Now()
				w.pace("a good one is taken", 10*time.Second, func() bool { return s.in("Done") == i+1 })
				if took := w.clock.Now().Sub(began); took > 2*time.Hour {
					t.Errorf("letter %d took %s", i, took)
				}
				for range 30 {
					w.clock.advance(3 * time.Minute)
					time.Sleep(time.Millisecond)
				}
			}
			if s.in("INBOX") != bad {
				t.Errorf("%d lie in INBOX", s.in("INBOX"))
			}
		})
	}
}
