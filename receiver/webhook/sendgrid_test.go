package webhook_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/receiver/webhook"
)

// sendgridKey signs the recorded requests: its private half is a hash of a sentence.
func sendgridKey(t testing.TB, of string) (*ecdsa.PrivateKey, string) {
	t.Helper()
	d := sha256.Sum256([]byte(of))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, base64.StdEncoding.EncodeToString(public)
}

// signSendGrid signs as securing-your-parse-webhooks says; always the same for the same bytes.
func signSendGrid(t testing.TB, key *ecdsa.PrivateKey, at time.Time, body string) []string {
	t.Helper()
	stamp := fmt.Sprint(at.Unix())
	digest := sha256.Sum256([]byte(stamp + body))
	sig, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"X-Twilio-Email-Event-Webhook-Signature: " + base64.StdEncoding.EncodeToString(sig), "X-Twilio-Email-Event-Webhook-Timestamp: " + stamp,
	}
}

func sendgridHook(t testing.TB) webhook.Hook {
	_, old := sendgridKey(t, "an older key")
	_, public := sendgridKey(t, "a key for tests")
	return webhook.Hook{Name: "sg", Provider: "sendgrid", Mailbox: "support", Keys: []string{old, public}, TrustVerdicts: true}
}

const sendgridForm = "Content-Type: multipart/form-data; boundary=xYzZY"

func sendgridRequest(t testing.TB, inputs ...input) []byte {
	key, _ := sendgridKey(t, "a key for tests")
	body := asMultipart("xYzZY", inputs...)
	return request("/hooks/sendgrid/support", body, append([]string{"User-Agent: Sendlib/1.0", sendgridForm}, signSendGrid(t, key, start.Add(-time.Minute), body)...)...)
}

// sendgridHeaders are as SendGrid gives them: sorted, unfolded, decoded, with line feeds.
const sendgridHeaders = `Content-Type: multipart/mixed; boundary="b1"
Date: Tue, 24 Nov 2026 10:29:55 +0100
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s1; h=from:to:subject;        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=AAAA
From: Ann Lee (Büro) <ann@example.org>
Message-ID: <parsed-1@example.org>
Mime-Version: 1.0
Received: from mx.example.org (mxd [192.0.2.44]) by mx.sendgrid.net with ESMTP id 7 for <support@example.com>; Tue, 24 Nov 2026 09:29:58 +0000 (UTC)
Received: by mx.example.org with HTTP; Tue, 24 Nov 2026 10:29:55 +0100
Subject: Drucker in München
To: Support <support@example.com>, Ben Ortiz <ben@example.net>
`

func sendgridRequests(t testing.TB) map[string][]byte {
	claims := []input{
		{name: "dkim", value: "{@example.org : pass}"}, {name: "sender_ip", value: "192.0.2.44"}, {name: "SPF", value: "softfail"}, {name: "spam_score", value: "-0.101"},
		{name: "spam_report", value: "Spam detection software, running on the system \"mx7.sendgrid.net\", has NOT identified this mail as spam"},
	}
	envelope := input{name: "envelope", value: `{"to":["support@example.com"],"from":"bounce+1@example.org"}`}
	parsed := append([]input{{name: "headers", value: sendgridHeaders}, envelope}, claims...)
	return map[string][]byte{
		"raw": sendgridRequest(t, append(append([]input{}, claims...), input{name: "email", value: rawMail}, input{name: "to", value: "Support <support@example.com>"},
			input{name: "from", value: "Ann Lee <ann@example.org>"}, envelope, input{name: "subject", value: "Drucker in M\xfcnchen"},
			input{name: "charsets", value: `{"to":"UTF-8","subject":"iso-8859-1","from":"UTF-8"}`})...),
		"parsed": sendgridRequest(t, append(append([]input{}, parsed...), input{name: "text", value: "Der Drucker im Erdgeschoß\r\nzeigt nichts.\r\n"},
			input{name: "html", value: `<p>Der Drucker im Erdgeschoß zeigt <img src="cid:dot@example.org"></p>`}, input{name: "attachments", value: "2"},
			input{name: "attachment-info", value: `{"attachment2":{"filename":"dot.gif","name":"dot.gif","type":"image/gif","content-id":"dot@example.org"},` +
				`"attachment1":{"filename":"Protokoll № 1.txt","name":"Protokoll № 1.txt","charset":"iso-8859-1","type":"text/plain"}}`},
			input{name: "content-ids", value: `{"dot@example.org":"attachment2"}`}, input{name: "charsets", value: `{"to":"UTF-8","html":"UTF-8","subject":"UTF-8","from":"UTF-8","text":"UTF-8"}`},
			input{name: "attachment1", file: "Protokoll № 1.txt", kind: "text/plain", value: "Gr\xfc\xdfe\n"}, input{name: "attachment2", file: "dot.gif", kind: "image/gif", value: pixel})...),
		"charsets": sendgridRequest(t, append(append([]input{}, parsed...), input{name: "subject", value: "Drucker in M\x81nchen"}, input{name: "text", value: "The printer\x92s display is empty\x85"},
			input{name: "html", value: "<p>\xd0\xcf\xd3\xcc\xc5 \xcf\xc2\xc5\xc4\xc1</p>"}, input{name: "charsets", value: `{"to":"UTF-8","html":"koi8-r","subject":"cp850","from":"UTF-8","text":"windows-1252"}`})...),
		"bcc": sendgridRequest(t, input{name: "headers", value: strings.ReplaceAll(sendgridHeaders, "Support <support@example.com>, ", "")},
			input{name: "envelope", value: `{"to":["support+a@example.com","<support+b@example.com>"],"from":""}`}, input{name: "text", value: "To nobody that a header names"}, input{name: "dkim", value: "none"}),
		"empty": sendgridRequest(t, input{name: "headers", value: "From: ann@example.org\nDate: Tue, 24 Nov 2026 10:29:55 +0100\n"}, envelope, input{name: "attachments", value: "0"}),
		"names": sendgridRequest(t, append(append([]input{}, parsed...), input{name: "text", value: "Files"},
			input{name: "attachment-info", value: `{"attachment1":{"filename":"a \"b\"; c.pdf","type":"application/pdf"},"attachment2":{"filename":"..\\..\\evil.exe","type":"application/x-msdownload"},` +
				`"attachment5":{"filename":"lost.zip","type":"application/zip"},"attachment4":{"filename":null,"type":"message/rfc822"}}`},
			input{name: "attachment1", file: `a "b"; c.pdf`, kind: "application/pdf", value: "%PDF-1.4"}, input{name: "attachment2", file: `..\..\evil.exe`, kind: "application/x-msdownload", value: "MZ"},
			input{name: "attachment3", file: "", kind: "application/octet-stream", value: "\x00\x01\r\n--xYzZZ\r\n"},
			input{name: "attachment4", file: "", kind: "message/rfc822", value: "From: Ben <ben@example.net>\r\nSubject: Inside\r\n\r\nInner\r\n"},
			input{name: "attachment6", file: "r\xe9sum\xe9.doc", kind: "application/msword", value: ""})...),
	}
}

