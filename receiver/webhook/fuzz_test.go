package webhook_test

import (
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/receiver/webhook"
)

// FuzzServer: whatever comes below /hooks/ is answered with one of the documented statuses and leaves nothing in the spool, and only
// what shows the secret becomes mail.
func FuzzServer(f *testing.F) {
	f.Add("/hooks/raw/support/"+secretA, "message/rfc822", "X-Envelope-To", "support@example.com", []byte(mailText))
	f.Add("/hooks/json/support/"+secretA+"?from=a", "application/json", "Authorization", "Basic Og==", []byte(`{"mails":[{"rawText":"x"},{"raw":["eA=="]}]}`))
	f.Add("/hooks/%zz/support", "", "", "", []byte{})
	f.Add("/hooks/raw/-/"+secretA+"?to=a@b&to=c", "message/rfc822", "Content-Encoding", "gzip", []byte("To: support@example.com"))
	for _, file := range []string{"parts", "batch", "raw"} {
		b, err := os.ReadFile(filepath.Join("testdata", "json", file+".http"))
		if err != nil {
			f.Fatal(err)
		}
		_, body, _ := strings.Cut(string(b), "\r\n\r\n")
		f.Add("/hooks/json/support/"+secretA, "application/json", "X", "y", []byte(body))
	}
	statuses := []int{200, 204, 400, 401, 404, 413, 415, 422}
	f.Fuzz(func(t *testing.T, path, kind, name, value string, body []byte) {
		u, err := url.Parse(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			t.Skip()
		}
		g := newRig(t, func(o *webhook.Options) { o.Limits = webhook.Limits{Body: 100_000, Mail: 50_000, Mails: 20, Parts: 20} },
			rawHook, jsonHook, webhook.Hook{Name: "m", Provider: "raw", Mailbox: "-", Secret: secretA})
		r := httptest.NewRequest("POST", "/", strings.NewReader(string(body)))
		r.URL, r.Header["Content-Type"] = u, []string{kind}
		r.Header[name] = []string{value}
		w := g.do(r)
		if !slices.Contains(statuses, w.Code) || strings.HasSuffix(g.result(), "failed") {
			t.Errorf("got %d, %s: %s", w.Code, g.result(), w.Body)
		}
		if n := len(g.mails()); n > 0 && (w.Code == 401 || !strings.Contains(u.EscapedPath()+value, secretA[:4]) && name != "Authorization") {
			t.Errorf("%d mails, and %d", n, w.Code)
		}
	})
}
