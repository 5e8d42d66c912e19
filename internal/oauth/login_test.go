package oauth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/oauth"
	"postern/internal/oauthtest"
)

func TestDeviceCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	p, err := w.source.Device(t.Context(), "root")
	if err != nil {
		t.Fatal(err)
	}
	if p.URL != "https://login.microsoft.com/device" || p.Code == "" {
		t.Errorf("%q %q", p.URL, p.Code)
	}
	poll := func(done bool, wait time.Duration) {
		t.Helper()
		if d, wt, err := p.Poll(t.Context()); err != nil || d != done || wt != wait {
			t.Errorf("done %v, wait %v, %v; want %v, %v", d, wt, err, done, wait)
		}
	}
	asked := func(n int) {
		t.Helper()
		if got := w.srv.Asked("urn:ietf:params:oauth:grant-type:device_code"); got != n {
			t.Errorf("asked %d times, want %d", got, n)
		}
	}
	poll(false, 5*time.Second)
	asked(0) // too soon
	w.clock.forward(5 * time.Second)
	poll(false, 5*time.Second)
	asked(1)
	w.srv.Lock()
	w.srv.Down = []oauthtest.Answer{{Status: 400, Body: `{"error":"slow_down"}`}, {Status: 502}}
	w.srv.Unlock()
	w.clock.forward(5 * time.Second)
	poll(false, 10*time.Second) // RFC 8628 section 3.5
	w.clock.forward(5 * time.Second)
	poll(false, 5*time.Second)
	asked(2)
	w.clock.forward(5 * time.Second)
	poll(false, 20*time.Second) // a connection that fails
	w.srv.Approve(p.Code, "ann@example.com", true)
	w.clock.forward(20 * time.Second)
	poll(true, 0)
	poll(true, 0)
	asked(4)
	w.token()
}

func TestDeviceCodeThatNobodyEnters(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"expired": "expired", "declined": "said no", "gone": "not known"} {
		w := newWorld(t, nil)
		p, err := w.source.Device(t.Context(), "root")
		if err != nil {
			t.Fatal(err)
		}
		switch name {
		case "expired":
			w.clock.forward(15 * time.Minute)
		case "declined":
			w.srv.Approve(p.Code, "ann@example.com", false)
			w.clock.forward(5 * time.Second)
		case "gone":
			w.srv.Down = []oauthtest.Answer{{Status: 400, Body: `{"error":"bad_verification_code"}`}}
			w.clock.forward(5 * time.Second)
		}
		_, _, err = p.Poll(t.Context())
		if no := w.no(err); !strings.Contains(no.Error(), want) || !strings.Contains(no.Error(), "postern login support") {
			t.Errorf("%s: %v", name, no)
		}
		if w.store.writes != 0 {
			t.Errorf("%s: something was kept", name)
		}
	}
}

func google(o *oauth.Options) {
	o.Provider, o.ClientID, o.ClientSecret = oauth.Google, "desktop", func() string { return secret }
}

func TestBrowser(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, redirect string
		change         func(*oauth.Options)
	}{
		{"Google", "http://127.0.0.1:4711/", google},
		{"Microsoft", "http://localhost:4711/", nil},
		{"other", "http://127.0.0.1:4711/", func(o *oauth.Options) {
			o.Provider, o.TokenURL, o.AuthURL, o.Scopes = oauth.Other, "https://idp.example.com/token", "https://idp.example.com/authorize", []string{"mail", "offline_access"}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.change)
			w.srv.Apps["desktop"] = &oauthtest.App{ID: "desktop", Secret: secret}
			w.srv.Keep = tt.name == "Google"
			if tt.name != "Microsoft" {
				if _, err := w.source.Device(t.Context(), "root"); !fault.Is(err, fault.Invalid) {
					t.Errorf("a device code: %v", err)
				}
			}
			p, err := w.source.Browser(tt.redirect, "root")
			if err != nil {
				t.Fatal(err)
			}
			w.noSecrets(p.URL)
			stale, err := w.source.Browser(tt.redirect, "root")
			if err != nil {
				t.Fatal(err)
			}
			back := func(address string, yes bool) url.Values {
				t.Helper()
				to, err := w.srv.Visit(address, "support@example.com", yes)
				if err != nil {
					t.Fatal(err)
				}
				u, err := url.Parse(to)
				if err != nil || !strings.HasPrefix(to, tt.redirect) {
					t.Fatalf("sent back to %q, %v", to, err)
				}
				return u.Query()
			}
			// The answer to another question, a stranger's code, half an address: none of them is believed.
			for _, q := range []url.Values{back(stale.URL, true), {}, {"code": {"code-1"}}, {"state": {""}}} {
				if err := p.Finish(t.Context(), q); !fault.Is(err, fault.Denied) {
					t.Errorf("%v: %v", q, err)
				}
			}
			if err := stale.Finish(t.Context(), back(stale.URL, false)); !strings.Contains(w.no(err).Error(), "said no") {
				t.Errorf("declined: %v", err)
			}
			if n := w.srv.Asked("authorization_code"); n != 0 {
				t.Errorf("%d codes were spent", n)
			}
			if err := p.Finish(t.Context(), back(p.URL, true)); err != nil {
				t.Fatal(err)
			}
			if done, _, err := p.Poll(t.Context()); !done || err != nil {
				t.Errorf("%v, %v", done, err)
			}
			w.clock.forward(2 * time.Hour)
			w.token()
			w.clock.forward(2 * time.Hour)
			w.token()
		})
	}
}

func TestBrowserRedirects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, google)
	for _, r := range []string{"", "https://127.0.0.1:1/", "http://evil.example.net:80/", "http://127.0.0.1/", "http://localhost:5/", "::"} {
		if _, err := w.source.Browser(r, "root"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", r, err)
		}
	}
}

