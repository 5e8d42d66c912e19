package webhook_test

import (
	"encoding/json"
	"strings"
	"testing"

	"postern/internal/intake"
	"postern/receiver/webhook"
)

var (
	jsonHook = webhook.Hook{Name: "a", Provider: "json", Mailbox: "support", Secret: secretA}
	jsonType = "Content-Type: application/json"
)

const jsonPath = "/hooks/json/support/" + secretA

func TestJSON(t *testing.T) {
	t.Parallel()
	golden(t, nil, jsonHook)
}

// TestJSONWrong: whatever is not as documented is refused, with its place, and leaves nothing behind.
func TestJSONWrong(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *webhook.Options) { o.Limits.Mail, o.Limits.Mails = 1000, 3 }, jsonHook)
	big := strings.Repeat("x", 1001)
	for _, tt := range []struct {
		body   string
		status int
		want   string
	}{
		{``, 400, "$"},
		{`[]`, 400, "at $: want object, got list"},
		{`null`, 400, "at $"},
		{`{"rawText":"x"`, 400, "$"},
		{`{"rawText":"x"} {}`, 400, "$"},
		{`{}`, 400, "at $: the mail is either raw"},
		{`{"raw":null}`, 400, "at $: the mail is either raw"},
		{`{"raw":"eA==","rawText":"x"}`, 400, "at $: the mail is either raw"},
		{`{"raw":"eA==","text":"x"}`, 400, "at $: the mail is either raw"},
		{`{"raw":["eA=="]}`, 400, "at $.raw: want text, got list"},
		{`{"raw":{}}`, 400, "at $.raw: want text, got object"},
		{`{"raw":7}`, 400, "at $.raw: want text, got number"},
		{`{"raw":"e*=="}`, 400, "at $.raw"},
		{`{"raw":""}`, 400, "at $: the mail is empty"},
		{`{"rawText":""}`, 400, "at $: the mail is empty"},
		{`{"rawText":"` + big + `"}`, 413, "at $.rawText: more than 1000 bytes"},
		{`{"rawText":"x","rawText":"y"}`, 400, "rawText"},
		{`{"rawText":"x","from":["a@example.org"]}`, 400, "at $.from: want text, got list"},
		{`{"rawText":"x","from":"a"}`, 400, "at $.from: no address"},
		{`{"rawText":"x","to":{"a":1}}`, 400, "at $.to: want list, got object"},
		{`{"rawText":"x","to":[["a@example.org"]]}`, 400, "at $.to[0]: want text, got list"},
		{`{"rawText":"x","to":["a@example.org","b"]}`, 400, "at $.to[1]: no address"},
		{`{"rawText":"x","received":"yesterday"}`, 400, "at $.received: want a time"},
		{`{"rawText":"x","spamScore":"5"}`, 400, "at $.spamScore: want number, got text"},
		{`{"rawText":"x","spf":"great"}`, 400, "at $.spf: want one of pass"},
		{`{"rawText":"x","id":1}`, 400, "at $.id: want text, got number"},
		{`{"text":"x","headers":{"From":"a@example.org"}}`, 400, "at $.headers: want list, got object"},
		{`{"text":"x","headers":[["From"]]}`, 400, "at $.headers[0]: want a list of name and value"},
		{`{"text":"x","headers":[["From",["a@example.org"]]]}`, 400, "at $.headers[0][1]: want text, got list"},
		{`{"text":["x"]}`, 400, "at $.text: want text, got list"},
		{`{"html":1}`, 400, "at $.html: want text, got number"},
		{`{"text":"x","attachments":{}}`, 400, "at $.attachments: want list, got object"},
		{`{"text":"x","attachments":["x"]}`, 400, "at $.attachments[0]: want object, got text"},
		{`{"text":"x","attachments":[{"name":"a"}]}`, 400, "at $.attachments[0].content: want text, got missing"},
		{`{"text":"x","attachments":[{"content":"x"}]}`, 400, "at $.attachments[0].content"},
		{`{"text":"x","attachments":[{"content":"eA==","inline":"yes"}]}`, 400, "at $.attachments[0].inline: want bool, got text"},
		{`{"text":"x","attachments":[{"content":"eA==","contentID":"a"}]}`, 400, "at $.attachments[0].contentID: there is no such key"},
		{`{"mails":{}}`, 400, "at $.mails: want list, got object"},
		{`{"mails":[],"raw":"eA=="}`, 400, "at $.raw: there is no such key"},
		{`{"mails":[7]}`, 400, "at $.mails[0]: want object, got number"},
		{`{"mails":[7,{"rawText":7}]}`, 400, "at $.mails[0]: want object, got number"},
		{`{"mails":[7,7,7,7]}`, 413, "more than 3 mails"},
	} {
		w := g.post(jsonPath, tt.body, jsonType)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%.60s: got %d %s, want %d %s", tt.body, w.Code, w.Body, tt.status, tt.want)
		}
	}
	if n := len(g.mails()); n > 0 {
		t.Errorf("%d mails were taken", n)
	}
}

