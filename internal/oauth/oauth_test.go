package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/keys"
	"postern/internal/oauth"
	"postern/internal/oauthtest"
)

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asApp)
	first := w.token()
	c, ok := oauth.ReadClaims(first)
	if !ok || !c.Has("Mail.ReadWrite") || c.App != "daemon" || c.Audience != "https://graph.microsoft.com" {
		t.Errorf("claims %+v, %v", c, ok)
	}
	w.clock.forward(54 * time.Minute)
	if again := w.token(); again != first {
		t.Error("asked anew while the token was good")
	}
	w.clock.forward(2 * time.Minute) // four minutes before it dies
	if again := w.token(); again == first {
		t.Error("not renewed before it dies")
	}
	if n := w.srv.Asked("client_credentials"); n != 2 {
		t.Errorf("asked %d times", n)
	}
	if w.store.writes != 0 {
		t.Error("an app's tokens need no store")
	}
}

// Ten who want a token at once make one request, and each may leave without the others losing it.
func TestOneFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asApp)
	w.srv.Gate = make(chan struct{})
	type got struct {
		token string
		err   error
	}
	all := make(chan got)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { _, err := w.source.Token(ctx); left <- err }()
	for range 10 {
		go func() { tok, err := w.source.Token(t.Context()); all <- got{tok, err} }()
	}
	leave()
	if err := <-left; !fault.Is(err, fault.Unavailable) {
		t.Errorf("who left got %v", err)
	}
	w.srv.Gate <- struct{}{}
	first := <-all
	for range 9 {
		if g := <-all; g != first || g.err != nil {
			t.Errorf("%v, want %v", g, first)
		}
	}
	close(w.srv.Gate)
	if n := w.srv.Asked("client_credentials"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestShortLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asApp)
	w.srv.Life = 60
	first := w.token()
	if again := w.token(); again != first {
		t.Error("a token of a minute is never used")
	}
	w.clock.forward(31 * time.Second)
	if again := w.token(); again == first {
		t.Error("a token of a minute is renewed at half its life")
	}
}

// What a provider refuses for good is told again without asking, and asked again after a while, since somebody may mend it there.
func TestLastingRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asApp)
	w.srv.Apps["daemon"].Expired = true
	no := w.refused()
	if no.Number != 7000222 || no.Login || !strings.Contains(no.Error(), "secret has expired") || !strings.Contains(no.Error(), "client-secret-file") {
		t.Errorf("%+v", no)
	}
	for range 20 {
		w.refused()
	}
	if n := w.srv.Asked("client_credentials"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	w.srv.Lock()
	w.srv.Apps["daemon"].Expired = false
	w.srv.Unlock()
	w.clock.forward(10 * time.Minute)
	w.token()
	st, err := w.source.Status(t.Context())
	if err != nil || st.Problem != "" {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestWhatAnAdministratorReads(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*oauth.Options)
		server func(*oauthtest.Server)
		number int
		want   string
	}{
		{"tenant", func(o *oauth.Options) { o.Tenant = "other.example.com" }, nil, 90002, "Check tenant (other.example.com) and cloud (global)"},
		{"app", func(o *oauth.Options) { o.ClientID = "nobody" }, nil, 700016, "Check client-id (nobody)"},
		{"secret", func(o *oauth.Options) { o.ClientSecret = func() string { return "the-id-of-it" } }, nil, 7000215, "not its id"},
		{"no secret", func(o *oauth.Options) { o.ClientSecret = nil }, nil, 7000218, "client-secret-file"},
		{"resource", func(o *oauth.Options) { o.Scopes = []string{"https://nothing.example.com/.default"} }, nil, 500011, "not known in this directory"},
		{"scope", func(o *oauth.Options) { o.Scopes = []string{"Mail.Read"} }, nil, 1002012, "invalid_scope"},
		{"consent", nil, func(s *oauthtest.Server) { s.Refuse("invalid_grant", 65001) }, 65001, "Grant admin consent"},
		{"policy", nil, func(s *oauthtest.Server) { s.Refuse("invalid_grant", 53003) }, 53003, "Conditional Access"},
		{"unknown number", nil, func(s *oauthtest.Server) { s.Refuse("invalid_grant", 999999) }, 999999, "it says: AADSTS999999: As documented"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *oauth.Options) {
				asApp(o)
				if tt.change != nil {
					tt.change(o)
				}
			})
			if tt.server != nil {
				tt.server(w.srv)
			}
			no := w.refused()
			if text := no.Error(); no.Number != tt.number || !no.Lasting || no.Login || !strings.Contains(text, tt.want) && no.Code != tt.want || strings.Contains(text, "Trace ID") || strings.Contains(text, "{") {
				t.Errorf("%d, lasting %v, login %v: %s", no.Number, no.Lasting, no.Login, text)
			}
		})
	}
}

