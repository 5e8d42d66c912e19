package webhook_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"postern/receiver/webhook"
)

const (
	mandrillKey = "test-key-of-mandrill"
	mandrillURL = "https://postern.example.com/hooks/mandrill/support"
	formType    = "Content-Type: application/x-www-form-urlencoded"
)

var mandrillHook = webhook.Hook{Name: "a", Provider: "mandrill", Mailbox: "support", Keys: []string{"an-older-key", mandrillKey}, URL: mandrillURL, TrustVerdicts: true}

// mandrillSigned is what Mandrill signs such a form with.
func mandrillSigned(key, url string, pairs ...string) string {
	m := hmac.New(sha1.New, []byte(key))
	_, _ = m.Write([]byte(url + strings.Join(pairs, "")))
	return "X-Mandrill-Signature: " + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func mandrillEvent(mail string, change func(event, msg object)) object {
	msg := object{
		"raw_msg": mail, "email": "support@example.com", "from_email": "ann@example.org", "from_name": "Ann Lee", "sender": nil, "template": nil, "tags": []string{},
		"to": [][]any{{"support@example.com", nil}}, "subject": "Drucker", "headers": object{"Received": []string{"a", "b"}, "From": "Ann Lee <ann@example.org>"},
		"text": "Er l\u00e4uft nicht", "text_flowed": false, "html": "<p>\u2026</p>",
		"spam_report": object{"score": 1.7, "matched_rules": []object{{"name": nil, "score": 0, "description": nil}}},
		"dkim":        object{"signed": true, "valid": true}, "spf": object{"result": "pass", "detail": "sender SPF authorized"},
	}
	event := object{"event": "inbound", "ts": 1795514397, "msg": msg}
	if change != nil {
		change(event, msg)
	}
	return event
}

func mandrillRequest(events string) string {
	body := "mandrill_events=" + url.QueryEscape(events)
	return fmt.Sprintf("POST /hooks/mandrill/support HTTP/1.1\r\nHost: postern.example.com\r\nContent-Length: %d\r\n%s\r\n%s\r\nUser-Agent: Mandrill-Webhook/1.0\r\n\r\n%s",
		len(body), formType, mandrillSigned(mandrillKey, mandrillURL, "mandrill_events", events), body)
}

func TestMandrill(t *testing.T) {
	t.Parallel()
	bytes := strings.Replace(toJSON(t, []object{mandrillEvent(strings.NewReplacer("\xfc", "<FC>", "\xdf", "<DF>").Replace(mailRich), nil)}), "<FC><DF>", "\xfc\xdf", 1)
	recorded := map[string]string{
		"inbound": toJSON(t, []object{mandrillEvent(mailPlain, nil)}),
		"bytes":   bytes, // that are no UTF-8
		"batch": toJSON(t, []object{
			mandrillEvent(mailQP, func(_, msg object) {
				msg["dkim"], msg["spf"] = object{"signed": false, "valid": false}, object{"result": "softfail"}
			}),
			mandrillEvent(mailQP, func(_, msg object) {
				msg["email"], msg["dkim"], msg["spf"] = "support+bcc@example.com", object{"signed": true, "valid": false}, object{"result": "odd"}
			}),
			mandrillEvent(mailEmpty, func(event, msg object) {
				delete(event, "ts")
				for _, k := range []string{"dkim", "spf", "spam_report", "email"} {
					delete(msg, k)
				}
			}),
		}),
		"nothing": "[]",
		"sent":    `[{"event":"send","msg":{"_id":"x","email":"ann@example.org"},"ts":1384954004}]`,
	}
	var names []string
	for name, events := range recorded {
		record(t, "mandrill", name, mandrillRequest(events))
		names = append(names, name)
	}
	records(t, "mandrill", names...)
	golden(t, nil, mandrillHook)
}

// TestMandrillProof: the signature is over the URL as Mandrill knows it and all fields of the form.
func TestMandrillProof(t *testing.T) {
	t.Parallel()
	events := toJSON(t, []object{mandrillEvent(mailPlain, nil)})
	body := "mandrill_events=" + url.QueryEscape(events)
	right := mandrillSigned(mandrillKey, mandrillURL, "mandrill_events", events)
	const path = "/hooks/mandrill/support"
	for name, tt := range map[string]struct {
		path, body string
		headers    []string
		change     func(o *webhook.Options)
		code       int
		reason     string
	}{
		"right":           {body: body, headers: []string{right}, code: 200},
		"an older key":    {body: body, headers: []string{mandrillSigned("an-older-key", mandrillURL, "mandrill_events", events)}, code: 200},
		"several fields":  {body: "z=1&" + body + "&a=%20&z=0", headers: []string{mandrillSigned(mandrillKey, mandrillURL, "a", " ", "mandrill_events", events, "z", "1", "z", "0")}, code: 200},
		"another key":     {body: body, headers: []string{mandrillSigned("another", mandrillURL, "mandrill_events", events)}, code: 401, reason: `"` + mandrillURL + `"`},
		"an empty key":    {body: body, headers: []string{mandrillSigned("", mandrillURL, "mandrill_events", events)}, code: 401, reason: "does not fit"},
		"another URL":     {body: body, headers: []string{mandrillSigned(mandrillKey, mandrillURL+"/", "mandrill_events", events)}, code: 401, reason: `"` + mandrillURL + `"`},
		"none":            {body: body, code: 401, reason: "is missing"},
		"no base64":       {body: body, headers: []string{"X-Mandrill-Signature: ???"}, code: 401, reason: "no HMAC-SHA1"},
		"too short":       {body: body, headers: []string{"X-Mandrill-Signature: QUJD"}, code: 401, reason: "no HMAC-SHA1"},
		"changed":         {body: body + "x", headers: []string{right}, code: 401, reason: "does not fit"},
		"a field more":    {body: body + "&x=1", headers: []string{right}, code: 401, reason: "does not fit"},
		"cut":             {body: body[:len(body)-1], headers: []string{right}, code: 401, reason: "percent-encoding"},
		"many fields":     {body: strings.Repeat("x=1&", 9), headers: []string{right}, code: 401, reason: "more than 4 fields"},
		"another form":    {body: body, headers: []string{right, "Content-Type: application/json"}, code: 401, reason: "Content-Type"},
		"by public-url":   {path: path + "?x=%20y", body: body, headers: []string{mandrillSigned(mandrillKey, "https://mail.example.com/base"+path+"?x=%20y", "mandrill_events", events)}, change: func(o *webhook.Options) { o.Hooks[0].URL, o.PublicURL = "", "https://mail.example.com/base" }, code: 200},
		"with basic auth": {body: body, headers: []string{basic("u", "p w"), mandrillSigned(mandrillKey, "https://u:p%20w@mail.example.com"+path, "mandrill_events", events)}, change: func(o *webhook.Options) { o.Hooks[0].URL, o.PublicURL = "", "https://mail.example.com" }, code: 200},
		"secret in it":    {path: path + "/" + secretA, body: body, headers: []string{mandrillSigned(mandrillKey, "x", "mandrill_events", events)}, change: func(o *webhook.Options) { o.Hooks[0].URL, o.Hooks[0].Secret = "", secretA }, code: 401, reason: path + "/***"},
		"neither":         {body: body, headers: []string{right}, change: func(o *webhook.Options) { o.Hooks[0].Keys = nil }, code: 401, reason: "neither a secret nor a key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, func(o *webhook.Options) {
				if tt.change != nil {
					o.Hooks = slices.Clone(o.Hooks)
					tt.change(o)
				}
			}, mandrillHook)
			if tt.path == "" {
				tt.path = path
			}
			if !slices.ContainsFunc(tt.headers, func(h string) bool { return strings.HasPrefix(h, "Content-Type") }) {
				tt.headers = append(tt.headers, formType)
			}
			w := g.post(tt.path, tt.body, tt.headers...)
			if w.Code != tt.code || (w.Code == 200) != (len(g.mails()) == 1) || !strings.Contains(strings.Join(g.refused, ""), tt.reason) {
				t.Errorf("got %d, %d mails, %q", w.Code, len(g.mails()), g.refused)
			}
			if strings.Contains(g.log.String()+strings.Join(g.refused, ""), secretA) {
				t.Error("the secret is told")
			}
		})
	}
	g := newRig(t, nil, mandrillHook)
	if w := g.do(httptest.NewRequest("HEAD", path, nil)); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
}

