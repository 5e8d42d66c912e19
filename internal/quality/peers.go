package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	netmail "net/mail"
	"net/textproto"
	"strings"

	"github.com/dimiro1/reply"
	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // its own tables of charsets
	gomail "github.com/emersion/go-message/mail"
	"github.com/inbucket/html2text"
	"github.com/jhillyerd/enmime/v2"
	"github.com/jhillyerd/enmime/v2/dsn"
)

// readEnmime is enmime with its defaults, its reports of delivery, and dimiro1/reply on its text.
func readEnmime(raw []byte) Reading {
	e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
	if err != nil {
		return Reading{Failed: err.Error()}
	}
	got := Reading{Subject: e.GetHeader("Subject"), Text: e.Text, New: reply.FromText(e.Text)}
	if from, err := e.AddressList("From"); err == nil && len(from) > 0 {
		got.From, got.FromName = from[0].Address, from[0].Name
	}
	got.Date, _ = e.Date()
	for _, w := range e.Errors {
		got.MadeText = got.MadeText || w.Name == enmime.ErrorPlainTextFromHTML
	}
	seen := map[*enmime.Part]bool{} // what is inline and no text is in two of the lists
	for _, list := range [][]*enmime.Part{e.Attachments, e.Inlines, e.OtherParts} {
		for _, p := range list {
			if p.FirstChild == nil && !seen[p] {
				seen[p] = true
				got.Files = append(got.Files, file(p.FileName, p.ContentType, p.Content))
			}
		}
	}
	got.Bounce = enmimeBounce(e.Root)
	return got
}

func enmimeBounce(root *enmime.Part) *Bounce {
	r, err := dsn.ParseReport(root)
	if err != nil || r == nil || len(r.DeliveryStatus.RecipientDSNs) == 0 {
		return nil
	}
	b := &Bounce{}
	for _, rcpt := range r.DeliveryStatus.RecipientDSNs {
		h := textproto.MIMEHeader(rcpt)
		who := h.Get("Final-Recipient")
		if who == "" {
			who = h.Get("Original-Recipient")
		}
		if _, address, ok := strings.Cut(who, ";"); ok {
			who = address
		}
		b.Recipients = append(b.Recipients, strings.TrimSpace(who))
		if b.Status == "" {
			b.Status = h.Get("Status")
		}
	}
	if original, err := netmail.ReadMessage(bytes.NewReader(r.OriginalMessage)); err == nil {
		b.MessageID = original.Header.Get("Message-Id")
	}
	return b
}

// readGoMessage is go-message's mail reader, as its example shows it. It makes no text from HTML: enmime's way is lent to it.
func readGoMessage(raw []byte) Reading {
	r, err := gomail.CreateReader(bytes.NewReader(raw))
	if err != nil && !message.IsUnknownCharset(err) {
		return Reading{Failed: err.Error()}
	}
	var got Reading
	got.Subject, _ = r.Header.Subject()
	got.Date, _ = r.Header.Date()
	if from, err := r.Header.AddressList("From"); err == nil && len(from) > 0 {
		got.From, got.FromName = from[0].Address, from[0].Name
	}
	var page string
	for {
		p, err := r.NextPart()
		if err != nil && !message.IsUnknownCharset(err) {
			break // io.EOF, or where it gives up: what it read before counts
		}
		body, _ := io.ReadAll(p.Body)
		switch h := p.Header.(type) {
		case *gomail.InlineHeader:
			t, params, _ := h.ContentType()
			switch {
			case t == "text/plain" || t == "":
				got.Text += string(body)
			case t == "text/html":
				page += string(body)
			default:
				got.Files = append(got.Files, file(params["name"], t, body))
			}
		case *gomail.AttachmentHeader:
			name, _ := h.Filename()
			t, _, _ := h.ContentType()
			got.Files = append(got.Files, file(name, t, body))
		}
	}
	if got.Text == "" && page != "" {
		got.Text, _ = html2text.FromString(page)
		got.MadeText = true
	}
	return got
}

func file(name, kind string, body []byte) File {
	sum := sha256.Sum256(body)
	return File{name, strings.ToLower(kind), int64(len(body)), hex.EncodeToString(sum[:])}
}
