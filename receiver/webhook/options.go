package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/spool"
	"postern/internal/webclient"
)

// Options are what a Server is made of. Begin, Spool, Log and Now must be there.
type Options struct {
	Begin  func(ctx context.Context, env intake.Envelope) (Transaction, error)
	Spool  *spool.Dir
	Client *webclient.Client // for what providers are asked for
	// Claim stores value under a key unless the key is there, on any node, and says what is there afterwards.
	Claim func(ctx context.Context, key, value string, until time.Time) (string, error)
	// Heard is told now and then what happened at a hook, and when the first mail of that time came. It may be nil.
	Heard func(ctx context.Context, hook string, first time.Time, h issue.Heard) error

	// Failed is told of a request to a hook that could not be read, or whose signature did not fit, to record it. It may be nil.
	Failed func(hook string, r *http.Request, p *Provider, body *spool.Body)

	Log      *slog.Logger
	Now      func() time.Time // deadlines of sockets follow the system's clock
	Observer Observer

	Hooks     []Hook // the first ones; Apply replaces them
	Limits    Limits // zero values mean the defaults
	InFlight  int64  // bytes of all requests that are being received and read; half of them for those that have shown no secret
	Timeouts  Timeouts
	Loopback  bool           // every listener that serves it is bound to a loopback address
	PublicURL string         // where providers reach us, when that is not the address we listen on
	Proxies   []netip.Prefix // whose X-Forwarded-For is believed
}

// A Transaction is one mail on its way down the road: *intake.Transaction.
type Transaction interface {
	MailboxOf(address string) string
	Recipient(ctx context.Context, address string) error
	RecipientIn(ctx context.Context, mailbox, address string) error
	Deliver(ctx context.Context, raw *spool.Body) []intake.Outcome
	Hold(ctx context.Context, raw *spool.Body, reason string) []intake.Outcome
	Refuse(ctx context.Context, later bool, reason string)
}

// An Observer hears of each request that was answered. It must not block.
type Observer func(Answered)

// Answered is a request and what became of it.
type Answered struct {
	Hook   string // "" where none was meant
	Result string // one of the Result constants
	Method string
	Status int
	Bytes  int64 // of the body
	Took   time.Duration
}

// What became of a request, as the Observer hears it.
const (
	ResultTaken     = "taken"
	ResultRejected  = "rejected"
	ResultLater     = "later"
	ResultMalformed = "malformed"
	ResultUnproven  = "unproven"
	ResultTooLarge  = "too large"
	ResultBusy      = "busy"   // too many bytes in flight
	ResultLost      = "lost"   // the body was too slow, or broke off
	ResultGreeted   = "setup"  // GET or HEAD
	ResultStray     = "stray"  // no route, or no method of ours
	ResultPanic     = "failed" // a fault of ours
)

// Timeouts say how long a request may take; 0 means the default.
type Timeouts struct {
	Grace   time.Duration // for a small body, or the next part of a large one, to arrive; 30 s
	MinRate int64         // bytes a second that must come, counted over each Grace; 16 KiB
	Room    time.Duration // a request waits so long for others to end; 20 s
	Work    time.Duration // to read and deliver it, also when the peer has gone; 2 min
	Answer  time.Duration // until the peer has taken the answer; 30 s
}

func (o *Options) defaults() {
	def(&o.Limits.Body, 50<<20)
	def(&o.Limits.Mail, o.Limits.Body)
	def(&o.Limits.Mails, 10_000)
	def(&o.Limits.Parts, 10_000)
	def(&o.Timeouts.Grace, 30*time.Second)
	def(&o.Timeouts.MinRate, 16<<10)
	def(&o.Timeouts.Room, 20*time.Second)
	def(&o.Timeouts.Work, 2*time.Minute)
	def(&o.Timeouts.Answer, 30*time.Second)
	def(&o.InFlight, 256<<20)
	o.InFlight = max(o.InFlight, 4*o.Limits.Body) // two of the largest at once, from strangers
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
