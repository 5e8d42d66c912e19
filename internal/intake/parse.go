package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/internal/issue"
	"postern/internal/mail"
	"postern/internal/spool"
)

// parsed is a mail as it came, read once, with its attachments' bytes at hand.
type parsed struct {
	raw     *spool.Body
	msg     *mail.Message
	newText string
	files   []*spool.Body // one for each of msg.Attachments
	sum     string        // SHA-256 of the text with white space folded
}

// parse reads raw. The only errors are the disk's.
func (in *Intake) parse(raw *spool.Body, textLimit int64) (_ *parsed, err error) {
	p := &parsed{raw: raw}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	r, err := raw.Open()
	if err != nil {
		return nil, fmt.Errorf("read spooled mail: %w", err)
	}
	defer r.Close()
	p.msg, err = mail.Parse(r, mail.Options{Limits: mail.Limits{Text: textLimit}, Attachment: p.attachment(in.spool)})
	if err != nil {
		return nil, fmt.Errorf("parse mail: %w", err)
	}
	p.newText = p.msg.NewText()
	p.sum = foldedSum(p.msg.Text)
	return p, nil
}

// foldedSum hashes a text with its white space folded: what mails are compared by.
func foldedSum(text string) string {
	h := sha256.New()
	buf := make([]byte, 0, 1024)
	gap, first := false, true // white space is owed; nothing was written
	put := func(s string) {
		if len(buf)+len(s) > cap(buf)-1 {
			h.Write(buf)
			buf = buf[:0]
		}
		if gap && !first {
			buf = append(buf, ' ')
		}
		gap, first = false, false
		if len(s) < cap(buf) {
			buf = append(buf, s...)
			return
		}
		h.Write(buf)
		buf = buf[:0]
		_, _ = io.WriteString(h, s)
	}
	word := 0 // where the word that is being read began
	for i := 0; i < len(text); {
		size, space := 1, false
		if c := text[i]; c < utf8.RuneSelf {
			space = c == ' ' || '\t' <= c && c <= '\r'
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(text[i:])
			space = unicode.IsSpace(r)
		}
		if space {
			if i > word {
				put(text[word:i])
			}
			gap, word = true, i+size
		}
		i += size
	}
	if word < len(text) {
		put(text[word:])
	}
	h.Write(buf)
	return hex.EncodeToString(h.Sum(nil))
}

func fold(text string) string { return strings.Join(strings.Fields(text), " ") }

// attachment spools each file while the mail is being read.
func (p *parsed) attachment(dir *spool.Dir) func(*mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
	return func(*mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
		w := dir.Create()
		return w, func(*mail.Attachment) (any, error) {
			b, err := w.Body()
			if err != nil {
				return nil, err
			}
			p.files = append(p.files, b)
			return b, nil
		}, nil
	}
}

// close removes the files that no store took.
func (p *parsed) close() {
	for _, f := range p.files {
		_ = f.Close()
	}
}

// author is the one whom the mail claims to be from: the first From address, or nobody.
func (p *parsed) author() mail.Address {
	if len(p.msg.From) > 0 {
		return p.msg.From[0]
	}
	return mail.Address{}
}

func (p *parsed) attachments() []issue.Attachment {
	list := make([]issue.Attachment, 0, len(p.msg.Attachments))
	for _, a := range p.msg.Attachments {
		list = append(list, issue.Attachment{
			Blob: issue.Blob{SHA256: a.SHA256, Size: a.Size},
			Name: a.Name, Type: a.Type, Inline: a.Inline, ContentID: a.ContentID,
		})
	}
	return list
}

func people(list []mail.Address) []issue.Person {
	out := make([]issue.Person, 0, len(list))
	for _, a := range list {
		if a.Email != "" {
			out = append(out, issue.Person{Email: a.Email, Name: a.Name})
		}
	}
	return out
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// line makes s safe for a reply, a header or a log: one line, no control characters, at most n bytes.
func line(s string, n int) string {
	clean := func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}
	return cut(strings.TrimSpace(strings.Map(clean, s)), n)
}

func textBody(s string) *spool.Body { return spool.Bytes(bytes.Clone([]byte(s))) }

// unparsed stands for a mail that could not be parsed at all.
func unparsed(raw *spool.Body) *parsed {
	return &parsed{raw: raw, msg: &mail.Message{}, sum: raw.SHA256()}
}
