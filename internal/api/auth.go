package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/origin"
)

// What a token may do. Admin may do all; the others are only themselves.
const (
	ScopeRead       = "read"       // issues, messages, the ledger, metrics
	ScopeWrite      = "write"      // hand in mail
	ScopeQuarantine = "quarantine" // see and decide what is held
	ScopeRules      = "rules"      // publish sets of rules
	ScopeAdmin      = "admin"      // everything, tokens among it
)

// Scopes are all there are.
func Scopes() []string {
	return []string{ScopeRead, ScopeWrite, ScopeQuarantine, ScopeRules, ScopeAdmin}
}

// makeOne is how somebody without a token gets one.
const makeOne = "make one with: postern keys token --name NAME"

// A caller is who a request comes from.
type caller struct {
	actor  string // for events: "token:NAME", "local", "local:USER"
	token  string // the token's name, "" for none
	scopes []string
	only   []string // routes that its listener answers; nil: all
}

func (w caller) may(scopes []string) bool {
	return slices.Contains(w.scopes, ScopeAdmin) || slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(w.scopes, s) })
}

// authorize decides whether a request may take its route, and as whom.
//
// There are no cookies, so a browser adds nothing by itself that would prove anything. Requests that change something
// are refused all the same when a page of another origin made them: on loopback no token is asked for.
func (a *API) authorize(c echo.Context, rt *route) (caller, error) {
	r := c.Request()
	if who, ok := r.Context().Value(trustedKey{}).(caller); ok {
		if who.only != nil && !slices.Contains(who.only, rt.path) {
			return who, say(fault.NotFound, "this listener answers %s", strings.Join(who.only, ", "))
		}
		if !rt.open() && !who.may(rt.scopes) {
			return who, say(fault.Denied, "this listener does not answer that")
		}
		return who, nil
	}
	if rt.open() {
		return caller{}, nil
	}
	if rt.changes() && a.cross.Check(r) != nil {
		return caller{}, say(fault.Denied, "a page of another origin may not do that")
	}
	who, err := a.identify(r)
	if err != nil {
		return who, err
	}
	if !who.may(rt.scopes) {
		return who, say(fault.Denied, "this token lacks the scope %s", strings.Join(rt.scopes, " or ")).
			with("WWW-Authenticate", `Bearer realm="postern", error="insufficient_scope", scope="`+rt.scopes[0]+`"`)
	}
	return who, nil
}

// identify finds out who sends a request: by its token, or by the loopback rule while there are no tokens.
func (a *API) identify(r *http.Request) (caller, error) {
	given := r.Header.Values("Authorization")
	if len(given) == 0 {
		any, err := a.guard.anyToken(r.Context())
		if err != nil {
			return caller{}, err
		}
		if any {
			return caller{}, unauthorized("", "a token is needed: %s", makeOne)
		}
		if why := origin.NotLocal(r, a.o.Loopback); why != "" {
			return caller{}, unauthorized("", "there is no token yet, and without one only this machine is answered (%s); %s", why, makeOne)
		}
		return caller{actor: "local", scopes: []string{ScopeAdmin}}, nil
	}
	scheme, secret, _ := strings.Cut(given[0], " ")
	if len(given) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return caller{}, unauthorized("invalid_request", "the Authorization header must be: Bearer TOKEN")
	}
	t, err := a.guard.find(r.Context(), strings.TrimSpace(secret))
	switch {
	case fault.Is(err, fault.NotFound):
		return caller{}, unauthorized("invalid_token", "the token is unknown, expired or revoked; %s", makeOne)
	case err != nil:
		return caller{}, err
	}
	return caller{actor: "token:" + t.Name, token: t.Name, scopes: t.Scopes}, nil
}

func unauthorized(code, format string, args ...any) error {
	challenge := `Bearer realm="postern"`
	if code != "" {
		challenge += `, error="` + code + `"`
	}
	return say(fault.Denied, format, args...).as(http.StatusUnauthorized).with("WWW-Authenticate", challenge)
}

// A guard answers for the store which tokens there are, from memory for at most remember: that is how long a revoked
// token may still work on another node.
type guard struct {
	store issue.Store
	now   func() time.Time

	mu       sync.Mutex
	any      bool
	anyUntil time.Time
	known    map[string]knownToken // by hash; only those that exist
	changes  int                   // how often forget was called: what was read before it is not kept after it
}

type knownToken struct {
	token *issue.Token
	until time.Time
}

const (
	remember = 3 * time.Second
	maxKnown = 1000 // tokens in memory
)

func newGuard(s issue.Store, now func() time.Time) *guard {
	return &guard{store: s, now: now, known: map[string]knownToken{}}
}

// anyToken reports whether a token was ever made and not revoked. One that expired counts: an expiry must not open
// what it closed.
func (g *guard) anyToken(ctx context.Context) (bool, error) {
	now := g.now()
	g.mu.Lock()
	if now.Before(g.anyUntil) {
		defer g.mu.Unlock()
		return g.any, nil
	}
	before := g.changes
	g.mu.Unlock()
	tokens, err := g.store.Tokens(ctx)
	if err != nil {
		return false, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changes == before {
		g.any, g.anyUntil = len(tokens) > 0, now.Add(remember)
	}
	return len(tokens) > 0, nil
}

// find returns the token with that secret, or NotFound. It looks it up by hash, so the time it takes says nothing
// of the secret.
func (g *guard) find(ctx context.Context, secret string) (*issue.Token, error) {
	if !strings.HasPrefix(secret, secretPrefix) || len(secret) > 200 {
		return nil, fault.Errorf(fault.NotFound, "not in the form of a token")
	}
	hash, now := hashOf(secret), g.now()
	g.mu.Lock()
	k, ok := g.known[hash]
	before := g.changes
	g.mu.Unlock()
	if !ok || !now.Before(k.until) {
		t, err := g.store.FindToken(ctx, hash)
		if err != nil {
			return nil, err
		}
		k = knownToken{t, now.Add(remember)}
		g.mu.Lock()
		if len(g.known) >= maxKnown {
			clear(g.known)
		}
		if g.changes == before {
			g.known[hash] = k
		}
		g.mu.Unlock()
	}
	if e := k.token.ExpiresAt; e != nil && !now.Before(*e) {
		return nil, fault.Errorf(fault.NotFound, "token %s expired", k.token.ID)
	}
	return k.token, nil
}

// forget drops what is remembered, after tokens have changed.
func (g *guard) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.changes++
	g.anyUntil = time.Time{}
	clear(g.known)
}
