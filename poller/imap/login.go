package imap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"postern/internal/fault"
	"postern/poller"
	"postern/poller/wire"
)

// connect dials, secures and logs in. Its errors are for an administrator.
func (s *session) connect(ctx context.Context, tell func(poller.Step)) error {
	o := s.a.o.Options
	o.Tell = tell
	conn, err := wire.Dial(ctx, o)
	if err != nil {
		return err
	}
	s.conn, s.heard = conn, newHeard()
	plain := net.Conn(conn)
	if o.Mode() == wire.StartTLS {
		if err := conn.StartTLS(ctx, startTLS); err != nil {
			_ = conn.Close()
			return err
		}
		plain = &greeted{conn, strings.NewReader("* OK secured\r\n")} // RFC 3501 greets once, and the library waits for it
	}
	s.lines = &lines{Conn: plain}
	conn.Expect(1<<20, s.patience()) // before the library reads
	s.c = imapclient.New(s.lines, &imapclient.Options{UnilateralDataHandler: s.heard.handler()})
	begun := time.Now()
	if err := s.login(ctx); err != nil {
		s.drop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var p *wire.Problem
		if !errors.As(err, &p) {
			p = &wire.Problem{Step: "login", Says: "no login at " + o.Address + ": " + said(err), Err: fault.As(fault.Unavailable, err)}
		}
		if tell != nil {
			tell(poller.Step{Name: p.Step, Says: p.Says, Todo: p.Todo, Took: time.Since(begun)})
		}
		return p
	}
	if tell != nil {
		tell(poller.Step{Name: "login", OK: true, Says: "logged in as " + s.a.o.User, Took: time.Since(begun)})
	}
	return nil
}

func (s *session) login(ctx context.Context) error {
	if err := s.command(ctx, 1<<20, s.patience(), s.c.WaitGreeting); err != nil {
		return greetingProblem(s.a.o.Address, err)
	}
	if s.c.State() == imap.ConnStateNotAuthenticated { // else PREAUTH: the server knows us by something below, which may be so
		secret, err := s.secret(ctx)
		if err != nil {
			return err
		}
		if err := s.command(ctx, 1<<20, s.patience(), func() error { return s.authenticate(secret) }); err != nil {
			return loginProblem(&s.a.o, err)
		}
	}
	return s.command(ctx, 1<<20, s.patience(), func() error {
		if s.caps = s.c.Caps(); s.caps == nil {
			return errors.New("no capabilities came")
		}
		return nil
	})
}

// secret is the password, or the token.
func (s *session) secret(ctx context.Context) (string, error) {
	ask, what := s.a.o.Password, "the password"
	if s.a.o.Token != nil {
		ask, what = s.a.o.Token, "an access token"
	}
	if ask == nil {
		return "", fault.Errorf(fault.Invalid, "neither a password nor a token is there to log in with")
	}
	secret, err := ask(ctx)
	if err != nil {
		return "", &wire.Problem{Step: "login", Says: what + " cannot be had: " + err.Error(), Err: err}
	}
	if secret == "" || strings.ContainsFunc(secret+s.a.o.User, func(r rune) bool { return r < ' ' }) {
		return "", &wire.Problem{Step: "login", Says: what + " or the user is empty, or has control characters in it", Todo: "look at what was written in its file", Err: fault.Errorf(fault.Invalid, "unusable secret")}
	}
	return secret, nil
}

func (s *session) authenticate(secret string) error {
	caps := s.c.Caps()
	has := func(mechanism string) bool { return caps.Has(imap.AuthCap(mechanism)) }
	user := s.a.o.User
	switch {
	case s.a.o.Token != nil && (has("XOAUTH2") || !has("OAUTHBEARER")):
		return s.c.Authenticate(&xoauth2{user, secret})
	case s.a.o.Token != nil:
		host, port, _ := net.SplitHostPort(s.a.o.Address)
		n, _ := strconv.Atoi(port)
		return s.c.Authenticate(bearer{sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: user, Token: secret, Host: host, Port: n})})
	case has("PLAIN"):
		return s.c.Authenticate(sasl.NewPlainClient("", user, secret))
	case caps.Has(imap.CapLoginDisabled):
		return errLoginDisabled
	}
	return s.c.Login(user, secret).Wait()
}

// startTLS is the dialogue up to TLS. It is ours, so that nothing of what came before it reaches the library.
func startTLS(r *bufio.Reader, w io.Writer) error {
	greeting, err := line(r)
	if err != nil {
		return err
	}
	upper := strings.ToUpper(greeting)
	switch {
	case strings.HasPrefix(upper, "* PREAUTH"): // RFC 9051 section 7.1.4: somebody may have put it there to keep us from TLS
		return &wire.Problem{Step: "tls", Says: "the server says that we are logged in already, before TLS", Todo: "use tls: on and port 993: the server, or somebody between us, does not want STARTTLS", Err: fault.Errorf(fault.Denied, "PREAUTH before STARTTLS")}
	case !strings.HasPrefix(upper, "* OK"):
		return greetingProblem("the server", errors.New(wire.Said(greeting)))
	}
	if _, err := io.WriteString(w, "a STARTTLS\r\n"); err != nil {
		return err
	}
	for range 50 {
		answer, err := line(r)
		if err != nil {
			return err
		}
		if text, tagged := cutPrefixFold(answer, "a "); tagged {
			if ok, _, _ := strings.Cut(text, " "); strings.EqualFold(ok, "OK") {
				return nil
			}
			return fmt.Errorf("STARTTLS is refused: %s", wire.Said(text))
		}
	}
	return errors.New("no answer to STARTTLS")
}

func line(r *bufio.Reader) (string, error) {
	b, err := r.ReadSlice('\n')
	return strings.TrimRight(string(b), "\r\n"), err
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// greeted is a connection whose greeting was read before.
type greeted struct {
	net.Conn
	first *strings.Reader
}

func (g *greeted) Read(b []byte) (int, error) {
	if g.first.Len() > 0 {
		return g.first.Read(b)
	}
	return g.Conn.Read(b)
}

// xoauth2 is the mechanism that Google and Microsoft use (developers.google.com/workspace/gmail/imap/xoauth2-protocol). A challenge is
// the refusal's reason, as JSON. It wants an empty answer, for which the library sends "=": so it is left unanswered, and the
// connection is closed.
type xoauth2 struct{ user, token string }

func (x *xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + x.user + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

func (x *xoauth2) Next(challenge []byte) ([]byte, error) { return nil, tokenRefused(challenge) }

// bearer is OAUTHBEARER (RFC 7628), whose refusal is told in the same way.
type bearer struct{ sasl.Client }

func (bearer) Next(challenge []byte) ([]byte, error) { return nil, tokenRefused(challenge) }

// A tokenRefused is what the server says about a token, as JSON: RFC 7628 section 3.2.2.
type tokenRefused string

func (t tokenRefused) Error() string { return "the token is refused: " + wire.Said(string(t)) }
