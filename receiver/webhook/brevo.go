package webhook

import (
	"context"
	"fmt"
	"net/mail"
	"strings"

	"postern/internal/fault"
)

// brevo is Brevo's inbound parsing: mails taken apart, their files fetched from its API.
var brevo = &Provider{
	Name:   "brevo",
	Title:  "Brevo",
	Docs:   "https://developers.brevo.com/docs/inbound-parse-webhooks",
	Advice: "Brevo has no raw mail to give: a message is rebuilt from its parts, and signatures on the original cannot be checked",
	Read:   readBrevo,
}

func readBrevo(ctx context.Context, t *Tools, h *Hook, r *Request, take func(*Mail) error) error {
	v, err := readJSON(t, r.Body)
	if err != nil {
		return err
	}
	if !v.Has("items") && v.Has("event") {
		return fault.Errorf(fault.Invalid, "this is news of sent mail: a hook wants a webhook of type inbound, for the event inboundEmailProcessed")
	}
	items, err := v.NeedList("items")
	if err != nil {
		return err
	}
	b := &batch{ctx: ctx, take: take}
	for _, item := range items {
		if err := b.add(brevoMail(ctx, t, h, item)); err != nil {
			return err
		}
	}
	return b.end()
}

func brevoMail(ctx context.Context, t *Tools, h *Hook, item *value) (*Mail, error) {
	if err := item.want(object); err != nil {
		return nil, err
	}
	p := &parts{Provider: "brevo"}
	defer p.Close()
	var err error
	if p.Header, err = brevoHeader(item); err != nil {
		return nil, err
	}
	m := &Mail{Rebuilt: true}
	if err := brevoEnvelope(m, item, p.Header); err != nil {
		return nil, err
	}
	for key, to := range map[string]**textPart{"RawTextBody": &p.Text, "RawHtmlBody": &p.HTML} {
		if !item.Has(key) {
			continue
		}
		body, err := item.Get(key).Spool(t)
		if err != nil {
			return nil, err
		}
		*to = &textPart{Charset: "utf-8", Body: body}
	}
	if err := brevoFiles(ctx, t, h, item, p); err != nil {
		return nil, err
	}
	m.Raw, err = rebuild(t, p)
	return m, err
}

// brevoHeader is the header of a mail: an object of name and value, or a list of values where a name comes several times. What it has
// not is made of the item's own keys.
func brevoHeader(item *value) ([]headerField, error) {
	var header []headerField
	headers := item.Get("Headers")
	if item.Has("Headers") {
		if err := headers.want(object); err != nil {
			return nil, err
		}
	}
	for _, name := range headers.Keys() {
		values := []*value{headers.Get(name)}
		switch values[0].Kind() {
		case "list":
			values = values[0].List()
		case "null":
			continue
		}
		for _, v := range values {
			text, err := v.string()
			if err != nil {
				return nil, err
			}
			header = append(header, headerField{name, text})
		}
	}
	for _, k := range []struct{ name, key string }{
		{"From", "From"}, {"To", "To"}, {"Cc", "Cc"}, {"Reply-To", "ReplyTo"}, {"Subject", "Subject"}, {"Date", "SentAtDate"}, {"Message-ID", "MessageId"}, {"In-Reply-To", "InReplyTo"},
	} {
		if _, ok := first(header, k.name); ok || !item.Has(k.key) {
			continue
		}
		text, err := brevoField(item.Get(k.key))
		if err != nil {
			return nil, err
		}
		if text != "" {
			header = append(header, headerField{k.name, text})
		}
	}
	return header, nil
}

// brevoField is a text, a {Name, Address}, or a list of these, as a header has it.
func brevoField(v *value) (string, error) {
	switch v.Kind() {
	case "object":
		address, err := v.NeedText("Address")
		if err != nil {
			return "", err
		}
		name, err := v.MayText("Name")
		if err != nil {
			return "", err
		}
		return (&mail.Address{Name: name, Address: address}).String(), nil
	case "list":
		var all []string
		for _, item := range v.List() {
			text, err := brevoField(item)
			if err != nil {
				return "", err
			}
			all = append(all, text)
		}
		return strings.Join(all, ", "), nil
	}
	return v.string()
}

// brevoEnvelope is what Brevo tells of the envelope: Recipients, where there is such a list, and what its servers put into the header.
func brevoEnvelope(m *Mail, item *value, header []headerField) error {
	ids, err := item.MayList("Uuid")
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		if m.ID, err = ids[0].string(); err != nil {
			return err
		}
	}
	if m.SpamScore, err = item.MayNumber("SpamScore"); err != nil {
		return err
	}
	recipients, err := item.MayList("Recipients")
	if err != nil {
		return err
	}
	for _, v := range recipients {
		if v.Kind() == "object" {
			v = v.Get("Address")
		}
		to, err := v.string()
		if err != nil {
			return err
		}
		m.Recipients = append(m.Recipients, to)
	}
	from, known := first(header, "Return-Path")
	if from = bareAddress(from); known && !strings.ContainsAny(from, " \t\r\n<>") {
		m.From, m.FromKnown = from, true
	}
	if to, _ := first(header, "Delivered-To"); len(m.Recipients) == 0 && bareAddress(to) != "" {
		m.Recipients = []string{bareAddress(to)}
	}
	return nil
}

// brevoFiles are the files of a mail, each fetched.
func brevoFiles(ctx context.Context, t *Tools, h *Hook, item *value, p *parts) error {
	list, err := item.MayList("Attachments")
	if err != nil {
		return err
	}
	if t.Limits.Parts > 0 && len(list) > t.Limits.Parts {
		return fault.Errorf(fault.TooLarge, "at %s: the mail has more than %d files", item.Get("Attachments").path(), t.Limits.Parts)
	}
	ctx, cancel := context.WithTimeout(ctx, brevoTimeout)
	defer cancel()
	var shown map[string]bool
	if len(list) > 0 && p.HTML != nil {
		shown = cited(p.HTML.Body)
	}
	for _, a := range list {
		var f filePart
		for key, to := range map[string]*string{"Name": &f.Name, "ContentType": &f.Type, "ContentID": &f.ContentID} {
			if *to, err = a.MayText(key); err != nil {
				return err
			}
		}
		token, err := a.MayText("DownloadToken")
		if err != nil {
			return err
		}
		length, err := a.MayNumber("ContentLength")
		if err != nil {
			return err
		}
		room := t.Limits.Mail - p.size()
		switch {
		case token == "":
			f.Missing = "Brevo gave nothing to fetch it by"
		case length != nil && *length > float64(room):
			f.Missing = fmt.Sprintf("it has %.0f bytes, and the mail with it more than the %d that are allowed", *length, t.Limits.Mail)
		default:
			if err := fetchBrevo(ctx, t, h, token, room, &f); err != nil {
				return fmt.Errorf("at %s: %w", a.path(), err)
			}
		}
		f.Inline = shown[plainID(f.ContentID)]
		p.Files = append(p.Files, f)
	}
	return nil
}
