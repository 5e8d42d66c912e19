package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/rules"
)

// A Backtest says on which stored messages a set is tried: the last ones, and those since a time.
type Backtest struct {
	Set      *rules.Set // nil: the live one
	Last     int        // how many at most; 0 means DefaultLast, or all of them where Since is set
	Since    time.Time
	Mailbox  string // "" for all
	Examples int    // of each difference; 0 means 3
}

// Bounds of a backtest.
const (
	DefaultLast = 1000
	MaxLast     = 1_000_000
	MaxExamples = 100
)

// BacktestReport is what came of it.
type BacktestReport = rules.BacktestReport

// Why a message is not decided again.
const (
	skipRaw     = "the raw mail is gone (keep.raw)"
	skipFacts   = "the facts of its decision are gone (keep.trace), or no rule was asked"
	skipAgain   = "it was decided again as another message"
	skipBroken  = "the mail cannot be read"
	skipGone    = "it went while it was read"
	fewestAtOne = 2 // workers, also on a machine with one processor: they wait for the store
)

// Backtest decides stored messages again by another set, as of their own time and with the facts that their decisions stored, and
// says what would be otherwise. It touches nothing.
func (in *Intake) Backtest(ctx context.Context, b Backtest) (*BacktestReport, error) {
	began := in.now()
	if b.Set == nil {
		if b.Set = in.rules(); b.Set == nil {
			return nil, fault.Errorf(fault.Unavailable, "no rule set is live")
		}
	}
	if b.Last <= 0 {
		if b.Last = DefaultLast; !b.Since.IsZero() {
			b.Last = MaxLast
		}
	}
	if b.Examples <= 0 {
		b.Examples = 3
	}
	found := rules.NewBacktest(b.Set.Version(), min(b.Examples, MaxExamples))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(runtime.GOMAXPROCS(0), fewestAtOne))
	q := issue.MessageQuery{Mailbox: b.Mailbox, Since: b.Since}
	for left := min(b.Last, MaxLast); left > 0; {
		q.Limit = min(left, 200)
		items, next, err := in.store.Messages(gctx, q)
		if err != nil {
			return nil, firstOf(g.Wait(), err)
		}
		for _, m := range items {
			g.Go(func() error { return in.tryOn(gctx, m.ID, b.Set, found) })
		}
		if left -= len(items); next == "" {
			break
		}
		q.After = next
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	r := found.Report()
	r.Took = in.now().Sub(began)
	return r, nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (in *Intake) tryOn(ctx context.Context, id string, set *rules.Set, found *rules.Backtest) error {
	m, err := in.store.Message(ctx, id)
	if fault.Is(err, fault.NotFound) {
		found.Skip(skipGone)
		return nil
	}
	if err != nil {
		return err
	}
	d, then, why, err := in.asOfThen(ctx, m, set, nil)
	switch {
	case err != nil:
		return fmt.Errorf("decide message %s again: %w", id, err)
	case why != "":
		found.Skip(why)
		return nil
	}
	of := rules.BacktestExample{Message: m.ID, Issue: m.Issue, Subject: m.Subject, ReceivedAt: m.ReceivedAt}
	found.Decided(of, string(verdictThen(m)), string(d.verdict), d.reason, then, d.result.Trace)
	return nil
}

// asOfThen decides a stored message by a set, with the facts of its own time, and returns what the rules did then, too; why says why
// it cannot be.
func (in *Intake) asOfThen(ctx context.Context, m *issue.Message, set *rules.Set, witness rules.Witness) (d *decision, then []rules.Entry, why string, err error) {
	why, err = in.withThen(ctx, m, set, func(w *past, q *question) error {
		then = w.trace
		if q.witness = witness; witness != nil {
			q.budget = generous(q.budget)
		}
		d, err = in.decideWhole(ctx, w, q)
		return err
	})
	return d, then, why, err
}

// withThen opens a stored message and has it used as a question that waits to be decided by a set with the facts of its own time; why
// says why it cannot be.
func (in *Intake) withThen(ctx context.Context, m *issue.Message, set *rules.Set, use func(w *past, q *question) error) (why string, err error) {
	w, ok := pastOf(in.store, m)
	switch {
	case m.ReplayedBy != "":
		return skipAgain, nil
	case m.Raw.SHA256 == "" || m.DeletedAt != nil:
		return skipRaw, nil
	case !ok:
		return skipFacts, nil
	}
	leave, err := in.room.parse(ctx, m.Raw.Size, in.policy().TextLimit)
	if err != nil {
		return "", err
	}
	defer leave()
	p, broken, err := in.reopen(ctx, m)
	if fault.Is(err, fault.NotFound) {
		return skipRaw, nil
	}
	if err != nil {
		return "", err
	}
	defer p.close()
	if broken != "" {
		return skipBroken, nil
	}
	q := w.question(in.jobOf(m, p, w.mailboxOf(in.policy())), m)
	q.set = set
	return "", use(w, q)
}

// traceOf is what the rules did to a message; nothing after keep.trace.
func traceOf(m *issue.Message) []rules.Entry {
	var trace []rules.Entry
	_ = json.Unmarshal(m.Decision.Trace, &trace)
	return trace
}
