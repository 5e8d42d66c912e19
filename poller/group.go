package poller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"postern/internal/intake"
	"postern/internal/logkey"
	"postern/internal/spool"
)

// A group is items that are fetched together, and saved together once each of them is done or remembered.
type group struct {
	items []*taken
	new   bool // they were listed now, and next is the cursor behind them
	next  json.RawMessage
	more  bool
	total int
	err   error // that ended the session meanwhile
	busy  sync.WaitGroup
}

// A fate is what became of an item.
type fate int

const (
	unasked fate = iota // nothing yet: the session ended before
	done                // as its verdict says
	later               // to be asked for again
	parked              // put aside
	gone                // it does not lie there any more
)

// A taken item is one on its way. Its worker alone writes what became of it; the group waits for that.
type taken struct {
	item  Item
	tries int  // before
	came  bool // its bytes

	fate     fate
	verdict  intake.Verdict
	again    bool // it was here before
	test     bool // a check sent it, to see it again
	ours     bool // it failed for a reason that is not in the mail
	unwanted bool // its mailboxes are not active
	reason   string
	message  string
	at       time.Time
}

func (t *taken) is(f fate, format string, args ...any) {
	t.fate, t.reason = f, fmt.Sprintf(format, args...)
}

// errSpool says that a mail could not be kept on its way: no fault of the mail's or the server's.
var errSpool = errors.New("spool the mail")

// fetch gets some of a group's items and hands each to a worker as it comes. What is larger than may be is parked unseen. Items that did not
// come are asked for once more, each alone. An error ended the session.
func (v *visit) fetch(g *group, items []*taken) error {
	var ask []Item
	byID := map[string]*taken{}
	for _, t := range items {
		if limit := v.r.src.MaxSize; limit > 0 && t.item.Size > limit {
			v.tooLarge(t)
			continue
		}
		if byID[t.item.ID] == nil {
			byID[t.item.ID] = t
			ask = append(ask, t.item)
		}
	}
	take := func(item Item, r io.Reader, err error) error {
		t := byID[item.ID]
		if t == nil || t.came || t.fate != unasked {
			return nil // not asked for, or twice
		}
		if err != nil {
			t.failed(err)
			return nil
		}
		return v.spool(g, t, r)
	}
	if len(ask) > 1 {
		if err := v.fetchItems(ask, take, byID); err != nil {
			return err
		}
	}
	for _, item := range ask {
		t := byID[item.ID]
		for try := 0; try < 2 && !t.came && t.fate == unasked; try++ {
			if err := v.fetchItems([]Item{item}, take, byID); err != nil {
				if !t.came && t.fate == unasked && !ourFault(err) && v.k.ctx.Err() == nil {
					t.is(later, "the session ended while it was fetched alone: %v", err)
				}
				return err
			}
		}
		if !t.came && t.fate == unasked {
			t.is(later, "the server did not give it, though it was asked twice")
		}
	}
	return nil
}

// ourFault reports whether an error that ended a session is neither the server's nor the mail's.
func ourFault(err error) bool {
	return errors.Is(err, errSpool) || errors.Is(err, errLost) || errors.Is(err, context.Canceled)
}

// fetchItems is Fetch, for whom an error about one item is no reason to leave the others.
func (v *visit) fetchItems(items []Item, take func(Item, io.Reader, error) error, byID map[string]*taken) error {
	for len(items) > 0 {
		err := v.call(func() error { return v.s.Fetch(v.k.ctx, items, take) })
		var one *ItemError
		if !errors.As(err, &one) {
			return err
		}
		t := byID[one.Item.ID]
		if t == nil || t.fate != unasked || t.came {
			return err // again, or about none of them
		}
		t.failed(err)
		left := items[:0:0]
		for _, item := range items {
			if t := byID[item.ID]; !t.came && t.fate == unasked {
				left = append(left, item)
			}
		}
		items = left
	}
	return nil
}

func (t *taken) failed(err error) {
	var one *ItemError
	if errors.As(err, &one) && one.Gone {
		t.is(gone, "it does not lie there any more")
		return
	}
	t.is(later, "%v", err)
}

func (v *visit) tooLarge(t *taken) {
	t.is(parked, "it has %d bytes, more than may be fetched (%d): it stays at the server", t.item.Size, v.r.src.MaxSize)
}

// spool reads one mail and gives it to a worker. It waits where too many bytes are under way.
func (v *visit) spool(g *group, t *taken, r io.Reader) error {
	if !v.k.sure() {
		return errLost
	}
	m := v.r.m
	weight := min(max(t.item.Size, 4<<10), spool.InMemory, m.o.InFlight) // beyond InMemory it is a file
	if err := m.room.Acquire(v.k.ctx, weight); err != nil {
		return err
	}
	body, err := v.body(t, r)
	if body == nil {
		m.room.Release(weight)
		return err
	}
	if err := v.r.workers.Acquire(v.k.ctx, 1); err != nil {
		m.room.Release(weight)
		_ = body.Close()
		return err
	}
	t.came = true
	g.busy.Go(func() {
		defer func() {
			_ = body.Close()
			v.r.workers.Release(1)
			m.room.Release(weight)
		}()
		v.deliver(t, body)
	})
	return nil
}

