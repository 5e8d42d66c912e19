package webhook

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/logkey"
)

// read has the provider read a proven request, and delivers what it finds.
//
// Where some of a batch is mail and something in it cannot be read, to refuse the request would have it sent again until its sender
// gives up, with whatever else is in it; to accept it would lose that. So what cannot be read is kept for review, its own bytes or else
// the whole request, and the request is answered by what became of all. A request of which nothing can be read is refused, and leaves
// nothing behind: its sender still has it, and sees that something is wrong.
func (c *call) read(ctx context.Context, r *Request) error {
	err := c.provider.Read(ctx, c.tools(c.hook), c.hook, r, func(m *Mail) error { return c.take(ctx, m) })
	defer func() {
		for _, m := range c.broken {
			closeRaw(m)
		}
	}()
	if err != nil && len(c.outcomes) > 0 && (fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge)) {
		c.broken, err = append(c.broken, &Mail{Broken: err.Error()}), nil
	}
	if err != nil || len(c.broken) == 0 {
		return err
	}
	if len(c.outcomes) == 0 {
		return fault.Errorf(fault.Invalid, "%s", c.broken[0].Broken)
	}
	for _, m := range c.broken {
		c.keep(ctx, r, m)
	}
	return nil
}

// take brings one mail down the road. It ends the reading only where going on is of no use.
func (c *call) take(ctx context.Context, m *Mail) error {
	if m.Broken == "" && m.Raw == nil {
		m.Broken = "there is no mail in it"
	}
	if m.Broken != "" {
		if c.broken = append(c.broken, m); len(c.broken)+len(c.outcomes) > c.o.Limits.Mails {
			return c.tooMany()
		}
		return nil
	}
	defer closeRaw(m)
	if len(c.broken)+len(c.outcomes) >= c.o.Limits.Mails {
		return c.tooMany()
	}
	if err := ctx.Err(); err != nil {
		return fault.As(fault.Unavailable, err)
	}
	if m.Raw.Size() > c.o.Limits.Mail {
		c.tell(ctx, false, "the mail is too large")
		c.became([]intake.Outcome{{Verdict: intake.Rejected, Reason: "the mail is too large"}})
		return nil
	}
	c.became(c.deliver(ctx, m, func(t Transaction) []intake.Outcome { return t.Deliver(ctx, m.Raw) }))
	return nil
}

func (c *call) tooMany() error {
	return fault.Errorf(fault.TooLarge, "there are more than %d mails in one request", c.o.Limits.Mails)
}

func closeRaw(m *Mail) {
	if m.Raw != nil {
		_ = m.Raw.Close()
	}
}

// keep holds for review what cannot be read: its own bytes, or else the request's, once.
func (c *call) keep(ctx context.Context, r *Request, m *Mail) {
	body := m.Raw
	if body == nil {
		if c.held {
			return
		}
		body, c.held = r.Body, true
	}
	reason := "a webhook's request that cannot be read: " + line(m.Broken, 150)
	c.became(c.deliver(ctx, m, func(t Transaction) []intake.Outcome { return t.Hold(ctx, body, reason) }))
}

func (c *call) became(out []intake.Outcome) {
	c.outcomes = append(c.outcomes, intake.Combine(out))
	c.told = append(c.told, out)
}

// deliver finds the recipients, and has the mail decided, or held, for those that are taken. A refusal of one is told in the ledger; the
// answer is Combine's: any try later is try later, and then the others meet the retry as duplicates.
func (c *call) deliver(ctx context.Context, m *Mail, do func(Transaction) []intake.Outcome) []intake.Outcome {
	later := []intake.Outcome{{Verdict: intake.TryLater, Reason: "try again later"}}
	t, err := c.o.Begin(ctx, c.envelope(m))
	if err != nil {
		c.o.Log.Error("a mail could not begin", logkey.Session, c.id, logkey.Error, err)
		return later
	}
	var out []intake.Outcome
	taken := 0
	list, err := c.recipients(t, m)
	if err != nil {
		c.o.Log.Error("a mail's recipients could not be read", logkey.Session, c.id, logkey.Error, err)
		return later
	}
	for _, to := range list {
		err := c.recipient(ctx, t, to)
		var no *intake.Refusal
		switch {
		case err == nil:
			taken++
		case errors.As(err, &no):
			o := intake.Outcome{Recipient: to, Verdict: intake.Rejected, Reason: no.Reason}
			if no.Temporary {
				o.Verdict = intake.TryLater
			}
			out = append(out, o)
		default:
			c.o.Log.Error("a recipient could not be decided", logkey.Session, c.id, logkey.Error, err)
			return later
		}
	}
	if taken > 0 {
		return append(out, do(t)...)
	}
	if len(out) == 0 {
		const nobody = "the mail names no recipient of ours"
		t.Refuse(ctx, false, nobody)
		out = []intake.Outcome{{Verdict: intake.Rejected, Reason: nobody}}
	}
	return out
}

// maxRecipients of one mail are asked for; more could only be a way to keep us busy.
const maxRecipients = 1000

