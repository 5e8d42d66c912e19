package webhook

import (
	"context"
	"net/http"
	"net/url"

	"postern/internal/fault"
)

// cloudflare is our Email Worker (examples/cloudflare/worker.js): the raw mail, the envelope in headers, and answers that it turns into
// those of SMTP, while the sender is still connected. The page has message.from, to, raw, rawSize and setReject; a worker that throws is a
// temporary failure.
var cloudflare = &Provider{
	Name: "cloudflare", Title: "Cloudflare Email Routing", Docs: "https://developers.cloudflare.com/email-routing/email-workers/runtime-api/",
	Advice:  "the worker of examples/cloudflare sends raw mail",
	Answers: Answers{Rejected: http.StatusNotAcceptable},
	Read: func(_ context.Context, _ *Tools, _ *Hook, r *Request, take func(*Mail) error) error {
		if err := mediaType(r, "message/rfc822"); err != nil {
			return err
		}
		if r.Body.Size() == 0 {
			return fault.Errorf(fault.Invalid, "the body is empty, and no mail")
		}
		m := &Mail{Raw: r.Body}
		if from, ok := r.Header[http.CanonicalHeaderKey("X-Envelope-From")]; ok {
			a, err := escapedAddress(from)
			if err != nil {
				return err
			}
			m.From, m.FromKnown = a, true
		}
		if to, ok := r.Header[http.CanonicalHeaderKey("X-Envelope-To")]; ok {
			a, err := escapedAddress(to)
			if err != nil {
				return err
			}
			m.Recipients = []string{a}
		}
		return take(m)
	},
}

// escapedAddress is the one value of a header. The worker escapes it as a URL's path: headers are bytes, addresses may have any letters.
func escapedAddress(values []string) (string, error) {
	if len(values) != 1 {
		return "", fault.Errorf(fault.Invalid, "the envelope has %d senders or recipients in one header", len(values))
	}
	a, err := url.PathUnescape(values[0])
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "the envelope's address %.100q is not escaped", values[0])
	}
	a = unbracketed(a)
	if a != "" && !isAddress(a) {
		return "", fault.Errorf(fault.Invalid, "the envelope's address %.100q is none", a)
	}
	return a, nil
}
