package smtp

import (
	"context"
	"fmt"
	"io"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"postern/internal/intake"
	"postern/internal/logkey"
	"postern/internal/spool"
)

// A session is what go-smtp calls for the commands of one connection. It belongs to the connection's goroutine; for LMTP
// go-smtp calls LMTPData from another one, and waits for it.
type session struct {
	w   *wire
	id  string
	ctx context.Context // go-smtp passes none: that of the connection, ended when it is closed by force

	helo     string
	extended bool // EHLO or LHLO
	user     *user

	tx      Transaction
	env     intake.Envelope
	size    int64    // as MAIL declared it, 0 where it did not
	rcpts   []string // accepted, as go-smtp names them
	unknown int      // recipients that do not exist, on this connection
	why     string   // why the transaction ends without a body
}

func newSession(ctx context.Context, w *wire, id string) *session {
	return &session{w: w, id: id, ctx: ctx}
}

var _ gosmtp.LMTPSession = (*session)(nil)
var _ gosmtp.AuthSession = (*session)(nil)

// Mail begins a transaction.
func (s *session) Mail(from string, opts *gosmtp.MailOptions) error {
	if ok := s.w.srv.peers.message(s.w.limitKey(), s.w.live.limits, s.w.srv.o.Now()); !ok {
		s.w.refused(WhyRate)
		return answer(451, 4, 7, 1, "too many messages a minute, try again later")
	}
	if opts.Size > 0 && !s.w.ticket.fits(opts.Size, s.w.live.limits) {
		s.w.refused(WhyBytes)
		return answer(452, 4, 3, 1, "too much mail at once, try again later")
	}
	if from != "" {
		a, no := canonical(from, opts.UTF8, errSender)
		if no != nil {
			return no
		}
		from = a
	}
	env := intake.Envelope{
		Source: s.w.lis.source(), Session: s.id, Peer: s.w.peer, Helo: sentenceOr(s.helo, opts.UTF8), TLS: s.w.tls, From: from,
		Received: s.w.srv.o.Now(), Ours: s.user != nil || s.w.lis.LMTP && s.w.ours,
		Protocol: s.protocol(opts.UTF8), SMTPUTF8: opts.UTF8, EachAnswered: s.w.lis.LMTP,
	}
	if s.user != nil {
		env.User, env.WriteAs = s.user.Name, s.user.WriteAs
	}
	tx, err := s.w.srv.o.Begin(s.ctx, env)
	if err != nil {
		return s.reply("a mail could not begin", err)
	}
	s.tx, s.env, s.size, s.rcpts, s.why = tx, env, opts.Size, nil, ""
	return nil
}

// protocol is the word for the Received line (RFC 3848, RFC 6531 section 4.3).
func (s *session) protocol(utf8 bool) string {
	p := "SMTP"
	switch {
	case s.w.lis.LMTP && utf8:
		p = "UTF8LMTP"
	case s.w.lis.LMTP:
		p = "LMTP"
	case utf8:
		p = "UTF8SMTP"
	case s.extended || s.w.tls:
		p = "ESMTP"
	}
	if s.w.tls {
		p += "S"
	}
	if s.user != nil {
		p += "A"
	}
	return p
}

// Rcpt asks intake for one recipient. Who guesses addresses is slowed, then sent away.
func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	lim := &s.w.live.limits
	if over(len(s.rcpts)+1, lim.Recipients) {
		s.w.commands++
		s.w.refused(WhyRecipients)
		return answer(452, 4, 5, 3, "too many recipients for one message")
	}
	if !s.w.srv.peers.recipient(s.w.limitKey(), *lim, s.w.srv.o.Now()) {
		s.w.commands++
		s.w.refused(WhyRate)
		return answer(451, 4, 7, 1, "too many recipients a minute, try again later")
	}
	address, no := canonical(to, s.env.SMTPUTF8, errRecipient)
	if no != nil {
		s.w.commands++
		return no
	}
	err := s.tx.Recipient(s.ctx, address)
	if err == nil {
		s.rcpts = append(s.rcpts, to)
		return nil
	}
	s.w.commands++
	if a := s.guessed(err); a != nil {
		return a
	}
	return s.reply("a recipient could not be decided", err)
}

