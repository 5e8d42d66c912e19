package webhook_test

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/peers"
	"postern/internal/webclient"
	"postern/receiver/webhook"
)

const (
	resendPath = "/hooks/resend/support"
	resendFrom = "https://inbound-cdn.resend.com/receiving/raw/56761188?Signature=x"
)

var (
	resendSecret = []byte("the signing secret of a test")
	resendHook   = webhook.Hook{Name: "rs", Provider: "resend", Mailbox: "support", Keys: []string{"whsec_" + base64.StdEncoding.EncodeToString(resendSecret)}, APIKey: "re_key"}
)

// resendEvent is https://resend.com/docs/webhooks/emails/received.
func resendEvent(t testing.TB, id string) string {
	return asJSON(t, map[string]any{"type": "email.received", "created_at": "2026-11-24T09:59:58.000Z", "data": map[string]any{
		"email_id": id, "created_at": "2026-11-24T09:59:57.894719+00:00", "from": "Ann Lee <ann@example.org>", "to": []string{"support@example.com", "ben@example.net"},
		"bcc": []string{}, "cc": []string{}, "received_for": []string{"support@example.com"}, "message_id": "<office-1@example.org>", "subject": "not what is read",
		"attachments": []any{map[string]any{"id": "2a0c9ce0", "filename": "x.gif", "content_type": "image/gif", "content_disposition": "inline", "content_id": "img001"}},
	}})
}

// resendSigned are the headers of Svix: https://docs.svix.com/receiving/verifying-payloads/how-manual.
func resendSigned(id string, at time.Time, body string) []string {
	stamp := fmt.Sprint(at.Unix())
	mac := hmac256(string(resendSecret), id+"."+stamp+"."+body)
	return []string{"Content-Type: application/json", "svix-id: " + id, "svix-timestamp: " + stamp, "svix-signature: v1,b2xkZXI= v1a,x v1," + b64(mac)}
}

// A resendServer is api.resend.com and the hosts that its links lead to.
type resendServer struct {
	client *webclient.Client

	mu    sync.Mutex
	pages map[string]string // HOST/PATH → body; "404 ", "500 ", "401 " and such in front are statuses
	asked []string          // HOST/PATH and the Authorization that was sent
}

func newResend(t testing.TB) *resendServer {
	t.Helper()
	s := &resendServer{pages: map[string]string{}}
	ca := peers.NewCA(t)
	server := httptest.NewUnstartedServer(s)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Certificate(time.Time{}, "api.resend.com", "inbound-cdn.resend.com", "cdn.resend.app", "evil.example")}}
	server.StartTLS()
	t.Cleanup(server.Close)
	s.client = webclient.New(webclient.Options{Roots: ca.Pool, Private: true, Timeout: 5 * time.Second, Dial: func(string) string { return server.Listener.Addr().String() }})
	return s
}

func (s *resendServer) options(o *webhook.Options) { o.Client = s.client }

func (s *resendServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Host+r.RequestURI+" "+r.Header.Get("Authorization"))
	page, ok := s.pages[r.Host+r.RequestURI]
	s.mu.Unlock()
	status := 404
	if ok {
		status = 200
		if n, err := fmt.Sscanf(page, "%3d ", &status); err != nil || n != 1 || !strings.HasPrefix(page, fmt.Sprint(status, " ")) {
			status = 200
		} else {
			page = page[4:]
		}
	}
	if status == 302 {
		w.Header().Set("Location", page)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, page)
}

// resendAnswer is https://resend.com/docs/api-reference/emails/retrieve-received-email.
func resendAnswer(t testing.TB, raw any) string {
	return asJSON(t, map[string]any{
		"object": "email", "id": "x", "to": []string{"support@example.com"}, "from": "Ann Lee <ann@example.org>", "created_at": "2026-11-24T09:59:57Z", "subject": "Drucker in München",
		"html": `<p>Grüße</p><img src="cid:img001">`, "text": nil, "bcc": []string{}, "cc": []string{}, "reply_to": []string{"r@example.org"}, "message_id": "<office-1@example.org>",
		"headers": map[string]any{"return-path": "<bounces@example.org>", "date": "Tue, 24 Nov 2026 10:29:55 +0100", "mime-version": "1.0", "received": []string{"from a by b", "from c by d"}},
		"raw":     raw,
		"attachments": []any{
			map[string]any{"id": "2a0c9ce0", "filename": "x.gif", "content_type": "image/gif", "content_disposition": "inline", "content_id": "img001", "size": 3},
			map[string]any{"id": "gone", "filename": "Ü.pdf", "content_type": "application/pdf", "content_disposition": "attachment", "content_id": nil, "size": 3},
		},
	})
}

