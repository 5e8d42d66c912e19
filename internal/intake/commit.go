package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/dsl"
	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/internal/mail"
	"postern/internal/spool"
	"postern/rules"
)

// commit writes a decision and sets the outcome. After it returns nil the answer may be sent.
func (j *job) commit(ctx context.Context, q *question, d *decision, slot string) error {
	in := j.t.in
	c := assemble(d, q, j.envelope())
	if claims(d.verdict) {
		c.Message.Slot = slot
	}
	c.Message.Attempt = 1
	done, err := in.store.Commit(ctx, c)
	if err != nil {
		return err
	}
	j.out = Outcome{Mailbox: j.mailbox.Name, Verdict: d.verdict, Reason: d.reason, Message: d.id, Issue: done.Issue}
	in.shadow.offer(j.watching, q, j.seen, d, done.Issue)
	in.log.InfoContext(ctx, "mail decided", logkey.Session, j.t.env.Session, logkey.Message, d.id, logkey.Mailbox, j.mailbox.Name,
		logkey.Verdict, string(d.verdict), logkey.Issue, done.Issue, logkey.Ruleset, short(d.set), logkey.Bytes, j.p.raw.Size(), logkey.Took, d.took)
	return nil
}

func short(version string) string { return cut(version, 12) }

// claims reports whether a verdict takes a slot: what was refused or put off is decided anew each time it comes.
func claims(v Verdict) bool { return v == Committed || v == Discarded || v == Quarantined }

// assemble turns a decision into what a store writes at once.
func assemble(d *decision, q *question, env issue.Envelope) *issue.Commit {
	hide := newRedaction(d.result.Changes.Redact)
	m := message(d, q, env, hide)
	c := &issue.Commit{Message: m, Bodies: []*spool.Body{q.p.raw}}
	keepFiles(c, d.result.Changes.DropAttachments, q, hide)
	keepTexts(c, q.p, hide)
	c.Relies = d.thread.Relies
	if d.verdict == Committed {
		c.Threads = append(threadNames(q.p, d.result.Changes.ThreadKey), saidNames(d, q)...)
		c.Participants = participants(q.p, q.policy.Ours, []string{strings.ToLower(q.to)})
		if len(q.p.msg.From) == 1 && q.p.author().Email != "" && d.who.user == nil {
			a := q.p.author()
			c.Users = []issue.User{{Email: a.Email, Name: hide.text(a.Name), CreatedAt: q.env.Received}}
		}
		fileIssue(c, d, q, hide)
	}
	c.Ledger = ledgerLine(m)
	return c
}

// message is the message without its texts and files.
func message(d *decision, q *question, env issue.Envelope, hide redaction) *issue.Message {
	p := q.p
	m := &issue.Message{
		ID: d.id, Mailbox: q.mailbox.Name, ReceivedAt: q.env.Received, Envelope: env,
		MessageID: p.msg.MessageID,
		InReplyTo: list(p.msg.InReplyTo), References: list(p.msg.References),
		TextSHA256: p.sum, FilesSHA256: filesSum(p.attachments()),
		Raw: issue.Blob{SHA256: p.raw.SHA256(), Size: p.raw.Size()}, Kind: string(p.msg.Kind), Signed: p.msg.Signed, Encrypted: p.msg.Encrypted,
		Verdict: string(d.verdict), Reason: d.reason, Marked: d.marked,
		Decision: issue.Decision{Ruleset: d.set, Facts: d.facts.encode(), Took: d.took},
	}
	if !p.msg.Date.IsZero() {
		date := issue.Time(p.msg.Date)
		m.Date = &date
	}
	if len(d.result.Trace) > 0 {
		m.Decision.Trace = encode(d.result.Trace)
	}
	m.Decision.Changes = encode(&d.result.Changes)
	retitle(m, p, hide)
	if w := warnings(q); len(w) > 0 {
		for i := range w {
			w[i].Detail = hide.text(w[i].Detail)
		}
		m.Warnings = encode(w)
	}
	return m
}

// retitle gives a message the words in it that stand outside its texts.
func retitle(m *issue.Message, p *parsed, hide redaction) {
	m.Subject = hide.text(p.msg.Subject)
	m.From, m.To, m.Cc = hide.people(people(p.msg.From)), hide.people(people(p.msg.To)), hide.people(people(p.msg.Cc))
	if r := p.msg.Report; r != nil {
		m.Report = encode(hideReport(*r, hide))
	}
	if e := p.msg.Calendar; e != nil {
		said := *e
		said.Summary, said.Location = hide.text(said.Summary), hide.text(said.Location)
		m.Calendar = encode(said)
	}
}

func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil { // plain data: cannot happen
		return nil
	}
	return b
}

// warnings are those of the parser, and one for each file that is too large to be kept.
func warnings(q *question) []mail.Warning {
	w := slices.Clone(q.p.msg.Warnings)
	for i := range q.p.msg.Attachments {
		if a := &q.p.msg.Attachments[i]; tooLarge(q, a.Size) {
			w = append(w, mail.Warning{Code: "attachment-too-large", Detail: cut(fmt.Sprintf("%d bytes, not kept with the issue: %s", a.Size, a.Name), 200)})
		}
	}
	return w
}

func tooLarge(q *question, size int64) bool { return q.mailbox.MaxFile > 0 && size > q.mailbox.MaxFile }