// What passes by itself is tried again by whoever asks, and the old token serves meanwhile.
func TestBusyProviders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		down  oauthtest.Answer
		after time.Duration // 0: the error says no time
	}{
		{"429 with seconds", oauthtest.Answer{Status: 429, Header: map[string]string{"Retry-After": "17"}}, 17 * time.Second},
		{"429 with a date", oauthtest.Answer{Status: 429, Header: map[string]string{"Retry-After": "Fri, 27 Nov 2026 08:02:00 GMT"}}, 2 * time.Minute},
		{"429 with nothing", oauthtest.Answer{Status: 429}, time.Minute},
		{"429 with a day", oauthtest.Answer{Status: 429, Header: map[string]string{"Retry-After": "86400"}}, time.Hour},
		{"429 in the past", oauthtest.Answer{Status: 429, Header: map[string]string{"Retry-After": "Fri, 27 Nov 2020 08:02:00 GMT"}}, time.Second},
		{"503", oauthtest.Answer{Status: 503, Header: map[string]string{"Retry-After": "-4"}, Body: "<html>"}, time.Minute},
		{"Microsoft's own", oauthtest.Answer{Status: 400, Body: `{"error":"invalid_request","error_description":"AADSTS90033: A transient error","error_codes":[90033]}`}, time.Minute},
		{"no JSON", oauthtest.Answer{Status: 200, Body: "<html>log in to the wifi</html>"}, 0},
		{"nothing", oauthtest.Answer{Status: 200, Body: `{}`}, 0},
		{"no bearer", oauthtest.Answer{Status: 200, Body: `{"access_token":"a","token_type":"MAC"}`}, 0},
		{"a token that ends a header", oauthtest.Answer{Status: 200, Body: `{"access_token":"a\r\nX: y"}`}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, asApp)
			w.srv.Down = []oauthtest.Answer{tt.down}
			_, err := w.source.Token(t.Context())
			var later interface{ RetryAfter() time.Duration }
			if !fault.Is(err, fault.Unavailable) || errors.As(err, &later) != (tt.after > 0) || tt.after > 0 && later.RetryAfter() != tt.after {
				t.Fatalf("%v", err)
			}
			good := w.token()
			w.clock.forward(56 * time.Minute)
			w.srv.Lock()
			w.srv.Down = []oauthtest.Answer{tt.down}
			w.srv.Unlock()
			if old := w.token(); old != good {
				t.Error("the old token was good for three minutes still")
			}
			w.clock.forward(4 * time.Minute)
			w.srv.Lock()
			w.srv.Down = []oauthtest.Answer{tt.down}
			w.srv.Unlock()
			if _, err := w.source.Token(t.Context()); err == nil {
				t.Error("a dead token was given out")
			}
		})
	}
}

