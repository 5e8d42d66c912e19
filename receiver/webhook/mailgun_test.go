package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/receiver/webhook"
)

const (
	mailgunKey    = "key-for-tests-0123456789abcdef"
	mailgunAPIKey = "api-key-for-tests"
	mailgunToken  = "0123456789abcdef0123456789abcdef0123456789abcdef01"
	mailgunStore  = "https://storage-us-east4.api.mailgun.net/v3/domains/example.com/messages/BAABAAKEY"
)

func mailgunHook() webhook.Hook {
	return webhook.Hook{Name: "mg", Provider: "mailgun", Mailbox: "support", Keys: []string{"an older key", mailgunKey}, APIKey: mailgunAPIKey, TrustVerdicts: true}
}

// signMailgun is the three fields that prove a form, as Securing Webhooks says.
func signMailgun(key, token string, at time.Time) []input {
	stamp := fmt.Sprint(at.Unix())
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(stamp + token))
	return []input{{name: "timestamp", value: stamp}, {name: "token", value: token}, {name: "signature", value: hex.EncodeToString(mac.Sum(nil))}}
}

func asURLEncoded(inputs ...input) string {
	var pairs []string
	for _, in := range inputs {
		pairs = append(pairs, url.QueryEscape(in.name)+"="+url.QueryEscape(in.value))
	}
	return strings.Join(pairs, "&")
}

func mailgunRequest(multipart bool, inputs ...input) []byte {
	return mailgunRequestAt(start.Add(-time.Minute), multipart, inputs...)
}

func mailgunRequestAt(at time.Time, multipart bool, inputs ...input) []byte {
	inputs = append(inputs, signMailgun(mailgunKey, mailgunToken, at)...)
	if multipart {
		return request("/hooks/mailgun/support", asMultipart("b7", inputs...), "User-Agent: mailgun/treq-21.5.0", "Content-Type: multipart/form-data; boundary=b7")
	}
	return request("/hooks/mailgun/support/mime", asURLEncoded(inputs...), "User-Agent: mailgun/treq-21.5.0", "Content-Type: application/x-www-form-urlencoded")
}

