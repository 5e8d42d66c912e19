package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"strings"
	"sync"
	"time"

	"postern/internal/fault"
)

// A Pending login waits for a person. With a device code the person goes to URL and types Code, and Poll finds out; with a browser
// the person opens URL and is sent back to where the command listens, and Finish takes what came there.
type Pending struct {
	URL     string
	Code    string // to type; "" with a browser
	Expires time.Time

	s        *Source
	by       string
	mu       sync.Mutex
	device   string // the device code, a secret
	interval time.Duration
	next     time.Time
	state    string
	verifier string
	redirect string
	done     bool
}

// Devices reports whether a person can log in by typing a code on any device: not at Google, whose device flow has no scope of mail.
func (s *Source) Devices() bool { return s.at.device != "" }

// Browsers reports whether a person can log in with a browser that reaches this machine.
func (s *Source) Browsers() bool { return s.at.auth != "" }

// RedirectHost is the name of this machine that an app's redirect addresses have: RFC 8252 section 7.3 wants 127.0.0.1; Microsoft lets any
// port count only for localhost (learn.microsoft.com/entra/identity-platform/reply-url).
func (s *Source) RedirectHost() string {
	if s.o.Provider == Microsoft {
		return "localhost"
	}
	return "127.0.0.1"
}

func (s *Source) canLogin() error {
	if s.err != nil {
		return s.err
	}
	if s.o.Flow != Login {
		return fault.Errorf(fault.Invalid, "source %s needs no login: its flow is %s", s.o.Source, s.o.Flow)
	}
	return nil
}

// Device begins a login by device code: RFC 8628 section 3.1. by is who asks for it.
func (s *Source) Device(ctx context.Context, by string) (*Pending, error) {
	if err := s.canLogin(); err != nil {
		return nil, err
	}
	if !s.Devices() {
		return nil, fault.Errorf(fault.Invalid, "%s has no device codes for mail: log in with a browser", s.provider())
	}
	f := s.client()
	f.Set("scope", s.scope())
	a, err := s.post(ctx, s.at.device, f)
	if err != nil {
		return nil, err
	}
	at := first(a.VerificationURI, a.VerificationURL)
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" && !s.loopback(u) || a.DeviceCode == "" || a.UserCode == "" {
		return nil, fault.Errorf(fault.Unavailable, "%s gave no device code", s.provider())
	}
	now := s.o.Now()
	interval := time.Duration(a.Interval) * time.Second
	if interval <= 0 {
		interval = 5 * time.Second // RFC 8628 section 3.2
	}
	interval = min(interval, time.Minute)
	life := time.Duration(a.ExpiresIn) * time.Second
	if life <= 0 {
		life = 15 * time.Minute
	}
	return &Pending{URL: printable(at, 500), Code: printable(a.UserCode, 40), Expires: now.Add(min(life, time.Hour)), s: s, by: by, device: a.DeviceCode, interval: interval, next: now.Add(interval)}, nil
}

// loopback allows a provider on this machine to speak http, as the configuration does.
func (s *Source) loopback(u *url.URL) bool {
	return s.o.Provider == Other && u.Scheme == "http" && strings.HasPrefix(s.at.device, "http://") && u.Host == host(s.at.device)
}

// Poll asks whether the person is done. Where not, it says when to ask again; asked sooner it asks nobody. An error ends the login.
func (p *Pending) Poll(ctx context.Context) (done bool, wait time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.s
	now := s.o.Now()
	switch {
	case p.done:
		return true, 0, nil
	case p.device == "":
		return false, time.Second, nil
	case !now.Before(p.Expires):
		return false, 0, fault.As(fault.Denied, s.refuse(&answer{Code: "expired_token"}, nil))
	case now.Before(p.next):
		return false, p.next.Sub(now), nil
	}
	f := s.client()
	f.Set("grant_type", "urn:ietf:params:oauth:grant-type:device_code")
	f.Set("device_code", p.device)
	a, err := s.post(ctx, s.at.token, f)
	no, refused := refusal(err)
	switch {
	case refused && no.Code == "authorization_pending":
	case refused && no.Code == "slow_down":
		p.interval += 5 * time.Second // RFC 8628 section 3.5
	case refused:
		return false, 0, err
	case err != nil:
		p.interval = min(2*p.interval, 5*time.Minute) // the same section, of connections that fail
	default:
		if err := s.take(ctx, a, p.by); err != nil {
			return false, 0, err
		}
		p.done = true
		return true, 0, nil
	}
	p.next = now.Add(p.interval)
	return false, p.interval, nil
}

