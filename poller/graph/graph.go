// Package graph fetches mail from Microsoft 365 by Microsoft Graph v1.0: what came to a folder by delta queries, the raw mail by $value.
//
// Ids are immutable (they stay when a mail is moved), links are followed at the configured host only, four requests at most are under way for a
// mailbox, and whoever is told to wait waits. Mail whose receipt time lies before the source's start is never taken, whatever happens to it later.
package graph

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/webclient"
	"postern/poller"
)

// Options are what an account is made of.
type Options struct {
	Mailbox string   // its address; of a shared mailbox its own
	BaseURL string   // "https://graph.microsoft.com/v1.0", or that of another cloud
	Folders []string // well-known names, or paths of names from the top: "Inbox/Tickets". nil: the inbox
	// Token gives an access token for BaseURL. Refused, where set, is told of one that the server did not take.
	Token   func(context.Context) (string, error)
	Refused func(token string)
	Client  *webclient.Client // its time limit is that of fetching one mail
	Start   string            // "all", "new", or "" with Since
	Since   time.Time
	MaxSize int64 // of one mail; 0: 150 MB, which is all that Exchange Online takes
	Writes  bool  // mail is marked, moved or deleted there: for Check
	Log     *slog.Logger
	Now     func() time.Time
}

// An Account is a mailbox at Microsoft 365.
type Account struct {
	o     Options
	base  *url.URL
	err   error     // what is wrong with the options
	began time.Time // what "new" means, where it is known from before
	gate  gate
	room  chan struct{} // one for each request that may be under way

	mu   sync.Mutex
	seen struct { // in the last answer
		date time.Time
		tls  *tls.ConnectionState
	}
}

var _ poller.Datable = (*Account)(nil)

// maxUnderway is how many requests Exchange Online serves for an app and a mailbox at once: learn.microsoft.com/graph/throttling-limits,
// "Outlook service limits".
const maxUnderway = 4

// New makes an account. What is wrong with the options is what Open says.
func New(o Options) *Account {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if len(o.Folders) == 0 {
		o.Folders = []string{"INBOX"}
	}
	if o.MaxSize <= 0 {
		o.MaxSize = 150 << 20
	}
	a := &Account{o: o, room: make(chan struct{}, maxUnderway)}
	a.base, a.err = url.Parse(strings.TrimSuffix(o.BaseURL, "/"))
	if a.err == nil && a.base.Host == "" {
		a.err = fault.Errorf(fault.Invalid, "%q is no address of Microsoft Graph", o.BaseURL)
	}
	return a
}

// Since is the account with what came since a time, in place of what is new.
func (a *Account) Since(t time.Time) poller.Account {
	b := New(a.o)
	b.began = t
	return b
}

// A session is a list of folders that were found; Graph itself has none.
type session struct {
	a       *Account
	folders []*folder
}

// Open finds the folders.
func (a *Account) Open(ctx context.Context) (poller.Session, error) {
	s := &session{a: a}
	for _, name := range a.o.Folders {
		f, err := a.folder(ctx, name, false)
		if err != nil {
			return nil, err
		}
		s.folders = append(s.folders, f)
	}
	return s, nil
}

// Wait waits: Graph tells of new mail only to a public address.
func (s *session) Wait(ctx context.Context, d time.Duration) (bool, error) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (s *session) Close() error { return nil }

// user is the mailbox's address in the API, with more behind it.
func (a *Account) user(parts ...string) string {
	var b strings.Builder
	b.WriteString(a.o.BaseURL)
	if strings.HasSuffix(a.o.BaseURL, "/") {
		b.Reset()
		b.WriteString(strings.TrimSuffix(a.o.BaseURL, "/"))
	}
	for _, p := range append([]string{"users", a.o.Mailbox}, parts...) {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(p))
	}
	return b.String()
}

// noted keeps what an answer says besides.
func (a *Account) noted(res *http.Response) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		a.seen.date = t
	}
	a.seen.tls = res.TLS
}

// serverTime is the server's clock as of its last answer.
func (a *Account) serverTime() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen.date.IsZero() {
		return a.o.Now()
	}
	return a.seen.date
}