func (s *resendServer) fill(t testing.TB) {
	s.pages = map[string]string{
		"api.resend.com/emails/receiving/raw1?html_format=cid":        resendAnswer(t, map[string]any{"download_url": resendFrom, "expires_at": "2026-11-24T10:59:57Z"}),
		"inbound-cdn.resend.com/receiving/raw/56761188?Signature=x":   eightBitMail,
		"api.resend.com/emails/receiving/parts1?html_format=cid":      resendAnswer(t, nil),
		"api.resend.com/emails/receiving/parts1/attachments/2a0c9ce0": `{"object":"attachment","id":"2a0c9ce0","download_url":"https://cdn.resend.app/a?Signature=y"}`,
		"cdn.resend.app/a?Signature=y":                                "GIF",
		"api.resend.com/emails/receiving/broken?html_format=cid":      "{",
		"api.resend.com/emails/receiving/key?html_format=cid":         "401 {}",
		"api.resend.com/emails/receiving/slow?html_format=cid":        "429 {}",
		"api.resend.com/emails/receiving/evil?html_format=cid":        resendAnswer(t, map[string]any{"download_url": "https://evil.example/x"}),
		"api.resend.com/emails/receiving/http?html_format=cid":        resendAnswer(t, map[string]any{"download_url": "http://cdn.resend.app/a"}),
		"api.resend.com/emails/receiving/file?html_format=cid":        resendAnswer(t, map[string]any{"download_url": "file:///etc/passwd"}),
		"api.resend.com/emails/receiving/redirected?html_format=cid":  resendAnswer(t, map[string]any{"download_url": "https://cdn.resend.app/r"}),
		"cdn.resend.app/r":      "302 https://evil.example/x",
		"evil.example/x":        mailText,
		"evil.example/emails/x": mailText,
	}
}

func TestResend(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{"raw": "raw1", "parts": "parts1"} {
		body := resendEvent(t, id)
		made(t, "resend", name, resendPath, body, resendSigned("msg_"+name, start, body)...)
	}
	other := `{"type":"email.delivered","data":{}}`
	made(t, "resend", "other-event", resendPath, other, resendSigned("msg_o", start.Add(-time.Minute), other)...)
	s := newResend(t)
	s.fill(t)
	golden(t, s.options, resendHook)
	t.Cleanup(func() {
		for _, a := range s.asked {
			if host, _, _ := strings.Cut(a, "/"); strings.HasSuffix(a, " Bearer re_key") != (host == "api.resend.com") {
				t.Errorf("the API key: %s", a)
			}
		}
	})
}

func TestResendWrong(t *testing.T) {
	t.Parallel()
	s := newResend(t)
	s.fill(t)
	good := resendEvent(t, "raw1")
	signed := func(body string) []string { return resendSigned("msg_1", start, body) }
	h := signed(good)
	cases := []wrong{
		{"nothing", good, nil, 401, "svix-id"},
		{"no id", good, []string{h[0], h[2], h[3]}, 401, "svix-id"},
		{"no time", good, []string{h[1], "svix-timestamp: now", h[3]}, 401, "svix-timestamp"},
		{"another id", good, []string{"svix-id: msg_2", h[2], h[3]}, 401, "fits none"},
		{"another time", good, []string{h[1], "svix-timestamp: 1", h[3]}, 401, "fits none"},
		{"another body", good + " ", h, 401, "fits none"},
		{"cut short", good[:50], h, 401, "fits none"},
		{"another version", good, []string{h[1], h[2], strings.ReplaceAll(h[3], "v1,", "v2,")}, 401, "fits none"},
		{"too old", good, resendSigned("msg_1", start.Add(-6*time.Minute), good), 401, "too far from our clock"},
		{"of the future", good, resendSigned("msg_1", start.Add(6*time.Minute), good), 401, "too far from our clock"},
	}
	for _, c := range []struct {
		name, body, want string
		status           int
	}{
		{"a list", "[]", "at $: want object", 400},
		{"cut and signed", good[:50], "$", 400},
		{"type a list", `{"type":["email.received"]}`, "at $.type: want text, got list", 400},
		{"id a list", `{"type":"email.received","data":{"email_id":["x"]}}`, "at $.data.email_id: want text, got list", 400},
		{"id a path", `{"type":"email.received","data":{"email_id":"../domains"}}`, "is no id", 400},
		{"received_for a text", `{"type":"email.received","data":{"email_id":"raw1","received_for":"x"}}`, "at $.data.received_for: want list, got text", 400},
		{"not there yet", resendEvent(t, "unknown"), "answered 404", 503},
		{"the key is wrong", resendEvent(t, "key"), "API key", 503},
		{"too many requests", resendEvent(t, "slow"), "answered 429", 503},
		{"no JSON", resendEvent(t, "broken"), "the answer of api.resend.com", 503},
		{"a link elsewhere", resendEvent(t, "evil"), "leads elsewhere", 503},
		{"a link without TLS", resendEvent(t, "http"), "leads elsewhere", 503},
		{"a link to a file", resendEvent(t, "file"), "leads elsewhere", 503},
		{"a redirect", resendEvent(t, "redirected"), "answered 302", 503},
	} {
		cases = append(cases, wrong{c.name, c.body, signed(c.body), c.status, c.want})
	}
	refused(t, s.options, resendHook, resendPath, cases)
	for _, a := range s.asked {
		if strings.HasPrefix(a, "evil.example") {
			t.Errorf("asked %s", a)
		}
	}
	again(t, s.options, resendHook, resendPath, good, h...)
	keyless := resendHook
	keyless.APIKey = ""
	refused(t, s.options, keyless, resendPath, []wrong{{"no API key", good, h, 503, "api-key-file"}})
}

// TestResendReplay: an id that was used proves nothing else.
func TestResendReplay(t *testing.T) {
	t.Parallel()
	s := newResend(t)
	s.fill(t)
	g := newRig(t, s.options, resendHook)
	one, two := resendEvent(t, "raw1"), resendEvent(t, "parts1")
	if w := g.post(resendPath, one, resendSigned("msg_1", start, one)...); w.Code != 200 {
		t.Fatalf("got %d", w.Code)
	}
	if w := g.post(resendPath, two, resendSigned("msg_1", start, two)...); w.Code != 401 || len(g.mails()) != 1 {
		t.Errorf("the id of another request: got %d, %d mails", w.Code, len(g.mails()))
	}
}
