package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"postern/internal/fault"
)

// mailersend is an inbound route that posts to a URL: one mail in JSON, with the whole of it as text in data.raw. The page has the
// payload under "Inbound webhook"; django-anymail's mailersend.py confirms the signature, and that a route has a secret of its own, which
// is not that of MailerSend's other webhooks. Any 2xx is taken; no status says "never again".
var mailersend = &Provider{
	Name: "mailersend", Title: "MailerSend", Docs: "https://developers.mailersend.com/api/v1/inbound.html",
	Signs:  true,
	Advice: "it sends raw mail already, as text in JSON: what is neither ASCII nor UTF-8 in a mail that was sent in eight bits is damaged before it comes here",
	Verify: verifyMailerSend, Read: readMailerSend,
}

// verifyMailerSend checks the header Signature: HMAC-SHA256 of the body in hex. There is no time in it; a request that is sent again
// is the same mail again.
func verifyMailerSend(_ context.Context, t *Tools, h *Hook, r *Request) error {
	given, err := hex.DecodeString(strings.TrimSpace(r.Header.Get("Signature")))
	if err != nil || len(given) != sha256.Size {
		return &Unproven{"no header Signature of 64 hex digits"}
	}
	t.step("signed are the %d bytes of the body, of SHA-256 %s; keys that are tried: %d", r.Body.Size(), r.Body.SHA256(), len(h.Keys))
	for _, key := range h.Keys {
		mac := hmac.New(sha256.New, []byte(key))
		if err := copyBody(mac, r.Body); err != nil {
			return err
		}
		if hmac.Equal(mac.Sum(nil), given) {
			return nil
		}
	}
	return &Unproven{"the header Signature fits none of the keys: the inbound route's own secret is the one that signs"}
}

func readMailerSend(_ context.Context, t *Tools, _ *Hook, r *Request, take func(*Mail) error) error {
	v, err := readJSON(t, r.Body)
	if err != nil {
		return err
	}
	switch typ, err := v.NeedText("type"); {
	case err != nil:
		return err
	case typ == "webhook.test":
		return nil
	case typ != "inbound.message":
		return fault.Errorf(fault.Invalid, "at $.type: %.40q: this is another webhook of MailerSend's; an inbound route is meant to post here", typ)
	}
	data := v.Get("data")
	m := &Mail{}
	if m.ID, err = data.MayText("id"); err != nil {
		return err
	}
	if m.Arrived, err = timeOf(data, "created_at"); err != nil {
		return err
	}
	if sender := data.Get("sender"); sender.Has("email") {
		if m.From, err = sender.NeedText("email"); err != nil {
			return err
		}
		m.From, m.FromKnown = unbracketed(m.From), true
	}
	rcpts, err := data.Get("recipients").MayList("rcptTo")
	if err != nil {
		return err
	}
	for _, rcpt := range rcpts {
		to, err := rcpt.NeedText("email")
		if err != nil {
			return err
		}
		m.Recipients = append(m.Recipients, unbracketed(to))
	}
	// The qualifiers of RFC 7208 section 4.6.2. That dkim_check is false is said of mail without a signature too, so it is no failure.
	code, _ := data.Get("spf_check").Get("code").Text()
	m.SPF = map[string]string{"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}[code]
	if signed, _ := data.Get("dkim_check").Bool(); signed {
		m.DKIM = "pass"
	}
	if m.Raw, err = data.Get("raw").Spool(t); err != nil {
		return err
	}
	return take(m)
}

// timeOf is a time of RFC 3339, zero where there is none, or none that can be read: nothing depends on it.
func timeOf(v *value, key string) (time.Time, error) {
	s, err := v.MayText(key)
	if err != nil {
		return time.Time{}, err
	}
	at, _ := time.Parse(time.RFC3339, strings.Replace(s, " ", "T", 1))
	return at, nil
}

// unbracketed is an address of an envelope without the brackets that some write around it.
func unbracketed(address string) string {
	address = strings.TrimSpace(address)
	if a, ok := strings.CutPrefix(address, "<"); ok {
		return strings.TrimSuffix(a, ">")
	}
	return address
}
