package intake

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/dsl"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/mail"
	"postern/rules"
)

// A question is one mail for one mailbox, waiting for a decision.
type question struct {
	id       string
	env      *Envelope
	policy   *Policy
	set      *rules.Set
	mailbox  *Mailbox
	to       string        // the recipient
	view     *dsl.Envelope // what rules see of the envelope
	envelope *rules.Result // what the stage before the body said; nil when it was not asked
	p        *parsed
	budget   dsl.Budget
	assume   bool     // that the mail's own id leads nowhere, for the store to check in the write
	past     []string // rules whose refusal a person has overruled

	// What the test of a rule gives instead of what would be found.
	sender *dsl.Sender
	auth   *dsl.Auth

	then    *facts        // of a stored message: what its decision saw takes the place of what would be found now
	witness rules.Witness // hears of rules that do not match; nil for nobody
	fails   rules.OnFailing
}

func (j *job) question() *question {
	return &question{
		id: issue.NewID(j.t.in.now()), env: &j.t.env, policy: j.t.pol, set: j.t.set, mailbox: j.mailbox, to: j.recipient,
		view: j.view, envelope: j.envelopeSaid, p: j.p, budget: j.t.in.budget,
	}
}

// A decision is what became of a question, before it is committed.
type decision struct {
	id      string
	set     string // the rule set's version
	verdict Verdict
	reason  string
	view    *dsl.View
	result  *rules.Result
	thread  *thread
	facts   *facts
	who     who
	said    *wall // the commands in it; nil where nobody was asked
	marked  bool
	took    time.Duration
}

// maxPasses is how often the rules of one mail are asked, when what it may command depends on where they put it.
const maxPasses = 3

// decide is the road between parse and commit: identify, thread, the mailbox's defaults, tokens, mail rules.
// It changes nothing anywhere; real mail, dry runs and the tests of a rule set all come through here.
func decide(ctx context.Context, w World, q *question) (*decision, error) {
	began := time.Now()
	id, th, err := q.look(ctx, w)
	if err != nil {
		return nil, err
	}
	said, err := q.commands(ctx, w, id, th)
	if err != nil {
		return nil, err
	}
	for pass := 1; ; pass++ {
		d, err := q.ask(ctx, w, id, th, said)
		if err != nil {
			return nil, err
		}
		again, err := said.joins(ctx, int64(d.view.Issue.Number))
		switch {
		case err != nil:
			return nil, err
		case again && pass == maxPasses-1:
			said.giveUp()
		case !again || pass == maxPasses:
			said.done(d)
			d.blacken()
			d.took = time.Since(began)
			return d, nil
		}
	}
}

// ask lets the rules decide.
func (q *question) ask(ctx context.Context, w World, id who, found *thread, said *wall) (*decision, error) {
	th := &thread{Number: found.Number, By: found.By, Suspected: found.Suspected, Relies: slices.Clone(found.Relies)}
	now := q.env.Received
	v := &dsl.View{
		Mail: mailView(q.id, q.p), Envelope: q.view, Mailbox: mailboxView(q.mailbox),
		Sender: senderView(id, q.p.author()), Now: now,
	}
	if q.then != nil {
		sender := *q.then.Sender
		v.Sender = &sender
	}
	v.Key, _ = slotKeys(q.mailbox.Name, q.p, q.env.came())
	score := q.told(v.Mail)
	d := &decision{id: q.id, set: q.set.Version(), verdict: Committed, view: v, thread: th, who: id}
	d.facts = &facts{
		Now: now, Envelope: v.Envelope, Mailbox: v.Mailbox, Sender: v.Sender, Auth: v.Mail.Auth, Thread: th,
		Recent: map[string]int{}, Keys: map[string]int{}, Defaults: &q.mailbox.New, Visibility: q.mailbox.Visibility, SpamScore: score,
	}
	var countErr error
	v.Sender.Count = func(within time.Duration) int {
		n, err := w.Recent(ctx, q.mailbox.Name, v.Sender.Email, now.Add(-within))
		if err != nil {
			countErr = err
		}
		d.facts.Recent[within.String()] = n
		return n
	}
	var err error
	if v.Issue, err = startingIssue(ctx, w, th, q, v.Mail, now); err != nil {
		return nil, err
	}
	if !v.Issue.IsNew {
		before := *v.Issue
		d.facts.Issue = &before
	}

	h := &host{w: w, q: q, now: now, d: d, fresh: func() *dsl.Issue { return newIssueView(q.mailbox, v.Mail, now) }}
	d.result = q.set.Decide(ctx, v, h, rules.Options{
		Budget: q.budget, Past: q.past, Envelope: q.envelope, Tokens: said.tokens, Witness: q.witness, OnFailing: q.fails,
	})
	if h.err != nil {
		return nil, h.err
	}
	if countErr != nil {
		return nil, countErr
	}
	if d.result.Err != nil {
		return nil, fault.As(fault.Unavailable, d.result.Err)
	}
	d.verdict, d.reason = verdictOf(d.result)
	d.marked = d.result.Failed > 0
	return d, nil
}

