// Package send gives a test mail to a server that takes mail by SMTP (RFC 5321), as any other sender would: nothing is queued, nothing
// is tried again, and each thing that fails says what to do.
package send

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/poller"
	"postern/poller/wire"
)

// Options are how, from whom and to whom.
type Options struct {
	wire.Options   // Address, Roots; its TLS is chosen here: from the first byte at port 465, else STARTTLS where it is offered
	User, Password string
	From           string // the envelope's sender; "" for <>, to which nothing bounces
	To             string
}

// Mail sends one and tells of each step. It reports whether the server took it.
func Mail(ctx context.Context, o Options, raw []byte, tell func(poller.Step)) bool {
	begun := time.Now()
	s := &sending{o: o, ctx: ctx, tell: tell}
	s.step = "connect"
	if err := s.send(raw); err != nil {
		if !s.told {
			tell(s.failed(err, time.Since(begun)))
		}
		return false
	}
	tell(poller.Step{Name: "send", OK: true, Says: fmt.Sprintf("%s took a test mail for %s%s", o.Address, o.To, s.says()), Took: time.Since(begun)})
	return true
}

type sending struct {
	o    Options
	ctx  context.Context
	tell func(poller.Step)
	step string // what is being done
	told bool   // that it failed
	tls  *tls.ConnectionState
}

func (s *sending) send(raw []byte) error {
	w := s.o.Options
	host, port, _ := net.SplitHostPort(w.Address)
	// Mail between servers is encrypted where it can be, and certificates prove nothing there (RFC 7435); a password goes to the right server only.
	w.TLS, w.Insecure = wire.Off, true
	if port == "465" { // RFC 8314 section 3.3
		w.TLS, w.Insecure = wire.On, s.o.User == ""
	}
	w.Tell = func(step poller.Step) {
		s.told = s.told || !step.OK
		if step.OK && w.Insecure {
			step.Warn, step.Todo = false, ""
		}
		if !step.OK && step.Name == "connect" {
			step.Todo = "check the name and the port (25 between servers, 465 or 587 with a login), that the service runs, and that this machine may connect to it: many networks let nobody out to port 25"
		}
		step.Name = "send: " + step.Name
		s.tell(step)
	}
	conn, err := wire.Dial(s.ctx, w)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(s.ctx, func() { _ = conn.Close() })
	defer stop()
	conn.Expect(1<<20, time.Minute)
	s.tls = conn.Secure()
	s.step = "greeting"
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if err := c.Hello(hello()); err != nil {
		return err
	}
	s.step = "tls"
	if ok, _ := c.Extension("STARTTLS"); ok && s.tls == nil {
		err := c.StartTLS(&tls.Config{ServerName: host, RootCAs: w.Roots, MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: s.o.User == "", //nolint:gosec // see above
		})
		if err != nil {
			return err
		}
		if t, ok := c.TLSConnectionState(); ok {
			s.tls = &t
		}
	}
	if s.o.User != "" {
		if s.step = "login"; s.tls == nil {
			return fault.Errorf(fault.Denied, "the server has no TLS, and the password is not sent in the clear")
		}
		if err := c.Auth(smtp.PlainAuth("", s.o.User, s.o.Password, host)); err != nil {
			return err
		}
	}
	s.step = "sender"
	if err := c.Mail(s.o.From); err != nil {
		return err
	}
	s.step = "recipient"
	if err := c.Rcpt(s.o.To); err != nil {
		return err
	}
	s.step = "mail"
	d, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := d.Write(raw); err != nil {
		return err
	}
	if err := d.Close(); err != nil {
		return err
	}
	_ = c.Quit()
	return nil
}

// hello is the name that this machine has, or that of an address on it (RFC 5321 section 4.1.3).
func hello() string {
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") && !strings.ContainsAny(name, " \r\n") {
		return name
	}
	return "[127.0.0.1]"
}

func (s *sending) says() string {
	switch {
	case s.tls == nil:
		return ", in the clear: it offers no TLS"
	case s.o.User == "":
		return ", by " + tls.VersionName(s.tls.Version) + " whose certificate was not looked at, as between mail servers"
	}
	return ", by " + tls.VersionName(s.tls.Version)
}

// failed says what went wrong at a step, and what to do.
func (s *sending) failed(err error, took time.Duration) poller.Step {
	step := poller.Step{Name: "send", Took: took}
	var p *wire.Problem
	if errors.As(err, &p) {
		step.Says, step.Todo = p.Says, p.Todo
		return step
	}
	step.Says = fmt.Sprintf("%s failed at the %s: %s", s.o.Address, s.step, wire.Said(err.Error()))
	var no *textproto.Error
	if errors.As(err, &no) {
		step.Says = fmt.Sprintf("%s refuses the %s: %d %s", s.o.Address, s.step, no.Code, wire.Said(no.Msg))
	}
	step.Todo = map[string]string{
		"greeting":  "look whether a mail server listens there, and whether it turns this machine's address away",
		"tls":       "the certificate must be one for this name, from an authority that is known, or that ca: of the source names",
		"login":     "check --user and --password-file; a provider may want a password made for programs, or TLS on port 465 or 587",
		"sender":    "name a sender that it takes: --from; some servers take mail from nobody but those who log in: --user",
		"recipient": "check --to; where the server takes mail for others from those who log in only, use --user, or name the mailbox's own mail server (its MX) with --via",
		"mail":      "the server looked at the mail: its log says more",
	}[s.step]
	if no != nil && no.Code/100 == 4 {
		step.Todo = strings.TrimSuffix("it may be greylisting: try again in a few minutes; "+step.Todo, "; ")
	}
	return step
}