// keepFiles names the attachments that stay, and hands their bytes to the store.
func keepFiles(c *issue.Commit, drop []int, q *question, hide redaction) {
	c.Message.Attachments = []issue.Attachment{}
	for i, a := range q.p.attachments() {
		if slices.Contains(drop, i) || tooLarge(q, a.Size) {
			continue
		}
		a.Name = hide.text(a.Name)
		c.Message.Attachments = append(c.Message.Attachments, a)
		if body, ok := q.p.msg.Attachments[i].Ref.(*spool.Body); ok { // a dry run keeps none
			c.Bodies = append(c.Bodies, body)
		}
	}
}

// keepTexts puts a short text into the message and longer ones, and HTML, beside it, with what in them is not new.
func keepTexts(c *issue.Commit, p *parsed, hide redaction) {
	text, spans := hide.spans(p.msg.Text, p.msg.Spans)
	if len(spans) > 0 {
		c.Message.Spans = encode(spans)
	}
	if len(text) <= issue.InlineText {
		c.Message.Text = text
	} else {
		b := textBody(text)
		c.Message.TextBlob = issue.Blob{SHA256: b.SHA256(), Size: b.Size()}
		c.Bodies = append(c.Bodies, b)
	}
	html, spans := hide.spans(p.msg.HTML, p.msg.HTMLSpans)
	if html == "" {
		return
	}
	if len(spans) > 0 {
		c.Message.HTMLSpans = encode(spans)
	}
	b := textBody(html)
	c.Message.HTMLBlob = issue.Blob{SHA256: b.SHA256(), Size: b.Size()}
	c.Bodies = append(c.Bodies, b)
}

func hideReport(r mail.Report, hide redaction) mail.Report {
	r.Recipients = slices.Clone(r.Recipients)
	for i := range r.Recipients {
		r.Recipients[i].Diagnostic = hide.text(r.Recipients[i].Diagnostic)
	}
	return r
}

// fileIssue adds the new issue, or the note on the one that the rules and the thread led to.
func fileIssue(c *issue.Commit, d *decision, q *question, hide redaction) {
	v, ch, m := d.view.Issue, d.result.Changes, c.Message
	now := q.env.Received
	author := issue.Person{Email: q.p.author().Email, Name: hide.text(q.p.author().Name)}
	visibility := orElse(q.mailbox.Visibility, "public")
	if ch.Visibility != nil {
		visibility = *ch.Visibility
	}
	if v.IsNew {
		is := &issue.Issue{
			Mailbox: q.mailbox.Name, Subject: v.Subject, Description: cut(v.Description, issue.InlineText),
			Type: v.Type, Class: v.Class, Priority: v.Priority, Status: v.Status, Assignee: v.Assignee, Team: q.mailbox.New.Team,
			Template: v.Template, Visibility: visibility, Requester: issue.Person{Email: v.Requester.Email, Name: v.Requester.Name},
			Watchers: list(v.Watchers), Tags: list(v.Tags), Fields: v.Fields, Suspected: d.thread.Suspected, DueAt: ch.Due,
			CreatedAt: now, UpdatedAt: now, Message: m.ID,
		}
		if ch.Team != nil {
			is.Team = *ch.Team
		}
		if is.Fields == nil {
			is.Fields = map[string]string{}
		}
		if is.Suspected == nil {
			is.Suspected = []int64{}
		}
		if ch.Close {
			is.ClosedAt = &now
		}
		c.NewIssue = is
	} else {
		c.Change = change(v, &ch, now, hide)
		m.Issue = c.Change.Number
		c.Notes = append(c.Notes, &issue.Note{
			ID: issue.NewID(now), Kind: "mail", Author: author, Text: cut(hide.text(q.p.newText), issue.InlineText),
			Visibility: visibility, Message: m.ID, CreatedAt: now,
		})
		m.Note = c.Notes[0].ID
	}
	if text := d.said.remark(); text != "" {
		c.Notes = append(c.Notes, &issue.Note{ID: issue.NewID(now), Kind: "rule", Text: hide.text(text), Visibility: "internal", Message: m.ID, CreatedAt: now})
	}
	for _, text := range ch.Notes {
		c.Notes = append(c.Notes, &issue.Note{ID: issue.NewID(now), Kind: "rule", Text: cut(hide.text(text), issue.InlineText), Visibility: "internal", Message: m.ID, CreatedAt: now})
	}
}

func change(v *dsl.Issue, ch *rules.Changes, now time.Time, hide redaction) *issue.IssueChange {
	c := &issue.IssueChange{
		Number: int64(v.Number), Subject: ch.Subject, Type: ch.Type, Class: ch.Class, Priority: ch.Priority, Status: ch.Status,
		Assignee: ch.Assignee, Team: ch.Team, Template: ch.Template, DueAt: ch.Due, AddTags: ch.AddTags, RemoveTags: ch.RemoveTags,
		AddWatchers: ch.AddWatchers, DropWatchers: ch.DropWatchers, Fields: ch.Fields, UpdatedAt: now,
	}
	if ch.Subject != nil {
		subject := hide.text(*ch.Subject)
		c.Subject = &subject
	}
	switch {
	case ch.Close:
		c.ClosedAt = &now
	case ch.Reopen:
		c.ClosedAt = &time.Time{}
	}
	return c
}

func ledgerLine(m *issue.Message) *issue.LedgerLine {
	l := &issue.LedgerLine{
		ID: issue.NewID(m.ReceivedAt), At: m.ReceivedAt, Source: m.Envelope.Source, Peer: m.Envelope.Peer, From: cut(m.Envelope.From, 320),
		To: cut(m.Envelope.To, 320), Subject: line(m.Subject, 200), MessageID: cut(m.MessageID, 500), Verdict: m.Verdict, Reason: m.Reason,
		Message: m.ID, Mailbox: m.Mailbox, Count: 1,
	}
	if len(m.From) > 0 {
		l.Author = m.From[0].Email
	}
	return l
}
