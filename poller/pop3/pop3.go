// Package pop3 fetches mail by POP3 (RFC 1939, with RFC 2449, 2595 and 5034), as a poller.Account.
//
// A POP3 session has the mailbox for itself, knows neither folders nor flags, and deletes only at its end: what was settled counts once
// Close, which says QUIT, returned nil. A crash before that leaves all mail where it was, and the next session meets it as duplicates.
//
// What was taken is known by UIDL. A server that lacks it costs more: each session reads the header and the first lines of every
// message (TOP), or whole messages where there is no TOP either, to know them again by a hash. So does a message whose UIDL is missing
// or is another's too.
//
//	a := pop3.New(pop3.Options{Options: wire.Options{Address: "mail.example.com:995"}, User: "support", Password: secret})
//	s, err := a.Open(ctx)
//	batch, err := s.List(ctx, cursor, 100)
//	err = s.Fetch(ctx, batch.Items, take)
//	err = s.Settle(ctx, done)
//	err = s.Close() // deletes
package pop3

import (
	"context"
	"sync"
	"time"

	"postern/poller"
	"postern/poller/wire"
)

// Options are an account at a POP3 server.
type Options struct {
	wire.Options
	User     string
	Password func(context.Context) (string, error) // asked at each login
	Token    func(context.Context) (string, error) // an OAuth2 access token instead; asked at each login, so that it is a fresh one

	Start   Start // what is fetched at first
	MaxSize int64 // a mail whose size the server does not tell is given up when several times this has come; 0: 1 GiB
}

// A Start says what of the mail that lies there at first is fetched: all of it, what came since a time, or nothing (new). POP3 does not
// tell when mail came, so it is what the newest Received field says, else Date.
type Start struct {
	New   bool
	Since time.Time
}

// An Account is a mailbox at a POP3 server.
type Account struct {
	o Options

	mu      sync.Mutex
	deleted map[string]uint64 // by the session before: what mails with these ids looked like
}

var _ poller.Datable = (*Account)(nil)

// New makes an account; nothing is dialled yet.
func New(o Options) *Account { return &Account{o: o} }

// Since is the account with what came since a time, in place of what is new.
func (a *Account) Since(t time.Time) poller.Account {
	o := a.o
	if o.Start.New {
		o.Start = Start{Since: t}
	}
	return New(o)
}

// Open connects and logs in. From then on the mailbox is locked for others until Close.
func (a *Account) Open(ctx context.Context) (poller.Session, error) {
	s, err := a.open(ctx, nil)
	if err != nil {
		return nil, err // and no session in the interface
	}
	return s, nil
}

func (a *Account) open(ctx context.Context, tell func(poller.Step)) (*session, error) {
	c, caps, err := a.connect(ctx, tell)
	if err != nil {
		return nil, err
	}
	return &session{conn: c, a: a, caps: caps, start: a.o.Start, maxSize: a.o.MaxSize, deleted: map[int]bool{}, open: map[int]bool{}, peeked: map[int]bool{}}, nil
}
