package webhook

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/spool"
)

// sendgrid is Twilio SendGrid's Inbound Parse: a form, with the whole message in the field email ("POST the raw, full MIME message") or
// taken apart. Of answers other than 2xx its documentation says now that they are tried again and now that only 5xx are, for three days;
// so what is rejected is answered 200. Field names after twilio.com/docs/sendgrid/for-developers/parsing-email/inbound-email, which says
// neither that the header block comes sorted, unfolded and decoded, nor that attachment-info has charsets; recorded requests do.
var sendgrid = &Provider{
	Name:  "sendgrid",
	Title: "SendGrid Inbound Parse",
	Docs:  "https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/inbound-email",
	Signs: true,
	Advice: `tick "POST the raw, full MIME message" at Settings > Inbound Parse (send_raw in the API): without it SendGrid takes mails apart, ` +
		`and what is put together again lacks signatures and nested messages`,
	Key:    func(key string) error { _, err := ecdsaKey(key); return err },
	Verify: verifySendGrid,
	Read:   readSendGrid,
}

// The headers are named after the Event Webhook, which signs in the same way: twilio.com/docs/…/securing-your-parse-webhooks, and
// helpers/eventwebhook of github.com/sendgrid/sendgrid-go.
const (
	sendgridSignature = "X-Twilio-Email-Event-Webhook-Signature"
	sendgridTimestamp = "X-Twilio-Email-Event-Webhook-Timestamp"
	sendgridWindow    = 3*24*time.Hour + time.Hour // a mail is tried for three days; whether each try is signed anew is not said
	clockSkew         = 15 * time.Minute
)

// verifySendGrid checks an ECDSA signature (base64 of ASN.1) over the SHA-256 of the timestamp's bytes and the body's.
func verifySendGrid(_ context.Context, t *Tools, h *Hook, r *Request) error {
	header := textproto.MIMEHeader(r.Header)
	stamp, signature := onlyHeader(header, sendgridTimestamp), onlyHeader(header, sendgridSignature)
	if stamp == "" || signature == "" {
		return &Unproven{"it is not signed (" + sendgridSignature + "): is the security policy attached to the parse webhook?"}
	}
	if err := fresh(t, stamp, sendgridWindow); err != nil {
		return err
	}
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return &Unproven{sendgridSignature + " is not base64"}
	}
	in, err := r.Body.Open()
	if err != nil {
		return fault.As(fault.Unavailable, err)
	}
	defer func() { _ = in.Close() }()
	sum := sha256.New()
	_, _ = io.WriteString(sum, stamp)
	if _, err := io.Copy(sum, in); err != nil {
		return fault.As(fault.Unavailable, err)
	}
	digest := sum.Sum(nil)
	t.step("signed are the timestamp %s and the %d bytes of the body, together of SHA-256 %x; keys that are tried: %d", short(stamp), r.Body.Size(), digest, len(h.Keys))
	unusable := 0
	for i, k := range h.Keys {
		switch key, err := ecdsaKey(k); {
		case err != nil:
			t.step("key %d of %d cannot be read: %s", i+1, len(h.Keys), err)
			unusable++
		case ecdsa.VerifyASN1(key, digest, sig):
			t.step("key %d of %d fits", i+1, len(h.Keys))
			return nil
		default:
			t.step("key %d of %d does not fit", i+1, len(h.Keys))
		}
	}
	if unusable > 0 {
		return &Unproven{fmt.Sprintf("the signature fits none of the keys, and %d of %d keys cannot be read: want the public_key of the security policy", unusable, len(h.Keys))}
	}
	return &Unproven{"the signature fits none of the keys: is it the public_key of the policy attached to this parse webhook, and does a proxy change the body?"}
}

// fresh says whether a time in Unix seconds lies within a window before now.
func fresh(t *Tools, stamp string, window time.Duration) error {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return &Unproven{fmt.Sprintf("the timestamp %q is not in Unix seconds", short(stamp))}
	}
	age := t.Now().Sub(time.Unix(seconds, 0))
	t.step("it was signed at %s, %s before it came", time.Unix(seconds, 0).UTC().Format(time.RFC3339), age.Round(time.Second))
	switch {
	case age > window:
		return &Unproven{fmt.Sprintf("it was signed %s ago, which is more than the %s for which it is tried again", age.Round(time.Second), window)}
	case age < -clockSkew:
		return &Unproven{fmt.Sprintf("it was signed %s from now: is this machine's clock right?", (-age).Round(time.Second))}
	}
	return nil
}

// ecdsaKey reads a public key in PEM or in base64 of PKIX, as the API gives it.
func ecdsaKey(s string) (*ecdsa.PublicKey, error) {
	var der []byte
	if block, _ := pem.Decode([]byte(s)); block != nil {
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), "")); err != nil {
			return nil, fmt.Errorf("want the public_key of SendGrid's security policy: %w", err)
		}
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("want the public_key of SendGrid's security policy: %w", err)
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("want the public_key of SendGrid's security policy, an ECDSA key; got %T", public)
	}
	return key, nil
}

