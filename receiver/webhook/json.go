package webhook

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/spool"
)

// ours takes the form that docs/webhooks.md describes, for programs that have a mail's parts, or its bytes and an envelope, or several
// mails at once. What it does not know it refuses: a misspelt "atachments" must not lose a file.
var ours = &Provider{
	Name: "json", Title: "any program, by JSON", Docs: "docs/webhooks.md",
	Advice:  "send raw where you have the mail as it came; parts are put together again",
	Answers: Answers{Rejected: http.StatusUnprocessableEntity, Tell: true},
	Read: func(_ context.Context, t *Tools, _ *Hook, r *Request, take func(*Mail) error) error {
		if err := mediaType(r, "application/json"); err != nil {
			return err
		}
		v, err := readJSON(t, r.Body)
		if err != nil {
			return err
		}
		if !v.Has("mails") {
			m, err := ourMail(t, v)
			if err != nil {
				return err
			}
			return take(m)
		}
		if err := only(v, "mails"); err != nil {
			return err
		}
		list, err := v.NeedList("mails")
		if err != nil {
			return err
		}
		for _, one := range list {
			m, err := ourMail(t, one)
			if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
				m, err = &Mail{Broken: err.Error()}, nil
			}
			if err != nil {
				return err
			}
			if err := take(m); err != nil {
				return err
			}
		}
		return nil
	},
}

var (
	ourKeys  = []string{"id", "from", "to", "received", "spamScore", "spf", "dkim", "dmarc", "raw", "rawText", "headers", "text", "html", "attachments"}
	fileKeys = []string{"name", "type", "contentId", "inline", "content"}
)

// only refuses keys that there are not.
func only(v *value, known ...string) error {
	if err := v.want(object); err != nil {
		return err
	}
	for _, k := range v.Keys() {
		if !slices.Contains(known, k) {
			return fault.Errorf(fault.Invalid, "at %s: there is no such key; there are %s", v.Get(k).path(), strings.Join(known, ", "))
		}
	}
	return nil
}

// ourMail reads one mail.
func ourMail(t *Tools, v *value) (*Mail, error) {
	if err := only(v, ourKeys...); err != nil {
		return nil, err
	}
	m, err := ourEnvelope(v)
	if err != nil {
		return nil, err
	}
	inParts := v.Has("headers") || v.Has("text") || v.Has("html") || v.Has("attachments")
	ways := 0
	for _, is := range []bool{v.Has("raw"), v.Has("rawText"), inParts} {
		if is {
			ways++
		}
	}
	switch {
	case ways != 1:
		return nil, fault.Errorf(fault.Invalid, "at %s: the mail is either raw (base64), or rawText, or in parts: headers, text, html, attachments", v.path())
	case v.Has("raw"):
		m.Raw, err = v.Get("raw").Base64(t)
	case v.Has("rawText"):
		m.Raw, err = v.Get("rawText").Spool(t)
	default:
		m.Rebuilt = true
		m.Raw, err = ourParts(t, v)
	}
	if err != nil {
		return nil, err
	}
	if m.Raw.Size() == 0 {
		return nil, fault.Errorf(fault.Invalid, "at %s: the mail is empty", v.path())
	}
	return m, nil
}

func ourEnvelope(v *value) (m *Mail, err error) {
	m = &Mail{}
	if m.ID, err = v.MayText("id"); err != nil {
		return nil, err
	}
	if v.Has("from") {
		if m.From, err = v.NeedText("from"); err != nil {
			return nil, err
		}
		if m.FromKnown = true; m.From != "" && !isAddress(m.From) {
			return nil, fault.Errorf(fault.Invalid, "at %s: no address", v.Get("from").path())
		}
	}
	to := []*value{v.Get("to")}
	if to[0].Kind() != "text" {
		if to, err = v.MayList("to"); err != nil {
			return nil, err
		}
	}
	for _, one := range to {
		a, err := one.string()
		if err != nil {
			return nil, err
		}
		if !isAddress(a) {
			return nil, fault.Errorf(fault.Invalid, "at %s: no address", one.path())
		}
		m.Recipients = append(m.Recipients, a)
	}
	if v.Has("received") {
		s, err := v.NeedText("received")
		if err != nil {
			return nil, err
		}
		if m.Arrived, err = time.Parse(time.RFC3339, s); err != nil {
			return nil, fault.Errorf(fault.Invalid, "at %s: want a time like 2026-11-24T10:00:00Z (RFC 3339)", v.Get("received").path())
		}
	}
	if m.SpamScore, err = v.MayNumber("spamScore"); err != nil {
		return nil, err
	}
	for key, word := range map[string]*string{"spf": &m.SPF, "dkim": &m.DKIM, "dmarc": &m.DMARC} {
		if *word, err = v.MayText(key); err != nil {
			return nil, err
		}
		if !slices.Contains(authWords, *word) {
			return nil, fault.Errorf(fault.Invalid, "at %s: want one of %s", v.Get(key).path(), strings.Join(authWords[1:], ", "))
		}
	}
	return m, nil
}

// authWords are the results of RFC 8601 section 2.7.
var authWords = []string{"", "pass", "fail", "none", "neutral", "softfail", "policy", "temperror", "permerror"}

// ourParts puts a mail together.
func ourParts(t *Tools, v *value) (*spool.Body, error) {
	p := &parts{Provider: "json"}
	defer p.Close()
	headers, err := v.MayList("headers")
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		pair := h.List()
		if len(pair) != 2 {
			return nil, fault.Errorf(fault.Invalid, "at %s: want a list of name and value", h.path())
		}
		name, err := pair[0].string()
		if err != nil {
			return nil, err
		}
		value, err := pair[1].string()
		if err != nil {
			return nil, err
		}
		p.Header = append(p.Header, headerField{name, value})
	}
	for key, part := range map[string]**textPart{"text": &p.Text, "html": &p.HTML} {
		if v.Has(key) {
			body, err := v.Get(key).Spool(t)
			if err != nil {
				return nil, err
			}
			*part = &textPart{Charset: "utf-8", Body: body}
		}
	}
	files, err := v.MayList("attachments")
	if err != nil {
		return nil, err
	}
	if len(files) > t.Limits.Parts {
		return nil, fault.Errorf(fault.TooLarge, "there are more than %d attachments", t.Limits.Parts)
	}
	for _, f := range files {
		one, err := ourFile(t, f)
		if err != nil {
			return nil, err
		}
		p.Files = append(p.Files, one)
	}
	return rebuild(t, p)
}

func ourFile(t *Tools, v *value) (f filePart, err error) {
	if err := only(v, fileKeys...); err != nil {
		return f, err
	}
	for key, text := range map[string]*string{"name": &f.Name, "type": &f.Type, "contentId": &f.ContentID} {
		if *text, err = v.MayText(key); err != nil {
			return f, err
		}
	}
	if v.Has("inline") {
		is, ok := v.Get("inline").Bool()
		if !ok {
			return f, v.Get("inline").unlike(boolean)
		}
		f.Inline = is
	}
	f.Body, err = v.Get("content").Base64(t)
	return f, err
}