// serviceFile makes a key file as Google's, and tells the server of it.
func serviceFile(t *testing.T, srv *oauthtest.Server, bits int, change map[string]string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := map[string]string{"type": "service_account", "client_email": "postern@project.iam.example.com", "client_id": "1234567890", "private_key_id": "k1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": "https://oauth2.googleapis.com/token"}
	for k, v := range change {
		file[k] = v
	}
	if srv != nil {
		srv.Service[file["client_email"]] = &key.PublicKey
	}
	b, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestServiceAccount(t *testing.T) {
	t.Parallel()
	file := ""
	w := newWorld(t, func(o *oauth.Options) {
		o.Provider, o.Flow, o.ServiceKey = oauth.Google, oauth.ServiceAccount, func() string { return file }
	})
	file = serviceFile(t, w.srv, 2048, nil)
	w.srv.Users["support@example.com"] = true
	first := w.token()
	w.clock.forward(time.Hour)
	if w.token() == first {
		t.Error("not renewed")
	}
	tests := []struct {
		name string
		do   func()
		undo func()
		want string
	}{
		{"delegation", func() { w.srv.Trusted = false }, func() { w.srv.Trusted = true }, "add client ID 1234567890 with the scopes https://mail.google.com/"},
		{"user", func() { w.srv.Users = map[string]bool{} }, func() { w.srv.Users["support@example.com"] = true }, "no user support@example.com"},
		{"clock", func() { w.srv.Now = func() time.Time { return w.clock.Now().Add(-time.Hour) } }, func() { w.srv.Now = w.clock.Now }, "clock"},
		{"key", func() { clear(w.srv.Service) }, func() {}, "Make a new key"},
	}
	for _, tt := range tests {
		w.clock.forward(time.Hour)
		w.srv.Lock()
		tt.do()
		w.srv.Unlock()
		if no := w.refused(); no.Login || !strings.Contains(no.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, no)
		}
		w.srv.Lock()
		tt.undo()
		w.srv.Unlock()
	}
}

func TestServiceAccountFiles(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, want string }{
		{"foreign token_uri", serviceFile(t, nil, 2048, map[string]string{"token_uri": "https://evil.example.net/token"}), "evil.example.net, which is not Google"},
		{"token_uri with a user", serviceFile(t, nil, 2048, map[string]string{"token_uri": "https://oauth2.googleapis.com@evil.example.net/token"}), "not Google"},
		{"short key", serviceFile(t, nil, 1024, nil), "2048 bits"},
		{"no key", serviceFile(t, nil, 2048, map[string]string{"private_key": "PRIVATE KEY"}), "PEM"},
		{"another file", `{"installed":{}}`, "service account"},
		{"no JSON", "PRIVATE KEY", "JSON"},
		{"nothing", "", "JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *oauth.Options) {
				o.Provider, o.Flow, o.ServiceKey = oauth.Google, oauth.ServiceAccount, func() string { return tt.file }
			})
			_, err := w.source.Token(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v", err)
			}
			w.noSecrets(err.Error())
			if len(w.srv.Forms) != 0 {
				t.Error("something was sent")
			}
		})
	}
}

func TestGooglesWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code, says, sub, want string
		login                 bool
	}{
		{"invalid_grant", "Token has been expired or revoked.", "", "publishing status is Testing", true},
		{"invalid_grant", "reauth related error (invalid_rapt)", "invalid_rapt", "session control", true},
		{"invalid_grant", "Bad Request", "", "postern login support", true},
		{"invalid_client", "Unauthorized", "", "Google Cloud console", false},
		{"admin_policy_enforced", "", "", "trusted", false},
	}
	for _, tt := range tests {
		w := newWorld(t, google)
		w.srv.Apps["desktop"] = &oauthtest.App{ID: "desktop", Secret: secret}
		p, err := w.source.Browser("http://127.0.0.1:1/", "root")
		if err != nil {
			t.Fatal(err)
		}
		to, err := w.srv.Visit(p.URL, "support@example.com", true)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(to)
		if err := p.Finish(t.Context(), u.Query()); err != nil {
			t.Fatal(err)
		}
		w.clock.forward(time.Hour)
		w.srv.Say(tt.code, tt.says, tt.sub)
		if no := w.refused(); no.Login != tt.login || !strings.Contains(no.Error(), tt.want) {
			t.Errorf("%s %q: login %v: %v", tt.code, tt.says, no.Login, no)
		}
	}
}

// A provider that answers with our own secrets, or with control characters, spoils no log.
func TestEchoedSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asApp)
	w.srv.Say("invalid_thing", "the secret "+secret+" is wrong\x1b[2J\r\nadmin: ok "+strings.Repeat("x", 5000), "")
	no := w.refused()
	if text := no.Error(); strings.ContainsAny(text, "\x1b\r\n") || len(text) > 800 || !strings.Contains(text, "***") {
		t.Errorf("%q", text)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(200, `{"access_token":"a","expires_in":"3599"}`)
	f.Add(400, `{"error":"invalid_grant","error_codes":[50173]}`)
	f.Add(200, `{"access_token":"a","expires_in":1e300,"error_codes":[]}`)
	f.Add(400, `{"error":1}`)
	w := newWorld(f, asApp)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 || status == 204 || status == 304 {
			return
		}
		w.srv.Lock()
		w.srv.Down, w.srv.Forms = []oauthtest.Answer{{Status: status, Body: body}}, nil
		w.srv.Unlock()
		tok, err := oauth.New(w.o).Token(t.Context())
		if (err == nil) != (tok != "") || strings.ContainsAny(tok, " \r\n") {
			t.Errorf("%q, %v", tok, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\r\n\x1b") {
			t.Errorf("%q", err)
		}
	})
}
