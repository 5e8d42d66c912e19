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
	stamps, tokens, signatures := signed["timestamp"], signed["token"], signed["signature"]
	if len(stamps) == 0 || len(tokens) == 0 || len(signatures) == 0 {
		return &Unproven{"the form has no timestamp, token and signature: is it a route of Mailgun's that calls?"}
	}
	for _, stamp := range stamps {
		for _, token := range tokens {
			t.step("signed are the form's timestamp %s and token %.8s…; keys that are tried: %d", short(stamp), short(token), len(h.Keys))
			key := signedMailgun(h.Keys, stamp, token, signatures)
			if key < 0 {
				continue
			}
			t.step("key %d of %d fits", key+1, len(h.Keys))
			if err := fresh(t, stamp, mailgunWindow); err != nil {
				return err
			}
			seconds, _ := strconv.ParseInt(stamp, 10, 64)
			return t.Once(ctx, "mailgun/"+h.Mailbox+"/"+token, content, time.Unix(seconds, 0).Add(mailgunWindow+clockSkew))
		}
	}
	return &Unproven{"the signature fits none of the keys: want the HTTP webhook signing key (Send > Webhooks), which is not the API key"}
}

// signedMailgun returns which of the keys made one of the signatures, -1 where none did.
func signedMailgun(keys []string, stamp, token string, signatures []string) int {
	for _, signature := range signatures {
		mac, err := hex.DecodeString(signature)
		if err != nil {
			continue
		}
		for i, key := range keys {
			want := hmac.New(sha256.New, []byte(key))
			_, _ = io.WriteString(want, stamp+token)
			if hmac.Equal(mac, want.Sum(nil)) {
				return i
			}
		}
	}
	return -1
}

// maxDoubled is how many fields of one of the signature's names are looked at. Mailgun posts a mail's header fields beside its own, so a
// sender may add some.
const maxDoubled = 4

// mailgunSigned reads the three fields of the signature, and makes a hash of all others.
func mailgunSigned(ctx context.Context, t *Tools, r *Request) (signed map[string][]string, content string, err error) {
	signed = map[string][]string{}
	var sums []string
	err = eachField(ctx, t, r, func(fl *field, value io.Reader) error {
		switch fl.Name {
		case "timestamp", "token", "signature":
			b, err := io.ReadAll(io.LimitReader(value, maxToken+1))
			if len(b) <= maxToken && len(b) > 0 {
				signed[fl.Name] = append(signed[fl.Name], string(b))
			}
			if len(signed[fl.Name]) > maxDoubled {
				return &Unproven{fmt.Sprintf("there are more than %d fields %s", maxDoubled, fl.Name)}
			}
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
	m := &Mail{}
	m.ID, _ = f.lone("token")
	if s, ok := f.lone("timestamp"); ok {
		if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
			m.Arrived = time.Unix(seconds, 0)
		}
	}
	from, known := f.lone("sender")
	m.From, m.FromKnown = bareAddress(from), known
	to, _ := f.lone("recipient") // one a request (rails#37852), and several with commas (grafana/oncall#4655)
	m.Recipients = addressList(to)
	if err := mailgunMessage(ctx, t, h, f, m); err != nil {
		return err
	}
	return take(m)
}

// mailgunMessage gives the mail its message, by the best way that there is. Of a mail that was taken apart all header fields are posted as
// fields of their own, so a field body-mime beside body-plain, which such a form always has, is the sender's.
func mailgunMessage(ctx context.Context, t *Tools, h *Hook, f *form, m *Mail) error {
	if mime := f.Field("body-mime"); mime != nil && mime.Body.Size() > 0 && (f.Field("body-plain") == nil || f.Field("message-headers") == nil) {
		m.Raw = mime.take()
	} else if at, ok := f.lone("message-url"); ok && h.APIKey != "" {
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

// mailgunClaims reads what Mailgun found out, if its spam filter is on. The form's fields of these names, and those further down in the
// header, may be the sender's.
func mailgunClaims(m *Mail, header []headerField) {
	top := mailgunTop(header)
	score, _ := first(top, "X-Mailgun-Sscore")
	spf, _ := first(top, "X-Mailgun-Spf")
	dkim, _ := first(top, "X-Mailgun-Dkim-Check-Result")
	m.SpamScore, m.SPF, m.DKIM = decimal(score), authWord(spf), authWord(dkim)
}

// mailgunTop returns what Mailgun wrote on top of a header: the last of it is X-Mailgun-Incoming. Its own Received line stood below until 2020 and
// stands above now, and message-headers has all Received lines together, in recorded requests of these years.
func mailgunTop(header []headerField) []headerField {
	for i, f := range header {
		switch name := strings.ToLower(f.Name); {
		case name == "x-mailgun-incoming":
			return header[:i]
		case name != "received" && name != "x-envelope-from" && !strings.HasPrefix(name, "x-mailgun-"):
			return nil
		}
	}
	return nil
}
