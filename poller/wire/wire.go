// Package wire is the connection below IMAP and POP3: it is dialled, wrapped in TLS, and bounded, because neither protocol's library
// or server can be trusted to end. A Conn ends when its server is silent for too long, lets us wait for too long in all, or sends
// more than was asked for; and when it ends it knows why, in words for an administrator.
//
//	conn, err := wire.Dial(ctx, wire.Options{Address: "mail.example.com:993"})
//	conn.Expect(64<<10, time.Minute) // an answer of 64 KiB at most, for which we wait a minute at most
//	… a command and its answer …
//	conn.Rest()                      // we ask nothing, and the server may be silent
package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"postern/poller"
)

// When TLS begins.
const (
	Auto     = "auto"     // On at ports 993 and 995, else StartTLS
	On       = "on"       // from the first byte
	StartTLS = "starttls" // after a command, which must work: there is no going on without
	Off      = "off"      // never
)

// Options are how a server is reached.
type Options struct {
	Address  string         // HOST:PORT
	TLS      string         // Auto, On, StartTLS or Off; Auto when empty
	Roots    *x509.CertPool // nil: the system's
	Insecure bool           // any certificate will do. TLS Off needs it
	Patience time.Duration  // how long a server may be silent where an answer is due; 0: a minute
	// Dial replaces the net's own, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Tell hears of each step, for a check.
	Tell func(poller.Step)
}

// Mode is what Options.TLS comes to.
func (o *Options) Mode() string {
	if o.TLS != Auto && o.TLS != "" {
		return o.TLS
	}
	if _, port, _ := net.SplitHostPort(o.Address); port == "993" || port == "995" {
		return On
	}
	return StartTLS
}

func (o *Options) patience() time.Duration {
	if o.Patience > 0 {
		return o.Patience
	}
	return time.Minute
}

// Dial connects, and shakes hands where TLS begins at once. Its errors are *Problem.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	host, _, err := net.SplitHostPort(o.Address)
	if err != nil {
		return nil, &Problem{Step: "connect", Says: o.Address + " is no address of a server", Todo: "write it like mail.example.com:993", Err: err}
	}
	if o.Mode() == Off && !o.Insecure {
		return nil, &Problem{Step: "tls", Says: "without TLS, password and mail would be sent in the clear", Todo: "set tls: on or starttls; insecure: true if the way to the server is safe", Err: errClear}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*o.patience())
	defer cancel()
	if err := o.resolve(ctx, host); err != nil {
		return nil, err
	}
	begun := time.Now()
	dial := o.Dial
	if dial == nil {
		// Keep-alive finds the half-open connection that an IDLE would wait on for ever.
		dial = (&net.Dialer{Timeout: 30 * time.Second, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 20 * time.Second, Count: 4}}).DialContext
	}
	raw, err := dial(ctx, "tcp", o.Address)
	if err != nil {
		return nil, o.failed(begun, connectProblem(o.Address, err))
	}
	o.tell(poller.Step{Name: "connect", OK: true, Says: "connected to " + raw.RemoteAddr().String(), Took: time.Since(begun)})
	l := &limited{raw: raw, patience: o.patience(), bytes: unasked}
	c := &Conn{Conn: l, o: o, host: host, l: l}
	if o.Mode() == On {
		if err := c.handshake(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
	}
	return c, nil
}

// resolve looks the name up where steps are told; else dialling does it.
func (o *Options) resolve(ctx context.Context, host string) error {
	if o.Tell == nil || net.ParseIP(host) != nil || o.Dial != nil {
		return nil
	}
	begun := time.Now()
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return o.failed(begun, connectProblem(o.Address, err))
	}
	o.tell(poller.Step{Name: "dns", OK: true, Says: host + " is " + join(found, 4), Took: time.Since(begun)})
	return nil
}

func (o *Options) tell(s poller.Step) {
	if o.Tell != nil {
		o.Tell(s)
	}
}

func (o *Options) failed(begun time.Time, p *Problem) error {
	o.tell(poller.Step{Name: p.Step, Says: p.Says, Todo: p.Todo, Took: time.Since(begun)})
	return p
}

// A Conn is a connection to a server, in clear text to its user. Deadlines that somebody else sets on it, as a library does, are
// ignored: its own are stricter.
type Conn struct {
	net.Conn
	o    Options
	host string
	l    *limited
}

// Expect allows the server so many bytes from now on, and to let us wait so long in all; Patience at once.
func (c *Conn) Expect(bytes int64, wait time.Duration) { c.l.expect(bytes, wait) }

// Rest says that no answer is due: the server may be silent, and may not say much.
func (c *Conn) Rest() { c.l.rest() }

// Idle says that none is due for d, and that the connection has ended when nothing comes until then and for Patience longer.
func (c *Conn) Idle(bytes int64, d time.Duration) {
	c.l.expectWithin(bytes, d+c.l.patience, d+c.l.patience)
}

// Ended is the first thing that went wrong with the connection, nil while nothing did.
func (c *Conn) Ended() error { return c.l.ended() }

// Secure is the state of its TLS; nil without.
func (c *Conn) Secure() *tls.ConnectionState {
	if t, ok := c.Conn.(*tls.Conn); ok {
		s := t.ConnectionState()
		return &s
	}
	return nil
}

// SetDeadline does nothing.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }
