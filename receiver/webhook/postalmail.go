package webhook

import (
	"context"
	"fmt"
	"io"
	"mime"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/spool"
)

// A postalMail is what both of Postal's encodings say. What was taken from it is nil.
type postalMail struct {
	fields map[string]string // the short ones
	raw    *spool.Body       // in the format "raw message"
	plain  *spool.Body       // and in the processed one
	below  *spool.Body       // what "strip replies" cut from the end of plain
	html   *spool.Body
	files  []filePart
}

// postalFields are the short fields of both formats.
var postalFields = []string{
	"id", "rcpt_to", "mail_from", "timestamp",
	"from", "to", "cc", "subject", "date", "message_id", "in_reply_to", "references", "reply_to", "auto_submitted",
}

// postalHeader are the fields of a header that the processed format has, and their keys.
var postalHeader = []headerField{
	{"From", "from"}, {"To", "to"}, {"Cc", "cc"}, {"Subject", "subject"}, {"Date", "date"}, {"Message-ID", "message_id"},
	{"In-Reply-To", "in_reply_to"}, {"References", "references"}, {"Reply-To", "reply_to"}, {"Auto-Submitted", "auto_submitted"},
}

func readPostal(ctx context.Context, t *Tools, _ *Hook, r *Request, take func(*Mail) error) error {
	p := &postalMail{fields: map[string]string{}}
	defer p.close()
	if err := p.read(ctx, t, r); err != nil {
		return err
	}
	m := &Mail{ID: p.fields["id"], From: unbracketed(p.fields["mail_from"]), FromKnown: true}
	if to := unbracketed(p.fields["rcpt_to"]); to != "" {
		m.Recipients = []string{to}
	}
	if s, err := strconv.ParseFloat(p.fields["timestamp"], 64); err == nil && s > 0 && s < 1e11 {
		m.Arrived = time.UnixMicro(int64(s * 1e6)).UTC()
	}
	if m.Raw, p.raw = p.raw, nil; m.Raw == nil {
		var err error
		if m.Raw, err = p.rebuild(t); err != nil {
			return err
		}
		m.Rebuilt = true
	}
	return take(m)
}

func (p *postalMail) read(ctx context.Context, t *Tools, r *Request) error {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media == "application/x-www-form-urlencoded" {
		f, err := readForm(ctx, t, r)
		if err != nil {
			return err
		}
		defer f.Close()
		return p.readForm(t, f)
	}
	v, err := readJSON(t, r.Body)
	if err != nil {
		return err
	}
	return p.readJSON(t, v)
}

func (p *postalMail) readJSON(t *Tools, v *value) (err error) {
	if err := v.want(object); err != nil {
		return err
	}
	for _, key := range postalFields {
		g := v.Get(key)
		if items := g.List(); key == "reply_to" && len(items) > 0 {
			g = items[len(items)-1]
		} else if key == "reply_to" && g.Kind() == kinds[list] {
			continue
		}
		switch g.Kind() {
		case kinds[missing], kinds[null]:
		case kinds[number]:
			p.fields[key] = g.text
		default:
			if p.fields[key], err = g.string(); err != nil {
				return err
			}
		}
	}
	if g := v.Get("message"); v.Has("message") {
		if coded, _ := v.Get("base64").Bool(); coded {
			p.raw, err = g.Base64(t)
		} else {
			p.raw, err = g.Spool(t)
		}
		return err
	}
	for key, body := range map[string]**spool.Body{"plain_body": &p.plain, "replies_from_plain_body": &p.below, "html_body": &p.html} {
		if g := v.Get(key); g.Kind() != kinds[missing] && g.Kind() != kinds[null] {
			if *body, err = g.Spool(t); err != nil {
				return err
			}
		}
	}
	items, err := v.MayList("attachments")
	if err != nil {
		return err
	}
	for _, item := range items {
		f := filePart{}
		if f.Name, err = item.MayText("filename"); err != nil {
			return err
		}
		if f.Type, err = item.MayText("content_type"); err != nil {
			return err
		}
		if f.Body, err = item.Get("data").Base64(t); err != nil {
			return err
		}
		p.files = append(p.files, f)
	}
	return nil
}

