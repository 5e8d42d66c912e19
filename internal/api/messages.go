package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/internal/origin"
	"postern/internal/spool"
)

// A MessageDetail is a message with its decision and trace, where to get its files, and the copies that came after it.
// Copies counts them all; of the first issue.MaxCopies the raw was kept.
type MessageDetail struct {
	*issue.Message
	Attachments []File        `json:"attachments"`
	KeptCopies  []*issue.Copy `json:"keptCopies"`
}

// A Delivered is what became of a mail that was handed in.
type Delivered struct {
	Verdict   string `json:"verdict"` // for a duplicate: what the first one got
	Duplicate bool   `json:"duplicate"`
	Reason    string `json:"reason"`
	Mailbox   string `json:"mailbox"`
	Message   string `json:"message"` // its id
	Issue     int64  `json:"issue"`   // 0 where there is none
}

func delivered(o intake.Outcome) Delivered {
	return Delivered{string(o.Verdict), o.Again, o.Reason, o.Mailbox, o.Message, o.Issue}
}

func (a *API) listMessages(c *call) error {
	q := issue.MessageQuery{
		Page: c.query.page(), Verdict: c.query.text("verdict"), Mailbox: c.query.text("mailbox"), Issue: c.query.number("issue"),
		Author: c.query.address("author"), Since: c.query.instant("since"), MessageID: c.query.text("messageId"),
		Run: c.query.text("run"),
	}
	items, next, err := a.o.Store.Messages(c.Request().Context(), q)
	if err != nil {
		return listed(err, q.Page)
	}
	return c.json(http.StatusOK, list(summaries(items), next))
}

// summaries are messages as a list has them: without text, spans, and all but the name of what decided them.
func summaries(items []*issue.Message) []*issue.Message {
	out := make([]*issue.Message, len(items))
	for i, m := range items {
		w := wholeMessage(m)
		w.Text, w.Spans, w.HTMLSpans, w.Decision.Trace, w.Decision.Facts = "", nil, nil, nil, nil
		w.Decision.Changes, w.Former = nil, nil
		out[i] = w
	}
	return out
}

func wholeMessage(m *issue.Message) *issue.Message {
	w := *m
	w.From, w.To, w.Cc = notNil(w.From), notNil(w.To), notNil(w.Cc)
	w.InReplyTo, w.References, w.Attachments = notNil(w.InReplyTo), notNil(w.References), notNil(w.Attachments)
	return &w
}

func (a *API) getMessage(c *call) error {
	ctx := c.Request().Context()
	m, err := a.message(ctx, c.param("id"))
	if err != nil {
		return err
	}
	d := MessageDetail{Message: wholeMessage(m), Attachments: []File{}, KeptCopies: []*issue.Copy{}}
	if f := d.Former; f != nil { // what it gave the issue is for undoing the replay, and may be what is blacked out now
		told := *f
		told.Sets, told.Notes = nil, nil
		d.Former = &told
	}
	for i := range m.Attachments {
		d.Attachments = append(d.Attachments, file("/api/v1/messages/"+m.ID, m, &m.Attachments[i]))
	}
	if d.Text, err = a.textOf(ctx, m); err != nil {
		return err
	}
	if m.Copies > 0 {
		copies, err := a.o.Store.Copies(ctx, m.ID)
		if err != nil {
			return err
		}
		d.KeptCopies = notNil(copies)
	}
	return c.json(http.StatusOK, d)
}

// textOf is a message's text, also where it is long and kept beside it. What retention took is empty.
func (a *API) textOf(ctx context.Context, m *issue.Message) (string, error) {
	if m.Text != "" || m.TextBlob.SHA256 == "" {
		return m.Text, nil
	}
	text, err := a.blobText(ctx, m.TextBlob.SHA256)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the text of message %s: %w", m.ID, err)
	}
	return text, nil
}

func (a *API) messageFile(c *call) error {
	m, err := a.message(c.Request().Context(), c.param("id"))
	if err != nil {
		return err
	}
	sha := c.param("sha256")
	for i := range m.Attachments {
		if sha != "" && m.Attachments[i].SHA256 == sha {
			return a.serveAttachment(c, &m.Attachments[i])
		}
	}
	return noFile()
}

