package pop3

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/poller"
	"postern/poller/wire"
)

// caps are a server's capabilities (RFC 2449) with their arguments; nil where it knows no CAPA.
type caps map[string][]string

func (c caps) has(name string) bool { _, ok := c[name]; return ok }

func (c caps) mechanism(name string) bool { return slices.Contains(c["SASL"], name) }

// number is a capability's first argument; 0 where there is none.
func (c caps) number(name string) int {
	if args := c[name]; len(args) > 0 {
		n, _ := strconv.Atoi(args[0])
		return max(n, 0)
	}
	return 0
}

// connect dials, secures and logs in. Its errors are for an administrator.
func (a *Account) connect(ctx context.Context, tell func(poller.Step)) (*conn, caps, error) {
	o := a.o.Options
	o.Tell = tell
	w, err := wire.Dial(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	c := &conn{Conn: w, patience: patience(&o)}
	step := func(name, says string, begun time.Time) {
		if tell != nil {
			tell(poller.Step{Name: name, OK: true, Says: says, Took: time.Since(begun)})
		}
	}
	begun, told := time.Now(), false
	can, err := func() (caps, error) {
		if err := a.greet(ctx, c); err != nil {
			told = o.Mode() == wire.StartTLS // by wire
			return nil, err
		}
		step("greeting", "a POP3 server", begun)
		can, err := c.capabilities(ctx)
		if err != nil {
			return nil, err
		}
		begun = time.Now()
		if err := a.login(ctx, c, can); err != nil {
			return nil, err
		}
		step("login", "logged in as "+a.o.User, begun)
		return c.capabilities(ctx) // there may be others now: RFC 2449 section 5
	}()
	if err == nil {
		return c, can, nil
	}
	_ = c.Conn.Close()
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	var p *wire.Problem
	if !errors.As(err, &p) {
		p = &wire.Problem{Step: "login", Says: "no login at " + o.Address + ": " + err.Error(), Err: err}
		err = p
	}
	if tell != nil && !told {
		tell(poller.Step{Name: p.Step, Says: p.Says, Todo: p.Todo, Took: time.Since(begun)})
	}
	return nil, nil, err
}

func patience(o *wire.Options) time.Duration {
	if o.Patience > 0 {
		return o.Patience
	}
	return time.Minute
}

// greet reads the greeting, and begins TLS where it comes after it.
func (a *Account) greet(ctx context.Context, c *conn) error {
	if a.o.Mode() == wire.StartTLS {
		if err := c.StartTLS(ctx, startTLS(a.o.Address)); err != nil {
			return err
		}
		c.r = bufio.NewReaderSize(c.Conn, bufSize) // nothing from before TLS is in it
		return nil
	}
	c.r = bufio.NewReaderSize(c.Conn, bufSize)
	return c.do(ctx, func() error {
		c.Expect(64<<10, c.patience)
		defer c.Rest()
		if _, err := c.reply("the greeting"); err != nil {
			return greetingProblem(a.o.Address, err)
		}
		return nil
	})
}

// startTLS is the dialogue up to TLS. What came without being asked for is a reason not to go on: somebody between us may have put it
// there, to be taken for what comes under TLS.
func startTLS(address string) func(*bufio.Reader, io.Writer) error {
	return func(r *bufio.Reader, w io.Writer) error {
		alone := func() error {
			if r.Buffered() > 0 {
				return &wire.Problem{
					Step: "tls", Says: address + " sends more before TLS than it was asked for", Todo: "somebody between us may do that, to speak in its name: use port 995 with tls: on",
					Err: fault.Errorf(fault.Denied, "unasked bytes before TLS"),
				}
			}
			return nil
		}
		answer := func(command string) error {
			line, err := readLine(r)
			if err != nil {
				return err
			}
			if _, err := parseReply(command, line); err != nil {
				return err
			}
			return alone()
		}
		var p *wire.Problem
		if err := answer("the greeting"); errors.As(err, &p) {
			return err
		} else if err != nil {
			return greetingProblem(address, err)
		}
		if _, err := io.WriteString(w, "STLS\r\n"); err != nil {
			return err
		}
		return answer("STLS")
	}
}

// capabilities asks what the server can. One that does not know the question has none.
func (c *conn) capabilities(ctx context.Context) (caps, error) {
	var can caps
	err := c.do(ctx, func() error {
		return c.lines("CAPA", 1000, func(line string) error {
			if can == nil {
				can = caps{}
			}
			if words := strings.Fields(strings.ToUpper(line)); len(words) > 0 {
				can[words[0]] = words[1:]
			}
			return nil
		})
	})
	var no *refusal
	if errors.As(err, &no) {
		return nil, nil
	}
	return can, err
}

// login proves who we are. There is one try: a second one by other means would count as another failure, and locks accounts.
func (a *Account) login(ctx context.Context, c *conn, can caps) error {
	secret, err := a.secret(ctx)
	if err != nil {
		return err
	}
	err = c.do(ctx, func() error {
		switch user := a.o.User; {
		case a.o.Token != nil && can.mechanism("OAUTHBEARER") && !can.mechanism("XOAUTH2"):
			host, port, _ := net.SplitHostPort(a.o.Address)
			return c.authenticate("OAUTHBEARER", fmt.Sprintf("n,a=%s,\x01host=%s\x01port=%s\x01auth=Bearer %s\x01\x01", saslName(user), host, port, secret), "\x01")
		case a.o.Token != nil:
			return c.authenticate("XOAUTH2", "user="+user+"\x01auth=Bearer "+secret+"\x01\x01", "")
		case can.mechanism("PLAIN"):
			return c.authenticate("PLAIN", "\x00"+user+"\x00"+secret, "")
		}
		if _, err := c.ask("USER %s", a.o.User); err != nil {
			return err
		}
		_, err := c.ask("PASS %s", secret)
		return err
	})
	if err != nil && ctx.Err() == nil {
		return a.loginProblem(err, can)
	}
	return err
}

// saslName writes a name such that it stays one: RFC 5801 section 4.
func saslName(s string) string { return strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s) }

