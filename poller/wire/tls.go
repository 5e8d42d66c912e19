package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"postern/poller"
)

// soon is how long before its end a certificate is warned of.
const soon = 14 * 24 * time.Hour

// StartTLS has ask say the protocol's command and read the answer, throws away whatever else came before TLS (an attacker between us
// could have put it there: RFC 3501 section 6.2.1, RFC 2595 section 2.1), and shakes hands.
func (c *Conn) StartTLS(ctx context.Context, ask func(r *bufio.Reader, w io.Writer) error) error {
	begun := time.Now()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	c.Expect(64<<10, c.l.patience)
	err := ask(bufio.NewReaderSize(c.Conn, 4096), c.Conn)
	stop()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var p *Problem
		if !errors.As(err, &p) {
			p = &Problem{Step: "tls", Says: "TLS could not be begun at " + c.o.Address + ": " + err.Error(), Todo: "use tls: on and the port for it (993, POP3: 995), where the server has it", Err: err}
		}
		return c.o.failed(begun, p)
	}
	return c.handshake(ctx)
}

func (c *Conn) handshake(ctx context.Context) error {
	begun := time.Now()
	t := tls.Client(c.l, &tls.Config{
		ServerName: c.host, RootCAs: c.o.Roots, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: c.o.Insecure, //nolint:gosec // the administrator has said so for this source, and doctor says so each time
	})
	ctx, cancel := context.WithTimeout(ctx, c.l.patience)
	defer cancel()
	c.Expect(1<<20, c.l.patience)
	if err := t.HandshakeContext(ctx); err != nil {
		return c.o.failed(begun, tlsProblem(c.o.Address, c.host, err))
	}
	c.Conn = t
	c.Rest()
	c.o.tell(c.secured(t.ConnectionState(), time.Since(begun)))
	return nil
}

// secured tells of the certificate.
func (c *Conn) secured(s tls.ConnectionState, took time.Duration) poller.Step {
	step := poller.Step{Name: "tls", OK: true, Took: took}
	leaf := s.PeerCertificates[0]
	step.Says = fmt.Sprintf("%s; certificate of %s, by %s, valid until %s", tls.VersionName(s.Version), names(leaf), issuer(leaf), leaf.NotAfter.UTC().Format(time.DateOnly))
	switch left := time.Until(leaf.NotAfter); {
	case c.o.Insecure:
		step.Warn, step.Says = true, step.Says+"; it was not checked"
		step.Todo = "anyone between us and the server can read the password and the mail: name the server's authority in ca: and take insecure: away"
	case left < soon:
		step.Warn, step.Says = true, fmt.Sprintf("%s, in %d days", step.Says, int(left.Hours()/24))
		step.Todo = "the server's certificate must be renewed by then, or nothing is fetched any more"
	}
	return step
}
