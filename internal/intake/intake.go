package intake

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/dsl"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/internal/mail"
	"postern/internal/spool"
	"postern/internal/testmail"
	"postern/rules"
)

// Options are what an Intake is made of.
type Options struct {
	Store    issue.Store
	Spool    *spool.Dir
	Policy   func() *Policy    // the live configuration
	Rules    func() *rules.Set // the live rule set
	Log      *slog.Logger
	Now      func() time.Time
	Memory   int64      // bytes that mails being parsed and decided may take together; 0 means 128 MiB
	Budget   dsl.Budget // for the rules of one message; zero values mean those of rules.DefaultBudget
	Observer Observer   // may be nil
	// Test reports whether a mail that came with this mark, and so many bytes, is one that a check sent to see whether it comes: it becomes
	// nothing, and is not counted. nil: none is.
	Test func(ctx context.Context, source, mark string, size int64) bool
}

// An Observer hears what became of mail, for metrics and for greeting the first one.
type Observer interface {
	Delivered(env *Envelope, o Outcome, size int64, took time.Duration)
	Decided(set string, trace []rules.Entry)
}

// An Intake is the road. It is safe for any number of goroutines.
type Intake struct {
	store    issue.Store
	spool    *spool.Dir
	policy   func() *Policy
	rules    func() *rules.Set
	log      *slog.Logger
	now      func() time.Time
	room     *admission
	ledger   *ledger
	budget   dsl.Budget
	observer Observer
	shadow   shadow
	test     func(ctx context.Context, source, mark string, size int64) bool
}

// New makes an Intake. Run must be called for the ledger to be written.
func New(o Options) *Intake {
	if o.Memory == 0 {
		o.Memory = 128 << 20
	}
	return &Intake{
		store: newKnown(o.Store, o.Now), spool: o.Spool, policy: o.Policy, rules: o.Rules, log: o.Log, now: o.Now,
		room: newAdmission(o.Memory), ledger: newLedger(o.Store, o.Now, o.Log), budget: o.Budget, observer: o.Observer,
		test: o.Test, shadow: shadow{queue: make(chan *shadowed, shadowQueue)},
	}
}

// Run writes the ledger, and asks candidates, until ctx ends.
func (in *Intake) Run(ctx context.Context) error {
	var g sync.WaitGroup
	g.Go(func() { in.runShadow(ctx) })
	in.ledger.run(ctx)
	g.Wait()
	return nil
}

// A Transaction is one mail from MAIL FROM to its end, under the configuration and the rule set that were
// live when it began. It belongs to one goroutine.
type Transaction struct {
	in    *Intake
	env   Envelope
	pol   *Policy
	set   *rules.Set
	rcpts []recipient
	ended bool

	from     mail.Address // env.From
	fromRead bool
	said     *mail.Message // once it was read
	hold     string        // why it is kept without being decided
	test     bool          // it is a mail that a check sent
}

type recipient struct {
	address string
	mailbox *Mailbox
	view    *dsl.Envelope // what rules see of the envelope
	held    *rules.Result // what the envelope rules said
}

// Begin takes the live configuration and rules for one mail.
func (in *Intake) Begin(_ context.Context, env Envelope) (*Transaction, error) {
	set := in.rules()
	if set == nil {
		return nil, fault.Errorf(fault.Unavailable, "no rule set is live")
	}
	if env.Received.IsZero() {
		env.Received = in.now()
	}
	env.Received = issue.Time(env.Received)
	if !env.Arrived.IsZero() {
		env.Arrived = issue.Time(env.Arrived)
	}
	return &Transaction{in: in, env: env, pol: in.policy(), set: set}, nil
}

// Recipient adds one recipient, or says no with a *Refusal. The answer depends on the mailboxes, the connection and the
// envelope rules, never on whom we know.
func (t *Transaction) Recipient(ctx context.Context, address string) error {
	mb, ok := t.pol.Route(address)
	return t.recipient(ctx, mb, ok, address)
}