func (a *API) anyFile(c *call) error {
	sha := c.param("sha256")
	if !isSHA256(sha) {
		return noFile()
	}
	_, at, err := a.o.Store.FindAttachment(c.Request().Context(), sha)
	if fault.Is(err, fault.NotFound) {
		return noFile()
	}
	if err != nil {
		return err
	}
	return a.serveAttachment(c, at)
}

func (a *API) message(ctx context.Context, id string) (*issue.Message, error) {
	if len(id) > 64 {
		return nil, say(fault.NotFound, "there is no such message")
	}
	m, err := a.o.Store.Message(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, say(fault.NotFound, "there is no such message").because(err)
	}
	return m, err
}

// decideTime is how long a mail may take after its last byte. A client that hangs up meanwhile does not
// leave it half done: the next try is a duplicate.
const decideTime = 2 * time.Minute

func (a *API) postMessage(c *call) error {
	if a.o.Deliver == nil || a.o.Spool == nil {
		return say(fault.Unavailable, "this server takes no mail by HTTP")
	}
	if err := c.accepts("message/rfc822", "message/global"); err != nil {
		return err
	}
	raw, err := a.receive(c)
	if err != nil {
		return err
	}
	defer func() {
		if err := raw.Close(); err != nil {
			a.o.Log.Warn("a body could not be removed from the spool", logkey.Session, c.id, logkey.Error, err)
		}
	}()
	if raw.Size() == 0 {
		return say(fault.Invalid, "the body is empty: it must be a mail")
	}
	setDeadlines(c, decideTime+bodyDeadline)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), decideTime)
	defer cancel()
	out, err := a.o.Deliver(ctx, strings.TrimSpace(c.query.text("to")), raw, origin.Client(c.Request(), a.o.Proxies), c.who.token)
	if no := (*intake.Refusal)(nil); errors.As(err, &no) {
		return refused(no.Temporary, no.Reason)
	}
	if err != nil {
		return err
	}
	switch out.Verdict {
	case intake.Rejected:
		return refused(false, out.Reason)
	case intake.TryLater:
		return refused(true, out.Reason)
	}
	if out.Message != "" {
		c.Response().Header().Set("Location", "/api/v1/messages/"+out.Message)
	}
	if out.Again {
		return c.json(http.StatusOK, delivered(out))
	}
	return c.json(http.StatusCreated, delivered(out))
}

// refused is what a mailbox or a rule said.
func refused(later bool, reason string) error {
	if later {
		return say(fault.Unavailable, "not now: %s", reason)
	}
	return say(fault.Denied, "refused: %s", reason).as(http.StatusUnprocessableEntity)
}

// receive writes the body to the spool.
func (a *API) receive(c *call) (*spool.Body, error) {
	r := c.Request()
	if r.ContentLength > a.o.MaxBody {
		return nil, say(fault.TooLarge, "the body is larger than %d bytes", a.o.MaxBody)
	}
	expect := r.ContentLength
	if expect < 0 {
		expect = a.o.MaxBody
	}
	setDeadlines(c, sized(expect))
	w := a.o.Spool.Create()
	if _, err := io.Copy(w, &fromPeer{r: http.MaxBytesReader(c.Response().Writer, r.Body, a.o.MaxBody)}); err != nil {
		w.Abort()
		var peer *peerError
		if errors.As(err, &peer) {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				return nil, err
			}
			return nil, say(fault.Invalid, "the body ended early").because(err)
		}
		return nil, fault.Errorf(fault.Unavailable, "spool a posted mail: %w", err) // a disk that is full
	}
	b, err := w.Body()
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "spool a posted mail: %w", err)
	}
	return b, nil
}

// fromPeer marks errors of reading, to tell a client that left from a disk that is full.
type fromPeer struct{ r io.Reader }

type peerError struct{ err error }

func (e *peerError) Error() string { return "read from the client: " + e.err.Error() }
func (e *peerError) Unwrap() error { return e.err }

func (p *fromPeer) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if err != nil && err != io.EOF {
		err = &peerError{err}
	}
	return n, err
}