func readSendGrid(ctx context.Context, t *Tools, _ *Hook, r *Request, take func(*Mail) error) error {
	if isJSON(r) {
		return fault.Errorf(fault.Invalid, "this is JSON, as SendGrid's Event Webhook sends: the hook is for Inbound Parse (Settings > Inbound Parse), which posts a form")
	}
	f, err := readForm(ctx, t, r)
	if err != nil {
		return err
	}
	defer f.Close()
	m := &Mail{}
	if err := sendgridClaims(t, f, m); err != nil {
		return err
	}
	switch email := f.Field("email"); {
	case email != nil && email.Body.Size() > 0:
		m.Raw = email.take()
	case f.Field("headers") != nil:
		p, err := sendgridParts(t, f)
		if err != nil {
			return err
		}
		if m.Raw, err = rebuild(t, p); err != nil {
			return err
		}
		m.Rebuilt = true
	default:
		return fault.Errorf(fault.Invalid, "the form has neither a field email (raw mode) nor a field headers (parsed mode): is it Inbound Parse that calls?")
	}
	return take(m)
}

// sendgridClaims reads the envelope and what SendGrid found out. {"to": ["a@example.org"], "from": "b@example.net"}: to has a recipient for whom
// no header may speak (Bcc).
func sendgridClaims(t *Tools, f *form, m *Mail) error {
	if e := f.Field("envelope"); e != nil {
		v, err := readJSON(t, e.Body)
		if err != nil {
			return fmt.Errorf("field envelope: %w", err)
		}
		to, err := v.NeedList("to")
		if err != nil {
			return fmt.Errorf("field envelope: %w", err)
		}
		for _, a := range to {
			s, err := a.string()
			if err != nil {
				return fmt.Errorf("field envelope: %w", err)
			}
			if s = bareAddress(s); s != "" {
				m.Recipients = append(m.Recipients, s)
			}
		}
		from, err := v.MayText("from")
		if err != nil {
			return fmt.Errorf("field envelope: %w", err)
		}
		m.From, m.FromKnown = bareAddress(from), v.Has("from")
	}
	score, _ := f.Get("spam_score") // there with the spam check only
	m.SpamScore = decimal(score)
	spf, _ := f.Get("SPF")
	dkim, _ := f.Get("dkim")
	ip, _ := f.Get("sender_ip")
	m.SPF, m.DKIM, m.Peer = authWord(spf), sendgridDKIM(dkim), address(ip)
	return nil
}

// sendgridDKIM reads {@example.org : pass, @example.net : fail}, which is no JSON: one signature that passes is a pass, as in RFC 8601.
func sendgridDKIM(s string) (word string) {
	for _, item := range strings.Split(strings.Trim(strings.TrimSpace(s), "{}"), ",") {
		w := authWord(item[strings.LastIndexByte(item, ':')+1:])
		if w == "pass" {
			return w
		}
		if word == "" {
			word = w
		}
	}
	return word
}

var sendgridFile = regexp.MustCompile(`^attachment[0-9]+$`)

// sendgridParts collects what SendGrid took apart. Each text is in the charset that the field charsets says, its bytes as they were.
func sendgridParts(t *Tools, f *form) (*parts, error) {
	charsets, err := f.pairs("charsets")
	if err != nil {
		return nil, err
	}
	ids, err := f.pairs("content-ids")
	if err != nil {
		return nil, err
	}
	var info *value
	if i := f.Field("attachment-info"); i != nil && i.Body.Size() > 0 {
		if info, err = readJSON(t, i.Body); err != nil {
			return nil, fmt.Errorf("field attachment-info: %w", err)
		}
		if info.Kind() != "object" {
			return nil, fault.Errorf(fault.Invalid, "field attachment-info: want a JSON object, got %s", info.Kind())
		}
	}
	p := &parts{Provider: "sendgrid", RawHeader: f.Field("headers").Body}
	if text := f.Field("text"); text != nil {
		p.Text = &textPart{lookup(charsets, "text"), text.Body}
	}
	var html *spool.Body
	if page := f.Field("html"); page != nil {
		html = page.Body
		p.HTML = &textPart{lookup(charsets, "html"), html}
	}
	shown, idOf := cited(html), map[string]string{}
	for _, id := range ids {
		idOf[id.Value] = id.Key
	}
	sent := map[string]bool{}
	for _, fl := range f.Fields {
		told := info.Has(fl.Name)
		if fl.File == "" && !told && !sendgridFile.MatchString(fl.Name) {
			continue
		}
		file := filePart{Name: fl.File, Type: fl.Type, Body: fl.Body}
		if told && !sent[fl.Name] {
			if err := sendgridInfo(info.Get(fl.Name), &file); err != nil {
				return nil, err
			}
		}
		if file.ContentID == "" {
			file.ContentID = idOf[fl.Name]
		}
		file.Inline = shown[plainID(file.ContentID)]
		sent[fl.Name] = true
		p.Files = append(p.Files, file)
	}
	for _, name := range info.Keys() {
		if !sent[name] {
			file := filePart{Missing: "its form field " + name + " was not sent"}
			if err := sendgridInfo(info.Get(name), &file); err != nil {
				return nil, err
			}
			p.Files = append(p.Files, file)
		}
	}
	return p, nil
}

// sendgridInfo adds what attachment-info tells of a file. Its names are UTF-8, which those of the form need not be.
func sendgridInfo(v *value, file *filePart) error {
	var filename, name, kind, set string
	if err := v.texts([]string{"filename", "name", "type", "charset", "content-id"}, &filename, &name, &kind, &set, &file.ContentID); err != nil {
		return fmt.Errorf("field attachment-info: %w", err)
	}
	if filename == "" {
		filename = name
	}
	if filename != "" {
		file.Name = filename
	}
	if file.Type == "" {
		file.Type = kind
	}
	if low := strings.ToLower(file.Type); isToken(set) && strings.HasPrefix(low, "text/") && !strings.Contains(low, "charset") {
		file.Type += "; charset=" + set
	}
	return nil
}
