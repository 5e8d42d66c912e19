// Package oauth gets the tokens by which sources log in at Microsoft, Google and others: as an app of its own right (client
// credentials, RFC 6749 section 4.4), as a service account (RFC 7523), or for a person who logged in once (RFC 8628, RFC 8252)
// and whose refresh token is kept, sealed, in the store.
//
// Secrets go to the host that the provider or the configuration fixes, in the body of a request, and nowhere else: not into a URL, a log or
// an error. A token is asked for by one at a time, renewed before it dies, and a refresh token that the provider replaces is saved
// before the token that came with it is used. What a provider refuses for good is not asked again and again.
package oauth

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/keys"
	"postern/internal/logkey"
	"postern/internal/webclient"
)

// What Options.Flow can be.
const (
	ClientCredentials = "client-credentials"
	Login             = "login"
	ServiceAccount    = "service-account"
)

// Options are how one source gets its tokens. Secrets are functions, so that printing the options shows none.
type Options struct {
	Source   string // its name
	Protocol string // "imap", "pop3" or "graph": what the token is for
	User     string // whose mail it is: the subject of a service account, a hint for who logs in

	Provider                               string // Microsoft, Google or Other
	Flow                                   string
	Tenant, Cloud                          string // Microsoft's
	ClientID                               string
	ClientSecret, Refresh, ServiceKey      func() string // nil: none
	Scopes                                 []string      // nil: what the protocol needs
	TokenURL, DeviceURL, AuthURL, GraphURL string        // of Other

	Client *webclient.Client
	Store  Store
	Keys   *keys.Ring
	Log    *slog.Logger
	Now    func() time.Time
}

// A Store keeps what was sealed for a source: see issue.Sources.
type Store interface {
	Credential(ctx context.Context, source string) (sealed []byte, version int64, err error)
	PutCredential(ctx context.Context, source string, sealed []byte, before int64) (int64, error)
}

// A Source gets the tokens of one source. It is safe for several goroutines.
type Source struct {
	o      Options
	at     endpoints
	scopes []string
	err    error // what is wrong with the options

	mu     sync.Mutex
	token  access
	no     *Refusal  // the last answer, where it was a lasting no
	again  time.Time // not to be asked before
	saving *kept     // what the store could not take yet
	flight *flight
	busy   sync.WaitGroup
}

// access is a token that is good for a while.
type access struct {
	token          string
	renew, expires time.Time
}

type flight struct {
	done  chan struct{}
	token string
	err   error
}

const (
	before   = 5 * time.Minute  // a token is renewed so long before it dies
	pause    = 10 * time.Minute // and a lasting no asked again after so long: somebody may have mended it at the provider
	patience = time.Minute      // one renewal with its saving
)

// New makes a source. What is wrong with the options is what Token says.
func New(o Options) *Source {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Source{o: o}
	s.at, s.err = endpointsOf(&o)
	if s.scopes = o.Scopes; len(s.scopes) == 0 {
		s.scopes = defaultScopes(&o)
	}
	return s
}

// Token returns an access token that is good for some minutes at least, as far as the provider tells. Its error is for an administrator.
// A *Refusal in it says what the provider answered, and whether somebody must log in.
func (s *Source) Token(ctx context.Context) (string, error) {
	if s.err != nil {
		return "", s.err
	}
	s.mu.Lock()
	now := s.o.Now()
	if s.token.token != "" && now.Before(s.token.renew) && s.saving == nil {
		defer s.mu.Unlock()
		return s.token.token, nil
	}
	if s.no != nil && now.Before(s.again) {
		defer s.mu.Unlock()
		return "", fault.As(fault.Denied, s.no)
	}
	f := s.flight
	if f == nil {
		// It goes on when who asked first does not wait any more: a provider that replaces refresh tokens has spent the old one
		// by then, and the new one must reach the store.
		f = &flight{done: make(chan struct{})}
		s.flight = f
		s.busy.Go(func() { s.fly(context.WithoutCancel(ctx), f) })
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return "", fault.As(fault.Unavailable, ctx.Err())
	}
}

func (s *Source) fly(ctx context.Context, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := s.renew(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight = nil
	defer close(f.done)
	now := s.o.Now()
	if err == nil {
		s.token, s.no, f.token = got, nil, got.token
		return
	}
	if no, ok := refusal(err); ok {
		s.token = access{}
		if no.Lasting {
			s.no, s.again = no, now.Add(pause)
			if no.Login { // what tells that somebody did is in the store, and asking that costs nothing
				s.again = now
			}
		}
	} else if s.token.token != "" && now.Add(30*time.Second).Before(s.token.expires) && s.saving == nil {
		s.o.Log.WarnContext(ctx, "a token could not be renewed yet, the old one is used", logkey.Source, s.o.Source, logkey.Error, err)
		f.token = s.token.token
		return
	}
	f.err = err
}

// Refused takes note that a server did not take a token, so that the next Token asks for another.
func (s *Source) Refused(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.token == token {
		s.token.renew, s.token.expires = time.Time{}, time.Time{}
	}
}

// Close waits until nothing is being renewed.
func (s *Source) Close() { s.busy.Wait() }

// renew asks for a new token, or finds one that was kept.
func (s *Source) renew(ctx context.Context) (access, error) {
	switch s.o.Flow {
	case ClientCredentials:
		return s.asApp(ctx)
	case ServiceAccount:
		return s.asServiceAccount(ctx)
	}
	return s.asPerson(ctx)
}

func (s *Source) asApp(ctx context.Context) (access, error) {
	f := s.client()
	f.Set("grant_type", "client_credentials")
	f.Set("scope", s.scope())
	a, err := s.post(ctx, s.at.token, f)
	if err != nil {
		return access{}, err
	}
	return s.access(a), nil
}

// access is what an answer gives, as of now.
func (s *Source) access(a *answer) access {
	now := s.o.Now()
	life := time.Duration(min(max(a.ExpiresIn, 1), 24*60*60)) * time.Second
	return access{a.AccessToken, now.Add(life - min(before, life/2)), now.Add(life)}
}
