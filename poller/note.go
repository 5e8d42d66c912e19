package poller

import (
	"context"
	"slices"
	"time"

	"postern/internal/intake"
	"postern/internal/logkey"
)

// note writes down what became of one item.
func (v *visit) note(g *group, t *taken, now time.Time) {
	src := v.r.src
	switch t.fate {
	case unasked:
		// The session ended before it came. It is asked for alone, by the next.
		v.st.postpone(Pending{Item: t.item, Tries: t.tries, Next: now, Since: now, Reason: "the session ended before it came"})
	case later:
		if t.unwanted && len(v.st.Pending) >= maxPending/2 { // they must not keep what is for other mailboxes
			t.is(parked, "%s; so many wait that it stays at the server", t.reason)
			v.park(t, now)
			break
		}
		tries := t.tries + 1
		if !t.came && v.serverFails() {
			tries = t.tries
		}
		v.st.postpone(Pending{Item: t.item, Tries: tries, Next: now.Add(retryIn(tries)), Since: now, Reason: t.reason})
		if tries >= maxTries && !t.came {
			t.is(parked, "it could not be fetched %d times: %s", tries, t.reason)
			v.park(t, now)
		}
	case parked:
		v.park(t, now)
	case gone:
		v.st.forget(t.item.ID)
	case done:
		v.st.forget(t.item.ID)
		if t.test {
			v.owe(Settled{Item: t.item, Verdict: intake.Discarded, After: After{Do: Delete}})
			break
		}
		v.owe(Settled{Item: t.item, Verdict: t.verdict, After: src.after(t.verdict)})
		v.count(t)
	}
	if g.new && v.st.importing() {
		v.st.Import.Done++
	}
}

// owe notes what is still to do at the server.
func (v *visit) owe(s Settled) {
	if s.After.Do == Keep {
		return
	}
	v.st.Unsettled = append(v.st.Unsettled, unsettled{Settled: s})
	if over := len(v.st.Unsettled) - 2*maxUnsettled; over > 0 {
		v.r.log.Error("what became of mail cannot be done at the server: it stays there as it is", "items", over)
		v.st.Unsettled = slices.Delete(v.st.Unsettled, 0, over)
	}
}

func (v *visit) count(t *taken) {
	lag := time.Duration(-1)
	if !t.item.Arrived.IsZero() && !v.st.importing() {
		lag = max(0, t.at.Sub(t.item.Arrived))
		v.st.Lag = lag.Seconds()
	}
	v.r.news.mail(t.at, !t.again, v.st.importing())
	if o := v.r.m.o.Observer; o != nil {
		verdict := string(t.verdict)
		if t.again {
			verdict = string(intake.Duplicate)
		}
		o.Fetched(v.r.src.Name, verdict, lag)
	}
}

// park puts an item aside, and tells of it once.
func (v *visit) park(t *taken, now time.Time) {
	v.st.park(Parked{Item: t.item, At: now, Reason: t.reason, Message: t.message})
	if t.message != "" { // its bytes are here
		v.owe(Settled{Item: t.item, Verdict: intake.Quarantined, After: v.r.src.after(intake.Quarantined)})
	} else { // it stays where it is, whatever is wanted: there it can be fetched again, by this name
		v.tell(t)
	}
	v.r.log.Error("a mail was parked: look at it with postern sources show, and have it tried again with postern sources retry",
		"item", t.item.ID, logkey.Bytes, t.item.Size, logkey.Message, t.message, logkey.Reason, t.reason)
	if o := v.r.m.o.Observer; o != nil {
		o.Parked(v.r.src.Name)
	}
}

// tell leaves a line in the ledger of a mail whose bytes are not here.
func (v *visit) tell(t *taken) {
	if v.r.src.DryRun {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.k.ctx), 30*time.Second)
	defer cancel()
	tx, err := v.r.m.o.Begin(ctx, v.envelope(t, &header{}))
	if err != nil {
		return // the log and the status have it
	}
	_ = tx.RecipientIn(ctx, v.r.src.Mailboxes[0], "")
	tx.Abandon(ctx, "parked: "+t.reason)
}
