package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
)

// mailgun is Mailgun's Routes: a form, with the whole message in the field body-mime where the URL ends with "mime", else taken apart, or
// stored at Mailgun with a notification (store). Fields after documentation.mailgun.com, Receive, forward, store: receive-http,
// store-retreive; answers too: 406 ends the tries, all else is tried again for eight hours.
var mailgun = &Provider{
	Name:  "mailgun",
	Title: "Mailgun Routes",
	Docs:  "https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http",
	Signs: true,
	Advice: `let the URL of the route's forward() end with "mime", as in …/hooks/mailgun/MAILBOX/mime: without it Mailgun takes mails apart, ` +
		`and what is put together again lacks signatures and nested messages`,
	Verify:  verifyMailgun,
	Read:    readMailgun,
	Answers: Answers{Rejected: 406},
}

// mailgunWindow is for how long a signature counts: Mailgun tries for eight hours, with the timestamp of the first try.
const mailgunWindow = 12 * time.Hour

// mailgunPatience is for how long a stored message that is not found is asked for again, before the text in its notification must do. Mailgun tries
// after 10, 25 and 55 minutes, and after 2, 4 and 8 hours.
const mailgunPatience = 3 * time.Hour

// maxToken is more than the token (50), the timestamp and the signature (64) have.
const maxToken = 256

// verifyMailgun checks the HMAC-SHA256 of timestamp and token, which says nothing of the rest of the form. So a token counts once: with
// other content it is a replay. What is compared are the decoded fields, since a retry may be encoded anew, with another boundary; and per mailbox,
// since one mail may go to several routes.
func verifyMailgun(ctx context.Context, t *Tools, h *Hook, r *Request) error {
	if isJSON(r) {
		return &Unproven{"this is JSON, as Mailgun's event webhooks send: the hook is for a route's forward() or store(), which posts a form"}
	}
	signed, content, err := mailgunSigned(ctx, t, r)
	if err != nil {
		return err
	}
	stamp, token := signed["timestamp"], signed["token"]
	mac, err := hex.DecodeString(signed["signature"])
	if err != nil || stamp == "" || token == "" || len(mac) == 0 {
		return &Unproven{"the form has no timestamp, token and signature: is it a route of Mailgun's that calls?"}
	}
	if !slices.ContainsFunc(h.Keys, func(key string) bool {
		want := hmac.New(sha256.New, []byte(key))
		_, _ = io.WriteString(want, stamp+token)
		return hmac.Equal(mac, want.Sum(nil))
	}) {
		return &Unproven{"the signature fits none of the keys: want the HTTP webhook signing key (Send > Webhooks), which is not the API key"}
	}
	if err := fresh(t, stamp, mailgunWindow); err != nil {
		return err
	}
	seconds, _ := strconv.ParseInt(stamp, 10, 64)
	return t.Once(ctx, "mailgun/"+h.Mailbox+"/"+token, content, time.Unix(seconds, 0).Add(mailgunWindow+clockSkew))
}

// mailgunSigned reads the three fields of the signature, the last of doubled ones, and makes a hash of all others.
func mailgunSigned(ctx context.Context, t *Tools, r *Request) (signed map[string]string, content string, err error) {
	signed = map[string]string{}
	var sums []string
	err = eachField(ctx, t, r, func(fl *field, value io.Reader) error {
		switch fl.Name {
		case "timestamp", "token", "signature":
			b, err := io.ReadAll(io.LimitReader(value, maxToken+1))
			if len(b) > maxToken {
				return &Unproven{fmt.Sprintf("field %s has more than %d bytes", fl.Name, maxToken)}
			}
			signed[fl.Name] = string(b)
			return err
		}
		sum := sha256.New()
		hashStrings(sum, fl.Name, fl.File)
		if _, err := io.Copy(sum, value); err != nil {
			return err
		}
		sums = append(sums, string(sum.Sum(nil)))
		return nil
	})
	slices.Sort(sums) // nothing says that the order stays
	all := sha256.Sum256([]byte(strings.Join(sums, "")))
	return signed, hex.EncodeToString(all[:]), err
}

func readMailgun(ctx context.Context, t *Tools, h *Hook, r *Request, take func(*Mail) error) error {
	f, err := readForm(ctx, t, r)
	if err != nil {
		return err
	}
	defer f.Close()
	if event, ok := f.Get("event"); ok && !strings.EqualFold(event, "inbound") {
		return fault.Errorf(fault.Invalid, "this tells of the event %q: the hook is for a route's forward() or store()", short(event))
	}
	m := &Mail{}
	m.ID, _ = f.Get("token")
	if s, ok := f.Get("timestamp"); ok {
		if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
			m.Arrived = time.Unix(seconds, 0)
		}
	}
	from, known := f.Get("sender")
	m.From, m.FromKnown = bareAddress(from), known
	to, _ := f.Get("recipient") // one a request, or several with commas: the documentation does not say
	m.Recipients = addressList(to)
	if err := mailgunMessage(ctx, t, h, f, m); err != nil {
		return err
	}
	return take(m)
}

// mailgunMessage gives the mail its message, by the best way that there is.
func mailgunMessage(ctx context.Context, t *Tools, h *Hook, f *form, m *Mail) error {
	if mime := f.Field("body-mime"); mime != nil {
		m.Raw = mime.take()
	} else if at, ok := f.Get("message-url"); ok && h.APIKey != "" {
		raw, err := fetchMailgun(ctx, t, h, at)
		if err != nil {
			return err
		}
		if raw == nil && t.Now().Sub(m.Arrived) < mailgunPatience {
			return fault.Errorf(fault.Unavailable, "Mailgun does not find the stored message (404): it is asked again when Mailgun sends the notification again")
		}
		m.Raw = raw // nil where it stays away: what the notification has of it is all there will ever be
	}
	if m.Raw != nil {
		header, err := topOf(m.Raw)
		if err != nil {
			_ = m.Raw.Close()
			return err
		}
		mailgunClaims(m, header)
		return nil
	}
	p, err := mailgunParts(t, h, f)
	if err != nil {
		return err
	}
	mailgunClaims(m, p.Header)
	m.Rebuilt = true
	m.Raw, err = rebuild(t, p)
	return err
}

// mailgunClaims reads what Mailgun found out, if its spam filter is on. It writes it above its own Received line; the form's fields of
// these names may be the sender's.
func mailgunClaims(m *Mail, header []headerField) {
	top := above(header, 1)
	score, _ := first(top, "X-Mailgun-Sscore")
	spf, _ := first(top, "X-Mailgun-Spf")
	dkim, _ := first(top, "X-Mailgun-Dkim-Check-Result")
	m.SpamScore, m.SPF, m.DKIM = decimal(score), authWord(spf), authWord(dkim)
}
