// Package imap fetches mail by IMAP (RFC 3501, RFC 9051), as a poller.Account. The library below, go-imap, speaks the protocol; what it
// does not do is here: it has no timeouts and no bounds (poller/wire has), it loses mail without an error where a server answers in an
// unusual order (so what came is compared with what was asked, and asked again), one odd byte of a server ends its connection (so the
// message that does it is found, by halves, and set aside), and its Move falls back to an EXPUNGE that removes other people's mail (so
// it is never let that far).
//
//	a := imap.New(imap.Options{Options: wire.Options{Address: "mail.example.com:993"}, User: "support", Password: secret})
//	s, err := a.Open(ctx)
//	batch, err := s.List(ctx, cursor, 100)
//	err = s.Fetch(ctx, batch.Items, take)
package imap

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"postern/poller"
	"postern/poller/wire"
)

// Options are an account at an IMAP server.
type Options struct {
	wire.Options
	User     string
	Password func(context.Context) (string, error) // asked at each login
	Token    func(context.Context) (string, error) // an OAuth2 access token instead; asked at each login, so that it is a fresh one

	Folders []string       // what is fetched, as the administrator names it; INBOX when empty. The first is the one that IDLE watches
	Start   Start          // what is fetched at first
	MaxSize int64          // a mail that turns out to be larger is given up, whatever size it was said to be; 0: no bound
	NoIdle  bool           // IDLE is not used
	After   []poller.After // all that may become of mail, for a check of permissions and folders

	Log *slog.Logger     // nil: none
	Now func() time.Time // nil: time.Now
	// Pause waits between the connections that finding a bad message takes, which is longer each time; tests replace it.
	Pause func(ctx context.Context, n int) error
}

// A Start says what of the mail that lies there at first is fetched: all of it, what came since a time, or nothing (new).
type Start struct {
	New   bool
	Since time.Time
}

// An Account is a mailbox at an IMAP server.
type Account struct {
	o Options

	mu     sync.Mutex
	copied map[string]bool // copies that were made and whose originals still lie there: for sure, or in doubt (false)
}

var _ poller.Datable = (*Account)(nil)

// New makes an account; nothing is dialled yet.
func New(o Options) *Account {
	if len(o.Folders) == 0 {
		o.Folders = []string{"INBOX"}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	return &Account{o: o, copied: map[string]bool{}}
}

// Since is the account with what came since a time, in place of what is new.
func (a *Account) Since(t time.Time) poller.Account {
	o := a.o
	if o.Start.New {
		o.Start = Start{Since: t}
	}
	return New(o)
}

// Open connects and logs in.
func (a *Account) Open(ctx context.Context) (poller.Session, error) {
	s, err := a.open(ctx, nil)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (a *Account) open(ctx context.Context, tell func(poller.Step)) (*session, error) {
	s := &session{a: a, names: map[string]string{}, found: map[string]*found{}}
	if err := s.connect(ctx, tell); err != nil {
		return nil, err
	}
	return s, nil
}

// pause is short at first, for a single bad message; a server that refuses quick connections gets more time.
func pause(ctx context.Context, n int) error {
	t := time.NewTimer(min(100*time.Millisecond<<min(n, 10), 15*time.Second))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
