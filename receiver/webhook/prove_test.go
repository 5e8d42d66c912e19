package webhook_test

import (
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/receiver/webhook"
)

const mailText = "From: ann@example.org\r\nTo: support@example.com\r\nSubject: hello\r\n\r\nIt is broken.\r\n"

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

const (
	rawType = "Content-Type: message/rfc822"
	secretA = "0123456789abcdef-support"
	secretB = "0123456789abcdef-sales"
)

// TestProof: a secret is valid for its provider and mailbox, wherever it is shown, and for nothing else. Whoever shows none hears the
// same as whoever asks for what does not exist.
func TestProof(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *webhook.Options) { o.Loopback = true },
		webhook.Hook{Name: "a", Provider: "raw", Mailbox: "support", Secret: secretA},
		webhook.Hook{Name: "a2", Provider: "raw", Mailbox: "support", Secret: secretA + "-new", User: "actionmailbox"},
		webhook.Hook{Name: "b", Provider: "raw", Mailbox: "sales", Secret: secretB},
		webhook.Hook{Name: "odd", Provider: "raw", Mailbox: "-", Secret: "a/b c%d?e#f-0123456789"},
	)
	const path = "/hooks/raw/support"
	for _, tt := range []struct {
		name, path string
		headers    []string
		hook       string // "": refused
	}{
		{"in the path", path + "/" + secretA, nil, "a"},
		{"bearer", path, []string{"Authorization: Bearer " + secretA}, "a"},
		{"bearer, small", path, []string{"Authorization: bearer  " + secretA}, "a"},
		{"basic, any user", path, []string{basic("who", secretA)}, "a"},
		{"basic, no user", path, []string{basic("", secretA)}, "a"},
		{"the other of two", path, []string{basic("actionmailbox", secretA+"-new")}, "a2"},
		{"the other, in the path", path + "/" + secretA + "-new", nil, "a2"},
		{"in the path, another as bearer", path + "/" + secretA, []string{"Authorization: Bearer of-something-else"}, "a"},
		{"any bytes", "/hooks/raw/-/a%2Fb%20c%25d%3Fe%23f-0123456789?to=support@example.com", nil, "odd"},

		{"nothing", path, nil, ""},
		{"an empty one", path + "/", nil, ""},
		{"wrong", path + "/" + secretA + "x", nil, ""},
		{"a beginning", path + "/" + secretA[:10], nil, ""},
		{"wrong user", path, []string{basic("mallory", secretA+"-new")}, ""},
		{"no user", path, []string{basic("", secretA+"-new")}, ""},
		{"the secret as the user", path, []string{basic(secretA, "")}, ""},
		{"basic as bearer", path, []string{"Authorization: Basic " + secretA}, ""},
		{"another scheme", path, []string{"Authorization: Token " + secretA}, ""},
		{"twice", path, []string{"Authorization: Bearer " + secretA, "Authorization: Bearer " + secretA}, ""},
		{"twice, one wrong", path, []string{"Authorization: Bearer x", "Authorization: Bearer " + secretA}, ""},
		{"of the other mailbox", path + "/" + secretB, nil, ""},
		{"for the other mailbox", "/hooks/raw/sales/" + secretA, nil, ""},
		{"for all mailboxes", "/hooks/raw/-/" + secretA, nil, ""},
		{"for another provider", "/hooks/json/support/" + secretA, nil, ""},
		{"for no provider", "/hooks/rat/support/" + secretA, nil, ""},
		{"for no mailbox", "/hooks/raw/nobody/" + secretA, nil, ""},
		{"in the query", path + "?secret=" + secretA, nil, ""},
		{"twice in the path", path + "//" + secretA, nil, "no path"},
		{"as the mailbox", "/hooks/raw/" + secretA, nil, ""},
		{"capitals", "/hooks/raw/Support/" + secretA, nil, ""},
		{"a path within", "/hooks/raw/sales/../support/" + secretA, nil, "no path"},
		{"from this machine", path, []string{"Host: 127.0.0.1", "Peer: 127.0.0.1:9"}, ""},
	} {
		before := len(g.mails())
		r := httptest.NewRequest("POST", tt.path, strings.NewReader(mailText))
		r.Header.Set("Content-Type", "message/rfc822")
		for _, h := range tt.headers {
			name, value, _ := strings.Cut(h, ": ")
			switch name {
			case "Host":
				r.Host = value
			case "Peer":
				r.RemoteAddr = value
			default:
				r.Header.Add(name, value)
			}
		}
		w := g.do(r)
		mails := g.mails()[before:]
		switch tt.hook {
		case "":
			if w.Code != 401 || w.Body.String() != "unauthorized\n" || w.Header().Get("WWW-Authenticate") != `Basic realm="postern", charset="UTF-8"` || len(mails) > 0 {
				t.Errorf("%s: got %d %q %v, %d mails", tt.name, w.Code, w.Body, w.Header(), len(mails))
			}
		case "no path":
			if w.Code != 404 || len(mails) > 0 {
				t.Errorf("%s: got %d", tt.name, w.Code)
			}
		default:
			if w.Code != 204 || len(mails) != 1 || mails[0].env.Source != tt.hook || mails[0].raw != mailText {
				t.Errorf("%s: got %d, %+v", tt.name, w.Code, mails)
			}
		}
	}
	if log := g.log.String(); strings.Contains(log, secretA) || strings.Contains(log, secretB) {
		t.Errorf("a secret is in the log:\n%s", log)
	}
	for _, line := range g.refused {
		if strings.Contains(line, "0123456789") {
			t.Errorf("a secret is in the ledger: %s", line)
		}
	}
}

// TestProofless: a hook that has neither secret nor key is for this machine, as the API without a token.
func TestProofless(t *testing.T) {
	t.Parallel()
	hook := webhook.Hook{Name: "a", Provider: "raw", Mailbox: "support"}
	for _, tt := range []struct {
		name     string
		loopback bool
		peer     string
		host     string
		header   string
		ok       bool
	}{
		{"this machine", true, "127.0.0.1:9", "localhost:8025", "", true},
		{"IPv6", true, "[::1]:9", "[::1]:8025", "", true},
		{"the listener is open", false, "127.0.0.1:9", "localhost:8025", "", false},
		{"elsewhere", true, "192.0.2.1:9", "localhost:8025", "", false},
		{"by another name", true, "127.0.0.1:9", "postern.example.com", "", false},
		{"through a proxy", true, "127.0.0.1:9", "localhost:8025", "X-Forwarded-For: 192.0.2.1", false},
		{"through another", true, "127.0.0.1:9", "localhost:8025", "Forwarded: for=127.0.0.1", false},
		{"from a page", true, "127.0.0.1:9", "localhost:8025", "Origin: https://evil.example", false},
		{"from a page, said otherwise", true, "127.0.0.1:9", "localhost:8025", "Sec-Fetch-Site: cross-site", false},
	} {
		g := newRig(t, func(o *webhook.Options) { o.Loopback = tt.loopback }, hook)
		r := httptest.NewRequest("POST", "/hooks/raw/support", strings.NewReader(mailText))
		r.RemoteAddr, r.Host = tt.peer, tt.host
		r.Header.Set("Content-Type", "message/rfc822")
		if name, value, ok := strings.Cut(tt.header, ": "); ok {
			r.Header.Set(name, value)
		}
		w := g.do(r)
		if tt.ok != (w.Code == 204) || tt.ok != (len(g.mails()) == 1) || !tt.ok && w.Code != 401 {
			t.Errorf("%s: got %d, %d mails", tt.name, w.Code, len(g.mails()))
		}
	}
}
