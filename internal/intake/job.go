package intake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"postern/dsl"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/internal/spool"
	"postern/rules"
)

// A job takes one message, which is one mail in one mailbox, through decision and commit.
type job struct {
	t            *Transaction
	p            *parsed
	broken       string // why the mail could not even be parsed: it is quarantined, raw
	mailbox      *Mailbox
	recipient    string        // the first of that mailbox
	places       []int         // which of the transaction's recipients it answers
	view         *dsl.Envelope // of that recipient
	envelopeSaid *rules.Result // of that recipient

	wait  bool // a refusal is not committed yet
	waits bool // it is a refusal, and it was not
	asked *question
	last  *decision
	out   Outcome

	watching *Candidate // wants to see it, in the world as it was found
	seen     *recording

	// A mail is nearly always one that was never here and that nobody named before. So the first attempt only assumes that its
	// slot is free and that its own id leads nowhere; the store checks both in the write. Once it said Conflict, they are looked up.
	looks bool
}

const (
	maxConflicts  = 5 // decisions of one message, while others change what they relied on
	maxBadCommits = 3 // commits that failed for a reason in the message, before it is quarantined
)

// run never panics and never fails: its Outcome is try later unless something was committed.
func (j *job) run(ctx context.Context) {
	defer func() {
		if r := recover(); r != nil {
			j.t.in.log.ErrorContext(ctx, "panic while deciding a mail: it is quarantined", logkey.Session, j.t.env.Session,
				logkey.Mailbox, j.mailbox.Name, logkey.Error, fmt.Sprint(r), "stack", string(debug.Stack()))
			j.quarantine(ctx, "internal error while deciding: kept for review")
		}
	}()
	if j.broken != "" {
		j.quarantine(ctx, j.broken)
		return
	}
	bad := 0
	for try := 0; try < maxConflicts+maxBadCommits; try++ {
		done, err := j.attempt(ctx)
		switch {
		case err == nil && done:
			return
		case fault.Is(err, fault.Conflict):
			if try >= maxConflicts {
				j.fail(ctx, err)
				return
			}
			if j.looks { // else the assumption failed, which is nobody's hurry
				pause(ctx, try)
			}
			j.looks = true
		case fault.Is(err, fault.Invalid), fault.Is(err, fault.TooLarge):
			if bad++; bad == maxBadCommits {
				j.t.in.log.ErrorContext(ctx, "mail could not be committed: it is quarantined", logkey.Mailbox, j.mailbox.Name, logkey.Error, err)
				j.quarantine(ctx, "it could not be saved: kept for review")
				return
			}
		default:
			j.fail(ctx, err)
			return
		}
	}
}

func pause(ctx context.Context, try int) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(rand.Int64N(int64(5*time.Millisecond) << try))):
	}
}

func (j *job) fail(ctx context.Context, err error) {
	j.t.in.log.ErrorContext(ctx, "mail could not be taken and stays with its sender", logkey.Session, j.t.env.Session,
		logkey.Mailbox, j.mailbox.Name, logkey.Error, err)
}

// attempt looks, decides and commits once. Done is false with a nil error never.
func (j *job) attempt(ctx context.Context) (done bool, err error) {
	in := j.t.in
	q := j.question() // a new one, with an id of its own, for each attempt
	q.assume, q.fails = !j.looks, j.t.pol.onFailing()
	slot, others := slotKeys(j.mailbox.Name, j.p, j.t.env.came())
	slot += "/0"
	looked := !q.assume || len(others) > 0
	var held *issue.Message
	var d *decision
	if looked {
		if slot, held, err = j.slot(ctx); err != nil {
			return false, err
		}
	}
	if held == nil {
		w := World(in.store)
		j.seen = nil
		if j.watching = in.shadow.watching(q); j.watching != nil {
			j.seen = record(in.store)
			w = j.seen
		}
		if d, err = decide(ctx, w, q); err != nil {
			return false, err
		}
		if !looked && !claims(d.verdict) { // nothing in the write would check the slot
			if slot, held, err = j.slot(ctx); err != nil {
				return false, err
			}
		}
	}
	if held != nil {
		return true, j.duplicate(ctx, held)
	}
	j.asked, j.last = q, d
	in.tellFailing(ctx, q.set, d.result)
	if j.wait && d.verdict == Rejected {
		if q.assume { // nothing is written now that would check it
			j.looks = true
			return j.attempt(ctx)
		}
		j.waits = true
		j.out = Outcome{Mailbox: j.mailbox.Name, Verdict: Rejected, Reason: d.reason, Message: d.id}
	}
	if in.observer != nil {
		in.observer.Decided(d.set, slices.Concat(d.result.Trace, d.result.Unlisted))
	}
	if j.waits {
		return true, nil
	}
	return true, j.commit(ctx, q, d, slot)
}