// Secrets go to the provider's host only, and no answer leads them elsewhere.
func TestNoRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asApp)
	w.srv.Down = []oauthtest.Answer{{Status: 307, Header: map[string]string{"Location": "https://evil.example.net/token"}}}
	if _, err := w.source.Token(t.Context()); !fault.Is(err, fault.Denied) {
		t.Errorf("%v", err)
	}
	for _, f := range w.srv.Forms {
		if f.Get("host") != "login.microsoftonline.com" {
			t.Errorf("a request went to %s", f.Get("host"))
		}
	}
	if len(w.srv.Forms) != 1 {
		t.Errorf("%d requests", len(w.srv.Forms))
	}
}

func TestOptionsPrintNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asApp)
	w.noSecrets(fmt.Sprintf("%v %+v %#v %s", w.o, w.o, w.o, &w.o))
}

func TestRefreshAndRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if no := w.refused(); !no.Login || !strings.Contains(no.Error(), "postern login support") {
		t.Errorf("before anybody logged in: %v", no)
	}
	w.login("ann@example.com")
	first := w.token()
	if c, _ := oauth.ReadClaims(first); c.Account != "ann@example.com" || !c.Has("https://outlook.office.com/IMAP.AccessAsUser.All") {
		t.Errorf("%+v", c)
	}
	for range 3 {
		w.clock.forward(time.Hour)
		w.token()
	}
	// A restart goes on where the last renewal left, without asking.
	asked := w.srv.Asked("refresh_token")
	w.source = oauth.New(w.o)
	w.token()
	if now := w.srv.Asked("refresh_token"); asked != 3 || now != 3 {
		t.Errorf("refreshed %d times, after the restart %d", asked, now)
	}
	st, err := w.source.Status(t.Context())
	if err != nil || !st.LoggedIn || st.Account != "ann@example.com" || st.By != "root" || st.Problem != "" {
		t.Errorf("%+v, %v", st, err)
	}
	if bytes.Contains(w.store.sealed, []byte("refresh-secret")) || bytes.Contains(w.store.sealed, []byte("ann@example.com")) {
		t.Error("the store can read the login")
	}
}

// A provider that replaces refresh tokens, and ends a login whose old token comes again, is met with a store that fails at the
// worst moment: the new token is not lost, and no token is used that was not saved.
func TestRotatedTokensAreSavedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.srv.Reuse = true
	w.login("ann@example.com")
	w.clock.forward(time.Hour)
	w.store.fail(fault.Errorf(fault.Unavailable, "disk full"))
	for range 3 {
		if tok, err := w.source.Token(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("used before it was saved: %q, %v", tok, err)
		}
	}
	if n := w.srv.Asked("refresh_token"); n != 1 {
		t.Errorf("the spent token was sent %d times", n)
	}
	w.store.fail(nil)
	w.token()
	w.source = oauth.New(w.o)
	w.clock.forward(time.Hour)
	w.token() // by the token that was saved late
}

// Two nodes that renew at once: the slower one takes what the faster one kept.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	for _, reuse := range []bool{false, true} {
		w := newWorld(t, nil)
		w.login("ann@example.com")
		w.clock.forward(time.Hour)
		other := oauth.New(w.o)
		defer other.Close()
		w.store.between = func() {
			if _, err := other.Token(t.Context()); err != nil && !reuse {
				t.Error(err)
			}
		}
		w.srv.Lock()
		w.srv.Reuse = reuse
		w.srv.Unlock()
		tok, err := w.source.Token(t.Context())
		if reuse {
			// The provider has ended the login by then; what is left is to say so.
			w.clock.forward(time.Hour)
			if no := w.refused(); !no.Login {
				t.Errorf("%v", no)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if theirs, err := other.Token(t.Context()); err != nil || theirs != tok {
			t.Errorf("two tokens: %v", err)
		}
	}
}

