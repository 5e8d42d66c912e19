package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/keys"
	"postern/internal/oauth"
	"postern/internal/oauthtest"
)

// A world has a provider, a store that can fail, a clock and a source.
type world struct {
	t      testing.TB
	srv    *oauthtest.Server
	clock  *clock
	store  *store
	ring   *keys.Ring
	log    *bytes.Buffer
	o      oauth.Options
	source *oauth.Source
}

const secret = "client-secret-value"

func newWorld(t testing.TB, change func(*oauth.Options)) *world {
	t.Helper()
	ring, err := keys.Init(filepath.Join(t.TempDir(), "postern.key"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, srv: oauthtest.New(t), clock: &clock{now: time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)}, store: &store{}, ring: ring, log: &bytes.Buffer{}}
	w.srv.Now = w.clock.Now
	w.srv.Apps["app"] = &oauthtest.App{ID: "app"}
	w.srv.Apps["daemon"] = &oauthtest.App{ID: "daemon", Secret: secret, Roles: []string{"Mail.ReadWrite"}}
	w.o = oauth.Options{Source: "support", Protocol: "imap", User: "support@example.com", Provider: oauth.Microsoft, Flow: oauth.Login, Tenant: w.srv.Tenant, Cloud: "global", ClientID: "app",
		Client: w.srv.Client(), Store: w.store, Keys: ring, Now: w.clock.Now, Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if change != nil {
		change(&w.o)
	}
	w.source = oauth.New(w.o)
	t.Cleanup(func() {
		w.source.Close()
		w.noSecrets(w.log.String())
	})
	return w
}

// asApp is a source with client credentials.
func asApp(o *oauth.Options) {
	o.Flow, o.ClientID, o.Protocol, o.ClientSecret = oauth.ClientCredentials, "daemon", "graph", func() string { return secret + "\n" }
}

// noSecrets fails where a text has one.
func (w *world) noSecrets(text string) {
	w.t.Helper()
	for _, s := range []string{secret, "refresh-secret", "device-secret", "eyJ", "PRIVATE KEY"} {
		if strings.Contains(text, s) {
			w.t.Errorf("%q is in %q", s, text)
		}
	}
}

func (w *world) token() string {
	w.t.Helper()
	tok, err := w.source.Token(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return tok
}

// refused asks for a token and returns the provider's no.
func (w *world) refused() *oauth.Refusal {
	w.t.Helper()
	_, err := w.source.Token(w.t.Context())
	return w.no(err)
}

func (w *world) no(err error) *oauth.Refusal {
	w.t.Helper()
	var no *oauth.Refusal
	if !errors.As(err, &no) || !fault.Is(err, fault.Denied) {
		w.t.Fatalf("no refusal: %v", err)
	}
	w.noSecrets(err.Error())
	return no
}

// login logs somebody in by device code.
func (w *world) login(account string) {
	w.t.Helper()
	p, err := w.source.Device(w.t.Context(), "root")
	if err != nil {
		w.t.Fatal(err)
	}
	if !w.srv.Approve(p.Code, account, true) {
		w.t.Fatalf("code %q is not known", p.Code)
	}
	w.clock.forward(5 * time.Second)
	if done, _, err := p.Poll(w.t.Context()); !done || err != nil {
		w.t.Fatalf("logged in: %v, %v", done, err)
	}
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A store keeps one credential, as issue.Sources documents it, and can be down.
type store struct {
	mu      sync.Mutex
	sealed  []byte
	version int64
	down    error
	writes  int
	between func() // once, before the next write
}

func (s *store) Credential(context.Context, string) ([]byte, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version == 0 {
		return nil, 0, fault.Errorf(fault.NotFound, "nothing")
	}
	return bytes.Clone(s.sealed), s.version, nil
}

func (s *store) PutCredential(_ context.Context, _ string, sealed []byte, before int64) (int64, error) {
	s.mu.Lock()
	between := s.between
	s.between = nil
	s.mu.Unlock()
	if between != nil {
		between()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return 0, s.down
	}
	if before != s.version {
		return 0, fault.Errorf(fault.Conflict, "changed")
	}
	s.sealed, s.version = bytes.Clone(sealed), s.version+1
	s.writes++
	return s.version, nil
}

func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}