// recipients are whom a mail is for. The envelope knows; where the provider does not tell it, the hook's mailbox does, and for a hook
// of several mailboxes what the mail's own header names, of which only ours count. What cannot be read and names nobody is kept by the
// first of those mailboxes.
func (c *call) recipients(t Transaction, m *Mail) ([]string, error) {
	to := m.Recipients
	if len(to) > maxRecipients {
		c.o.Log.Error("a mail has more recipients than are looked at", logkey.Session, c.id, logkey.Source, c.hook.Name, logkey.Recipients, len(to))
		to = to[:maxRecipients]
	}
	switch {
	case len(to) > 0:
		return to, nil
	case c.hook.Mailbox != "-" || m.Broken != "":
		return []string{""}, nil
	}
	return named(m.Raw, func(a string) bool { return c.mailbox(t, a) != "" })
}

// recipient adds one. A mailbox "" is none, and the answer to it what an unknown recipient hears.
func (c *call) recipient(ctx context.Context, t Transaction, to string) error {
	if c.hook.Mailbox == "-" && len(c.hook.Mailboxes) == 0 {
		return t.Recipient(ctx, to)
	}
	return t.RecipientIn(ctx, c.mailbox(t, to), to)
}

// mailbox is the one that an address leads to, "" where that is none, or none that the hook may reach.
func (c *call) mailbox(t Transaction, address string) string {
	if c.hook.Mailbox != "-" {
		return c.hook.Mailbox
	}
	may := c.hook.Mailboxes
	if address == "" && len(may) > 0 {
		return may[0]
	}
	name := t.MailboxOf(address)
	if len(may) > 0 && !slices.Contains(may, name) {
		return ""
	}
	return name
}

// envelope is what is known of a mail before it is read. The provider's words count where the request was proven to be its own, those
// on who sent the mail only where the configuration believes them.
func (c *call) envelope(m *Mail) intake.Envelope {
	env := intake.Envelope{
		Source: c.hook.Name, Session: c.id, Peer: c.peer(), From: m.From, Received: c.received, Protocol: "HTTP", TLS: c.r.TLS != nil,
		Arrived: m.Arrived, Rebuilt: m.Rebuilt,
	}
	if !c.hook.Proves() {
		return env
	}
	if m.Peer.IsValid() {
		env.Peer, env.Helo = m.Peer, m.Helo
	}
	env.Verdicts.SpamScore = m.SpamScore
	if c.hook.TrustVerdicts {
		env.Verdicts.SPF, env.Verdicts.DKIM, env.Verdicts.DMARC = m.SPF, m.DKIM, m.DMARC
	}
	return env
}

// Nobody is the source of requests that are for no hook, in the ledger.
const Nobody = "hooks"

// tell leaves a line in the ledger of a request from which no mail came.
func (c *call) tell(ctx context.Context, later bool, reason string) {
	source := c.source()
	if source == "" {
		source = Nobody
	}
	t, err := c.o.Begin(ctx, intake.Envelope{Source: source, Session: c.id, Peer: c.peer(), Protocol: "HTTP", Received: c.o.Now()})
	if err != nil {
		c.o.Log.Error("a request has no line in the ledger", logkey.Session, c.id, logkey.Error, err)
		return
	}
	t.Refuse(ctx, later, reason)
}

// answer puts what came of a request into the provider's words.
func (c *call) answer(ctx context.Context, r *received, err error) answer {
	p := c.provider
	var no *Unproven
	switch {
	case err == nil:
	case errors.As(err, &no):
		return *c.refuse(c.hook.Name + ": " + no.Reason)
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.TooLarge):
		c.failed(r.Request)
		a := c.end(ResultMalformed, err.Error(), http.StatusBadRequest)
		if errors.Is(err, ErrMediaType) {
			a.status = http.StatusUnsupportedMediaType
		}
		if fault.Is(err, fault.TooLarge) {
			a.status, c.result = http.StatusRequestEntityTooLarge, ResultTooLarge
		}
		c.tell(ctx, false, "malformed: "+err.Error())
		return a
	default:
		c.o.Log.Error("a webhook's request could not be read now and stays with its sender", logkey.Session, c.id, logkey.Source, c.hook.Name, logkey.Error, err)
		c.tell(ctx, true, err.Error())
		return c.end(ResultLater, "try again later", orElse(p.Answers.Later, http.StatusServiceUnavailable))
	}
	taken := orElse(p.Answers.Taken, http.StatusOK)
	if len(c.outcomes) == 0 { // a greeting
		c.result = ResultTaken
		return answer{status: taken}
	}
	switch o := intake.Combine(c.outcomes); o.Verdict {
	case intake.TryLater:
		return c.end(ResultLater, "try again later", orElse(p.Answers.Later, http.StatusServiceUnavailable))
	case intake.Rejected:
		return c.end(ResultRejected, o.Reason, orElse(p.Answers.Rejected, taken))
	default:
		c.result = ResultTaken
		return answer{status: taken}
	}
}

func orElse(status, other int) int {
	if status == 0 {
		return other
	}
	return status
}

// line makes one printable line of at most n bytes.
func line(s string, n int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?")))
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