// readForm is the same of a form, whose files are in attachments[0][filename] and so on.
func (p *postalMail) readForm(t *Tools, f *form) (err error) {
	for _, key := range postalFields {
		p.fields[key], _ = f.Get(key)
		if fl := f.Field(key); fl != nil && fl.Body.Size() > maxValue {
			return fault.Errorf(fault.TooLarge, "the field %s has more than %d bytes", key, maxValue)
		}
	}
	if fl := f.Field("message"); fl != nil {
		if coded, _ := f.Get("base64"); coded == "true" {
			p.raw, err = fromBase64(t, fl)
		} else {
			p.raw = fl.take()
		}
		return err
	}
	for key, body := range map[string]**spool.Body{"plain_body": &p.plain, "replies_from_plain_body": &p.below, "html_body": &p.html} {
		if fl := f.Field(key); fl != nil && fl.Body.Size() > 0 {
			*body = fl.take()
		}
	}
	for {
		at := fmt.Sprintf("attachments[%d]", len(p.files))
		data := f.Field(at + "[data]")
		if data == nil {
			return nil
		}
		file := filePart{}
		file.Name, _ = f.Get(at + "[filename]")
		file.Type, _ = f.Get(at + "[content_type]")
		if file.Body, err = fromBase64(t, data); err != nil {
			return err
		}
		p.files = append(p.files, file)
	}
}

// fromBase64 is what a field's value encodes.
func fromBase64(t *Tools, fl *field) (*spool.Body, error) {
	r, err := fl.Body.Open()
	if err != nil {
		return nil, fmt.Errorf("read a spooled field: %w", err)
	}
	defer func() { _ = r.Close() }()
	w := t.Spool.Create()
	defer w.Abort()
	if _, err := io.Copy(w, decodeBase64(r)); err != nil {
		return nil, fault.Errorf(fault.Invalid, "the field %s: %w", short(fl.Name), err)
	}
	return w.Body()
}

// rebuild makes a mail of the processed format.
func (p *postalMail) rebuild(t *Tools) (*spool.Body, error) {
	out := &parts{Provider: "postal", Files: p.files}
	for _, f := range postalHeader {
		value := p.fields[f.Value]
		if f.Name == "Message-ID" && value != "" && !strings.HasPrefix(value, "<") {
			value = "<" + value + ">"
		}
		if value != "" {
			out.Header = append(out.Header, headerField{f.Name, value})
		}
	}
	if p.plain != nil && p.below != nil && p.below.Size() > 0 {
		whole, err := joined(t, p.plain, p.below)
		if err != nil {
			return nil, err
		}
		_ = p.plain.Close()
		p.plain = whole
	}
	if p.plain != nil {
		out.Text = &textPart{"utf-8", p.plain}
	}
	if p.html != nil {
		out.HTML = &textPart{"utf-8", p.html}
	}
	if len(out.Header) == 0 && out.Text == nil && out.HTML == nil && len(out.Files) == 0 {
		return nil, fault.Errorf(fault.Invalid, "neither message nor any field of a mail: an HTTP endpoint of a route is meant to post here, not another webhook")
	}
	return rebuild(t, out)
}

// joined is two texts, one below the other.
func joined(t *Tools, above, below *spool.Body) (*spool.Body, error) {
	w := t.Spool.Create()
	defer w.Abort()
	for _, b := range []*spool.Body{above, spool.Bytes([]byte("\n")), below} {
		if err := copyBody(w, b); err != nil {
			return nil, err
		}
	}
	return w.Body()
}

func (p *postalMail) close() {
	out := &parts{RawHeader: p.raw, Text: &textPart{Body: p.plain}, HTML: &textPart{Body: p.html}, Files: p.files}
	out.Close()
	if p.below != nil {
		_ = p.below.Close()
	}
}