// mailgunHeaders is message-headers: what Mailgun adds stands on top, what a sender wrote below says nothing.
func mailgunHeaders(more ...[2]string) string {
	list := append([][2]string{
		{"X-Mailgun-Sflag", "No"}, {"X-Mailgun-Sscore", "1.7"}, {"X-Mailgun-Spf", "Neutral"}, {"X-Mailgun-Dkim-Check-Result", "Pass"}, {"X-Mailgun-Incoming", "Yes"},
		{"X-Envelope-From", "<bounce+1@example.org>"}, {"Received", "from mx.example.org (mx.example.org [192.0.2.44]) by mxa.mailgun.org with ESMTP id 7; Tue, 24 Nov 2026 09:29:58 -0000 (UTC)"},
		{"X-Mailgun-Sscore", "-100"}, {"X-Mailgun-Spf", "Pass"}, {"Mime-Version", "1.0"}, {"From", "Ann Lee (Büro) <ann@example.org>"}, {"Date", "Tue, 24 Nov 2026 10:29:55 +0100"},
		{"Message-Id", "<parsed-2@example.org>"}, {"Subject", "Drucker in München"}, {"To", "Support <support@example.com>, Ben Ortiz <ben@example.net>"},
		{"Content-Type", `multipart/mixed; boundary="089e0825ccf874a0bb055b4f7e23"`},
	}, more...)
	b, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func mailgunRequests() map[string][]byte {
	envelope := []input{{name: "recipient", value: "support@example.com"}, {name: "sender", value: "bounce+1@example.org"}, {name: "from", value: "Ann Lee (Büro) <ann@example.org>"},
		{name: "subject", value: "Drucker in München"}, {name: "X-Mailgun-Sscore", value: "-100"}}
	with := func(inputs ...input) []input { return append(append([]input{}, envelope...), inputs...) }
	// As in recorded requests of these years: Mailgun's own Received line, then what else it adds.
	top := func(verdicts string) string {
		return "Received: from mx.example.org (mx.example.org [192.0.2.44]) by b965d380e476\r\n with SMTP id <undefined> (version=TLS1.2); Tue, 24 Nov 2026 09:29:59 UTC\r\nX-Envelope-From: bounce+1@example.org\r\n" + verdicts + "X-Mailgun-Incoming: Yes\r\n"
	}
	const verdicts, forged = "X-Mailgun-Sscore: 3.5\r\nX-Mailgun-Spf: Pass\r\nX-Mailgun-Dkim-Check-Result: Fail\r\n", "X-Mailgun-Sscore: -100\r\nX-Mailgun-Spf: Pass\r\nX-Mailgun-Incoming: Yes\r\n"
	return map[string][]byte{
		"mime":           mailgunRequest(false, with(input{name: "body-mime", value: top(verdicts) + forged + rawMail})...),
		"mime-multipart": mailgunRequest(true, with(input{name: "body-mime", value: rawMail})...),
		"mime-forged":    mailgunRequest(false, with(input{name: "body-mime", value: top("") + forged + rawMail}, input{name: "message-headers", value: mailgunHeaders()})...),
		"parsed": mailgunRequest(false, with(input{name: "message-headers", value: mailgunHeaders()}, input{name: "body-plain", value: "Der Drucker im Erdgeschoß\r\nzeigt nichts.\r\n"},
			input{name: "body-html", value: "<p>Der Drucker im Erdgeschoß</p>"}, input{name: "stripped-text", value: "no"}, input{name: "stripped-signature", value: ""})...),
		"files": mailgunRequest(true, with(input{name: "message-headers", value: mailgunHeaders()}, input{name: "body-plain", value: "Der Drucker"},
			input{name: "body-html", value: `<p>Der Drucker <img src='CID:dot%40example.org'></p>`}, input{name: "body-html", value: "<p>A second page</p>"}, input{name: "body-calendar", value: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"},
			input{name: "attachment-count", value: "4"}, input{name: "content-id-map", value: `{"": "attachment-1", "": "attachment-3", "<dot@example.org>": "attachment-2", "<unused@example.org>": "attachment-4"}`},
			input{name: "attachment-1", file: "Protokoll № 1.txt", kind: `text/plain; charset="iso-8859-1"`, value: "Gr\xfc\xdfe\n"}, input{name: "attachment-2", file: "dot.gif", kind: "image/gif", value: pixel},
			input{name: "attachment-3", file: `\share\a "b".msg`, kind: "message/rfc822", value: "From: Ben <ben@example.net>\r\nSubject: Inside\r\n\r\nInner\r\n"},
			input{name: "attachment-4", file: "", kind: "application/pdf", value: "%PDF-1.4"})...),
		"bounce": mailgunRequest(false, input{name: "recipient", value: `support@example.com, "a,b"@example.com`}, input{name: "sender", value: ""}, input{name: "message-headers", value: mailgunHeaders([2]string{"Auto-Submitted", "auto-replied"})},
			input{name: "body-plain", value: ""}),
		// The sender's header has fields with the names of Mailgun's, which Mailgun posts beside them.
		"injected": mailgunRequest(false, append([]input{{name: "timestamp", value: "1"}, {name: "token", value: "x"}, {name: "body-mime", value: top(verdicts) + "From: forged@example.org\r\n\r\nforged"}, {name: "recipient", value: "sales@example.com"},
			{name: "sender", value: "forged@example.org"}, {name: "event", value: "delivered"}}, with(input{name: "message-headers", value: mailgunHeaders()}, input{name: "body-plain", value: "Der Drucker"})...)...),
		"few-fields": mailgunRequest(false, with(input{name: "body-plain", value: "No message-headers"}, input{name: "Message-Id", value: "<few@example.org>"})...),
		"stored": mailgunRequest(false, with(input{name: "domain", value: "example.com"}, input{name: "message-headers", value: mailgunHeaders()}, input{name: "body-plain", value: "Der Drucker"}, input{name: "message-url", value: mailgunStore},
			input{name: "attachments", value: `[{"url": "` + mailgunStore + `/attachments/0", "content-type": "image/gif", "name": "dot.gif", "size": 43}]`})...),
		"stored-gone": mailgunRequestAt(start.Add(-4*time.Hour), false, with(input{name: "message-headers", value: mailgunHeaders()}, input{name: "body-plain", value: "Der Drucker"}, input{name: "message-url", value: mailgunStore + "GONE"},
			input{name: "attachments", value: `[{"url": "` + mailgunStore + `/attachments/0", "content-type": "image/gif", "name": "dot.gif", "size": 43}]`}, input{name: "content-id-map", value: `{"<dot@example.org>": "` + mailgunStore + `/attachments/0"}`})...),
	}
}

// storage is a fake of Mailgun's store, after view-stored-messages: it knows one message, and one key.
type storage struct {
	mu    sync.Mutex
	asked []string
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, key, _ := r.BasicAuth()
	s.mu.Lock()
	s.asked = append(s.asked, fmt.Sprintf("%s%s %s %s:%s", r.Host, r.URL.Path, r.Header.Get("Accept"), user, key))
	s.mu.Unlock()
	switch {
	case user != "api" || key != mailgunAPIKey:
		w.WriteHeader(http.StatusUnauthorized)
	case strings.HasSuffix(r.URL.Path, "GONE"):
		w.WriteHeader(http.StatusNotFound)
	case strings.HasSuffix(r.URL.Path, "DOWN"):
		w.WriteHeader(http.StatusBadGateway)
	case strings.HasSuffix(r.URL.Path, "ODD"):
		_, _ = w.Write([]byte(`{"body-mime": ["x"]}`))
	case strings.HasSuffix(r.URL.Path, "CUT"):
		_, _ = w.Write([]byte(`{"body-mime": "From: `))
	case strings.HasSuffix(r.URL.Path, "AWAY"):
		http.Redirect(w, r, "https://evil.example/", http.StatusFound)
	case strings.HasSuffix(r.URL.Path, "RAW"):
		w.Header().Set("Content-Type", "message/rfc2822")
		_, _ = w.Write([]byte(rawMail))
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"recipients": "support@example.com", "sender": "ann@example.org", "body-mime": strings.ToValidUTF8(rawMail, "ss")})
	}
}