func TestMandrillWrongTypes(t *testing.T) {
	t.Parallel()
	change := func(f func(event, msg object)) string { return toJSON(t, []object{mandrillEvent(mailPlain, f)}) }
	for events, reason := range map[string]string{
		"":                 "ends too early",
		"{}":               "at $: want list, got object",
		"[1]":              "at $[0]: want object, got number",
		`[{"event":[]}]`:   "at $[0].event: want text, got list",
		`[{"event":"x"}]`:  "news of sent mail",
		`[{"event":1},{]`:  "want a key",
		`[{},{}]`:          "at $[0].event: want text, got missing",
		"[" + `{"event":1`: "ends too early",
		change(func(_, msg object) { msg["raw_msg"] = []string{"From: a"} }):      "at $[0].msg.raw_msg: want text, got list",
		change(func(_, msg object) { delete(msg, "raw_msg") }):                    "at $[0].msg.raw_msg: want text, got missing",
		change(func(_, msg object) { msg["email"] = []string{"a@example.com"} }):  "at $[0].msg.email: want text, got list",
		change(func(event, _ object) { event["ts"] = "now" }):                     "at $[0].ts: want number, got text",
		change(func(event, _ object) { event["msg"] = "x" }):                      "at $[0].msg: want object, got text",
		change(func(_, msg object) { msg["spam_report"] = object{"score": "7"} }): "at $[0].msg.spam_report.score: want number, got text",
	} {
		g := newRig(t, nil, mandrillHook)
		w := g.post("/hooks/mandrill/support", "mandrill_events="+url.QueryEscape(events), formType, mandrillSigned(mandrillKey, mandrillURL, "mandrill_events", events))
		if w.Code != 400 || len(g.mails()) > 0 || !strings.Contains(strings.Join(g.refused, ""), reason) {
			t.Errorf("%.60s: got %d, %d mails, %q, want %q", events, w.Code, len(g.mails()), g.refused, reason)
		}
	}
	g := newRig(t, nil, mandrillHook)
	if w := g.post("/hooks/mandrill/support", "other=1", formType, mandrillSigned(mandrillKey, mandrillURL, "other", "1")); w.Code != 400 || !strings.Contains(g.refused[0], "no mandrill_events") {
		t.Errorf("another field: %d, %q", w.Code, g.refused)
	}
}

