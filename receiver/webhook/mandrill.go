package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"net/url"
	"sort"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/spool"
)

// mandrill is Mailchimp Transactional: a form whose one field holds up to 1,000 events, each with the whole mail.
var mandrill = &Provider{
	Name:   "mandrill",
	Title:  "Mailchimp Transactional (Mandrill)",
	Docs:   "https://mailchimp.com/developer/transactional/docs/webhooks/",
	Signs:  true,
	Advice: "nothing to set: an inbound route has the whole mail in it",
	Verify: verifyMandrill,
	Read:   readMandrill,
}

// mandrillFields is how many fields a form may have to be verified. Mandrill sends one.
const mandrillFields = 4

// verifyMandrill compares X-Mandrill-Signature with HMAC-SHA1 over the URL as Mandrill knows it, then name and value of each field,
// sorted by name: mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/#authenticating-webhook-requests.
func verifyMandrill(ctx context.Context, t *Tools, h *Hook, r *Request) error {
	if len(h.Keys) == 0 {
		return &Unproven{"the hook has no key: put the webhook key of Mandrill's inbound route into a file, and name it in key-files"}
	}
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Mandrill-Signature"))
	if err != nil || len(given) != sha1.Size {
		return &Unproven{"the header X-Mandrill-Signature is missing, or no HMAC-SHA1 in base64"}
	}
	type named struct {
		name  string
		place int
	}
	var names []named
	err = eachField(ctx, t, r, func(fl *field, _ io.Reader) error {
		if len(names) == mandrillFields {
			return fault.Errorf(fault.Invalid, "the form has more than %d fields, Mandrill's has one", mandrillFields)
		}
		names = append(names, named{fl.Name, len(names)})
		return nil
	})
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		return &Unproven{err.Error()}
	}
	if err != nil {
		return err
	}
	defer func() {
		var list []string
		for _, n := range names {
			list = append(list, n.name)
		}
		t.step("signed are the URL %s and the form's fields %.200q, with %d keys to try", secretless(h.URL, h.Secret), list, len(h.Keys))
	}()
	sort.SliceStable(names, func(i, j int) bool { return names[i].name < names[j].name })

	var macs []hash.Hash
	var to []io.Writer
	for _, key := range h.Keys {
		macs = append(macs, hmac.New(sha1.New, []byte(key)))
		to = append(to, macs[len(macs)-1])
	}
	w := io.MultiWriter(to...)
	_, _ = io.WriteString(w, h.URL)
	var said []string
	for _, n := range names {
		said = append(said, short(n.name))
	}
	t.step("signed are the URL %s, and names and values of the fields %s; keys that are tried: %d", secretless(h.URL, h.Secret), strings.Join(said, ", "), len(h.Keys))
	for _, n := range names { // a pass over the body each, so that nothing of it is kept
		place := -1
		err := eachField(ctx, t, r, func(_ *field, value io.Reader) error {
			if place++; place != n.place {
				return nil
			}
			_, _ = io.WriteString(w, n.name)
			_, err := io.Copy(w, value)
			return err
		})
		if fault.Is(err, fault.Invalid) {
			return &Unproven{err.Error()}
		}
		if err != nil {
			return err
		}
	}
	for _, m := range macs {
		if hmac.Equal(m.Sum(nil), given) {
			return nil
		}
	}
	return &Unproven{fmt.Sprintf("the signature does not fit: either the key is another's, or Mandrill calls another URL than %q, which is what was reckoned with: say its \"Webhook URL\" by url, to the letter", secretless(h.URL, h.Secret))}
}

// secretless is a URL for a log.
func secretless(of, secret string) string {
	if secret == "" {
		return of
	}
	return strings.NewReplacer(secret, "***", url.PathEscape(secret), "***", url.QueryEscape(secret), "***").Replace(of)
}

func readMandrill(ctx context.Context, t *Tools, _ *Hook, r *Request, take func(*Mail) error) error {
	events, err := mandrillEvents(ctx, t, r)
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }()
	b := &batch{ctx: ctx, take: take}
	v, err := readItems(events, func(event *value) error { return b.add(inbound(t, event)) })
	if err == nil && v != nil {
		err = v.want(list)
	}
	if err != nil {
		return fault.Errorf(fault.KindOf(err), "in mandrill_events, %w", err)
	}
	return b.end()
}

// mandrillEvents is the field with the events, which may be larger than one mail.
func mandrillEvents(ctx context.Context, t *Tools, r *Request) (*spool.Body, error) {
	var found *spool.Body
	err := eachField(ctx, t, r, func(fl *field, value io.Reader) error {
		if fl.Name != "mandrill_events" || found != nil {
			return nil
		}
		w := t.Spool.Create()
		defer w.Abort()
		if _, err := io.Copy(w, value); err != nil {
			return err
		}
		var err error
		found, err = w.Body()
		return err
	})
	if err == nil && found == nil {
		err = fault.Errorf(fault.Invalid, "the form has no mandrill_events")
	}
	if err != nil && found != nil {
		_ = found.Close()
	}
	return found, err
}

// inbound is the mail of an event. Mandrill does not say who sent it by the envelope: sender is for sent mail.
func inbound(t *Tools, event *value) (*Mail, error) {
	kind, err := event.NeedText("event")
	if err != nil {
		return nil, err
	}
	if kind != "inbound" {
		return nil, fault.Errorf(fault.Invalid, "at %s: %.60q is news of sent mail: a hook wants an inbound route", event.path(), kind)
	}
	msg, mail := event.Get("msg"), &Mail{}
	to, err := msg.MayText("email")
	if err != nil {
		return nil, err
	}
	if to != "" {
		mail.Recipients = []string{to}
	}
	at, err := event.MayNumber("ts")
	if err != nil {
		return nil, err
	}
	if at != nil && *at > 0 && *at < 1<<40 {
		mail.Arrived = time.Unix(int64(*at), 0).UTC()
	}
	if mail.SpamScore, err = msg.Get("spam_report").MayNumber("score"); err != nil {
		return nil, err
	}
	spf, _ := msg.Get("spf").Get("result").Text()
	mail.SPF = authWord(spf)
	if signed, ok := msg.Get("dkim").Get("signed").Bool(); ok {
		valid, _ := msg.Get("dkim").Get("valid").Bool()
		mail.DKIM = map[bool]string{true: "pass", false: "fail"}[valid]
		if !signed {
			mail.DKIM = "none"
		}
	}
	mail.Raw, err = msg.Get("raw_msg").Spool(t)
	return mail, err
}
