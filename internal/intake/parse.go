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
	files   []*spool.Body // of msg.Attachments, whose Ref each is
	held    int64         // bytes of files that are in memory
	sum     string        // SHA-256 of the text with white space folded
	folded  string        // that text, once it is needed
	exact   bool          // it is told apart by its bytes: what it says does not do
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
	for i := range p.msg.Attachments { // files inside of others were done before these
		p.files[i] = p.msg.Attachments[i].Ref.(*spool.Body)
	}
	p.newText = p.msg.NewText()
	p.sum = foldedSum(p.msg.Text)
	return p, nil
}

// foldedSum hashes a text with its white space folded: what mails are compared by.
func foldedSum(text string) string {
	h := sha256.New()
	buf := make([]byte, 0, 1024)
	put := func(s string) {
		for len(s) > 0 {
			n := min(len(s), cap(buf)-len(buf))
			buf, s = append(buf, s[:n]...), s[n:]
			if len(buf) == cap(buf) {
				h.Write(buf)
				buf = buf[:0]
			}
		}
	}
	first := true
	for at := 0; ; {
		begin := skipSpace(text, at)
		if begin == len(text) {
			break
		}
		if !first {
			put(" ")
		}
		first = false
		at = wordsEnd(text, begin)
		put(text[begin:at])
	}
	h.Write(buf)
	return hex.EncodeToString(h.Sum(nil))
}

// skipSpace returns where the next word begins at or after i.
func skipSpace(text string, i int) int {
	for i < len(text) {
		size, space := spaceAt(text, i)
		if !space {
			return i
		}
		i += size
	}
	return i
}

// Kinds of bytes in a text: of a word, a blank, and those that need a second look.
const (
	ofWord uint8 = 0
	blank  uint8 = 1
	odd    uint8 = 2 // other white space, control characters, parts of longer characters
)

var kinds = func() (k [256]uint8) {
	for c := range k {
		if c <= ' ' || c >= utf8.RuneSelf {
			k[c] = odd
		}
	}
	k[' '] = blank
	return k
}()

// wordsEnd returns where the words end that begin at i and have one blank between each: most of a line. It takes no branch
// for each word: those are what processors guess wrong.
func wordsEnd(text string, i int) int {
	before := ofWord
	for i < len(text) {
		k := kinds[text[i]]
		if k&(odd|before) == 0 { // neither odd nor a second blank
			before = k
			i++
			continue
		}
		size, space := spaceAt(text, i)
		if space {
			break
		}
		before = ofWord
		i += size
	}
	if before == blank {
		i--
	}
	return i
}

func spaceAt(text string, i int) (size int, space bool) {
	if c := text[i]; c < utf8.RuneSelf {
		return 1, c == ' ' || '\t' <= c && c <= '\r'
	}
	r, size := utf8.DecodeRuneInString(text[i:])
	return size, unicode.IsSpace(r)
}

func fold(text string) string { return strings.Join(strings.Fields(text), " ") }

// attachment spools each file while the mail is being read.
func (p *parsed) attachment(dir *spool.Dir) func(*mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
	return func(*mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
		w := dir.Create()
		if p.held > maxHeld {
			if err := w.Spill(); err != nil {
				w.Abort()
				return nil, nil, err
			}
		}
		return w, func(*mail.Attachment) (any, error) {
			b, err := w.Body()
			if err != nil {
				return nil, err
			}
			if mem, ok := b.Mem(); ok {
				p.held += int64(len(mem))
			}
			p.files = append(p.files, b)
			return b, nil
		}, nil
	}
}

// small is the size of all files that a store takes into its database and so into memory.
func (p *parsed) small() (n int64) {
	for _, f := range p.files {
		if f.Size() <= spool.InMemory {
			n += f.Size()
		}
	}
	return n
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
			Name: a.Name, Type: a.Type, Inline: a.Inline, ContentID: a.ContentID, ContentLocation: a.ContentLocation,
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

// faceless reports whether nothing that a mail shows tells it from another: neither id nor date, and unless it is held as what cannot be
// read (a request in JSON reads like a header with odd names), no subject, text or file.
func (p *parsed) faceless(held bool) bool {
	m := p.msg
	return m.MessageID == "" && m.Date.IsZero() && (held || m.Subject == "" && m.Text == "" && m.HTML == "" && len(m.Attachments) == 0)
}

// unparsed stands for a mail that could not be parsed at all.
func unparsed(raw *spool.Body) *parsed {
	return &parsed{raw: raw, msg: &mail.Message{}, sum: raw.SHA256()}
}
