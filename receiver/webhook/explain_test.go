package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/internal/spool"
	"postern/receiver/webhook"
)

// TestExplain: what a request proves is said step by step, and no key and no secret with it.
func TestExplain(t *testing.T) {
	t.Parallel()
	mailersend := webhook.Hook{Name: "ms", Provider: "mailersend", Mailbox: "support", Keys: []string{"a-key-that-nobody-knows"}}
	both := mailersend
	both.Secret = secretA
	const body = `{"type":"inbound.message"}`
	const signed = "Signature: 3a5f1f1ad5c5ac0ba5b8a7fb0a6d5fca1b1c0a2f93a7bd70b0f4c9d2f7f2c1aa"
	for _, tt := range []struct {
		name    string
		hook    webhook.Hook
		path    string
		headers []string
		proven  bool
		says    []string
	}{
		{"secret", rawHook, rawPath, nil, true, []string{"path: /hooks/raw/support is this hook's", "secret: it fits", "signature: any program signs nothing"}},
		{"another", rawHook, "/hooks/raw/support/x", nil, false, []string{"secret: the one that was shown is not the hook's"}},
		{"none", rawHook, "/hooks/raw/support", nil, false, []string{"secret: none was shown"}},
		{"blanked", rawHook, "/hooks/raw/support", []string{"Authorization: Bearer ***"}, true, []string{"secret: one was shown in Authorization, and blanked"}},
		{"twice", rawHook, "/hooks/raw/support", []string{"Authorization: Bearer a", "Authorization: Bearer b"}, false, []string{"is there twice"}},
		{"another path", rawHook, "/hooks/raw/sales/" + secretA, nil, true, []string{"is not this hook's"}},
		{"no proof", webhook.Hook{Name: "n", Provider: "raw", Mailbox: "support"}, "/hooks/raw/support", nil, false, []string{"only requests from this machine"}},
		{"unsigned", mailersend, "/hooks/mailersend/support", nil, false, []string{"signature: it does not count: no header Signature"}},
		{"signed otherwise", mailersend, "/hooks/mailersend/support", []string{signed}, false, []string{"signature: signed are the 26 bytes of the body", "fits none of the keys"}},
		{"both, and neither fits", both, "/hooks/mailersend/support/x", []string{signed}, false, []string{"secret: the one that was shown is not", "fits none of the keys"}},
	} {
		r, err := http.NewRequest("POST", tt.path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range tt.headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Add(name, value)
		}
		dir, err := spool.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		req, err := webhook.NewRequest(dir, r, start)
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		tools := &webhook.Tools{Spool: dir, Now: func() time.Time { return start }, Once: func(context.Context, string, string, time.Time) error { return nil }}
		proven, err := webhook.Explain(t.Context(), tools, &tt.hook, r, req, func(s string) { steps = append(steps, s) })
		if err != nil || proven != tt.proven {
			t.Errorf("%s: proven %t, %v", tt.name, proven, err)
		}
		all := strings.Join(steps, "\n")
		for _, want := range tt.says {
			if !strings.Contains(all, want) {
				t.Errorf("%s: lacks %q:\n%s", tt.name, want, all)
			}
		}
		if strings.Contains(all, secretA) || strings.Contains(all, "nobody-knows") {
			t.Errorf("%s: tells a secret:\n%s", tt.name, all)
		}
	}
}

// TestCapture: a record is the request as it came, but for what would let its reader send others.
func TestCapture(t *testing.T) {
	t.Parallel()
	body := "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\x00\xff\r\n--b--\r\n"
	r, err := http.NewRequest("POST", "http://postern.example.com/hooks/sparkpost/support/"+secretA+"?a=b", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []string{basic("user", secretA), "Proxy-Authorization: Digest " + secretA, "Cookie: s=" + secretA, "X-MessageSystems-Webhook-Token: " + secretA, "Content-Type: multipart/form-data; boundary=b", "X-Signature: kept", "Transfer-Encoding: chunked"} {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	var out strings.Builder
	if err := webhook.WriteCapture(&out, r, webhook.Lookup("sparkpost"), []byte(body), start); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("POST /hooks/sparkpost/support/%%2A%%2A%%2A?a=b HTTP/1.1\r\nHost: postern.example.com\r\nAuthorization: Basic ***\r\nContent-Length: %d\r\n"+
		"Content-Type: multipart/form-data; boundary=b\r\nCookie: ***\r\nProxy-Authorization: ***\r\nX-Messagesystems-Webhook-Token: ***\r\nX-Postern-Captured: 2026-11-24T10:00:00Z\r\nX-Signature: kept\r\n\r\n%s", len(body), body)
	if out.String() != want {
		t.Errorf("got\n%q\nwant\n%q", out.String(), want)
	}
	back, err := webhook.ReadCapture(strings.NewReader(out.String()))
	if err != nil || !webhook.CapturedAt(back).Equal(start) {
		t.Errorf("read back: %v, %v", back, err)
	}
	if _, err := webhook.ReadCapture(strings.NewReader("no request")); err == nil {
		t.Error("read what is none")
	}
}
