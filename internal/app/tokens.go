package app

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/logkey"
	"postern/internal/oauth"
	"postern/internal/webclient"
	"postern/poller"
	"postern/poller/graph"
)

// tokens are the sources that log in with tokens, each as long as its settings stay, and the logins that wait for a person.
type tokens struct {
	mu      sync.Mutex
	sources map[string]*tokenSource
	logins  map[string]*pending
}

type tokenSource struct {
	of string // a hash of the settings
	*oauth.Source
}

// token gets the tokens of a source.
func (a *App) token(s *config.Source) *oauth.Source {
	o := &s.OAuth
	secrets := []func() string{o.ClientSecret.Reveal, o.RefreshToken.Reveal, o.ServiceAccount.Reveal}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q", s.Name, s.Protocol(), s.User+s.Graph, []string{o.Provider, o.Flow, o.Tenant, o.Cloud, o.ClientID, o.TokenURL, o.DeviceURL, o.AuthURL, o.GraphURL})
	fmt.Fprintf(h, "%q", o.Scopes)
	for _, secret := range secrets {
		fmt.Fprintf(h, "%q", secret())
	}
	of := string(h.Sum(nil))
	t := &a.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	if have := t.sources[s.Name]; have != nil && have.of == of {
		return have.Source
	}
	user := s.User
	if s.Graph != "" {
		user = s.Graph
	}
	src := oauth.New(oauth.Options{
		Source: s.Name, Protocol: s.Protocol(), User: user, Provider: o.Provider, Flow: o.Flow, Tenant: o.Tenant, Cloud: o.Cloud, ClientID: o.ClientID,
		ClientSecret: secrets[0], Refresh: secrets[1], ServiceKey: secrets[2], Scopes: o.Scopes,
		TokenURL: o.TokenURL, DeviceURL: o.DeviceURL, AuthURL: o.AuthURL, GraphURL: o.GraphURL,
		Client: a.fetcher(o, time.Minute), Store: a.store, Keys: a.keys, Log: a.part("oauth"), Now: a.o.Now,
	})
	if t.sources == nil {
		t.sources = map[string]*tokenSource{}
	}
	t.sources[s.Name] = &tokenSource{of, src}
	return src
}

// fetcher is the client for a source's tokens and its API. A provider that the configuration names may be on our side.
func (a *App) fetcher(o *config.OAuth, patience time.Duration) *webclient.Client {
	w := webclient.Options{Timeout: patience, Private: o.Provider == oauth.Other}
	if a.o.Reach != nil {
		w = a.o.Reach(w)
	}
	return webclient.New(w)
}

// closeTokens waits until no token is being renewed.
func (a *App) closeTokens() error {
	a.tokens.mu.Lock()
	all := slices.Collect(maps.Values(a.tokens.sources))
	a.tokens.mu.Unlock()
	for _, s := range all {
		s.Close()
	}
	return nil
}

// graphPatience is how long one mail may take to come: 150 MB at 250 KB a second.
const graphPatience = 10 * time.Minute

// graphAccount is a mailbox at Microsoft 365.
func (a *App) graphAccount(s *config.Source) (poller.Account, error) {
	t := a.token(s)
	start := s.Start
	if !s.Since().IsZero() {
		start = ""
	}
	writes := slices.ContainsFunc(afters(s), func(f poller.After) bool { return f.Do != poller.Keep })
	return graph.New(graph.Options{
		Mailbox: s.Graph, BaseURL: t.Graph(), Folders: s.Folders, Token: t.Token, Refused: t.Refused, Client: a.fetcher(&s.OAuth, graphPatience),
		Start: start, Since: s.Since(), Writes: writes,
		Log: a.part("poller/graph").With(logkey.Source, s.Name), Now: a.o.Now,
	}), nil
}

// A renewing account asks for another token once its server did not take the one it had, which may have been revoked long before it would die.
type renewing struct {
	poller.Account
	tokens *oauth.Source
	last   *atomic.Pointer[string]
}

var _ poller.Datable = (*renewing)(nil)

// Since is the account from a time on.
func (r *renewing) Since(t time.Time) poller.Account {
	if a, ok := r.Account.(poller.Datable); ok {
		return &renewing{a.Since(t), r.tokens, r.last}
	}
	return r
}

// of is an account that logs in with these tokens; without tokens it is the account itself.
func (r *renewing) of(account poller.Account) poller.Account {
	if r == nil {
		return account
	}
	r.Account = account
	return r
}

// Unwrap is the account itself.
func (r *renewing) Unwrap() poller.Account { return r.Account }

func (r *renewing) token(ctx context.Context) (string, error) {
	t, err := r.tokens.Token(ctx)
	r.last.Store(&t)
	return t, err
}

// Open logs in, once more with another token where the first is not taken.
func (r *renewing) Open(ctx context.Context) (poller.Session, error) {
	s, err := r.Account.Open(ctx)
	t := r.last.Load()
	if !fault.Is(err, fault.Denied) || t == nil || *t == "" {
		return s, err
	}
	r.tokens.Refused(*t)
	return r.Account.Open(ctx)
}
