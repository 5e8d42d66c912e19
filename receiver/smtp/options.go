package smtp

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"postern/internal/intake"
	"postern/internal/spool"
)

// A Listener is one address on which mail is taken.
type Listener struct {
	Net    net.Listener
	LMTP   bool   // speaks LMTP, else SMTP
	TLS    bool   // TLS from the first byte, else STARTTLS where Options.TLS is given
	Ours   bool   // every peer of it is ours: a unix socket that only our mail server may open
	Source string // for the envelope; "" means "smtp" or "lmtp"
}

// Options are what a Server is made of.
type Options struct {
	Listeners []Listener
	Begin     func(ctx context.Context, env intake.Envelope) (Transaction, error)
	Spool     *spool.Dir

	Hostname        string      // in the greeting, and the domain of <postmaster>
	TLS             *tls.Config // nil: neither STARTTLS nor AUTH
	MaxMessageBytes int64       // a body of exactly this size is accepted; 0 means 50 MB
	Timeouts        Timeouts
	Settings        Settings // the first ones; Apply replaces them

	Log      *slog.Logger
	Now      func() time.Time // for envelopes and rates; deadlines of sockets follow the system's clock
	Observer Observer
}

// Settings may change while the server runs. A connection keeps those it began with.
type Settings struct {
	Proxies []netip.Prefix // peers that must begin with a PROXY protocol header, v1 or v2
	Ours    []netip.Prefix // our own mail servers: no limits by address, and over LMTP they may learn issue numbers
	Users   []User
	Limits  Limits
}

// Timeouts say how long a peer may take; 0 means the default.
type Timeouts struct {
	Greeting time.Duration // PROXY header and TLS handshake; 30 s
	Command  time.Duration // from one command to the end of the next; 5 min (RFC 5321 section 4.5.3.2.7)
	Crowded  time.Duration // the same while three quarters of the connections are taken, for peers that are not ours; 10 s
	Block    time.Duration // silence within a body; 3 min (RFC 5321 section 4.5.3.2.5)
	Body     time.Duration // a whole body; 1 h
	Grace    time.Duration // a body may be slower than MinRate for so long; 3 min
	MinRate  int64         // bytes a second that a body must come with on average; 256
	Write    time.Duration // until the peer has taken our answer, twice that at most; 1 min
	Deliver  time.Duration // for intake, also when the peer has gone; 2 min
	Drain    time.Duration // for messages in progress when Run is told to end; 30 s
	Linger   time.Duration // after we close, for the peer to read why; 500 ms
}

func (t Timeouts) withDefaults() Timeouts {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&t.Greeting, 30*time.Second)
	def(&t.Command, 5*time.Minute)
	def(&t.Crowded, 10*time.Second)
	def(&t.Block, 3*time.Minute)
	def(&t.Body, time.Hour)
	def(&t.Grace, 3*time.Minute)
	def(&t.Write, time.Minute)
	def(&t.Deliver, 2*time.Minute)
	def(&t.Drain, 30*time.Second)
	def(&t.Linger, 500*time.Millisecond)
	if t.MinRate == 0 {
		t.MinRate = 256
	}
	return t
}