// body is the mail, spooled; nil without an error where it is larger than may be.
func (v *visit) body(t *taken, r io.Reader) (*spool.Body, error) {
	w := v.r.m.o.Spool.Create()
	w.Grow(t.item.Size)
	limit := v.r.src.MaxSize
	if limit > 0 {
		r = io.LimitReader(r, limit+1)
	}
	s := sink{w: w}
	if _, err := io.Copy(&s, r); err != nil {
		w.Abort()
		if s.err != nil {
			return nil, fmt.Errorf("%w: %w", errSpool, s.err)
		}
		return nil, err
	}
	if limit > 0 && w.Size() > limit {
		w.Abort()
		t.item.Size = max(t.item.Size, limit+1)
		v.tooLarge(t)
		return nil, nil
	}
	body, err := w.Body()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSpool, err)
	}
	return body, nil
}

// A sink remembers whose fault an error was.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}

// deliver takes one mail down the road and notes what became of it. It finishes what it began though its source is told to stop.
func (v *visit) deliver(t *taken, body *spool.Body) {
	defer func() {
		if p := recover(); p != nil {
			v.r.log.Error("panic while delivering a fetched mail", logkey.Error, fmt.Sprint(p), "item", t.item.ID, "stack", string(debug.Stack()))
			t.is(later, "internal error")
		}
		t.at = v.r.m.o.Now()
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.k.ctx), deliverTime)
	defer cancel()
	if !v.k.sure() {
		return
	}
	h, err := readHeader(body)
	if err != nil {
		t.ours = true
		t.is(later, "%v: %v", errSpool, err)
		return
	}
	if test := v.r.m.o.Test; test != nil && h.test != "" && test(ctx, v.r.src.Name, h.test, body.Size()) {
		t.is(done, "")
		t.test = true
		return
	}
	if v.r.src.DryRun {
		v.try(ctx, t, &h, body)
		return
	}
	o := v.hand(ctx, t, &h, body, "")
	if o.Verdict != intake.TryLater {
		t.is(done, "%s", o.Reason)
		t.verdict, t.message, t.again = o.Verdict, o.Message, o.Again
		return
	}
	t.ours, t.unwanted = o.undecided, o.nobody && !o.undecided
	t.is(later, "%s", o.Reason)
	if t.tries+1 < maxTries || v.r.failing.Load() > 0 {
		return
	}
	// It had its chances. Its raw bytes are kept, with the reason, and the source goes on.
	held := v.hand(ctx, t, &h, body, fmt.Sprintf("fetched %d times and never taken: %s", t.tries+1, o.Reason))
	switch {
	case held.Verdict != intake.TryLater && held.Message != "":
		t.is(parked, "%s", o.Reason)
		t.message = held.Message
	case held.nobody && !held.undecided:
		t.is(parked, "%s: it stays at the server", o.Reason)
	}
}

// deliverTime is how long one mail may take. Intake waits half a minute for memory, and less for a store.
const deliverTime = 5 * time.Minute

// handed is what became of a mail on the road.
type handed struct {
	intake.Outcome
	undecided bool // try later, for a reason that nobody decided
	nobody    bool // no mailbox would have it
}

// hand gives a mail to the road, to be decided, or to be held for a reason.
func (v *visit) hand(ctx context.Context, t *taken, h *header, body *spool.Body, hold string) (out handed) {
	tx, err := v.r.m.o.Begin(ctx, v.envelope(t, h))
	if err != nil {
		return handed{Outcome: intake.Outcome{Verdict: intake.TryLater, Reason: err.Error()}, undecided: true}
	}
	var outcomes []intake.Outcome
	out.nobody = true
	for _, to := range recipients(h, v.r.src.Mailboxes, v.r.src.User, tx.MailboxOf) {
		err := tx.RecipientIn(ctx, to.mailbox, to.address)
		var no *intake.Refusal
		switch {
		case err == nil:
			out.nobody = false
		case !errors.As(err, &no):
			out.undecided = true
			outcomes = append(outcomes, intake.Outcome{Verdict: intake.TryLater, Reason: err.Error()})
		case no.Unknown: // the configuration has it no more, or not active: the mail waits until it has
			outcomes = append(outcomes, intake.Outcome{Verdict: intake.TryLater, Reason: "mailbox " + to.mailbox + " is not active: the mail waits"})
		case no.Temporary:
			outcomes = append(outcomes, intake.Outcome{Verdict: intake.TryLater, Reason: no.Reason})
		default:
			outcomes = append(outcomes, intake.Outcome{Verdict: intake.Rejected, Reason: no.Reason})
		}
	}
	switch {
	case out.nobody:
		tx.Abandon(ctx, "no mailbox of the source accepted it")
	case hold != "":
		outcomes = tx.Hold(ctx, body, hold)
	default:
		for _, o := range tx.Deliver(ctx, body) {
			out.undecided = out.undecided || o.Verdict == intake.TryLater && o.Message == ""
			outcomes = append(outcomes, o)
		}
	}
	out.Outcome = intake.Combine(outcomes)
	return out
}

// envelope is what is known of a mail. When it came the server says, else the topmost Received: mail without Message-ID and Date is known
// again by that, however often it is fetched.
func (v *visit) envelope(t *taken, h *header) intake.Envelope {
	now := v.r.m.o.Now()
	if t.item.Arrived.IsZero() && h.came.Before(now.Add(time.Hour)) {
		t.item.Arrived = h.came
	}
	return intake.Envelope{
		Source: v.r.src.Name, Session: v.id, From: h.from, Received: now, Arrived: t.item.Arrived, Protocol: protocolWord(v.r.src.Protocol),
	}
}

func protocolWord(p string) string {
	switch p {
	case "imap":
		return "IMAP"
	case "pop3":
		return "POP3"
	case "graph":
		return "HTTPS"
	}
	return p
}
