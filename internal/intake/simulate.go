package intake

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"time"

	"postern/dsl"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/mail"
	"postern/internal/spool"
	"postern/rules"
)

// TestTime is when the clock of a rule's test stands still, unless the test says otherwise.
var TestTime = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// A DryRun is what would become of a mail: nothing is written anywhere.
type DryRun struct {
	Mailbox string        `json:"mailbox"`
	Verdict Verdict       `json:"verdict"`
	Reason  string        `json:"reason,omitempty"`
	Ruleset string        `json:"ruleset"`
	Trust   string        `json:"trust"`
	Issue   *dsl.Issue    `json:"issue,omitempty"` // what it would become, or be added to
	Changes rules.Changes `json:"changes"`
	Trace   []rules.Entry `json:"trace"`
	Marked  bool          `json:"marked,omitempty"` // a rule failed on it

	view   *dsl.View
	bounce bool
	spent  bool // the rules took more than they may
}

// Simulate decides one test of a rule set just as real mail is decided, in a world made of what the test gives.
func Simulate(pol *Policy) rules.Simulate {
	return func(ctx context.Context, set *rules.Set, t *dsl.Test) (*dsl.Outcome, []rules.Entry, error) {
		p, err := parseTest(t.Mail)
		if err != nil {
			return nil, nil, err
		}
		q, err := testQuestion(pol, set, t, p)
		if err != nil {
			return nil, nil, err
		}
		d, err := dryRun(ctx, testWorld(t, p, pol.Marker, q.env.Received), q)
		if err != nil {
			return nil, nil, err
		}
		return &dsl.Outcome{View: d.view, Verdict: string(d.Verdict), Reason: d.Reason, Effects: effects(d)}, d.Trace, nil
	}
}

// Eval decides raw for a recipient against the live rules and the world as it is, and writes nothing.
func (in *Intake) Eval(ctx context.Context, env Envelope, recipient string, raw *spool.Body) (*DryRun, error) {
	pol := in.policy()
	mb, ok := pol.Route(recipient)
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no mailbox takes mail for %q", recipient)
	}
	return in.eval(ctx, env, pol, mb, recipient, raw)
}

// EvalIn is Eval for a source that has chosen the mailbox, whatever the address.
func (in *Intake) EvalIn(ctx context.Context, env Envelope, mailbox, address string, raw *spool.Body) (*DryRun, error) {
	pol := in.policy()
	i := slices.IndexFunc(pol.Mailboxes, func(mb *Mailbox) bool { return mb.Name == mailbox })
	if i < 0 {
		return nil, fault.Errorf(fault.NotFound, "no mailbox is called %q", mailbox)
	}
	return in.eval(ctx, env, pol, pol.Mailboxes[i], address, raw)
}

func (in *Intake) eval(ctx context.Context, env Envelope, pol *Policy, mb *Mailbox, recipient string, raw *spool.Body) (*DryRun, error) {
	set := in.rules()
	leave, err := in.room.parse(ctx, raw.Size(), pol.TextLimit)
	if err != nil {
		return nil, err
	}
	defer leave()
	p, broken, err := in.parseSafely(ctx, raw, pol.TextLimit)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if env.Received.IsZero() {
		env.Received = in.now()
	}
	q := &question{id: issue.NewID(env.Received), env: &env, policy: pol, set: set, mailbox: mb, to: recipient, p: p, budget: in.budget}
	q.view = envelopeView(&env, mail.ParseAddress(env.From), recipient)
	if broken != "" {
		d := bareDecision(q, broken)
		return &DryRun{Mailbox: mb.Name, Verdict: d.verdict, Reason: d.reason, Ruleset: d.set, Trace: []rules.Entry{}}, nil
	}
	return dryRun(ctx, in.store, q)
}