// Browser begins a login with a browser that is sent back to redirect, on this machine: RFC 8252, with PKCE (RFC 7636).
func (s *Source) Browser(redirect, by string) (*Pending, error) {
	if err := s.canLogin(); err != nil {
		return nil, err
	}
	if !s.Browsers() {
		return nil, fault.Errorf(fault.Invalid, "the source has no auth-url: nobody can log in with a browser")
	}
	back, err := url.Parse(redirect)
	if err != nil || back.Scheme != "http" || back.Hostname() != s.RedirectHost() || back.Port() == "" {
		return nil, fault.Errorf(fault.Invalid, "the browser must be sent back to http://%s:PORT", s.RedirectHost())
	}
	p := &Pending{Expires: s.o.Now().Add(15 * time.Minute), s: s, by: by, state: random(), verifier: random(), redirect: redirect}
	sum := sha256.Sum256([]byte(p.verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {s.o.ClientID}, "redirect_uri": {redirect}, "scope": {s.scope()}, "state": {p.state},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	switch s.o.Provider {
	case Google:
		// Without these two a second login gives no refresh token: developers.google.com/identity/protocols/oauth2/web-server.
		q.Set("access_type", "offline")
		q.Set("prompt", "consent")
	case Microsoft:
		q.Set("prompt", "select_account")
	}
	if s.o.User != "" && s.o.Protocol != "graph" { // Graph's may be a shared mailbox, which logs in nowhere
		q.Set("login_hint", s.o.User)
	}
	u, err := url.Parse(s.at.auth)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "oauth: %q is no address of a provider", s.at.auth)
	}
	for k, v := range u.Query() {
		q[k] = v
	}
	u.RawQuery = q.Encode()
	p.URL = u.String()
	return p, nil
}

// Finish takes what the browser brought back: the query of the address that it was sent to.
func (p *Pending) Finish(ctx context.Context, q url.Values) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.s
	switch {
	case p.done:
		return nil
	case p.state == "":
		return fault.Errorf(fault.Invalid, "this login waits for a code on another device")
	case !s.o.Now().Before(p.Expires):
		return fault.As(fault.Denied, s.refuse(&answer{Code: "expired_token"}, nil))
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(p.state)) != 1:
		// RFC 6749 section 10.12: not the answer to our question.
		return fault.Errorf(fault.Denied, "what came back does not belong to this login: open the address that was shown last")
	case q.Get("error") != "":
		return fault.As(fault.Denied, s.refuse(&answer{Code: q.Get("error"), Says: q.Get("error_description"), Subtype: q.Get("error_subtype")}, nil))
	case q.Get("code") == "":
		return fault.Errorf(fault.Invalid, "no code came back: copy the whole address")
	}
	f := s.client()
	f.Set("grant_type", "authorization_code")
	f.Set("code", q.Get("code"))
	f.Set("redirect_uri", p.redirect)
	f.Set("code_verifier", p.verifier)
	a, err := s.post(ctx, s.at.token, f)
	if err != nil {
		return err
	}
	if err := s.take(ctx, a, p.by); err != nil {
		return err
	}
	p.done = true
	return nil
}

// take keeps a login in place of what was kept before, whoever changes that meanwhile: the last login counts.
func (s *Source) take(ctx context.Context, a *answer, by string) error {
	if a.AccessToken == "" || a.RefreshToken == "" {
		return fault.Errorf(fault.Invalid, "%s gave no refresh token, without which the login ends in an hour: scopes must ask for one (often offline_access)", s.provider())
	}
	got := s.access(a)
	k := &kept{Refresh: a.RefreshToken, Access: got.token, Renew: got.renew, Expires: got.expires, For: s.purpose(), Scopes: s.scopes, Account: account(a), By: by, At: s.o.Now(),
		Seed: hash(reveal(s.o.Refresh))}
	ctx = context.WithoutCancel(ctx) // the provider gave it, and gives it once
	for try := 0; ; try++ {
		old, err := s.load(ctx)
		if err != nil {
			return err
		}
		k.version = 0
		if old != nil {
			k.version = old.version
		}
		if err = s.save(ctx, k); err == nil {
			break
		}
		if try == 5 || !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.no, s.saving = got, nil, nil
	return nil
}

// Account is who logged in, as far as the provider tells.
func (p *Pending) Account(ctx context.Context) string {
	st, err := p.s.Status(ctx)
	if err != nil {
		return ""
	}
	return st.Account
}

// random is 256 bits that nobody guesses: a state, a verifier (RFC 7636 section 4.1).
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