// RecipientIn adds a recipient whose mailbox the source has chosen, whatever its address; an empty one is the mailbox's own.
// It says no as Recipient does.
func (t *Transaction) RecipientIn(ctx context.Context, mailbox, address string) error {
	i := slices.IndexFunc(t.pol.Mailboxes, func(mb *Mailbox) bool { return mb.Name == mailbox })
	if i < 0 {
		return t.recipient(ctx, nil, false, address)
	}
	mb := t.pol.Mailboxes[i]
	if address == "" && len(mb.Addresses) > 0 && strings.Contains(mb.Addresses[0], "@") && !strings.ContainsAny(mb.Addresses[0], "*") && mb.Addresses[0][0] != '@' {
		address = mb.Addresses[0]
	}
	return t.recipient(ctx, mb, true, address)
}

// MailboxOf is the name of the mailbox that an address is for, "" where there is none. One that is not active takes nothing (RecipientIn says so), and
// nor does any other in its place.
func (t *Transaction) MailboxOf(address string) string {
	if mb, ok := t.pol.Route(address); ok {
		return mb.Name
	}
	return ""
}

func (t *Transaction) recipient(ctx context.Context, mb *Mailbox, ok bool, address string) error {
	if !ok || !mb.Active {
		r := &Refusal{Unknown: true, Reason: "no such mailbox here"}
		t.refused(address, "", r)
		return r
	}
	if !t.fromRead {
		t.from, t.fromRead = mail.ParseAddress(t.env.From), true
	}
	view := envelopeView(&t.env, t.from, address)
	res, err := envelopeRules(ctx, &question{env: &t.env, policy: t.pol, set: t.set, mailbox: mb, to: address, view: view, budget: t.in.budget, fails: t.pol.onFailing()})
	if err != nil {
		return err
	}
	t.in.tellFailing(ctx, t.set, res)
	if v, reason := verdictOf(res); v == Rejected || v == TryLater {
		r := &Refusal{Temporary: v == TryLater, Reason: reason}
		t.refused(address, mb.Name, r)
		return r
	}
	t.rcpts = append(t.rcpts, recipient{address, mb, view, res})
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Refuse ends a transaction whose body its receiver refused, for good or until later: too large, not as the protocol wants it.
func (t *Transaction) Refuse(_ context.Context, later bool, reason string) {
	verdict := Rejected
	if later {
		verdict = TryLater
	}
	t.end(string(verdict), reason)
}

// Abandon ends a transaction whose peer left, or began anew, before the body was whole.
func (t *Transaction) Abandon(_ context.Context, reason string) { t.end("aborted", reason) }

// end leaves a line of a mail that never came to a decision.
func (t *Transaction) end(verdict, reason string) {
	if t.ended {
		return
	}
	t.ended = true
	to := ""
	for i, r := range t.rcpts {
		if i > 0 {
			to += ", "
		}
		to = cut(to+r.address, 500)
	}
	l := t.line(to)
	l.Verdict, l.Reason = verdict, line(reason, 200)
	t.in.ledger.add(l)
}

func (t *Transaction) refused(address, mailbox string, r *Refusal) {
	l := t.line(cut(address, 320))
	l.Mailbox, l.Reason, l.Verdict = mailbox, r.Reason, string(Rejected)
	if r.Temporary {
		l.Verdict = string(TryLater)
	}
	t.in.ledger.add(l)
}

func (t *Transaction) line(to string) issue.LedgerLine {
	l := issue.LedgerLine{Source: t.env.Source, From: cut(t.env.From, 320), To: to}
	if t.env.Peer.IsValid() {
		l.Peer = t.env.Peer.Unmap().String()
	}
	return l
}

// about notes which mail a line is about, where it was read.
func about(l *issue.LedgerLine, m *mail.Message) {
	if m == nil {
		return
	}
	l.Subject, l.MessageID = line(m.Subject, 200), cut(m.MessageID, 500)
	if len(m.From) > 0 {
		l.Author = cut(m.From[0].Email, 320)
	}
}

// Hold keeps the mail, raw, for review by each accepted recipient's mailbox, with the reason, and asks no rule: what a source cannot
// deliver and will not ask for again. What was here before is a duplicate all the same.
func (t *Transaction) Hold(ctx context.Context, raw *spool.Body, reason string) []Outcome {
	t.hold = line(reason, 200)
	return t.Deliver(ctx, raw)
}

// Deliver decides and commits the mail for each accepted recipient and says what became of it, in their order. It
// does not fail: what goes wrong inside us is try later, and the mail stays with its sender.
func (t *Transaction) Deliver(ctx context.Context, raw *spool.Body) []Outcome {
	t.ended = true
	began := time.Now()
	out := make([]Outcome, len(t.rcpts))
	for i, r := range t.rcpts {
		out[i] = Outcome{Recipient: r.address, Mailbox: r.mailbox.Name, Verdict: TryLater, Reason: "try again later"}
	}
	if err := t.deliver(ctx, raw, out); err != nil {
		t.in.log.ErrorContext(ctx, "mail could not be taken and stays with its sender", logkey.Session, t.env.Session, logkey.Error, err)
	}
	if t.test {
		return out
	}
	for i, o := range out {
		if o.Verdict == TryLater && o.Message == "" {
			l := t.line(cut(o.Recipient, 320))
			l.Mailbox, l.Verdict, l.Reason = o.Mailbox, string(TryLater), o.Reason
			about(&l, t.said)
			t.in.ledger.add(l)
		}
		first := !slices.ContainsFunc(out[:i], func(before Outcome) bool { return before.Mailbox == o.Mailbox })
		if t.in.observer != nil && first { // several recipients of one mailbox are one message
			t.in.observer.Delivered(&t.env, o, raw.Size(), time.Since(began))
		}
	}
	return out
}

func (t *Transaction) deliver(ctx context.Context, raw *spool.Body, out []Outcome) error {
	if len(t.rcpts) == 0 {
		return errors.New("no recipient was accepted")
	}
	leave, err := t.in.room.parse(ctx, raw.Size(), t.pol.TextLimit)
	if err != nil {
		return err
	}
	defer leave()
	p, broken, err := t.in.parseSafely(ctx, raw, t.pol.TextLimit)
	if err != nil {
		return err
	}
	defer p.close()
	t.said = p.msg
	if mark := p.msg.Get(testmail.Field); mark != "" && t.in.test != nil && t.in.test(ctx, t.env.Source, mark, raw.Size()) {
		t.test = true
		for i := range out {
			out[i].Verdict, out[i].Reason = Discarded, "it is a test mail of this Postern, which is seen and becomes nothing"
		}
		return nil
	}
	if t.hold != "" {
		broken = t.hold
	}
	p.exact = p.faceless(t.hold != "")
	done, err := t.in.room.save(ctx, p.small())
	if err != nil {
		return err
	}
	defer done()

	jobs := t.jobs(p, broken)
	for _, j := range jobs {
		// A mail with one answer for several mailboxes is refused only when all refuse it, so a refusal waits until the others are known.
		j.wait = len(jobs) > 1 && !t.env.EachAnswered
		j.run(ctx)
	}
	taken := false
	for _, j := range jobs {
		switch j.out.Verdict {
		case Committed, Discarded, Quarantined:
			taken = true
		}
	}
	for _, j := range jobs {
		if j.waits {
			j.wait = false
			j.finishRefusal(ctx, taken)
		}
		for _, i := range j.places {
			o := j.out
			o.Recipient = t.rcpts[i].address
			out[i] = o
		}
	}
	return nil
}

// jobs groups the recipients by mailbox: one mail in one mailbox is one message.
func (t *Transaction) jobs(p *parsed, broken string) []*job {
	var jobs []*job
next:
	for i, r := range t.rcpts {
		for _, j := range jobs {
			if j.mailbox.Name == r.mailbox.Name {
				j.places = append(j.places, i)
				continue next
			}
		}
		jobs = append(jobs, &job{
			t: t, p: p, broken: broken, mailbox: r.mailbox, recipient: r.address,
			places: []int{i}, view: r.view, envelopeSaid: r.held,
			out: Outcome{Mailbox: r.mailbox.Name, Verdict: TryLater, Reason: "try again later"},
		})
	}
	return jobs
}

// Combine gives the one answer for several messages of one mail: any try later is try later, and the retry meets
// the others as duplicates; else what was taken; else the refusal.
func Combine(outcomes []Outcome) Outcome {
	if len(outcomes) == 0 {
		return Outcome{Verdict: TryLater, Reason: "try again later"}
	}
	rank := func(o Outcome) int {
		switch o.Verdict {
		case TryLater:
			return 4
		case Committed:
			return 3
		case Discarded, Quarantined:
			return 2
		default:
			return 1
		}
	}
	best := outcomes[0]
	for _, o := range outcomes[1:] {
		if rank(o) > rank(best) {
			best = o
		}
	}
	return best
}
