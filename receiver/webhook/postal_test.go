package webhook_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"os"
	"strings"
	"testing"

	"postern/internal/intake"
	"postern/receiver/webhook"
)

const postalPath = "/hooks/postal/support"

// postalKey is a signing.key as postal makes one, of nobody's server.
func postalKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	b, err := os.ReadFile("testdata/postal/signing.key")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func postalHook(t testing.TB) webhook.Hook {
	der, err := x509.MarshalPKIXPublicKey(&postalKey(t).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return webhook.Hook{Name: "po", Provider: "postal", Mailbox: "support", Keys: []string{"v=DKIM1; t=s; h=sha256; p=" + b64(der) + ";"}}
}

func postalHeaders(t testing.TB, typ, body string) []string {
	t.Helper()
	s256, s1 := sha256.Sum256([]byte(body)), sha1.Sum([]byte(body))
	new, err := rsa.SignPKCS1v15(nil, postalKey(t), crypto.SHA256, s256[:])
	if err != nil {
		t.Fatal(err)
	}
	old, err := rsa.SignPKCS1v15(nil, postalKey(t), crypto.SHA1, s1[:])
	if err != nil {
		t.Fatal(err)
	}
	return []string{"Content-Type: " + typ, "X-Postal-Signature: " + b64(old), "X-Postal-Signature-256: " + b64(new), "X-Postal-Signature-KID: 0123"}
}

// postalLines is base64 as Ruby writes it: a break after each 60 characters.
func postalLines(s string) string {
	var b strings.Builder
	for c := b64([]byte(s)); c != ""; {
		n := min(60, len(c))
		b.WriteString(c[:n] + "\n")
		c = c[n:]
	}
	return b.String()
}

func postalRaw(raw string) map[string]any {
	return map[string]any{"id": 12345, "rcpt_to": "support@example.com", "mail_from": "bounces@example.org", "message": postalLines(raw), "base64": true, "size": len(raw)}
}

// postalHash is the processed format of a mail.
func postalHash() map[string]any {
	return map[string]any{
		"id": 12346, "rcpt_to": "support@example.com", "mail_from": "bounces@example.org", "token": "abcdef123", "subject": "Drucker in München", "message_id": "office-1@example.org",
		"timestamp": 1795512602.25, "size": 4096, "spam_status": "NotSpam", "bounce": false, "received_with_ssl": true, "to": "Support <support@example.com>, ben@example.net", "cc": nil,
		"from": "Ann Lee <ann@example.org>", "date": "Tue, 24 Nov 2026 10:29:55 +0100", "in_reply_to": nil, "references": nil,
		"html_body": "<p>Grüße</p>", "attachment_quantity": 2, "auto_submitted": nil, "reply_to": []string{"replies@example.org"}, "plain_body": "Grüße", "replies_from_plain_body": "> es druckt nichts\n",
		"attachments": []any{
			map[string]any{"filename": "Übersicht \"1\".pdf", "content_type": "application/pdf", "size": 9, "data": postalLines("%PDF-1.4\n")},
			map[string]any{"filename": nil, "content_type": "message/rfc822", "size": 3, "data": postalLines("Subject: inside\r\n\r\nHello\r\n")},
		},
	}
}

func TestPostal(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	flat := func(m map[string]any, extra ...string) string {
		v := url.Values{}
		for k, x := range m {
			switch x := x.(type) {
			case string:
				v.Set(k, x)
			case bool, int, float64:
				v.Set(k, asJSON(t, x))
			}
		}
		for i := 0; i < len(extra); i += 2 {
			v.Add(extra[i], extra[i+1])
		}
		return v.Encode()
	}
	json := "application/json"
	for name, r := range map[string]struct{ typ, body string }{
		"raw":      {json, asJSON(t, postalRaw(crlf(officeMail)))},
		"eightbit": {json, asJSON(t, postalRaw(eightBitMail))},
		"empty":    {json, asJSON(t, map[string]any{"id": 1, "rcpt_to": "support@example.com", "mail_from": "", "message": crlf(emptyMail), "base64": false})},
		"hash":     {json, asJSON(t, postalHash())},
		"raw-form": {form, flat(postalRaw(eightBitMail))},
		"hash-form": {form, flat(postalHash(), "reply_to", "replies@example.org", "attachments[0][filename]", "../x.csv", "attachments[0][content_type]", "text/csv; charset=utf-8",
			"attachments[0][size]", "3", "attachments[0][data]", postalLines("a;b"))},
	} {
		made(t, "postal", name, postalPath, r.body, postalHeaders(t, r.typ, r.body)...)
	}
	golden(t, nil, postalHook(t))
}

func TestPostalWrong(t *testing.T) {
	t.Parallel()
	good := asJSON(t, postalRaw(mailText))
	signed := func(body string) []string { return postalHeaders(t, "application/json", body) }
	h := signed(good)
	cases := []wrong{
		{"no signature", good, h[:1], 401, "no header X-Postal-Signature"},
		{"no base64", good, []string{"X-Postal-Signature-256: *"}, 401, "no header X-Postal-Signature"},
		{"another body", good + " ", h, 401, "fits none"},
		{"cut short", good[:40], h, 401, "fits none"},
		{"the old one does not help a wrong new one", good, []string{h[1], "X-Postal-Signature-256: " + b64(make([]byte, 256))}, 401, "fits none"},
		{"the old one in the new one's place", good, []string{strings.Replace(h[1], "Signature", "Signature-256", 1)}, 401, "fits none"},
	}
	for _, c := range []struct {
		name string
		body string
		want string
	}{
		{"a list", "[]", "at $: want object"},
		{"nothing of a mail", `{"event":"MessageSent","payload":{}}`, "another webhook"},
		{"cut and signed", good[:40], "$"},
		{"message a list", `{"message":["eA=="],"base64":true}`, "at $.message: want text, got list"},
		{"message damaged", `{"message":"e*==","base64":true}`, "at $.message"},
		{"rcpt_to a list", `{"rcpt_to":["a@example.com"],"message":"x"}`, "at $.rcpt_to: want text, got list"},
		{"plain_body an object", `{"from":"a@example.org","plain_body":{}}`, "at $.plain_body: want text, got object"},
		{"attachments a text", `{"from":"a@example.org","attachments":"x"}`, "at $.attachments: want list, got text"},
		{"an attachment a text", `{"from":"a@example.org","attachments":["x"]}`, "at $.attachments[0]: want object, got text"},
		{"data missing", `{"from":"a@example.org","attachments":[{"filename":"a","data":"eA=="},{"filename":"x"}]}`, "at $.attachments[1].data: want text, got missing"},
		{"reply_to of lists", `{"from":"a@example.org","reply_to":[["x"]]}`, "at $.reply_to[0]: want text, got list"},
	} {
		cases = append(cases, wrong{c.name, c.body, signed(c.body), 400, c.want})
	}
	form := "message=e*==&base64=true"
	cases = append(cases, wrong{"form damaged", form, postalHeaders(t, "application/x-www-form-urlencoded", form), 400, "the field message"})
	refused(t, nil, postalHook(t), postalPath, cases)
	again(t, nil, postalHook(t), postalPath, good, h...)

	g := newRig(t, nil, postalHook(t)) // a server of before version 3 signs with SHA-1 alone
	if w := g.post(postalPath, good, h[:2]...); w.Code != 200 {
		t.Errorf("signed as older servers do: got %d", w.Code)
	}
}

// TestPostalAnswers: 4xx would have Postal bounce to whoever the sender claims to be, and 429 lose the mail.
func TestPostalAnswers(t *testing.T) {
	t.Parallel()
	body := asJSON(t, postalRaw(mailText))
	for verdict, status := range map[intake.Verdict]int{intake.Committed: 200, intake.Rejected: 200, intake.TryLater: 503} {
		g := newRig(t, nil, postalHook(t))
		g.verdict = func(string) intake.Verdict { return verdict }
		if w := g.post(postalPath, body, postalHeaders(t, "application/json", body)...); w.Code != status {
			t.Errorf("%s: got %d, want %d", verdict, w.Code, status)
		}
	}
}

// TestPostalKeys: PEM of either kind, base64 and a DKIM record are one key.
func TestPostalKeys(t *testing.T) {
	t.Parallel()
	public := &postalKey(t).PublicKey
	pkix, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	body := asJSON(t, postalRaw(mailText))
	for name, key := range map[string]string{
		"pkix": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})), "base64": b64(pkix), "folded": b64(pkix)[:64] + "\n" + b64(pkix)[64:],
		"pkcs1": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(public)})),
	} {
		hook := webhook.Hook{Name: "po", Provider: "postal", Mailbox: "support", Keys: []string{"no key", key}}
		if w := newRig(t, nil, hook).post(postalPath, body, postalHeaders(t, "application/json", body)...); w.Code != 200 {
			t.Errorf("%s: got %d", name, w.Code)
		}
	}
}