// TestMandrillBatch: what cannot be read of a batch does not stand before what can, behind it or before it.
func TestMandrillBatch(t *testing.T) {
	t.Parallel()
	bad := mandrillEvent("", func(_, msg object) { msg["raw_msg"] = 7 })
	events := toJSON(t, []object{bad, mandrillEvent(mailPlain, nil), bad, mandrillEvent(mailEmpty, nil)})
	body := "mandrill_events=" + url.QueryEscape(events)
	g := newRig(t, nil, mandrillHook)
	w := g.post("/hooks/mandrill/support", body, formType, mandrillSigned(mandrillKey, mandrillURL, "mandrill_events", events))
	m := g.mails()
	if w.Code != 200 || len(m) != 3 || m[0].raw != mailPlain || m[1].raw != mailEmpty || m[2].raw != body || !strings.Contains(m[2].held, "at $[0].msg.raw_msg: want text, got number") {
		t.Errorf("got %d, %d mails: %.300v", w.Code, len(m), m)
	}
}

// signing signs what write writes after a beginning.
func signing(key, begin string, write func(w io.Writer)) string {
	m := hmac.New(sha1.New, []byte(key))
	_, _ = io.WriteString(m, begin)
	write(m)
	return "X-Mandrill-Signature: " + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func FuzzMandrill(f *testing.F) {
	for _, mail := range []string{mailPlain, mailQP, mailEmpty} {
		f.Add(toJSON(f, []object{mandrillEvent(mail, nil), mandrillEvent(mail, nil)}), false)
	}
	f.Add("mandrill_events=%5B%5D&&a=%zz", true)
	g := newRig(f, nil, mandrillHook)
	f.Fuzz(func(t *testing.T, events string, raw bool) {
		body := "mandrill_events=" + url.QueryEscape(events)
		if raw {
			body = events
		}
		fuzz(t, g, "/hooks/mandrill/support", body, formType, mandrillSigned(mandrillKey, mandrillURL, "mandrill_events", events))
	})
}

// TestMandrillLargeBatch: hundreds of mails with many details are taken, and none of them where the batch is cut off.
func TestMandrillLargeBatch(t *testing.T) {
	t.Parallel()
	var rules []object
	for range 200 {
		rules = append(rules, object{"name": "A_RULE", "score": 0.1, "description": "what it is"})
	}
	one := toJSON(t, mandrillEvent(mailEmpty, func(_, msg object) { msg["spam_report"] = object{"score": 1, "matched_rules": rules} }))
	events := "[" + strings.Repeat(one+",", 299) + one + "]"
	for _, tt := range []struct {
		events      string
		code, mails int
	}{{events, 200, 300}, {events[:len(events)-1], 400, 0}, {events[:len(events)-100], 400, 0}} {
		g := newRig(t, nil, mandrillHook)
		w := g.post("/hooks/mandrill/support", "mandrill_events="+url.QueryEscape(tt.events), formType, mandrillSigned(mandrillKey, mandrillURL, "mandrill_events", tt.events))
		if w.Code != tt.code || len(g.mails()) != tt.mails {
			t.Errorf("%d bytes: got %d, %d mails, %q", len(tt.events), w.Code, len(g.mails()), g.refused)
		}
	}
}
