package webhook

import (
	"context"
	"fmt"
	"strings"

	"postern/internal/fault"
	"postern/internal/spool"
)

// postmark is Postmark's inbound webhook: JSON, with the whole message in RawEmail where "Include raw email content in JSON payload" is
// on. It is not signed. 403 ends its ten tries of ten hours and a half. Fields after postmarkapp.com/developer/webhooks/inbound-webhook and
// user-guide/inbound/parse-an-email; the synthetic Return-Path, Bcc and the test button's Data after anymail's tests.
var postmark = &Provider{
	Name:  "postmark",
	Title: "Postmark",
	Docs:  "https://postmarkapp.com/developer/webhooks/inbound-webhook",
	Advice: `tick "Include raw email content in JSON payload" at Inbound Stream > Settings: without it Postmark takes mails apart, ` +
		`and what is put together again lacks signatures and nested messages`,
	Read:    readPostmark,
	Answers: Answers{Rejected: 403},
}

func readPostmark(ctx context.Context, t *Tools, _ *Hook, r *Request, take func(*Mail) error) error {
	v, err := readJSON(t, r.Body)
	if err != nil {
		return err
	}
	record, err := v.MayText("RecordType")
	if err != nil {
		return err
	}
	if record != "" && record != "Inbound" {
		return fault.Errorf(fault.Invalid, "this is Postmark's %s webhook: the hook is for inbound mail (the inbound stream's Settings > Webhook)", short(record))
	}
	if !v.Has("From") && !v.Has("FromFull") && !v.Has("RawEmail") {
		if _, err := v.NeedText("From"); err != nil {
			return err
		}
	}
	m := &Mail{}
	header, err := postmarkEnvelope(v, m)
	if err != nil {
		return err
	}
	if raw := v.Get("RawEmail"); v.Has("RawEmail") {
		if m.Raw, err = raw.Spool(t); err != nil {
			return err
		}
		if m.Raw.Size() > 0 {
			return take(m)
		}
	}
	p, err := postmarkParts(ctx, t, v, header)
	if p != nil {
		defer p.Close()
	}
	if err != nil {
		return err
	}
	if m.Raw, err = rebuild(t, p); err != nil {
		return err
	}
	m.Rebuilt = true
	return take(m)
}

// postmarkEnvelope reads who the mail is from and for, and what Postmark found out, and returns the message's header as it is told.
// Of the header only what stands above the second Received line is Postmark's; the first line is its own.
func postmarkEnvelope(v *value, m *Mail) (header []headerField, err error) {
	if m.ID, err = v.MayText("MessageID"); err != nil { // a UUID of Postmark's: the mail's own Message-ID is in Headers
		return nil, err
	}
	to, err := v.MayText("OriginalRecipient")
	if err != nil {
		return nil, err
	}
	if m.Recipients = addressList(to); len(m.Recipients) == 0 { // BccFull has whom the mail was delivered to, where no header names it
		people, err := postmarkPeople(v, "Bcc")
		if err != nil {
			return nil, err
		}
		for _, a := range people {
			m.Recipients = append(m.Recipients, a.email)
		}
	}
	list, err := v.MayList("Headers")
	if err != nil {
		return nil, err
	}
	for i, item := range list {
		name, err := item.NeedText("Name")
		if err != nil {
			return nil, err
		}
		value, err := item.MayText("Value")
		if err != nil {
			return nil, err
		}
		if i == 0 && strings.EqualFold(name, "Return-Path") { // Postmark's own, the envelope's sender; a later one came with the mail
			m.From, m.FromKnown = bareAddress(value), true
			continue
		}
		header = append(header, headerField{name, value})
	}
	postmarkClaims(m, header)
	return header, nil
}

func postmarkClaims(m *Mail, header []headerField) {
	top := above(header, 2)
	if top == nil { // a mail that came straight from its author, or a Postmark that names no hops
		top = header[:firstOf(header, "DKIM-Signature", "From", "To", "Date", "Message-ID", "MIME-Version")]
	}
	score, _ := first(top, "X-Spam-Score")
	m.SpamScore = decimal(score)
	if tests, ok := first(top, "X-Spam-Tests"); ok { // SpamAssassin's names
		switch {
		case hasTest(tests, "DKIM_VALID"):
			m.DKIM = "pass"
		case hasTest(tests, "DKIM_INVALID"):
			m.DKIM = "fail"
		}
	}
	if spf, ok := first(top, "Received-SPF"); ok { // RFC 7208, section 9.1
		word, _, _ := strings.Cut(spf, " ")
		m.SPF = authWord(word)
		m.Peer, m.Helo = address(spfPair(spf, "client-ip")), spfPair(spf, "helo")
		if from := spfPair(spf, "envelope-from"); !m.FromKnown && from != "" {
			m.From, m.FromKnown = bareAddress(from), true
		}
	}
}