func TestMailgun(t *testing.T) {
	t.Parallel()
	for name, r := range mailgunRequests() {
		recorded(t, "mailgun", name, r)
	}
	store := &storage{}
	client := fetcher(t, store, "storage-us-east4.api.mailgun.net")
	golden(t, func(o *webhook.Options) { o.Client = client }, mailgunHook())
}

// TestMailgunStored: a notification's URL is a claim. The key goes to Mailgun alone, and what cannot be had now is tried again.
func TestMailgunStored(t *testing.T) {
	t.Parallel()
	evil := "https://evil.example/v3/domains/example.com/messages/KEY"
	for name, tc := range map[string]struct {
		url    string
		apiKey string
		want   int
		mails  int
		asked  int
	}{
		"raw":                            {mailgunStore + "RAW", mailgunAPIKey, 200, 1, 1},
		"JSON":                           {mailgunStore, mailgunAPIKey, 200, 1, 1},
		"not found now":                  {mailgunStore + "GONE", mailgunAPIKey, 503, 0, 1},
		"no key: what there is of it":    {mailgunStore, "", 200, 1, 0},
		"down":                           {mailgunStore + "DOWN", mailgunAPIKey, 503, 0, 1},
		"another key":                    {mailgunStore, "another", 503, 0, 1},
		"an answer that is none":         {mailgunStore + "ODD", mailgunAPIKey, 503, 0, 1},
		"an answer that is cut":          {mailgunStore + "CUT", mailgunAPIKey, 503, 0, 1},
		"led away":                       {mailgunStore + "AWAY", mailgunAPIKey, 503, 0, 1},
		"another host":                   {evil, mailgunAPIKey, 400, 0, 0},
		"another host below ours":        {strings.Replace(mailgunStore, "mailgun.net", "mailgun.net.evil.example", 1), mailgunAPIKey, 400, 0, 0},
		"two labels below":               {strings.Replace(mailgunStore, "storage-", "x.storage-", 1), mailgunAPIKey, 400, 0, 0},
		"a customer's host":              {strings.Replace(mailgunStore, "storage-us-east4.api.mailgun.net", "evil.mailgun.org", 1), mailgunAPIKey, 400, 0, 0},
		"a user in front":                {strings.Replace(mailgunStore, "https://", "https://evil.example@", 1), mailgunAPIKey, 400, 0, 0},
		"a port":                         {strings.Replace(mailgunStore, ".net/", ".net:8443/", 1), mailgunAPIKey, 400, 0, 0},
		"http":                           {strings.Replace(mailgunStore, "https:", "http:", 1), mailgunAPIKey, 400, 0, 0},
		"a path of no message":           {"https://api.mailgun.net/v3/domains", mailgunAPIKey, 400, 0, 0},
		"a path that leads out of it":    {"https://api.mailgun.net/v3/domains/../../messages/x", mailgunAPIKey, 400, 0, 0},
		"a path that leads out, escaped": {"https://api.mailgun.net/v3/domains/%2e%2e/x/messages/x", mailgunAPIKey, 400, 0, 0},
		"no URL":                         {"://", mailgunAPIKey, 400, 0, 0},
		"empty":                          {"", mailgunAPIKey, 400, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &storage{}
			client := fetcher(t, store, "storage-us-east4.api.mailgun.net", "evil.example", "storage-us-east4.api.mailgun.net.evil.example", "x.storage-us-east4.api.mailgun.net", "evil.mailgun.org", "api.mailgun.net")
			hook := mailgunHook()
			hook.APIKey = tc.apiKey
			g := newRig(t, func(o *webhook.Options) { o.Client = client }, hook)
			got := g.send(mailgunRequest(false, input{name: "recipient", value: "support@example.com"}, input{name: "sender", value: "ann@example.org"},
				input{name: "message-headers", value: mailgunHeaders()}, input{name: "body-plain", value: "Der Drucker"}, input{name: "message-url", value: tc.url}))
			if got != tc.want || len(g.mails()) != tc.mails {
				t.Errorf("answered %d with %d mails, want %d and %d: %v", got, len(g.mails()), tc.want, tc.mails, g.refused)
			}
			if len(store.asked) != tc.asked {
				t.Errorf("asked: %q", store.asked)
			}
			for _, a := range store.asked {
				if !strings.HasPrefix(a, "storage-us-east4.api.mailgun.net/v3/domains/example.com/messages/BAABAAKEY") || !strings.Contains(a, " message/rfc2822 api:") {
					t.Errorf("asked %q", a)
				}
			}
			if strings.Contains(g.log.String()+strings.Join(g.refused, " "), mailgunAPIKey) {
				t.Error("the API key is in the log")
			}
		})
	}
}

