package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"postern/dsl"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/mail"
	"postern/rules"
)

// A Replay is a stored message decided again.
type Replay struct {
	Message string        `json:"message"`          // the one that was asked for
	Became  string        `json:"became,omitempty"` // the message that holds the new decision, where one was written
	Was     Verdict       `json:"was"`
	Now     Verdict       `json:"now"`
	Reason  string        `json:"reason,omitempty"`
	Issue   int64         `json:"issue,omitempty"`
	Applied bool          `json:"applied"` // false: nothing was written
	Changes rules.Changes `json:"changes"`
	Trace   []rules.Entry `json:"trace"` // of the new decision; the message has the old one's

	Differs []rules.Deviation `json:"differs,omitempty"` // what rules do otherwise
	Fields  []issue.Revised   `json:"fields,omitempty"`  // what becomes of its issue and its note
	Left    string            `json:"left,omitempty"`    // why it stays as it is

	Otherwise bool `json:"otherwise"` // something about it is otherwise now, or would be

	others bool // it is left since others have worked on the issue
}

// Unable says why a stored message cannot be decided again, in a sentence for whoever asked.
type Unable struct{ Reason string }

func (e *Unable) Error() string { return e.Reason }

func unable(kind fault.Kind, format string, args ...any) error {
	return fault.As(kind, &Unable{fmt.Sprintf(format, args...)})
}

// Release decides a quarantined message again, past the rule that stopped it.
func (in *Intake) Release(ctx context.Context, id, actor string) (Outcome, error) {
	m, err := in.store.Message(ctx, id)
	if err != nil {
		return Outcome{}, err
	}
	if Verdict(m.Verdict) != Quarantined {
		return Outcome{}, unable(fault.Invalid, "message %s is not in quarantine: it is %s", id, m.Verdict)
	}
	run := newReplaying("quarantine.release", actor, true)
	r, err := in.tilDecided(ctx, m, func(m *issue.Message) (*Replay, error) { return in.again(ctx, m, stoppers(m), run) })
	if err != nil {
		return Outcome{}, err
	}
	if r.Left != "" && r.Became == "" && r.Now != TryLater { // else its outcome says so
		return Outcome{}, unable(fault.Conflict, "message %s stays in quarantine: %s", id, r.Left)
	}
	return Outcome{Recipient: m.Envelope.To, Mailbox: m.Mailbox, Verdict: r.Now, Reason: r.Reason, Message: r.Became, Issue: r.Issue}, nil
}

// afterReview is the reason of what a person refused. It stays refused, unlike what rules refuse, if the same mail comes again.
const afterReview = "refused after review"

// Reject turns a quarantined message into a rejected one. Its sender was told 250 and hears nothing; if the same mail comes
// again, it is refused.
func (in *Intake) Reject(ctx context.Context, id, actor string) error {
	m, err := in.store.Message(ctx, id)
	if err != nil {
		return err
	}
	if Verdict(m.Verdict) != Quarantined {
		return unable(fault.Invalid, "message %s is not in quarantine: it is %s", id, m.Verdict)
	}
	was := m.Attempt
	m.Verdict, m.Reason = string(Rejected), afterReview
	m.Run, m.Former = "", nil // a person's word: no undoing of a run takes it back
	m.Attempt++
	_, err = in.store.Commit(ctx, &issue.Commit{
		Message: m, Replaces: was,
		Event: in.event(&issue.Event{Actor: actor, Action: "quarantine.reject", Subject: "message:" + id}),
	})
	return err
}

// again decides a stored message again, as of now, or, where it has an issue already, as of its own time and in place. It never makes a second
// issue of one mail.
func (in *Intake) again(ctx context.Context, m *issue.Message, past []string, run *replaying) (*Replay, error) {
	if m.ReplayedBy != "" {
		return nil, replayed(m)
	}
	if m.Issue != 0 {
		return in.inPlace(ctx, m, past, run)
	}
	leave, err := in.room.parse(ctx, m.Raw.Size, in.policy().TextLimit)
	if err != nil {
		return nil, err
	}
	defer leave()
	p, broken, err := in.reopen(ctx, m)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if broken != "" {
		return nil, unable(fault.Invalid, "message %s still cannot be read: %s", m.ID, broken)
	}
	j, err := in.asked(m, p)
	if err != nil {
		return nil, err
	}
	return in.decideAgain(ctx, m, j, past, run)
}

