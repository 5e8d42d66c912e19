package webhook_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"postern/receiver/webhook"
)

// fuzzProvider sends what a fuzzer makes of recorded requests to a server with a hook that asks for a secret, which is shown, and to one that asks for a
// signature, which is not there. What is answered 200 is one mail, the same when it is sent again; what is not leaves nothing, and
// no body makes a 5xx.
func fuzzProvider(f *testing.F, provider, mailbox string, requests map[string][]byte, keys ...string) {
	for _, r := range requests {
		head, body, _ := bytes.Cut(r, []byte("\r\n\r\n"))
		kind := ""
		for _, line := range strings.Split(string(head), "\r\n") {
			if v, ok := strings.CutPrefix(line, "Content-Type: "); ok {
				kind = v
			}
		}
		f.Add(kind, body)
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		if strings.ContainsAny(kind, "\r\n") {
			return
		}
		g := newRig(t, nil, secretHook(provider))
		first := g.post("/hooks/"+provider+"/support/0123456789abcdef", string(body), "Content-Type: "+kind).Code
		mails := g.mails()
		switch first {
		case http.StatusOK:
			if len(mails) > 1 {
				t.Errorf("%d mails of one request", len(mails))
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
			if len(mails) > 0 {
				t.Errorf("answered %d, and %d mails taken", first, len(mails))
			}
		default:
			t.Fatalf("answered %d: %s", first, g.log)
		}
		if again := g.post("/hooks/"+provider+"/support/0123456789abcdef", string(body), "Content-Type: "+kind).Code; again != first {
			t.Errorf("answered %d, then %d", first, again)
		}
		if both := g.mails(); len(mails) == 1 && (len(both) != 2 || both[0].raw != both[1].raw) {
			t.Errorf("sent again it is another mail")
		}
		if len(keys) == 0 {
			return
		}
		signed := newRig(t, nil, webhook.Hook{Name: "s", Provider: provider, Mailbox: mailbox, Keys: keys})
		if code := signed.post("/hooks/"+provider+"/"+mailbox, string(body), "Content-Type: "+kind).Code; code != http.StatusUnauthorized || len(signed.mails()) > 0 {
			t.Errorf("a request with no signature of this key: answered %d", code)
		}
	})
}

func FuzzSendGrid(f *testing.F) {
	_, public := sendgridKey(f, "a key that signed nothing")
	fuzzProvider(f, "sendgrid", "support", sendgridRequests(f), public)
}

func FuzzMailgun(f *testing.F) {
	fuzzProvider(f, "mailgun", "support", mailgunRequests(), "a key that signed nothing")
}

func FuzzPostmark(f *testing.F) { fuzzProvider(f, "postmark", "support", postmarkRequests(f)) }