// TestMailgunRegion: where a storage host does not know a message, or is away, the API of the hook's region is asked.
func TestMailgunRegion(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]int{"": 503, "us": 503, "eu": 200} {
		for _, status := range []int{404, 502, 401} {
			var hosts []string
			client := fetcher(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				hosts = append(hosts, r.Host)
				if r.Host != "api.eu.mailgun.net" {
					w.WriteHeader(status)
					return
				}
				(&storage{}).ServeHTTP(w, r)
			}), "storage-europe-west1.api.mailgun.net", "api.mailgun.net", "api.eu.mailgun.net")
			hook := mailgunHook()
			hook.Region = region
			g := newRig(t, func(o *webhook.Options) { o.Client = client }, hook)
			got := g.send(mailgunRequest(false, input{name: "message-headers", value: mailgunHeaders()}, input{name: "body-plain", value: "Der Drucker"},
				input{name: "message-url", value: "https://storage-europe-west1.api.mailgun.net/v3/domains/example.com/messages/BAABAAKEY"}))
			if got != want || (want == 200) != (len(g.mails()) == 1 && !g.mails()[0].env.Rebuilt) {
				t.Errorf("region %q, %d: answered %d, asked %q: %v", region, status, got, hosts, g.refused)
			}
		}
	}
}