// tilDecided decides a message, again while what it depends on changes, provided that nobody else decides or deletes it meanwhile.
func (in *Intake) tilDecided(ctx context.Context, m *issue.Message, decide func(m *issue.Message) (*Replay, error)) (*Replay, error) {
	for try := range maxConflicts {
		r, err := decide(m)
		if !fault.Is(err, fault.Conflict) {
			return r, err
		}
		pause(ctx, try)
		fresh, ferr := in.store.Message(ctx, m.ID)
		if ferr != nil {
			return nil, ferr
		}
		if fresh.ReplayedBy != "" {
			return nil, replayed(fresh)
		}
		if fresh.Attempt != m.Attempt || fresh.DeletedAt != nil {
			return nil, unable(fault.Conflict, "message %s was decided or deleted by somebody else meanwhile: look at it again", m.ID)
		}
	}
	return nil, keepsChanging(m.ID)
}

func keepsChanging(id string) error {
	return fault.Errorf(fault.Unavailable, "message %s could not be decided: what it depends on keeps changing; try again", id)
}

func replayed(m *issue.Message) error {
	return unable(fault.Invalid, "message %s was decided again before: see message %s", m.ID, m.ReplayedBy)
}

func (in *Intake) decideAgain(ctx context.Context, m *issue.Message, j *job, past []string, run *replaying) (*Replay, error) {
	q := j.question()
	q.id = issue.NewID(m.ReceivedAt) // ids tell which mail came first
	q.past, q.sender = past, trusted(m)
	d, err := in.decideWhole(ctx, sinceThen{in.store, m.ReceivedAt}, q)
	if err != nil {
		return nil, err
	}
	d.acknowledged(m)
	r := &Replay{Message: m.ID, Was: Verdict(m.Verdict), Now: d.verdict, Reason: d.reason, Changes: d.result.Changes, Trace: d.result.Trace, Issue: m.Issue}
	r.Differs = rules.Deviations(traceOf(m), d.result.Trace)
	if r.Otherwise = r.Was != r.Now || r.Reason != m.Reason || len(r.Differs) > 0; !r.Otherwise {
		return r, nil
	}
	if run.mayNot(m) {
		r.Left = leftReviewed
		return r, nil
	}
	if r.Now == TryLater { // nobody would: its sender has had an answer
		r.Left = leftLater
		return r, nil
	}
	c := assemble(d, q, j.envelope())
	if c.Change != nil && run.id != "" {
		if err := in.late(ctx, c, m, r); err != nil {
			return nil, err
		}
	}
	c.Event = in.event(&issue.Event{Actor: run.actor, Action: run.action, Subject: "message:" + m.ID, Detail: run.detail(r)})
	if c.Message.Run = run.id; run.id != "" {
		c.Message.Former = &issue.Former{Run: m.Run, Verdict: m.Verdict, Reason: m.Reason, Marked: m.Marked, Decision: m.Decision}
	}
	inItsPlace := func() {
		c.Message.ID, c.Message.Slot, c.Message.Attempt, c.Replaces = m.ID, m.Slot, m.Attempt+1, m.Attempt
		rename(c, m.ID)
	}
	if m.Slot != "" && claims(Verdict(m.Verdict)) {
		inItsPlace()
	} else {
		slot, held, err := j.slot(ctx)
		if err != nil {
			return nil, err
		}
		if held != nil && held.ID != m.ID {
			r.Left = leftAgain + held.ID
			r.Now, r.Issue, r.Became = Verdict(held.Verdict), issueOf(held), held.ID
			return r, nil
		}
		if m.Slot != "" {
			inItsPlace()
		} else {
			c.Message.Attempt, c.Message.ReplayOf = 1, m.ID
			if claims(d.verdict) {
				c.Message.Slot = slot
			}
		}
	}
	done, err := in.store.Commit(ctx, c)
	if err != nil {
		return nil, err
	}
	r.Applied, r.Became, r.Issue = true, c.Message.ID, done.Issue
	return r, nil
}

// acknowledged keeps for review what one mailbox refuses and another took, as when it came: its sender was told 250.
func (d *decision) acknowledged(m *issue.Message) {
	if d.verdict == Rejected && strings.HasPrefix(m.Reason, refusedHere) {
		d.verdict, d.reason = Quarantined, refusedHere+d.reason
	}
}

// late makes a commit's change that of an old mail: what later ones set stands, and is told.
func (in *Intake) late(ctx context.Context, c *issue.Commit, m *issue.Message, r *Replay) error {
	h, err := in.store.History(ctx, c.Change.Number)
	if err != nil {
		return err
	}
	c.Change.Late = true
	is := h.Clone()
	is.Change(c.Change, m.ID)
	for _, s := range setsOfChange(c.Change) {
		if have := is.Issue.Value(s.Field); have != s.Value {
			r.Fields = append(r.Fields, issue.Revised{Field: s.Field, Was: have, Is: s.Value, Left: issue.LeftSince(is.Owner(s.Field))})
		}
	}
	return nil
}

