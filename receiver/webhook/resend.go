package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
)

// resend is a webhook for the event email.received. It says only that there is a mail; we fetch it by the API: its raw bytes where
// there are some, else its parts. Pages: /docs/dashboard/receiving/*, /docs/api-reference/emails/retrieve-received-email and
// /docs/webhooks/verify-webhooks-requests. Any 2xx is taken, all else is sent again (5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h), each time
// signed anew.
var resend = &Provider{
	Name: "resend", Title: "Resend", Docs: "https://resend.com/docs/dashboard/receiving/introduction",
	Signs:  true,
	Advice: "the raw mail is fetched where Resend has it: put an API key with full access into api-key-file",
	Verify: verifySvix, Read: readResend,
}

// svixTolerance is how old a signature may be, or how far ahead of our clock: what the libraries of Svix, which signs for Resend, say.
const svixTolerance = 5 * time.Minute

// verifySvix checks a signature of Svix: HMAC-SHA256 of ID.TIMESTAMP.BODY, by the bytes that the key whsec_… encodes. There may be
// several while a key is being changed. https://docs.svix.com/receiving/verifying-payloads/how-manual
func verifySvix(ctx context.Context, t *Tools, h *Hook, r *Request) error {
	id, stamp, given := svixHeader(r, "Id"), svixHeader(r, "Timestamp"), svixHeader(r, "Signature")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || len(id) > 256 || err != nil || given == "" {
		return &Unproven{"svix-id, svix-timestamp or svix-signature is missing or malformed"}
	}
	t.step("signed is %s.%s. before the %d bytes of the body, of SHA-256 %s; keys that are tried: %d", short(id), stamp, r.Body.Size(), r.Body.SHA256(), len(h.Keys))
	problem := "svix-signature fits none of the keys: the signing secret of this webhook (whsec_…) is the one that signs"
	if !svixSigned(h.Keys, id, stamp, given, r, &problem) {
		return &Unproven{problem}
	}
	at := time.Unix(seconds, 0)
	if now := t.Now(); at.Before(now.Add(-svixTolerance)) || at.After(now.Add(svixTolerance)) {
		return &Unproven{"the signature is of " + at.UTC().Format(time.RFC3339) + ", too far from our clock: a replay, or a clock that is wrong"}
	}
	return t.Once(ctx, "resend "+id, r.Body.SHA256(), at.Add(svixTolerance))
}

// svixHeader is a header in either of the names that Svix uses.
func svixHeader(r *Request, name string) string {
	if s := r.Header.Get("Svix-" + name); s != "" {
		return s
	}
	return r.Header.Get("Webhook-" + name)
}

func svixSigned(keys []string, id, stamp, given string, r *Request, problem *string) bool {
	for _, key := range keys {
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(key), "whsec_"))
		if err != nil || len(secret) == 0 {
			*problem = "a key is no signing secret: whsec_ and base64"
			continue
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + stamp + "."))
		if copyBody(mac, r.Body) != nil {
			*problem = "the request could not be read"
			return false
		}
		sum := mac.Sum(nil)
		for s := range strings.FieldsSeq(given) {
			if version, coded, ok := strings.Cut(s, ","); ok && version == "v1" {
				if b, err := base64.StdEncoding.DecodeString(coded); err == nil && hmac.Equal(b, sum) {
					return true
				}
			}
		}
	}
	return false
}

// resendID is what the ids of Resend look like: they become part of a path.
var resendID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

func readResend(ctx context.Context, t *Tools, h *Hook, r *Request, take func(*Mail) error) error {
	v, err := readJSON(t, r.Body)
	if err != nil {
		return err
	}
	typ, err := v.NeedText("type")
	if err != nil {
		return err
	}
	if typ != "email.received" {
		return nil // another event: the webhook is for several
	}
	data := v.Get("data")
	m := &Mail{}
	if m.ID, err = data.NeedText("email_id"); err != nil {
		return err
	}
	if !resendID.MatchString(m.ID) {
		return fault.Errorf(fault.Invalid, "at $.data.email_id: %.40q is no id", m.ID)
	}
	if m.Arrived, err = timeOf(data, "created_at"); err != nil {
		return err
	}
	if m.Recipients, err = textsOf(data, "received_for"); err != nil {
		return err
	}
	f := &resendFetch{ctx: ctx, t: t, key: h.APIKey, m: m}
	if err := f.mail(); err != nil {
		return err
	}
	return take(m)
}

// textsOf is a list of texts, nothing where it is missing or null.
func textsOf(v *value, key string) ([]string, error) {
	items, err := v.MayList(key)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, item := range items {
		s, err := item.string()
		if err != nil {
			return nil, err
		}
		out = append(out, unbracketed(s))
	}
	return out, nil
}
