// Package smtp receives mail by SMTP (RFC 5321) and LMTP (RFC 2033) and hands it to intake, which answers only after the
// result is on disk. Until then the mail belongs to its sender, whose own retry is the queue.
//
// The dialogue is go-smtp's: it parses commands and parameters and drives AUTH. Everything that touches bytes is ours,
// in a connection wrapped around each accepted one (wire): go-smtp is given one command line at a time and never sees a
// body, a chunk or a TLS record. So
//
//   - a body cannot be taken for commands: it is read by us up to its true end, and whatever goes wrong inside it closes
//     the connection before another line is obeyed; so does what is plainly no SMTP (a header line, HTTP, a BDAT whose size
//     others might read otherwise);
//   - bare CR and bare LF are refused (SMTP smuggling), and after such a body the connection is closed;
//   - deadlines are by phase and renewed by progress, above a lowest rate;
//   - STARTTLS is ours: what was sent in clear behind it is never run, in clear or in TLS;
//   - BDAT is collected by us and shown to go-smtp as a DATA whose body has already come;
//   - every error goes through one table (reply.go), whose default is "try again later".
//
// A peer is one connection, one goroutine (for LMTP go-smtp adds one while it answers), one session id.
package smtp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"postern/internal/intake"
	"postern/internal/logkey"
	"postern/internal/spool"
)

// A Transaction is one mail from MAIL FROM to its end. *intake.Transaction is one. It is called by one goroutine at a
// time and ends with exactly one of Deliver, Refuse and Abandon.
type Transaction interface {
	// Recipient accepts an address, or says no: *intake.Refusal, or an error with a fault kind.
	Recipient(ctx context.Context, address string) error
	// Deliver returns one outcome for each accepted recipient, in their order.
	Deliver(ctx context.Context, raw *spool.Body) []intake.Outcome
	// Refuse says that the body was refused, for good or until later, and why.
	Refuse(ctx context.Context, later bool, reason string)
	// Abandon says that the body never came whole, and why.
	Abandon(ctx context.Context, reason string)
}

var _ Transaction = (*intake.Transaction)(nil)

// A Server takes mail. Run serves.
type Server struct {
	o     Options
	live  atomic.Pointer[live]
	peers *peers

	draining chan struct{} // closed when no new message may begin
	gone     chan struct{} // receives after a connection has ended

	mu    sync.Mutex
	wires map[*wire]struct{}
}

// live is Settings made ready for use.
type live struct {
	proxies, ours []netip.Prefix
	users         *users
	limits        Limits
}

// New makes a server of o; the error says which setting is wrong.
func New(o Options) (*Server, error) {
	if o.MaxMessageBytes == 0 {
		o.MaxMessageBytes = 50_000_000
	}
	if o.Hostname == "" {
		o.Hostname = "localhost"
	}
	o.Timeouts = o.Timeouts.withDefaults()
	s := &Server{o: o, peers: newPeers(), draining: make(chan struct{}), gone: make(chan struct{}, 1), wires: map[*wire]struct{}{}}
	for _, l := range o.Listeners {
		if l.TLS && o.TLS == nil {
			return nil, fmt.Errorf("listener %s wants TLS from the first byte, and there is no certificate", l.Net.Addr())
		}
	}
	if err := s.Apply(o.Settings); err != nil {
		return nil, err
	}
	return s, nil
}

// Apply replaces the settings for the connections to come; on an error the old ones stay.
func (s *Server) Apply(set Settings) error {
	u, err := newUsers(set.Users)
	if err != nil {
		return err
	}
	s.live.Store(&live{proxies: set.Proxies, ours: set.Ours, users: u, limits: set.Limits.withDefaults()})
	return nil
}

// Run serves until ctx ends. Then it takes no new connections, answers 421 to those between two messages, gives the
// others Timeouts.Drain to finish, closes what is left, and returns when every goroutine of it has ended. A mail
// that intake already has is always waited for.
func (s *Server) Run(ctx context.Context) error {
	// Sessions outlive ctx by the drain: what they do for a message in progress must not be cancelled with it.
	hard, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()

	failed := make(chan error, len(s.o.Listeners))
	var serving sync.WaitGroup
	servers := make([]*gosmtp.Server, len(s.o.Listeners))
	for i := range s.o.Listeners {
		l := &s.o.Listeners[i]
		servers[i] = s.goSMTP(l)
		serving.Go(func() {
			if err := servers[i].Serve(s.wrap(hard, l)); err != nil && !errors.Is(err, net.ErrClosed) {
				failed <- fmt.Errorf("listener %s: %w", l.Net.Addr(), err)
			}
		})
		s.o.Log.InfoContext(ctx, "taking mail", logkey.Source, l.source(), logkey.Address, l.Net.Addr().String())
	}

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	close(s.draining)
	for _, l := range s.o.Listeners {
		_ = l.Net.Close()
	}
	serving.Wait() // nothing is accepted any more
	s.drain()
	stop()
	for _, srv := range servers {
		// All its connections are closed: this only waits for the goroutines to notice.
		_ = srv.Shutdown(context.WithoutCancel(ctx))
	}
	return err
}

// drain tells idle connections to go and waits for the others, then closes them.
func (s *Server) drain() {
	for w := range s.open() {
		w.wake()
	}
	deadline := time.NewTimer(s.o.Timeouts.Drain)
	defer deadline.Stop()
	for len(s.open()) > 0 {
		select {
		case <-s.gone:
			continue
		case <-deadline.C:
		}
		break
	}
	for w := range s.open() {
		w.abort()
	}
}

func (s *Server) open() map[*wire]struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[*wire]struct{}, len(s.wires))
	for w := range s.wires {
		all[w] = struct{}{}
	}
	return all
}

// goSMTP makes the library's server for one listener. Limits on sizes, lines and times are ours, in the wire.
func (s *Server) goSMTP(l *Listener) *gosmtp.Server {
	srv := gosmtp.NewServer(gosmtp.BackendFunc(func(c *gosmtp.Conn) (gosmtp.Session, error) {
		w, ok := c.Conn().(*wire)
		if !ok {
			return nil, reply(fmt.Errorf("connection is a %T, not ours", c.Conn()), "", false)
		}
		return w.session, nil
	}))
	srv.LMTP = l.LMTP
	srv.Domain = s.o.Hostname
	srv.MaxMessageBytes = s.o.MaxMessageBytes
	srv.MaxLineLength = 0
	srv.AllowInsecureAuth = true // the session knows about TLS and offers nothing without it
	srv.EnableSMTPUTF8 = true
	srv.EnableDSN = true
	srv.ErrorLog = errorLog{s.o.Log}
	return srv
}

func (l *Listener) source() string {
	switch {
	case l.Source != "":
		return l.Source
	case l.LMTP:
		return "lmtp"
	default:
		return "smtp"
	}
}

// errorLog turns what the library reports, panics of ours with their stacks, into records.
type errorLog struct{ log *slog.Logger }

func (e errorLog) Printf(format string, v ...any) {
	e.log.Error("smtp library reports", logkey.Error, fmt.Sprintf(format, v...))
}

func (e errorLog) Println(v ...any) {
	e.log.Error("smtp library reports", logkey.Error, fmt.Sprint(v...))
}
