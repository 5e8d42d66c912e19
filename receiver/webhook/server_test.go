package webhook_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/internal/intake"
	"postern/receiver/webhook"
)

var rawHook = webhook.Hook{Name: "a", Provider: "raw", Mailbox: "support", Secret: secretA}

const rawPath = "/hooks/raw/support/" + secretA

// TestAnswers: what each fault and each verdict is answered with, and what is counted.
func TestAnswers(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *webhook.Options) { o.Limits.Body = 1000 }, rawHook)
	g.verdict = func(mail string) intake.Verdict {
		_, v, _ := strings.Cut(mail, "Verdict: ")
		return intake.Verdict(strings.TrimSpace(v))
	}
	for _, tt := range []struct {
		name, body string
		headers    []string
		status     int
		result     string
	}{
		{"committed", "Verdict: committed", nil, 204, "taken"},
		{"discarded", "Verdict: discarded", nil, 204, "taken"},
		{"quarantined", "Verdict: quarantined", nil, 204, "taken"},
		{"rejected", "Verdict: rejected", nil, 422, "rejected"},
		{"later", "Verdict: try later", nil, 503, "later"},
		{"a verdict of tomorrow", "Verdict: else", nil, 204, "taken"},
		{"empty", "", nil, 400, "malformed"},
		{"no type", "x", []string{""}, 415, "malformed"},
		{"another type", "x", []string{"Content-Type: text/plain"}, 415, "malformed"},
		{"two types", "x", []string{rawType, rawType}, 415, "malformed"},
		{"type with parameters", "Verdict: committed", []string{"Content-Type: Message/RFC822; charset=utf-8"}, 204, "taken"},
		{"packed", "x", []string{rawType, "Content-Encoding: gzip"}, 415, "malformed"},
		{"not packed", "Verdict: committed", []string{rawType, "Content-Encoding: identity"}, 204, "taken"},
		{"as large as may be", strings.Repeat("x", 982) + "Verdict: committed", nil, 204, "taken"},
		{"too large", strings.Repeat("x", 1001), nil, 413, "too large"},
		{"denied", "Verdict: committed", []string{rawType, "X-Envelope-To: denied@example.com"}, 422, "rejected"},
		{"later, for one of two", "Verdict: committed", []string{rawType, "X-Envelope-To: retry@example.com, support@example.com"}, 503, "later"},
		{"denied, one of two", "Verdict: committed", []string{rawType, "X-Envelope-To: denied@example.com,support@example.com"}, 204, "taken"},
	} {
		headers := tt.headers
		if headers == nil {
			headers = []string{rawType}
		}
		w := g.post(rawPath, tt.body, headers...)
		if w.Code != tt.status || strings.TrimSpace(strings.TrimPrefix(g.result(), "a")) != tt.result {
			t.Errorf("%s: got %d, %s: %s", tt.name, w.Code, g.result(), w.Body)
		}
		if (w.Code == 503) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s: Retry-After %q", tt.name, w.Header().Get("Retry-After"))
		}
	}
	g.begin = errors.New("down")
	if w := g.post(rawPath, "x", rawType); w.Code != 503 {
		t.Errorf("without a road: got %d", w.Code)
	}
	if w := g.post(rawPath+"x", "x", rawType); w.Code != 401 {
		t.Errorf("unproven, without a ledger: got %d", w.Code)
	}
}

// TestSetup: providers look whether somebody is there before they save a hook. They, and everybody else, see the same.
func TestSetup(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil, rawHook)
	for _, path := range []string{"/hooks/raw/support", rawPath, "/hooks/none/nobody"} {
		for _, method := range []string{"GET", "HEAD"} {
			if w := g.do(httptest.NewRequest(method, path, nil)); w.Code != 200 || w.Body.Len() > 0 {
				t.Errorf("%s %s: got %d %q", method, path, w.Code, w.Body)
			}
		}
		if w := g.do(httptest.NewRequest("DELETE", path, nil)); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD, POST" {
			t.Errorf("DELETE %s: got %d", path, w.Code)
		}
	}
	for _, path := range []string{"/hooks/raw", "/hooks/", "/hooks//support", "/hooks/raw/a/b/c"} {
		if w := g.do(httptest.NewRequest("POST", path, nil)); w.Code != 404 {
			t.Errorf("POST %s: got %d", path, w.Code)
		}
	}
}

