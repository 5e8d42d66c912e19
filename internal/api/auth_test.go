package api_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
)

// Without a token only this machine is answered, and nothing that somebody else could be behind.
func TestLoopback(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bound := newWorld(t, func(o *api.Options) { o.Loopback = false })
	for _, tt := range []struct {
		name    string
		headers []string
		ok      bool
	}{
		{"plain", nil, true},
		{"IPv6", []string{"Peer: [::1]:50000", "Host: [::1]:8025"}, true},
		{"mapped IPv4", []string{"Peer: [::ffff:127.0.0.1]:50000"}, true},
		{"localhost", []string{"Host: localhost:8025"}, true},
		{"LocalHost without a port", []string{"Host: LocalHost."}, true},
		{"another of 127/8", []string{"Peer: 127.3.2.1:1", "Host: 127.0.0.53"}, true},
		{"own origin", []string{"Origin: http://127.0.0.1:8025", "Sec-Fetch-Site: same-origin"}, true},
		{"typed into the address bar", []string{"Sec-Fetch-Site: none"}, true},

		{"peer elsewhere", []string{"Peer: 192.0.2.1:50000"}, false},
		{"unix socket", []string{"Peer: @"}, false},
		{"no Host", []string{"Host: "}, false},
		{"Host elsewhere", []string{"Host: postern.example.com"}, false},
		{"rebound name", []string{"Host: 127.0.0.1.example.com:8025"}, false},
		{"localhost as a part", []string{"Host: localhost.example.com"}, false},
		{"a number that some resolve", []string{"Host: 2130706433"}, false},
		{"any address", []string{"Host: 0.0.0.0:8025"}, false},
		{"Forwarded", []string{"Forwarded: for=127.0.0.1"}, false},
		{"X-Forwarded-For", []string{"X-Forwarded-For: 127.0.0.1"}, false},
		{"X-Forwarded-Host, lower case", []string{"x-forwarded-host: localhost"}, false},
		{"X-Forwarded-Anything, empty", []string{"X-Forwarded-Anything: "}, false},
		{"X-Real-IP", []string{"X-Real-IP: 127.0.0.1"}, false},
		{"Via", []string{"Via: 1.1 proxy"}, false},
		{"foreign Origin", []string{"Origin: https://evil.example"}, false},
		{"Origin of another port", []string{"Origin: http://127.0.0.1:3000"}, false},
		{"Origin of another name of ours", []string{"Origin: http://localhost:8025"}, false},
		{"null Origin", []string{"Origin: null"}, false},
		{"two Origins", []string{"Origin: http://127.0.0.1:8025", "Origin: https://evil.example"}, false},
		{"cross-site", []string{"Sec-Fetch-Site: cross-site"}, false},
		{"same-site", []string{"Sec-Fetch-Site: same-site"}, false},
		{"Sec-Fetch-Site of tomorrow", []string{"Sec-Fetch-Site: else"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"/api/v1/issues", "/api/v1/openapi.json", "/metrics", "/readyz?details=true"} {
				a := w.get(path, tt.headers...)
				if tt.ok && a.status != 200 {
					t.Errorf("%s: got %d %s", path, a.status, a.body)
				}
				if !tt.ok {
					if d := w.problem(a, 401); !strings.Contains(d, "postern keys token --name NAME") || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
						t.Errorf("%s: got %q %v", path, d, a.header)
					}
				}
				w.problem(bound.get(path, tt.headers...), 401) // nothing helps where the listener is not bound to loopback
			}
			if a := w.get("/healthz", tt.headers...); a.status != 200 || a.body != "ok\n" {
				t.Errorf("/healthz: got %d %q", a.status, a.body)
			}
			if a := w.get("/readyz", tt.headers...); a.status != 200 || a.body != "ready\n" {
				t.Errorf("/readyz: got %d %q", a.status, a.body)
			}
		})
	}
}