// TestMailgunProof: a token counts once, whatever the encoding, and only with the content that it came with first.
func TestMailgunProof(t *testing.T) {
	t.Parallel()
	mime := []input{{name: "recipient", value: "support@example.com"}, {name: "sender", value: "ann@example.org"}, {name: "body-mime", value: rawMail}}
	with := func(inputs []input, sign []input) []input { return append(append([]input{}, inputs...), sign...) }
	good := signMailgun(mailgunKey, mailgunToken, start)
	changed := append([]input{}, mime...)
	changed[2].value = strings.Replace(rawMail, "Drucker", "drucker", 1)
	type try struct {
		multipart bool
		inputs    []input
		want      int
		reason    string
	}
	renamed := append([]input{}, mime...)
	renamed[0].name = "Recipient"
	for name, tries := range map[string][]try{
		"signed, and sent again":                                    {{true, with(mime, good), 200, ""}, {true, with(mime, good), 200, ""}},
		"sent again otherwise encoded, its fields in another order": {{true, with(mime, good), 200, ""}, {false, with(good, mime), 200, ""}},
		"the same token with another mail":                          {{false, with(mime, good), 200, ""}, {false, with(changed, good), 401, "replay"}, {false, with(mime, good), 200, ""}},
		"the same token with a field more":                          {{false, with(mime, good), 200, ""}, {false, with(append(mime, input{name: "x", value: "y"}), good), 401, "replay"}},
		"the same token with another name":                          {{false, with(mime, good), 200, ""}, {false, with(renamed, good), 401, "replay"}},
		"a token cut elsewhere":                                     {{false, with(mime, good), 200, ""}, {false, with(mime, []input{{name: "timestamp", value: good[0].value + "0"}, {name: "token", value: mailgunToken[1:]}, good[2]}), 401, "from now"}},
		"an older key":                                              {{false, with(mime, signMailgun("an older key", mailgunToken, start)), 200, ""}},
		"tried again after 9 hours":                                 {{false, with(mime, signMailgun(mailgunKey, mailgunToken, start.Add(-9*time.Hour))), 200, ""}},
		"after 13 hours":                                            {{false, with(mime, signMailgun(mailgunKey, mailgunToken, start.Add(-13*time.Hour))), 401, "13h0m0s ago"}},
		"signed tomorrow":                                           {{false, with(mime, signMailgun(mailgunKey, mailgunToken, start.Add(24*time.Hour))), 401, "clock"}},
		"another key":                                               {{false, with(mime, signMailgun("another key", mailgunToken, start)), 401, "fits none of the keys"}},
		"no signature":                                              {{false, with(mime, good[:2]), 401, "no timestamp, token and signature"}},
		"an empty signature":                                        {{false, with(mime, append(good[:2:2], input{name: "signature"})), 401, "no timestamp, token and signature"}},
		"a signature that is no hex":                                {{false, with(mime, append(good[:2:2], input{name: "signature", value: "zz"})), 401, "fits none of the keys"}},
		"an empty token":                                            {{false, with(mime, signMailgun(mailgunKey, "", start)), 401, "no timestamp, token and signature"}},
		"a token of 1,000 bytes":                                    {{false, with(mime, signMailgun(mailgunKey, strings.Repeat("x", 1000), start)), 401, "no timestamp, token and signature"}},
		"no form":                                                   {{false, nil, 401, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, nil, mailgunHook())
			for i, try := range tries {
				body, kind := asURLEncoded(try.inputs...), "application/x-www-form-urlencoded"
				if try.multipart {
					b := fmt.Sprintf("boundary%d", i)
					body, kind = asMultipart(b, try.inputs...), "multipart/form-data; boundary="+b
				}
				before := len(g.mails())
				if got := g.send(request("/hooks/mailgun/support", body, "Content-Type: "+kind)); got != try.want {
					t.Errorf("try %d: got %d, want %d: %v", i, got, try.want, g.refused)
				}
				if n := len(g.mails()) - before; (n == 1) != (try.want == 200) {
					t.Errorf("try %d: %d mails", i, n)
				}
				if got := strings.Join(g.refused, "\n"); try.want == 401 && !strings.Contains(got, try.reason) {
					t.Errorf("try %d: the reason is %q, want %q", i, got, try.reason)
				}
			}
		})
	}
}