// TestRecipients: MAILBOX decides; for "-" the envelope does, or else the mail's header, among the hook's mailboxes.
func TestRecipients(t *testing.T) {
	t.Parallel()
	const many = "/hooks/raw/-/" + secretA
	for _, tt := range []struct {
		name, mailbox string
		mailboxes     []string
		query, header string
		status        int
		to            string
	}{
		{"the mailbox's own", "support", nil, "", "", 204, "[support]"},
		{"another's address", "support", nil, "?to=sales@example.com", "", 204, "[support sales@example.com]"},
		{"two of one mailbox", "support", nil, "?to=a@example.net&to=b@example.net", "", 204, "[support a@example.net support b@example.net]"},
		{"by envelope", "-", nil, "?to=sales@example.com&to=support@example.com", "", 204, "[sales sales@example.com support support@example.com]"},
		{"by envelope, one unknown", "-", nil, "?to=sales@example.com&to=x@example.net", "", 204, "[sales sales@example.com]"},
		{"by envelope, unknown", "-", nil, "?to=x@example.net", "To: support@example.com", 422, ""},
		{"by envelope, may not", "-", []string{"support"}, "?to=sales@example.com", "", 422, ""},
		{"by envelope, may one", "-", []string{"support"}, "?to=sales@example.com&to=support%2B1@example.com", "", 204, "[support support+1@example.com]"},
		{"by header", "-", nil, "", "To: Us <support@example.com>, x@example.net\r\nCc: sales@example.com", 204, "[support support@example.com sales sales@example.com]"},
		{"as delivered", "-", nil, "", "Delivered-To: sales@example.com\r\nTo: support@example.com", 204, "[sales sales@example.com]"},
		{"delivered elsewhere before", "-", nil, "", "Delivered-To: ann@example.net\r\nTo: support@example.com", 204, "[support support@example.com]"},
		{"below a line that is no field", "-", nil, "", "odd line\r\nTo: support@example.com", 204, "[support support@example.com]"},
		{"a blank before the colon", "-", nil, "", "Odd Name: x\r\nTo : support@example.com", 204, "[support support@example.com]"},
		{"below a line of mbox", "-", nil, "", "From ann@example.org Tue Nov 24 10:00:00 2026\r\nTo: support@example.com", 204, "[support support@example.com]"},
		{"by header, may one", "-", []string{"sales"}, "", "To: support@example.com, sales@example.com", 204, "[sales sales@example.com]"},
		{"by header, nobody", "-", nil, "", "To: x@example.net", 422, ""},
		{"a blank in it", "-", nil, "?to=sup+port@example.com", "", 400, ""},
		{"a query that is none", "-", nil, "?to=%zz", "To: support@example.com", 400, ""},
		{"a semicolon in it", "-", nil, "?to=sales@example.com;to=x", "To: support@example.com", 400, ""},
		{"no address", "support", nil, "?to=support", "", 400, ""},
		{"two senders", "support", nil, "?from=a@example.org&from=b@example.org", "", 400, ""},
		{"sender is no address", "support", nil, "?from=a", "", 400, ""},
	} {
		h := webhook.Hook{Name: "a", Provider: "raw", Mailbox: tt.mailbox, Mailboxes: tt.mailboxes, Secret: secretA}
		g := newRig(t, nil, h)
		path := many
		if tt.mailbox != "-" {
			path = rawPath
		}
		w := g.post(path+tt.query, "Subject: x\r\n"+tt.header+"\r\n\r\nx\r\n", rawType)
		got := ""
		if m := g.mails(); len(m) == 1 {
			got = fmt.Sprint(m[0].to)
		}
		if w.Code != tt.status || got != tt.to {
			t.Errorf("%s: got %d %s: %s", tt.name, w.Code, got, w.Body)
		}
	}
}

// TestEnvelope: where both ways of telling it are there they must agree; a null sender is one.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil, rawHook)
	for _, tt := range []struct {
		query, header string
		status        int
		from          string
	}{
		{"?from=ann@example.org", "", 204, "ann@example.org"},
		{"", "X-Envelope-From: <ann@example.org>", 204, "ann@example.org"},
		{"?from=ann@example.org", "X-Envelope-From: ann@example.org", 204, "ann@example.org"},
		{"?from=ann@example.org", "X-Envelope-From: bob@example.org", 400, ""},
		{"", "X-Envelope-From: <>", 204, ""},
		{"", "", 204, ""},
	} {
		before := len(g.mails())
		w := g.post(rawPath+tt.query, mailText, rawType, orNone(tt.header))
		m := g.mails()[before:]
		if w.Code != tt.status || (w.Code == 204) != (len(m) == 1) || len(m) == 1 && (m[0].env.From != tt.from || m[0].env.Source != "a" || m[0].env.Protocol != "HTTP" || m[0].env.Ours) {
			t.Errorf("%s %s: got %d %+v", tt.query, tt.header, w.Code, m)
		}
	}
}

func orNone(header string) string {
	if header == "" {
		return "X-Nothing: 1"
	}
	return header
}

// TestApply: hooks count from the next request on.
func TestApply(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil)
	if w := g.post(rawPath, mailText, rawType); w.Code != 401 {
		t.Errorf("before: got %d", w.Code)
	}
	g.server.Apply([]webhook.Hook{rawHook})
	if w := g.post(rawPath, mailText, rawType); w.Code != 204 {
		t.Errorf("after: got %d", w.Code)
	}
	g.server.Apply(nil)
	if w := g.post(rawPath, mailText, rawType); w.Code != 401 {
		t.Errorf("taken away: got %d", w.Code)
	}
}