func TestSendGrid(t *testing.T) {
	t.Parallel()
	for name, r := range sendgridRequests(t) {
		recorded(t, "sendgrid", name, r)
	}
	golden(t, nil, sendgridHook(t))
}

// send sends a recorded request to a rig.
func (g *rig) send(raw []byte) int {
	g.t.Helper()
	r, err := webhook.ReadCapture(bytes.NewReader(raw))
	if err != nil {
		g.t.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.1:1234"
	return g.do(r).Code
}

// TestSendGridProof: only what one of the keys signed, byte for byte and within the three days of its tries, is read.
func TestSendGridProof(t *testing.T) {
	t.Parallel()
	key, public := sendgridKey(t, "a key for tests")
	other, _ := sendgridKey(t, "somebody else's key")
	body := asMultipart("xYzZY", input{name: "email", value: rawMail}, input{name: "envelope", value: `{"to":["support@example.com"],"from":"ann@example.org"}`})
	der, err := base64.StdEncoding.DecodeString(public)
	if err != nil {
		t.Fatal(err)
	}
	inPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	sign := func(k *ecdsa.PrivateKey, at time.Time, body string) []string { return signSendGrid(t, k, at, body) }
	good := sign(key, start, body)
	for name, tc := range map[string]struct {
		keys    []string
		headers []string
		body    string
		want    int
		reason  string
	}{
		"signed":                    {[]string{public}, good, body, 200, ""},
		"a key in PEM":              {[]string{inPEM}, good, body, 200, ""},
		"a key with line breaks":    {[]string{public[:40] + "\n" + public[40:] + "\n"}, good, body, 200, ""},
		"one bad key beside":        {[]string{"not a key", public}, good, body, 200, ""},
		"tried again after 3 days":  {[]string{public}, sign(key, start.Add(-72*time.Hour), body), body, 200, ""},
		"after 4 days":              {[]string{public}, sign(key, start.Add(-96*time.Hour), body), body, 401, "96h0m0s ago"},
		"signed tomorrow":           {[]string{public}, sign(key, start.Add(24*time.Hour), body), body, 401, "clock"},
		"another's key":             {[]string{public}, sign(other, start, body), body, 401, "fits none of the keys"},
		"another body":              {[]string{public}, good, strings.Replace(body, "Drucker", "drucker", 1), 401, "fits none of the keys"},
		"a byte behind":             {[]string{public}, good, body + "\n", 401, "fits none of the keys"},
		"cut":                       {[]string{public}, good, body[:len(body)-20], 401, "fits none of the keys"},
		"not signed":                {[]string{public}, nil, body, 401, "security policy"},
		"no timestamp":              {[]string{public}, good[:1], body, 401, "not signed"},
		"two signatures":            {[]string{public}, append(good[:1:1], good...), body, 401, "not signed"},
		"another timestamp":         {[]string{public}, []string{good[0], fmt.Sprintf("X-Twilio-Email-Event-Webhook-Timestamp: %d", start.Unix()+1)}, body, 401, "fits none"},
		"a timestamp that is none":  {[]string{public}, []string{good[0], "X-Twilio-Email-Event-Webhook-Timestamp: now"}, body, 401, "Unix seconds"},
		"a signature that is none":  {[]string{public}, []string{"X-Twilio-Email-Event-Webhook-Signature: !", good[1]}, body, 401, "not base64"},
		"an empty signature":        {[]string{public}, []string{"X-Twilio-Email-Event-Webhook-Signature: AA==", good[1]}, body, 401, "fits none"},
		"only keys that are none":   {[]string{"not a key", base64.StdEncoding.EncodeToString([]byte("x"))}, good, body, 401, "2 of 2 keys cannot be read"},
		"a signature and no policy": {[]string{public}, sign(key, start, ""), "", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, nil, webhook.Hook{Name: "sg", Provider: "sendgrid", Mailbox: "support", Keys: tc.keys})
			if got := g.send(request("/hooks/sendgrid/support", tc.body, append([]string{sendgridForm}, tc.headers...)...)); got != tc.want {
				t.Errorf("got %d, want %d: %v", got, tc.want, g.refused)
			}
			if n := len(g.mails()); (n == 1) != (tc.want == 200) {
				t.Errorf("%d mails", n)
			}
			if got := strings.Join(g.refused, "\n"); tc.reason != "" && !strings.Contains(got, tc.reason) {
				t.Errorf("the reason is %q, want %q", got, tc.reason)
			}
		})
	}
}

// secretHook proves by a secret, so that a body need not be signed.
func secretHook(provider string) webhook.Hook {
	return webhook.Hook{Name: "h", Provider: provider, Mailbox: "support", Secret: "0123456789abcdef", TrustVerdicts: true}
}

// malformed sends forms, each of which must be answered with 4xx, and leave nothing.
func malformed(t *testing.T, hook webhook.Hook, kind string, bodies map[string]string) {
	t.Helper()
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, nil, hook)
			w := g.post("/hooks/"+hook.Provider+"/"+hook.Mailbox+"/"+hook.Secret, body, "Content-Type: "+kind)
			if w.Code < 400 || w.Code >= 500 || w.Code == http.StatusUnauthorized {
				t.Errorf("answered %d %s: %v", w.Code, w.Body, g.refused)
			}
			if m := g.mails(); len(m) > 0 {
				t.Errorf("it became %d mails", len(m))
			}
		})
	}
}

func TestSendGridMalformed(t *testing.T) {
	t.Parallel()
	form := func(inputs ...input) string { return asMultipart("xYzZY", inputs...) }
	email, headers := input{name: "email", value: rawMail}, input{name: "headers", value: sendgridHeaders}
	file := input{name: "attachment1", file: "a", kind: "text/plain", value: strings.Repeat("x", 300<<10)}
	whole := form(headers, file)
	bodies := map[string]string{
		"empty": "", "nothing of a mail": form(input{name: "to", value: "x"}), "cut in a file": whole[:len(whole)-1000], "cut before the end": whole[:len(whole)-4],
		"no form": "hello",
	}
	for _, e := range []string{"", "{", "[]", `"x"`, "null", `{"to":"support@example.com","from":"a@example.org"}`, `{"to":[["a"]],"from":""}`, `{"to":[1]}`, `{"from":"a@example.org"}`, `{"to":[],"from":["a"]}`, `{"to":[],"from":{}}`, `{"to":[],"to":[]}`, `{"to":[]} x`} {
		bodies["envelope "+e] = form(email, input{name: "envelope", value: e})
	}
	for _, c := range []string{"{", "[]", `{"text":1}`, `{"text":["utf-8"]}`, `{"text":{}}`, `{"text":"utf-8"} {}`, "null"} {
		bodies["charsets "+c] = form(headers, file, input{name: "charsets", value: c})
		bodies["content-ids "+c] = form(headers, file, input{name: "content-ids", value: c})
	}
	for _, i := range []string{"{", "[]", `"x"`, `{"attachment1":"x"}`, `{"attachment1":[]}`, `{"attachment1":{"filename":["a"]}}`, `{"attachment1":{"type":1}}`, `{"attachment9":{"type":{}}}`, `{"attachment9":7}`} {
		bodies["attachment-info "+i] = form(headers, file, input{name: "attachment-info", value: i})
	}
	malformed(t, secretHook("sendgrid"), "multipart/form-data; boundary=xYzZY", bodies)
	malformed(t, secretHook("sendgrid"), "application/json", map[string]string{"an event webhook": `[{"email":"ann@example.org","event":"delivered"}]`})
}

func TestSendGridKeys(t *testing.T) {
	t.Parallel()
	_, public := sendgridKey(t, "a key for tests")
	for key, want := range map[string]string{public: "", "a secret": "public_key", "": "public_key"} {
		h := webhook.Hook{Provider: "sendgrid", Mailbox: "support", Keys: []string{public, key}}
		got := strings.Join(h.Problems(), "; ")
		if !strings.Contains(got, want) || (want == "") != (got == "") || want != "" && !strings.Contains(got, "number 2") {
			t.Errorf("key %q: %q", key, got)
		}
	}
}