// refusedHere begins the reason of what one mailbox refused and another took.
const refusedHere = "refused here, taken by another mailbox: "

// finishRefusal commits a refusal that waited. Where another mailbox took the mail the sender hears 250, so what this
// one refused is kept for review, with the reason.
func (j *job) finishRefusal(ctx context.Context, taken bool) {
	if taken {
		j.last.verdict = Quarantined
		j.last.reason = refusedHere + j.last.reason
	}
	slot, held, err := j.slot(ctx)
	if err == nil && held != nil {
		err = j.duplicate(ctx, held)
	} else if err == nil {
		err = j.commit(ctx, j.asked, j.last, slot)
	}
	if err != nil {
		j.out = Outcome{Mailbox: j.mailbox.Name, Verdict: TryLater, Reason: "try again later"}
		j.fail(ctx, err)
	}
}

// duplicate answers a mail that was here before with what it was told then. A copy that is not the same bytes is kept.
func (j *job) duplicate(ctx context.Context, m *issue.Message) error {
	in := j.t.in
	if j.p.raw.SHA256() != m.Raw.SHA256 {
		c := &issue.Copy{
			ReceivedAt: j.t.env.Received, Envelope: j.envelope(),
			Raw: issue.Blob{SHA256: j.p.raw.SHA256(), Size: j.p.raw.Size()},
		}
		if err := in.store.KeepCopy(ctx, m.ID, c, j.p.raw); err != nil {
			return err
		}
	}
	j.out = Outcome{
		Mailbox: j.mailbox.Name, Verdict: Verdict(m.Verdict), Again: true, Reason: m.Reason, Message: m.ID, Issue: issueOf(m),
	}
	l := j.t.line(j.recipient)
	l.Mailbox, l.Verdict, l.Message, l.Issue = j.mailbox.Name, string(Duplicate), m.ID, issueOf(m)
	about(&l, j.p.msg)
	l.Subject = line(m.Subject, 200) // as it was kept: rules may have had it blackened
	in.ledger.add(l)
	in.log.InfoContext(ctx, "mail came again", logkey.Session, j.t.env.Session, logkey.Message, m.ID, logkey.Mailbox, m.Mailbox, logkey.Issue, m.Issue)
	return nil
}

// quarantine keeps a mail, raw, for review, without asking any rule.
func (j *job) quarantine(ctx context.Context, reason string) {
	defer func() {
		if r := recover(); r != nil {
			j.fail(ctx, fmt.Errorf("panic while quarantining: %v", r))
		}
	}()
	for try := range maxConflicts {
		slot, held, err := j.slot(ctx)
		if err == nil && held != nil {
			err = j.duplicate(ctx, held)
		} else if err == nil {
			q := j.question()
			err = j.commit(ctx, q, bareDecision(q, reason), slot)
		}
		if err == nil {
			return
		}
		if !fault.Is(err, fault.Conflict) || try == maxConflicts-1 {
			j.fail(ctx, err)
			return
		}
		pause(ctx, try)
	}
}

// issueOf is the issue that a message belongs to, 0 where that was withdrawn because of what the message is now.
func issueOf(m *issue.Message) int64 {
	if Verdict(m.Verdict) != Committed {
		return 0
	}
	return m.Issue
}

func (j *job) envelope() issue.Envelope {
	e := j.t.env
	peer := ""
	if e.Peer.IsValid() {
		peer = e.Peer.Unmap().String()
	}
	return issue.Envelope{
		Source: e.Source, Peer: peer, Helo: e.Helo, TLS: e.TLS, User: e.User, From: e.From, To: j.recipient,
		Protocol: e.Protocol, Session: e.Session, ArrivedAt: e.Arrived, Rebuilt: e.Rebuilt,
	}
}

var errPanic = errors.New("panic")

// parseSafely turns a panic of ours into a reason for quarantine.
func (in *Intake) parseSafely(ctx context.Context, raw *spool.Body, textLimit int64) (p *parsed, broken string, err error) {
	func() {
		defer func() {
			if r := recover(); r != nil {
				in.log.ErrorContext(ctx, "panic while parsing a mail: it is quarantined", logkey.Error, fmt.Sprint(r), "stack", string(debug.Stack()))
				err = errPanic
			}
		}()
		p, err = in.parse(raw, textLimit)
	}()
	if errors.Is(err, errPanic) {
		return unparsed(raw), "internal error while parsing: kept for review", nil
	}
	if err == nil && len(p.msg.Header) == 0 && strings.TrimSpace(p.msg.Text) == "" && p.msg.HTML == "" && len(p.msg.Attachments) == 0 {
		broken = "nothing in it can be read: kept for review"
	}
	return p, broken, err
}