// look says who wrote the mail and where it belongs.
func (q *question) look(ctx context.Context, w World) (who, *thread, error) {
	if q.then != nil {
		th := *q.then.Thread
		return who{trust: q.then.Sender.Trust}, &th, nil
	}
	id, err := identify(ctx, w, q.policy, q.env, q.p)
	if err != nil {
		return who{}, nil, err
	}
	if q.sender != nil && q.sender.Trust != "" {
		id.trust = q.sender.Trust
	}
	th, err := findThread(ctx, w, q.mailbox.Name, q.p, q.assume)
	return id, th, err
}

// startingIssue is what rules see at first: the issue a mail belongs to, or the new one with the mailbox's defaults.
func startingIssue(ctx context.Context, w World, th *thread, q *question, m *dsl.Mail, now time.Time) (*dsl.Issue, error) {
	if th.Number == 0 {
		return newIssueView(q.mailbox, m, now), nil
	}
	is, err := w.Issue(ctx, th.Number)
	if err != nil {
		return nil, err
	}
	return issueView(is, now), nil
}

func verdictOf(r *rules.Result) (Verdict, string) {
	if r.Spent {
		return Quarantined, "the rules took longer than a message may: kept for review"
	}
	reason := line(r.Reason, 400)
	switch r.Verdict {
	case rules.Rejected:
		return Rejected, orElse(reason, "refused")
	case rules.Discarded:
		return Discarded, reason
	case rules.Quarantined:
		return Quarantined, orElse(reason, "a rule asked for review")
	case rules.TryLater:
		return TryLater, orElse(reason, "try again later")
	}
	return Committed, ""
}

// echoes reports whether mail of a kind is made by programs of what others wrote: its subject and its text repeat that, and its
// sender has not read it.
func echoes(k mail.Kind) bool {
	switch k {
	case mail.KindAutoReply, mail.KindBounce, mail.KindDelay, mail.KindFeedback, mail.KindReceipt, mail.KindCalendar:
		return true
	}
	return false
}

// ownSubject reports whether the subject is surely the sender's own: nothing in the mail is or might be somebody else's.
func ownSubject(m *mail.Message) bool {
	return !m.IsReply && !m.IsForward &&
		!slices.ContainsFunc(m.Spans, func(s mail.Span) bool {
			return s.Kind == mail.SpanQuote || s.Kind == mail.SpanForward || s.Kind == mail.SpanUnsure
		}) &&
		!slices.ContainsFunc(m.Attachments, func(a mail.Attachment) bool { return a.Message != nil })
}

// surelyNew is the text above the first line that might be quoted, forwarded or signature, without the banner that
// a gateway put above it, or the armor of a signed text.
func surelyNew(m *mail.Message) string {
	start, end := 0, len(m.Text)
	for _, s := range m.Spans {
		if (s.Kind == mail.SpanDisclaimer || s.Kind == mail.SpanSignature) && strings.TrimSpace(m.Text[start:s.Start]) == "" {
			start = s.End
			continue
		}
		end = s.Start
		break
	}
	return m.Text[start:end]
}

// bareDecision quarantines without asking anybody.
func bareDecision(q *question, reason string) *decision {
	now := q.env.Received
	v := &dsl.View{
		Mail: mailView(q.id, q.p), Envelope: q.view, Mailbox: mailboxView(q.mailbox),
		Sender: senderView(who{trust: trustNone}, q.p.author()), Now: now,
	}
	score := q.told(v.Mail)
	v.Issue = newIssueView(q.mailbox, v.Mail, now)
	return &decision{
		id: q.id, set: q.set.Version(), verdict: Quarantined, reason: reason, view: v, result: &rules.Result{}, thread: &thread{},
		facts: &facts{Now: now, Envelope: v.Envelope, Mailbox: v.Mailbox, Sender: v.Sender, Auth: v.Mail.Auth, SpamScore: score},
	}
}