// guessed counts an unknown recipient; it returns an answer when there were too many.
func (s *session) guessed(err error) error {
	if !isUnknown(err) {
		s.w.refused(WhyRecipient)
		return nil
	}
	s.w.refused(WhyUnknown)
	if s.w.ours { // it relays what others guess
		return nil
	}
	s.unknown++
	lim := &s.w.live.limits
	s.w.srv.peers.mistake(s.w.limitKey(), *lim, s.w.srv.o.Now()) // who comes again with a new connection is not new
	if lim.UnknownClose > 0 && s.unknown >= lim.UnknownClose {
		s.why = "too many unknown recipients"
		s.w.end(s.why)
		return answer(421, 4, 7, 0, "too many unknown recipients")
	}
	if n := s.unknown - lim.UnknownSlow; lim.UnknownSlow > 0 && n > 0 {
		_ = s.w.flush()
		s.w.srv.sleep(s.ctx, min(time.Duration(n)*lim.UnknownDelay, 10*lim.UnknownDelay))
	}
	return nil
}

// Data answers a body over SMTP: one answer for all recipients.
func (s *session) Data(r io.Reader) error {
	out, no := s.deliver(r)
	if no != nil {
		return no
	}
	return verdict(intake.Combine(out), s.id, s.env.Ours, s.env.SMTPUTF8)
}

// LMTPData answers each recipient.
func (s *session) LMTPData(r io.Reader, status gosmtp.StatusCollector) error {
	rcpts, ours, utf8 := s.rcpts, s.env.Ours, s.env.SMTPUTF8
	out, no := s.deliver(r)
	if no != nil {
		return no
	}
	// From the first status on go-smtp's other goroutine is running, so nothing of the session is touched any more.
	for i, rcpt := range rcpts {
		if i >= len(out) {
			return reply(fmt.Errorf("%d outcomes for %d recipients", len(out), len(rcpts)), s.id, false)
		}
		status.SetStatus(rcpt, verdict(out[i], s.id, ours, utf8))
	}
	return nil
}

// deliver brings the body to intake. The peer may hang up meanwhile: that changes nothing, its retry is a duplicate.
func (s *session) deliver(r io.Reader) ([]intake.Outcome, *gosmtp.SMTPError) {
	began := time.Now()
	body, p := s.body()
	s.w.discard(r)
	if p != nil {
		if p.answer.Code == 421 { // the peer is gone, or too slow
			s.drop(p.why)
			return nil, p.answer
		}
		tx := s.tx
		s.tx = nil
		tx.Refuse(context.WithoutCancel(s.ctx), p.answer.Code < 500, p.why)
		return nil, p.answer
	}
	defer s.w.ticket.release()
	defer func() {
		if err := body.Close(); err != nil {
			s.w.log().Warn("a body's file stays behind", logkey.Error, err)
		}
	}()
	tx := s.tx
	s.tx, s.w.commands = nil, 0
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), s.w.srv.o.Timeouts.Deliver)
	defer cancel()
	size := body.Size()
	out := tx.Deliver(ctx, body)
	took := time.Since(began)
	for _, o := range out {
		s.w.srv.o.Observer.delivered(s.env.Source, o.Verdict, size, took)
	}
	return out, nil
}

func (s *session) body() (*spool.Body, *problem) {
	if c := s.w.chunks; c != nil {
		s.w.chunks = nil
		return c.body()
	}
	return s.w.readData()
}

// Reset ends the transaction, if there is one: RSET, a new greeting, or simply the end of DATA.
func (s *session) Reset() { s.drop("the peer began anew") }

// Logout ends the session. A panic here would end the process: go-smtp recovers none.
func (s *session) Logout() error {
	defer func() {
		if v := recover(); v != nil {
			s.w.log().Error("panic at the end of a session", logkey.Error, fmt.Sprint(v))
		}
	}()
	why := s.w.why
	if why == "" {
		why = "the connection was closed"
	}
	s.drop(why)
	return nil
}

// drop abandons what has not been delivered.
func (s *session) drop(why string) {
	if c := s.w.chunks; c != nil {
		s.w.chunks = nil
		c.drop()
	}
	tx := s.tx
	s.tx, s.rcpts = nil, nil
	if tx == nil {
		return
	}
	if s.why != "" {
		why = s.why
	}
	tx.Abandon(context.WithoutCancel(s.ctx), why)
}

// reply logs what the peer must not read.
func (s *session) reply(what string, err error) error {
	a := reply(err, s.id, s.env.SMTPUTF8)
	if !isRefusal(err) {
		s.w.refused(WhyInternal)
		s.w.log().Error(what, logkey.Error, err)
	}
	return a
}
