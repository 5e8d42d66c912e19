package webhook

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/mail"
	"net/textproto"
	"net/url"
	"regexp"
	"strings"

	"postern/internal/fault"
)

// ErrMediaType says that a request's Content-Type is not the provider's. It is answered with 415.
var ErrMediaType = errors.New("the Content-Type is not one that this path takes")

// raw takes a mail as it is, for scripts, Fetchmail-like tools and Action Mailbox's relay (bin/rails action_mailbox:ingress posts
// message/rfc822 with basic auth): https://guides.rubyonrails.org/action_mailbox_basics.html. The statuses are those that its relay
// ingress gives.
var raw = &Provider{
	Name: "raw", Title: "any program", Docs: "https://guides.rubyonrails.org/action_mailbox_basics.html#exim-postfix-qmail-and-other-relays",
	Advice:  "it sends raw mail already",
	Answers: Answers{Taken: http.StatusNoContent, Rejected: http.StatusUnprocessableEntity},
	Read: func(_ context.Context, _ *Tools, _ *Hook, r *Request, take func(*Mail) error) error {
		if err := mediaType(r, "message/rfc822", "message/global"); err != nil {
			return err
		}
		if r.Body.Size() == 0 {
			return fault.Errorf(fault.Invalid, "the body is empty, and no mail")
		}
		m := &Mail{Raw: r.Body}
		if err := envelopeOf(r, m); err != nil {
			return err
		}
		return take(m)
	},
}

// mediaType refuses another Content-Type.
func mediaType(r *Request, types ...string) error {
	if v := r.Header.Values("Content-Type"); len(v) == 1 {
		media, _, err := mime.ParseMediaType(v[0])
		for _, t := range types {
			if err == nil && media == t {
				return nil
			}
		}
	}
	return fault.Errorf(fault.Invalid, "%w: %s", ErrMediaType, strings.Join(types, " or "))
}

// envelopeOf reads the envelope that programs may send beside a mail: X-Envelope-From and X-Envelope-To, or from and to in the
// query; several recipients in several headers, several parameters, or with commas between them. Where both are there they must agree.
func envelopeOf(r *Request, m *Mail) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // what cannot be read may have been a recipient
		return fault.Errorf(fault.Invalid, "the query of the URL: %s", line(err.Error(), 100))
	}
	from, err := oneWay("from", r.Header[textproto.CanonicalMIMEHeaderKey("X-Envelope-From")], q["from"])
	if err != nil {
		return err
	}
	to, err := oneWay("to", r.Header[textproto.CanonicalMIMEHeaderKey("X-Envelope-To")], q["to"])
	if err != nil {
		return err
	}
	switch len(from) {
	case 0:
	case 1:
		a := strings.TrimSpace(from[0])
		m.FromKnown, m.From = true, strings.TrimSuffix(strings.TrimPrefix(a, "<"), ">")
		if m.From != "" && !isAddress(m.From) {
			return fault.Errorf(fault.Invalid, "the envelope's sender %q is no address", line(a, 100))
		}
	default:
		return fault.Errorf(fault.Invalid, "the envelope has %d senders", len(from))
	}
	for _, list := range to {
		for a := range strings.SplitSeq(list, ",") {
			a = strings.TrimSpace(a)
			plain := strings.TrimSuffix(strings.TrimPrefix(a, "<"), ">")
			if !isAddress(plain) {
				return fault.Errorf(fault.Invalid, "the envelope's recipient %q is no address", line(a, 100))
			}
			m.Recipients = append(m.Recipients, plain)
		}
	}
	return nil
}

func oneWay(what string, header, query []string) ([]string, error) {
	if len(header) > 0 && len(query) > 0 && strings.Join(header, ",") != strings.Join(query, ",") {
		return nil, fault.Errorf(fault.Invalid, "X-Envelope-%s and the query's %s do not agree", strings.ToUpper(what[:1])+what[1:], what)
	}
	if len(header) > 0 {
		return header, nil
	}
	return query, nil
}

// usual addresses need no further look.
var usual = regexp.MustCompile(`^[A-Za-z0-9_+=-]+(\.[A-Za-z0-9_+=-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$`)

// isAddress reports whether s is one plain address: local part, @, domain.
func isAddress(s string) bool {
	if usual.MatchString(s) {
		return len(s) <= 320
	}
	a, err := mail.ParseAddress("<" + s + ">")
	return err == nil && a.Name == "" && len(s) <= 320 && strings.Contains(s, "@")
}