// firstOf is where the first field of one of the names stands.
func firstOf(header []headerField, names ...string) int {
	for i, f := range header {
		for _, name := range names {
			if strings.EqualFold(f.Name, name) {
				return i
			}
		}
	}
	return len(header)
}

func hasTest(list, name string) bool {
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }) {
		if strings.EqualFold(word, name) {
			return true
		}
	}
	return false
}

// spfPair finds key=value in a Received-SPF field: RFC 7208, section 9.1. Who sends the mail chooses some of the values, and what the comment
// says, so a key that stands there twice says nothing.
func spfPair(s, key string) string {
	if strings.Count(s, key+"=") != 1 {
		return ""
	}
	before, value, _ := strings.Cut(s, key+"=")
	if before != "" && strings.IndexByte("; \t", before[len(before)-1]) < 0 {
		return ""
	}
	if rest, ok := strings.CutPrefix(value, `"`); ok {
		value, _, _ = strings.Cut(rest, `"`)
		return value
	}
	if end := strings.IndexAny(value, "; \t"); end >= 0 {
		value = value[:end]
	}
	return value
}

type person struct{ name, email string }

// postmarkPeople reads FromFull, ToFull, CcFull or BccFull.
func postmarkPeople(v *value, key string) ([]person, error) {
	full := v.Get(key + "Full")
	items := full.List()
	switch full.Kind() {
	case "missing", "null":
		return nil, nil
	case "object":
		items = []*value{full}
	default:
		if err := full.want(list); err != nil {
			return nil, err
		}
	}
	var people []person
	for _, item := range items {
		email, err := item.NeedText("Email")
		if err != nil {
			return nil, err
		}
		name, err := item.MayText("Name")
		if err != nil {
			return nil, err
		}
		people = append(people, person{name, bareAddress(email)})
	}
	return people, nil
}

// field is an address as it stands in a header: RFC 5322, section 3.4.
func (p person) field() string {
	email := strings.Map(func(r rune) rune {
		if strings.ContainsRune("<>,;\r\n", r) {
			return -1
		}
		return r
	}, p.email)
	if p.name == "" {
		return email
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", " ", "\n", " ").Replace(p.name) + `" <` + email + ">"
}

// postmarkParts collects what Postmark took apart. It is JSON, so all of it is UTF-8.
func postmarkParts(ctx context.Context, t *Tools, v *value, header []headerField) (*parts, error) {
	p := &parts{Provider: "postmark", Header: header}
	if err := postmarkHeader(v, p); err != nil {
		return p, err
	}
	for _, key := range []string{"TextBody", "HtmlBody"} {
		if !v.Has(key) {
			continue
		}
		body, err := v.Get(key).Spool(t)
		switch {
		case err != nil:
			return p, err
		case key == "TextBody":
			p.Text = &textPart{"utf-8", body}
		case body.Size() > 0: // "" is what it says of mail without a page
			p.HTML = &textPart{"utf-8", body}
		}
	}
	var html *spool.Body
	if p.HTML != nil {
		html = p.HTML.Body
	}
	shown := cited(html)
	files, err := v.MayList("Attachments")
	if err != nil {
		return p, err
	}
	for _, item := range files {
		file := filePart{Missing: "Postmark sent no Content"}
		if err := item.texts([]string{"Name", "ContentType", "ContentID"}, &file.Name, &file.Type, &file.ContentID); err != nil {
			return p, err
		}
		file.Inline = shown[plainID(file.ContentID)]
		for _, key := range []string{"Content", "Data"} { // Data: the test button
			if !item.Has(key) {
				continue
			}
			if file.Body, err = item.Get(key).Base64(t); err != nil {
				return p, err
			}
			file.Missing = ""
			break
		}
		p.Files = append(p.Files, file)
		if err := ctx.Err(); err != nil {
			return p, fault.As(fault.Unavailable, err)
		}
	}
	return p, nil
}

// postmarkHeader adds the fields that Postmark takes out of Headers, unless they are there.
func postmarkHeader(v *value, p *parts) error {
	add := func(name, value string) {
		if _, there := first(p.Header, name); !there && value != "" {
			p.Header = append(p.Header, headerField{name, value})
		}
	}
	for _, key := range []string{"From", "To", "Cc"} {
		people, err := postmarkPeople(v, key)
		if err != nil {
			return err
		}
		plain, err := v.MayText(key)
		if err != nil {
			return err
		}
		if len(people) > 0 {
			list := make([]string, len(people))
			for i, a := range people {
				list[i] = a.field()
			}
			plain = strings.Join(list, ",\r\n ")
		}
		add(key, plain)
	}
	for _, two := range []pair{{"Reply-To", "ReplyTo"}, {"Subject", "Subject"}, {"Date", "Date"}} {
		s, err := v.MayText(two.Value)
		if err != nil {
			return fmt.Errorf("read a header: %w", err)
		}
		add(two.Key, s)
	}
	return nil
}