// secret is the password, or the token.
func (a *Account) secret(ctx context.Context) (string, error) {
	ask, what := a.o.Password, "the password"
	if a.o.Token != nil {
		ask, what = a.o.Token, "an access token"
	}
	if ask == nil {
		return "", fault.Errorf(fault.Invalid, "neither a password nor a token is there to log in with")
	}
	secret, err := ask(ctx)
	if err != nil {
		return "", &wire.Problem{Step: "login", Says: what + " cannot be had: " + err.Error(), Err: err}
	}
	if secret == "" || a.o.User == "" || strings.ContainsFunc(secret+a.o.User, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", &wire.Problem{Step: "login", Says: what + " or the user is empty, or has control characters in it", Todo: "look at what was written in its file", Err: fault.Errorf(fault.Invalid, "unusable secret")}
	}
	return secret, nil
}

// A tokenRefused is what a server says about a token, as JSON, before it refuses it: RFC 7628 section 3.2.2.
type tokenRefused struct {
	json string
	err  error
}

func (t *tokenRefused) Error() string { return wire.Said(t.json) + " (" + t.err.Error() + ")" }
func (t *tokenRefused) Unwrap() error { return t.err }

// authenticate does one SASL exchange (RFC 5034). What we have to say is sent when the server asks for it: Exchange knows no other
// form, and a token would be too long for the line of a command. abort answers a challenge, which is a refusal's reason.
func (c *conn) authenticate(mechanism, initial, abort string) error {
	c.Expect(64<<10, c.patience)
	defer c.Rest()
	var reason string
	for n, say := 0, "AUTH "+mechanism; n < 3; n++ {
		if err := c.send([]byte(say + "\r\n")); err != nil {
			return err
		}
		b, err := c.line()
		if err != nil {
			return err
		}
		challenge, more := strings.CutPrefix(string(b), "+")
		if !more || strings.HasPrefix(strings.ToUpper(challenge), "OK") {
			_, err := parseReply("AUTH "+mechanism, b)
			if errors.Is(err, errTalk) {
				return c.fail(err)
			}
			if err != nil && reason != "" {
				return &tokenRefused{reason, err}
			}
			return err
		}
		if n == 0 {
			say = base64.StdEncoding.EncodeToString([]byte(initial))
			continue
		}
		text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(challenge))
		if err != nil {
			return c.fail(fmt.Errorf("%w: a challenge is not base64", errTalk))
		}
		reason, say = string(text), base64.StdEncoding.EncodeToString([]byte(abort))
	}
	return c.fail(fmt.Errorf("%w: it asks again and again who we are", errTalk))
}