func bearer(secret string) string { return "Authorization: Bearer " + secret }

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.get("/api/v1/issues"); a.status != 200 {
		t.Fatalf("before any token: got %d", a.status)
	}
	w.problem(w.get("/api/v1/issues", bearer("pst_wrong")), 401) // a wrong token is not no token

	made := w.object(w.do("POST", "/api/v1/tokens", `{"name":"ops","scopes":["admin","admin"]}`, "Content-Type: application/json"), 201)
	ops := made["token"].(string)
	if !strings.HasPrefix(ops, "pst_") || len(ops) != 4+43 || made["scopes"].([]any)[0] != "admin" || len(made["scopes"].([]any)) != 1 {
		t.Errorf("got %v", made)
	}
	w.problem(w.get("/api/v1/issues"), 401) // from now on this machine needs one, too, and at once
	if a := w.get("/api/v1/issues", bearer(ops), "Peer: 192.0.2.7:1", "Host: postern.example.com", "Via: 1.1 p"); a.status != 200 {
		t.Errorf("with a token from elsewhere: got %d", a.status)
	}
	for _, h := range []string{"Authorization: Basic b3BzOng=", "Authorization: Bearer", "Authorization: " + ops, "Authorization: Bearer " + ops + "x"} {
		w.problem(w.get("/api/v1/issues", h), 401)
	}
	w.problem(w.get("/api/v1/issues", bearer(ops), bearer(ops)), 401)
	w.problem(w.get("/api/v1/issues?token="+ops), 401)

	list := w.get("/api/v1/tokens", bearer(ops))
	if strings.Contains(list.body, ops) || strings.Contains(list.body, "hash") || len(w.object(list, 200)["items"].([]any)) != 1 {
		t.Errorf("got %s", list.body)
	}
	read := w.token("reader", "read")
	if a := w.get("/api/v1/issues", bearer(read)); a.status != 200 {
		t.Errorf("reader: got %d", a.status)
	}
	w.problem(w.get("/api/v1/tokens", bearer(read)), 403)

	id := w.object(list, 200)["items"].([]any)[0].(map[string]any)["id"].(string)
	for _, it := range w.object(w.get("/api/v1/tokens", bearer(ops)), 200)["items"].([]any) {
		if it.(map[string]any)["name"] == "reader" {
			id = it.(map[string]any)["id"].(string)
		}
	}
	if a := w.do("DELETE", "/api/v1/tokens/"+id, "", bearer(ops)); a.status != 204 {
		t.Errorf("revoke: got %d %s", a.status, a.body)
	}
	w.problem(w.get("/api/v1/issues", bearer(read)), 401)

	var acts []string
	for _, e := range w.object(w.get("/api/v1/events", bearer(ops)), 200)["items"].([]any) {
		acts = append(acts, e.(map[string]any)["actor"].(string)+" "+e.(map[string]any)["action"].(string))
	}
	if got := strings.Join(acts, ", "); got != "token:ops token.revoke, cli token.make, local token.make" {
		t.Errorf("got events %s", got)
	}
}

// A token revoked or made behind our back, by another node, counts within 5 seconds.
func TestRevokedElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.get("/api/v1/issues"); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	made, err := api.Mint(api.NewToken{Name: "x", Scopes: []string{"read"}}, w.clock())
	w.must(err)
	w.must(w.store.AddToken(t.Context(), made.Token))
	w.tick(5 * time.Second)
	w.problem(w.get("/api/v1/issues"), 401)
	if a := w.get("/api/v1/issues", bearer(made.Secret)); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	w.must(w.store.RevokeToken(t.Context(), made.ID))
	w.tick(5 * time.Second)
	w.problem(w.get("/api/v1/issues", bearer(made.Secret)), 401)
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do("POST", "/api/v1/tokens", `{"name":"brief","scopes":["read"],"expiresAt":"2026-03-01T12:00:02Z"}`, "Content-Type: application/json")
	secret := w.object(a, 201)["token"].(string)
	if a := w.get("/api/v1/issues", bearer(secret)); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	w.tick(2 * time.Second) // still remembered, and over all the same
	w.problem(w.get("/api/v1/issues", bearer(secret)), 401)
	w.tick(time.Hour)
	w.problem(w.get("/api/v1/issues"), 401) // an expiry does not open what the token closed
}

func TestScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes(nil))
	w.commit(letter{id: "m1", subject: "x", verdict: "quarantined"})
	secrets := map[string]string{}
	for _, s := range api.Scopes() {
		secrets[s] = w.token(s, s)
	}
	for _, tt := range []struct{ method, path, may string }{
		{"GET", "/api/v1/issues", "read admin"},
		{"GET", "/api/v1/messages", "read admin"},
		{"GET", "/api/v1/messages/m1", "read admin"},
		{"GET", "/api/v1/messages/m1/raw", "read quarantine admin"},
		{"GET", "/api/v1/ledger", "read admin"},
		{"GET", "/api/v1/events", "read admin"},
		{"GET", "/api/v1/quarantine", "read quarantine admin"},
		{"DELETE", "/api/v1/quarantine/m1", "quarantine admin"},
		{"POST", "/api/v1/messages?to=support@example.com", "write admin"},
		{"GET", "/api/v1/rulesets", "rules admin"},
		{"POST", "/api/v1/rulesets", "rules admin"},
		{"POST", "/api/v1/rulesets/1/rollback", "rules admin"},
		{"POST", "/api/v1/rules/check", "rules admin"},
		{"POST", "/api/v1/rules/complete", "rules admin"},
		{"GET", "/api/v1/shadow", "rules admin"},
		{"DELETE", "/api/v1/shadow", "rules admin"},
		{"GET", "/api/v1/tokens", "admin"},
		{"DELETE", "/api/v1/tokens/none", "admin"},
		{"GET", "/api/v1/openapi.json", "read write quarantine rules admin"},
		{"GET", "/metrics", "read admin"},
		{"GET", "/readyz?details=true", "read admin"},
	} {
		for scope, secret := range secrets {
			a := w.do(tt.method, tt.path, "Subject: x\r\n\r\n", bearer(secret), "Content-Type: message/rfc822")
			may := strings.Contains(" "+tt.may+" ", " "+scope+" ")
			if got := a.status != 403; got != may {
				t.Errorf("%s %s with the scope %s: got %d", tt.method, tt.path, scope, a.status)
			}
			if !may && !strings.Contains(a.header.Get("WWW-Authenticate"), "insufficient_scope") {
				t.Errorf("%s %s: got %v", tt.method, tt.path, a.header)
			}
		}
	}
}

// A page of another origin changes nothing, with a token or without.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.PublicURL = "https://postern.example.com/" })
	secret := w.token("x", "admin")
	for _, tt := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"no browser", nil, 404},
		{"our own page", []string{"Sec-Fetch-Site: same-origin"}, 404},
		{"our public page behind a proxy", []string{"Sec-Fetch-Site: same-site", "Origin: https://postern.example.com"}, 404},
		{"another site", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403},
		{"another host of our site", []string{"Sec-Fetch-Site: same-site", "Origin: https://evil.example.com"}, 403},
		{"an old browser", []string{"Origin: https://evil.example"}, 403},
	} {
		if a := w.do("DELETE", "/api/v1/tokens/none", "", append(tt.headers, bearer(secret))...); a.status != tt.status && (tt.status == 403 || a.status == 403) {
			t.Errorf("%s: got %d %s", tt.name, a.status, a.body)
		}
	}
}

// Who a request is from is the peer, unless the peer is a proxy of ours.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	var got netip.Addr
	w := newWorld(t, takes(&got), func(o *api.Options) {
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")}
	})
	secret := w.token("x", "write")
	for _, tt := range []struct {
		peer, forwarded, want string
	}{
		{"192.0.2.1:5", "", "192.0.2.1"},
		{"192.0.2.1:5", "198.51.100.9", "192.0.2.1"}, // a stranger's word
		{"10.0.0.1:5", "198.51.100.9", "198.51.100.9"},
		{"10.0.0.1:5", "1.1.1.1, 198.51.100.9, 10.0.0.7", "198.51.100.9"}, // only what our own wrote counts
		{"[::ffff:10.0.0.1]:5", "2001:db8::1", "2001:db8::1"},
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"10.0.0.1:5", "nonsense", "10.0.0.1"},
	} {
		headers := []string{"Peer: " + tt.peer, bearer(secret), "Content-Type: message/rfc822"}
		if tt.forwarded != "" {
			headers = append(headers, "X-Forwarded-For: "+tt.forwarded)
		}
		if a := w.do("POST", "/api/v1/messages?to=s@example.com", "Subject: x\r\n\r\n", headers...); a.status != 201 || got.String() != tt.want {
			t.Errorf("%s forwarded %q: got %d, %s, want %s", tt.peer, tt.forwarded, a.status, got, tt.want)
		}
	}
}
