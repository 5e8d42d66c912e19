package webhook

import "context"

// mailpace is an inbound endpoint of MailPace: one mail in JSON, with the whole of it as text in raw, and nothing of the envelope. What it
// signs (X-MailPace-Signature) is its delivery events, not these requests, as django-anymail found too, so a secret is needed. It tries five
// times; any status from 200 to 299 is success, and none says "never again".
var mailpace = &Provider{
	Name: "mailpace", Title: "MailPace", Docs: "https://docs.mailpace.com/guide/inbound",
	Advice: "it sends raw mail already, as text in JSON: what is neither ASCII nor UTF-8 in a mail that was sent in eight bits is damaged before it comes here",
	Read:   readMailPace,
}

func readMailPace(_ context.Context, t *Tools, _ *Hook, r *Request, take func(*Mail) error) error {
	v, err := readJSON(t, r.Body)
	if err != nil {
		return err
	}
	m := &Mail{}
	if id := v.Get("id"); id.Kind() == kinds[text] {
		if m.ID, err = v.NeedText("id"); err != nil {
			return err
		}
	}
	if m.Raw, err = v.Get("raw").Spool(t); err != nil {
		return err
	}
	return take(m)
}