// TestBatch: each mail of a batch is one by itself, the request is answered by all of them, and nothing in it is lost.
func TestBatch(t *testing.T) {
	t.Parallel()
	mail := func(v string) string { return `{"rawText":"Verdict: ` + v + `"}` }
	for _, tt := range []struct {
		name, mails string
		status      int
		taken, held int
	}{
		{"none", "", 200, 0, 0},
		{"all taken", mail("committed") + "," + mail("discarded"), 200, 2, 0},
		{"one rejected", mail("committed") + "," + mail("rejected"), 200, 2, 0},
		{"all rejected", mail("rejected") + "," + mail("rejected"), 422, 2, 0},
		{"one later", mail("try later") + "," + mail("committed") + "," + mail("rejected"), 503, 3, 0},
		{"one broken", mail("committed") + ",7," + mail("committed"), 200, 2, 1},
		{"two broken", "7," + mail("committed") + ",7", 200, 1, 1}, // the request is kept once
		{"one broken, one later", "7," + mail("try later"), 503, 1, 1},
		{"one broken, one rejected", "7," + mail("rejected"), 200, 1, 1},
		{"one too many", strings.Repeat(mail("committed")+",", 4) + mail("committed"), 200, 4, 1},
	} {
		g := newRig(t, func(o *webhook.Options) { o.Limits.Mails = 4 }, jsonHook)
		g.verdict = func(mail string) intake.Verdict { return intake.Verdict(strings.TrimPrefix(mail, "Verdict: ")) }
		body := `{"mails":[` + tt.mails + `]}`
		w := g.post(jsonPath, body, jsonType)
		taken, held := 0, 0
		for _, d := range g.mails() {
			if d.held == "" {
				taken++
				continue
			}
			held++
			if d.raw != body || !strings.Contains(d.held, "cannot be read: ") {
				t.Errorf("%s: held %q, %s", tt.name, d.raw, d.held)
			}
		}
		if w.Code != tt.status || taken != tt.taken || held != tt.held {
			t.Errorf("%s: got %d, %d taken, %d held: %s", tt.name, w.Code, taken, held, w.Body)
		}
	}
}

// TestTell: a program of one's own hears what became of each mail.
func TestTell(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil, jsonHook)
	w := g.post(jsonPath, `{"mails":[{"rawText":"a"},{"rawText":"b","to":["denied@example.com","support@example.com"]}]}`, jsonType)
	var got struct{ Mails [][]intake.Outcome }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if len(got.Mails) != 2 || got.Mails[0][0].Verdict != intake.Committed || got.Mails[1][0].Verdict != intake.Rejected || got.Mails[1][1].Message != "m2" {
		t.Errorf("got %s", w.Body)
	}
}