// TestMailgunNodes: a token that one node saw counts no more on another, and one that cannot be looked up now is tried again.
func TestMailgunNodes(t *testing.T) {
	t.Parallel()
	a := newRig(t, nil, mailgunHook())
	b := newRig(t, func(o *webhook.Options) {
		o.Claim = func(_ context.Context, key, value string, until time.Time) (string, error) {
			if end := start.Add(mailgunLast); until.Before(end) {
				t.Errorf("the token is forgotten at %s, the signature counts until %s", until, end)
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if have, ok := a.claims[key]; ok {
				return have, nil
			}
			a.claims[key] = value
			return value, nil
		}
	}, mailgunHook())
	down := newRig(t, func(o *webhook.Options) {
		o.Claim = func(context.Context, string, string, time.Time) (string, error) {
			return "", fmt.Errorf("the store is down")
		}
	}, mailgunHook())
	send := func(g *rig, text string) int {
		return g.send(request("/hooks/mailgun/support", asURLEncoded(append(signMailgun(mailgunKey, mailgunToken, start), input{name: "body-mime", value: text})...), "Content-Type: application/x-www-form-urlencoded"))
	}
	if got := send(down, rawMail); got != 503 {
		t.Errorf("without a store: %d", got)
	}
	if first, again, forged := send(a, rawMail), send(b, rawMail), send(b, "From: x@example.org\r\n\r\n"); first != 200 || again != 200 || forged != 401 {
		t.Errorf("first %d, again on another node %d, forged on another node %d", first, again, forged)
	}
}

// mailgunLast is for how long a signature counts that was made now.
const mailgunLast = 12 * time.Hour

func TestMailgunRejected(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil, mailgunHook())
	g.verdict = rejected
	if got := g.send(mailgunRequests()["mime"]); got != http.StatusNotAcceptable {
		t.Errorf("rejected: %d, want 406, the one status that ends Mailgun's tries", got)
	}
}

func TestMailgunMalformed(t *testing.T) {
	t.Parallel()
	enc := func(inputs ...input) string { return asURLEncoded(inputs...) }
	headers := input{name: "message-headers", value: mailgunHeaders()}
	bodies := map[string]string{"empty": "", "nothing of a mail": enc(input{name: "recipient", value: "support@example.com"}), "half an escape": enc(headers) + "&body-plain=%4", "a tracking event": enc(input{name: "event", value: "delivered"}), "two message-headers": enc(headers, input{name: "message-headers", value: "[]"}, input{name: "body-plain", value: "x"})}
	for _, h := range []string{"", "{", "{}", "null", `"x"`, `[["a"]]`, `[["a","b","c"]]`, `[["a",["b"]]]`, `[[1,"b"]]`, `["ab"]`, `[{"a":"b"}]`, "[] x"} {
		bodies["message-headers "+h] = enc(input{name: "message-headers", value: h}, input{name: "body-plain", value: "x"})
	}
	for _, c := range []string{"{", "[]", `{"a":["attachment-1"]}`, `{"a":{}}`, `{"a":1}`, "null"} {
		bodies["content-id-map "+c] = enc(headers, input{name: "content-id-map", value: c})
	}
	for _, a := range []string{"{", "{}", `"x"`, `["x"]`, `[{"name":["x"]}]`, `[{"url":1}]`, `[[]]`} {
		bodies["attachments "+a] = enc(headers, input{name: "attachments", value: a})
	}
	malformed(t, secretHook("mailgun"), "application/x-www-form-urlencoded", bodies)
	whole := asMultipart("b7", headers, input{name: "attachment-1", file: "a", kind: "text/plain", value: strings.Repeat("x", 300<<10)})
	malformed(t, secretHook("mailgun"), "multipart/form-data; boundary=b7", map[string]string{"cut in a file": whole[:len(whole)-1000], "cut before the end": whole[:len(whole)-4]})
}