// decideWhole asks the envelope rules, too, which a mail that just comes has behind it.
func (in *Intake) decideWhole(ctx context.Context, w World, q *question) (*decision, error) {
	held, err := envelopeRules(ctx, q)
	if err != nil {
		return nil, err
	}
	if v, reason := verdictOf(held); v == Rejected || v == TryLater {
		d := bareDecision(q, reason)
		d.verdict, d.result = v, held
		return d, nil
	}
	q.envelope = held
	return decide(ctx, w, q)
}

// rename gives what comes of a message decided again the id it always had.
func rename(c *issue.Commit, id string) {
	if c.NewIssue != nil {
		c.NewIssue.Message = id
	}
	for _, n := range c.Notes {
		n.Message = id
	}
	if c.Ledger != nil {
		c.Ledger.Message = id
	}
}

// reopen parses a stored message's raw again.
func (in *Intake) reopen(ctx context.Context, m *issue.Message) (*parsed, string, error) {
	if m.Raw.SHA256 == "" || m.DeletedAt != nil {
		return nil, "", unable(fault.NotFound, "the raw mail of message %s is gone: it was deleted, or retention took it (keep.raw)", m.ID)
	}
	r, err := in.store.OpenBlob(ctx, m.Raw.SHA256)
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	w := in.spool.Create()
	if _, err := io.Copy(w, r); err != nil {
		w.Abort()
		return nil, "", fmt.Errorf("read the raw mail of message %s: %w", m.ID, err)
	}
	raw, err := w.Body()
	if err != nil {
		return nil, "", err
	}
	p, broken, err := in.parseSafely(ctx, raw, in.policy().TextLimit)
	if err != nil {
		_ = raw.Close()
		return nil, "", err
	}
	p.files = append(p.files, raw) // closed with the rest
	return p, broken, nil
}

// asked is the job of a stored message, by the configuration and rules of now and the envelope and time of then.
func (in *Intake) asked(m *issue.Message, p *parsed) (*job, error) {
	pol := in.policy()
	i := slices.IndexFunc(pol.Mailboxes, func(mb *Mailbox) bool { return mb.Name == m.Mailbox })
	if i < 0 {
		return nil, unable(fault.Invalid, "message %s belongs to mailbox %q, which the configuration no longer has", m.ID, m.Mailbox)
	}
	return in.jobOf(m, p, pol.Mailboxes[i]), nil
}

func (in *Intake) jobOf(m *issue.Message, p *parsed, mb *Mailbox) *job {
	e := m.Envelope
	env := Envelope{
		Source: e.Source, Session: e.Session, Helo: e.Helo, TLS: e.TLS, User: e.User, From: e.From, Protocol: e.Protocol, Received: m.ReceivedAt,
		Arrived: e.ArrivedAt, Rebuilt: e.Rebuilt, Verdicts: verdictsThen(m),
	}
	if ip, err := netip.ParseAddr(e.Peer); err == nil {
		env.Peer = ip
	}
	if was := trusted(m); was != nil && was.Trust == trustAuthenticated && e.User != "" {
		env.WriteAs = []string{mail.ParseAddress(e.From).Email} // what else the user may write as is not known any more
	}
	t := &Transaction{in: in, env: env, pol: in.policy(), set: in.rules()}
	return &job{t: t, p: p, mailbox: mb, recipient: e.To, view: envelopeView(&env, mail.ParseAddress(e.From), e.To)}
}

// trusted is the trust that was proven when the mail came: it cannot be proven again later.
func trusted(m *issue.Message) *dsl.Sender {
	var f facts
	if json.Unmarshal(m.Decision.Facts, &f) != nil || f.Sender == nil {
		return nil
	}
	return f.Sender
}

// verdictsThen is what a provider said of a message when it came.
func verdictsThen(m *issue.Message) Verdicts {
	var f facts
	if json.Unmarshal(m.Decision.Facts, &f) != nil {
		return Verdicts{}
	}
	return Verdicts{SpamScore: f.SpamScore, SPF: f.Auth.SPF, DKIM: f.Auth.DKIM, DMARC: f.Auth.DMARC}
}

// stoppers are the rules whose word ended the decision.
func stoppers(m *issue.Message) []string {
	var trace []rules.Entry
	if json.Unmarshal(m.Decision.Trace, &trace) != nil {
		return nil
	}
	var out []string
	for _, e := range trace {
		if slices.Contains(e.Fields, "verdict") && !e.Shadow && e.Error == "" {
			out = append(out, e.Rule)
		}
	}
	return out
}

func (in *Intake) event(ev *issue.Event) *issue.Event {
	e := *ev
	now := in.now()
	e.ID, e.At = issue.NewID(now), issue.Time(now)
	return &e
}