// Consent that is lost is an error that lasts, for all nodes and over restarts, without asking, until somebody logs in again.
func TestConsentLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.login("ann@example.com")
	w.srv.Revoke()
	w.clock.forward(time.Hour)
	no := w.refused()
	if !no.Login || no.Number != 50173 || !strings.Contains(no.Error(), "revoked") || !strings.Contains(no.Error(), "postern login support") {
		t.Errorf("%+v", no)
	}
	if st, err := w.source.Status(t.Context()); err != nil || st.LoggedIn || !strings.Contains(st.Problem, "AADSTS50173") {
		t.Errorf("%+v, %v", st, err)
	}
	node := oauth.New(w.o)
	for range 20 {
		w.clock.forward(time.Hour)
		w.refused()
		if _, err := node.Token(t.Context()); err == nil {
			t.Error("a token of a login that is lost")
		}
	}
	if n := w.srv.Asked("refresh_token"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	w.login("ann@example.com")
	w.token()
	if _, err := node.Token(t.Context()); err != nil {
		t.Errorf("the other node: %v", err)
	}
	if strings.Count(w.log.String(), "must be logged in again") != 1 {
		t.Errorf("told not once: %s", w.log)
	}
}

// A policy that refuses may allow again: the refresh token is kept.
func TestPolicyComesAndGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.login("ann@example.com")
	w.clock.forward(time.Hour)
	w.srv.Refuse("invalid_grant", 53003)
	if no := w.refused(); no.Login || !no.Lasting {
		t.Errorf("%+v", no)
	}
	w.srv.Say("", "", "")
	w.refused() // not asked yet
	w.clock.forward(10 * time.Minute)
	w.token()
}

// A token that a server does not take is not given to it again.
func TestRefusedByTheServer(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*oauth.Options){nil, asApp} {
		w := newWorld(t, change)
		if change == nil {
			w.login("ann@example.com")
		}
		first := w.token()
		w.source.Refused("another")
		if w.token() != first {
			t.Error("another token's refusal counted")
		}
		w.source.Refused(first)
		if w.token() == first {
			t.Error("the refused token was given again")
		}
	}
}

// A login is for one app at one provider with its scopes: it is sent nowhere else.
func TestLoginForAnotherApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.login("ann@example.com")
	asked := len(w.srv.Forms)
	for _, change := range []func(*oauth.Options){
		func(o *oauth.Options) { o.ClientID = "other" },
		func(o *oauth.Options) { o.Provider, o.TokenURL = oauth.Other, "https://evil.example.net/token" },
		func(o *oauth.Options) { o.Scopes = []string{"offline_access", "everything"} },
		func(o *oauth.Options) { o.Source = "sales" },
	} {
		o := w.o
		change(&o)
		_, err := oauth.New(o).Token(t.Context())
		if no := w.no(err); !no.Login {
			t.Errorf("%+v", no)
		}
	}
	if len(w.srv.Forms) != asked {
		t.Error("something was sent")
	}
}

func TestRefreshTokenOfTheConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.login("ann@example.com")
	var given string
	for i := range 9 {
		given = fmt.Sprintf("refresh-secret-%d", i)
		o := w.o
		o.Store, o.Refresh = &store{}, func() string { return given + "\n" }
		s := oauth.New(o)
		if _, err := s.Token(t.Context()); err == nil {
			// Replaced by the provider, the new one is used from then on; a restart knows.
			w.clock.forward(time.Hour)
			w.srv.Lock()
			w.srv.Reuse = true
			w.srv.Unlock()
			if _, err := oauth.New(o).Token(t.Context()); err != nil {
				t.Error(err)
			}
			return
		} else if no := w.no(err); !no.Login {
			t.Errorf("%+v", no)
		}
	}
	t.Error("no token was taken")
}

func TestKeysThatAreGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.login("ann@example.com")
	ring, err := keys.Init(t.TempDir()+"/postern.key", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.o.Keys = ring
	w.source = oauth.New(w.o)
	if no := w.refused(); !no.Login || !strings.Contains(no.Error(), "key file") {
		t.Errorf("%+v", no)
	}
	w.login("ann@example.com")
	w.token()
}
