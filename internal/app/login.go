package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"postern/internal/api"
	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/internal/oauth"
)

// A LoginQuery is what postern login asks for.
type LoginQuery struct {
	Source   string     `json:"source,omitempty"`
	Redirect string     `json:"redirect,omitempty"` // where the browser is sent back to; "" for a device code
	ID       string     `json:"id,omitempty"`       // of a login that was begun
	Answer   url.Values `json:"answer,omitempty"`   // what the browser brought back
}

// A LoginStep is how a login stands.
type LoginStep struct {
	ID      string    `json:"id,omitempty"`
	URL     string    `json:"url,omitempty"`     // for the person to open
	Code    string    `json:"code,omitempty"`    // and to type there
	Expires time.Time `json:"expires,omitzero"`  // until then
	Browser string    `json:"browser,omitempty"` // a browser is needed, which is sent back to this host name
	Done    bool      `json:"done"`
	Wait    float64   `json:"wait,omitempty"` // seconds until it is worth asking again
	Account string    `json:"account,omitempty"`
}

type pending struct {
	*oauth.Pending
	source string
}

// maxLogins is how many logins may wait at once.
const maxLogins = 32

// loginRoutes are what postern login asks.
func (a *App) loginRoutes(mux *http.ServeMux) {
	step := func(f func(context.Context, *LoginQuery, string) (*LoginStep, error)) http.HandlerFunc {
		return a.answer(func(r *http.Request) (any, error) {
			var q LoginQuery
			if err := json.NewDecoder(io.LimitReader(r.Body, maxQuery)).Decode(&q); err != nil {
				return nil, fault.Errorf(fault.Invalid, "read which login: %w", err)
			}
			return f(r.Context(), &q, api.Local(r))
		})
	}
	mux.HandleFunc("POST /control/login", step(a.beginLogin))
	mux.HandleFunc("POST /control/login/wait", step(func(ctx context.Context, q *LoginQuery, _ string) (*LoginStep, error) { return a.waitLogin(ctx, q.ID) }))
	mux.HandleFunc("POST /control/login/finish", step(a.finishLogin))
	mux.HandleFunc("GET /control/login", a.answer(func(r *http.Request) (any, error) { return a.loginStatus(r.Context(), r.URL.Query().Get("source")) }))
}

// sourceNamed is the configuration of a source that logs in with tokens.
func (a *App) sourceNamed(name string) (config.Source, error) {
	var names []string
	for _, s := range a.conf.Config().SourceList() {
		if !s.OAuth.Enabled() {
			continue
		}
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return config.Source{}, fault.Errorf(fault.NotFound, "no source of the configuration has oauth, so that none can be logged in")
	}
	return config.Source{}, fault.Errorf(fault.NotFound, "there is no source %q with oauth; there are: %s", name, fmt.Sprint(names))
}

func (a *App) beginLogin(ctx context.Context, q *LoginQuery, by string) (*LoginStep, error) {
	s, err := a.sourceNamed(q.Source)
	if err != nil {
		return nil, err
	}
	t := a.token(&s)
	var p *oauth.Pending
	switch {
	case q.Redirect != "":
		p, err = t.Browser(q.Redirect, by)
	case t.Devices() || !t.Browsers():
		p, err = t.Device(ctx, by)
	default:
		return &LoginStep{Browser: t.RedirectHost()}, nil
	}
	if err != nil {
		return nil, err
	}
	id := issue.NewID(a.o.Now())
	a.tokens.mu.Lock()
	defer a.tokens.mu.Unlock()
	maps.DeleteFunc(a.tokens.logins, func(_ string, old *pending) bool { return a.o.Now().After(old.Expires) })
	if len(a.tokens.logins) >= maxLogins {
		return nil, fault.Errorf(fault.Unavailable, "%d logins are waiting already: wait until some have expired", maxLogins)
	}
	if a.tokens.logins == nil {
		a.tokens.logins = map[string]*pending{}
	}
	a.tokens.logins[id] = &pending{p, q.Source}
	return &LoginStep{ID: id, URL: p.URL, Code: p.Code, Expires: p.Expires}, nil
}

func (a *App) pendingLogin(id string) (*pending, error) {
	a.tokens.mu.Lock()
	defer a.tokens.mu.Unlock()
	if p := a.tokens.logins[id]; p != nil {
		return p, nil
	}
	return nil, fault.Errorf(fault.NotFound, "this login is not known any more: begin it again")
}

func (a *App) waitLogin(ctx context.Context, id string) (*LoginStep, error) {
	p, err := a.pendingLogin(id)
	if err != nil {
		return nil, err
	}
	done, wait, err := p.Poll(ctx)
	if err != nil {
		return nil, err
	}
	return a.loggedIn(ctx, p, done, wait), nil
}

func (a *App) finishLogin(ctx context.Context, q *LoginQuery, _ string) (*LoginStep, error) {
	p, err := a.pendingLogin(q.ID)
	if err != nil {
		return nil, err
	}
	if err := p.Finish(ctx, q.Answer); err != nil {
		return nil, err
	}
	return a.loggedIn(ctx, p, true, 0), nil
}

func (a *App) loggedIn(ctx context.Context, p *pending, done bool, wait time.Duration) *LoginStep {
	step := &LoginStep{Done: done, Wait: wait.Seconds()}
	if done {
		step.Account = p.Account(ctx)
		a.log.InfoContext(ctx, "a source was logged in", logkey.Source, p.source, "account", step.Account)
		_ = a.poller.Poll(ctx, p.source) // where nobody polls here, somebody does soon
	}
	return step
}

// A LoginStatus is how a source's tokens stand.
type LoginStatus struct {
	Source string `json:"source"`
	*oauth.Status
}

func (a *App) loginStatus(ctx context.Context, name string) ([]LoginStatus, error) {
	sources := slices.DeleteFunc(a.conf.Config().SourceList(), func(s config.Source) bool { return !s.OAuth.Enabled() })
	if name != "" {
		s, err := a.sourceNamed(name)
		if err != nil {
			return nil, err
		}
		sources = []config.Source{s}
	}
	out := []LoginStatus{}
	for _, s := range sources {
		st, err := a.token(&s).Status(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, LoginStatus{s.Name, st})
	}
	return out, nil
}