// told puts into a mail's view what a provider says of it, or what a test gives, or what was known when a stored message was decided. It
// returns the spam score where the mail's own headers did not give it.
func (q *question) told(m *dsl.Mail) (score *float64) {
	said := q.env.Verdicts
	m.Auth = orNone(dsl.Auth{SPF: said.SPF, DKIM: said.DKIM, DMARC: said.DMARC})
	if q.auth != nil {
		m.Auth = orNone(*q.auth)
	}
	score = said.SpamScore
	if q.then != nil {
		score = q.then.SpamScore
	}
	if score != nil {
		m.SpamScore = *score
	}
	return score
}

// orNone says "none" of what a test left out.
func orNone(a dsl.Auth) dsl.Auth {
	return dsl.Auth{SPF: orElse(a.SPF, "none"), DKIM: orElse(a.DKIM, "none"), DMARC: orElse(a.DMARC, "none"), ARC: orElse(a.ARC, "none")}
}

// host answers what rules ask of the world, and keeps what they relied on.
type host struct {
	w     World
	q     *question
	now   time.Time
	d     *decision
	fresh func() *dsl.Issue
	err   error // the store's: the decision is void
}

var _ rules.Host = (*host)(nil)

// Thread finds the issue that a rule's key named within the time before now.
func (h *host) Thread(ctx context.Context, key string, within time.Duration) (*dsl.Issue, error) {
	id := keyID(key)
	links, err := h.w.FindThread(ctx, h.q.mailbox.Name, []string{id})
	if err != nil {
		h.err = err
		return nil, err
	}
	h.d.thread.Relies = append(h.d.thread.Relies, relyOn(h.q.mailbox.Name, []string{id}, links)...)
	links = slices.DeleteFunc(links, func(l issue.Link) bool { return within > 0 && h.now.Sub(l.At) > within })
	h.d.facts.Keys[key] = 0
	if len(links) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(links, func(a, b issue.Link) int { return b.At.Compare(a.At) })
	for _, l := range links {
		is, err := h.find(ctx, int(l.Issue))
		if err != nil {
			return nil, err
		}
		// A key leads to no issue that was withdrawn. A reply finds it by its ids, and brings it back.
		if is == nil || is.WithdrawnAt == nil {
			h.d.facts.Keys[key] = int(l.Issue)
			return h.show(int(l.Issue), is), nil
		}
	}
	return nil, nil
}

// Issue is the issue of that number, or nil.
func (h *host) Issue(ctx context.Context, number int) (*dsl.Issue, error) {
	is, err := h.find(ctx, number)
	if err != nil {
		return nil, err
	}
	return h.show(number, is), nil
}

// find is nil where there is none.
func (h *host) find(ctx context.Context, number int) (*issue.Issue, error) {
	is, err := h.w.Issue(ctx, int64(number))
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		h.err = err
		return nil, err
	}
	return is, nil
}

// show lets rules see an issue, and keeps what they saw.
func (h *host) show(number int, is *issue.Issue) *dsl.Issue {
	if h.d.facts.Issues == nil {
		h.d.facts.Issues = map[int]*dsl.Issue{}
	}
	if is == nil {
		h.d.facts.Issues[number] = nil
		return nil
	}
	h.d.facts.Issues[number] = issueView(is, h.now)
	return issueView(is, h.now) // rules change theirs
}

// New is a new issue as it would start.
func (h *host) New(context.Context) (*dsl.Issue, error) { return h.fresh(), nil }

// envelopeRules runs the stage before the body for one recipient. It sees nothing of whom we know.
func envelopeRules(ctx context.Context, q *question) (*rules.Result, error) {
	if !q.set.AsksAtRecipient(q.mailbox.Name) {
		return &rules.Result{Ruleset: q.set.Version()}, nil
	}
	from := q.view.From
	trust := trustNone
	if q.env.User != "" && mayWriteAs(q.env.WriteAs, from.Email, from.Domain) {
		trust = trustAuthenticated
	}
	v := &dsl.View{
		Mail: &dsl.Mail{}, Envelope: q.view, Mailbox: mailboxView(q.mailbox),
		Sender: &dsl.Sender{Email: from.Email, Trust: trust}, Now: q.env.Received,
	}
	v.Issue = newIssueView(q.mailbox, v.Mail, q.env.Received)
	res := q.set.Envelope(ctx, v, rules.Options{Budget: q.budget, Witness: q.witness, OnFailing: q.fails})
	return res, fault.As(fault.Unavailable, res.Err)
}