// dryRun runs the envelope rules and then decides.
func dryRun(ctx context.Context, w World, q *question) (*DryRun, error) {
	held, err := envelopeRules(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &DryRun{Mailbox: q.mailbox.Name, Ruleset: q.set.Version(), Trace: []rules.Entry{}}
	if v, reason := verdictOf(held); v == Rejected || v == TryLater {
		b := bareDecision(q, "")
		out.bounce = held.Bounce
		out.Verdict, out.Reason, out.view, out.Trust, out.Trace = v, reason, b.view, trustNone, held.Trace
		return out, nil
	}
	q.envelope = held
	d, err := decide(ctx, w, q)
	if err != nil {
		return nil, err
	}
	out.Verdict, out.Reason, out.view, out.Trust = d.verdict, d.reason, d.view, d.who.trust
	out.Changes, out.Marked, out.bounce = d.result.Changes, d.marked, d.result.Bounce
	out.spent = d.result.Spent
	out.Trace = d.result.Trace
	if d.verdict == Committed {
		out.Issue = d.view.Issue
	}
	return out, nil
}

// parseTest reads a test's mail; attachments are only counted and hashed.
func parseTest(raw []byte) (*parsed, error) {
	msg, err := mail.Parse(bytes.NewReader(raw), mail.Options{})
	if err != nil {
		return nil, err
	}
	return &parsed{raw: spool.Bytes(raw), msg: msg, newText: msg.NewText(), sum: foldedSum(msg.Text)}, nil
}

func testQuestion(pol *Policy, set *rules.Set, t *dsl.Test, p *parsed) (*question, error) {
	g := t.Given
	if s := g.Sender; s != nil && s.Email != "" && s.Email != p.author().Email {
		return nil, fault.Errorf(fault.Invalid, "given sender is %s, and the mail is from %q: write the same address in both", s.Email, p.author().Email)
	}
	q := &question{id: "test", policy: pol, set: set, p: p, sender: g.Sender, auth: g.Auth}
	if g.Time.IsZero() {
		g.Time = TestTime
	}
	env := Envelope{Source: "smtp", From: p.author().Email, Received: issue.Time(g.Time), Peer: netip.AddrFrom4([4]byte{192, 0, 2, 1})}
	if e := g.Envelope; e != nil {
		env.Helo, env.TLS, env.User = e.Helo, e.TLS, e.User
		env.From = orElse(e.From.Email, env.From)
		env.Source = orElse(e.Source, env.Source)
		if ip, err := netip.ParseAddr(e.IP); err == nil {
			env.Peer = ip
		}
		q.to = e.To.Email
	}
	if s := g.Sender; s != nil && s.Trust == trustAuthenticated && env.User != "" {
		env.WriteAs = []string{p.author().Email} // who logged in has proven himself before the body, too
	}
	q.env = &env
	if g.Mailbox != "" {
		i := slices.IndexFunc(pol.Mailboxes, func(mb *Mailbox) bool { return mb.Name == g.Mailbox })
		if i < 0 {
			return nil, fault.Errorf(fault.Invalid, "no mailbox is called %q", g.Mailbox)
		}
		q.mailbox = pol.Mailboxes[i]
	}
	for _, to := range slices.Concat(people(p.msg.To), people(p.msg.Cc)) {
		if mb, ok := pol.Route(to.Email); ok && (q.mailbox == nil || q.mailbox == mb) && q.to == "" {
			q.mailbox, q.to = mb, to.Email
		}
	}
	if q.mailbox == nil && len(pol.Mailboxes) > 0 {
		q.mailbox = pol.Mailboxes[0]
	}
	if q.mailbox == nil {
		return nil, fault.Errorf(fault.Invalid, "the configuration has no mailbox")
	}
	q.view = envelopeView(&env, mail.ParseAddress(env.From), q.to)
	return q, nil
}

// effects are what a test may expect besides the issue.
func effects(d *DryRun) dsl.Effects {
	c := d.Changes
	e := dsl.Effects{
		Notes: list(c.Notes), Visibility: value(c.Visibility), Quiet: c.Quiet, Bounce: d.bounce,
		Dropped: []string{}, Redacted: list(c.Redact), Text: newRedaction(c.Redact).text(d.view.Mail.NewText),
		Thread: c.ThreadKey, Rules: []string{}, Shadows: []string{}, Failed: []string{},
	}
	if c.Due != nil {
		e.Due = *c.Due
	}
	for _, i := range c.DropAttachments {
		e.Dropped = append(e.Dropped, d.view.Mail.Attachments[i].Name)
	}
	for _, t := range d.Trace {
		switch {
		case t.Error != "":
			e.Failed = append(e.Failed, t.Rule)
		case t.Acted() && t.Shadow:
			e.Shadows = append(e.Shadows, t.Rule)
		case t.Acted():
			e.Rules = append(e.Rules, t.Rule)
		}
	}
	return e
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
