package webhook

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"

	"postern/internal/fault"
	"postern/internal/spool"
)

// parts is a mail as a provider took it apart.
type parts struct {
	Provider  string
	RawHeader *spool.Body   // the header block as it came, which is better than Header
	Header    []headerField // in the order in which they came
	Text      *textPart
	HTML      *textPart
	Files     []filePart
}

// A headerField has its value as the provider gives it: raw, or decoded to UTF-8.
type headerField struct{ Name, Value string }

// A textPart is a text in the bytes and the character set in which it came.
type textPart struct {
	Charset string // as labelled; "" where nothing was said
	Body    *spool.Body
}

// A filePart is one attachment. All but its bytes may be empty.
type filePart struct {
	Name        string
	Type        string // with parameters, as it came
	ContentID   string // with angle brackets or without
	Disposition string
	Inline      bool // it was disposed inline, or stands in the text
	Body        *spool.Body
	Missing     string // why there is no Body: said in its place
}

// Close removes what was spooled of the parts.
func (p *parts) Close() {
	bodies := []*spool.Body{p.RawHeader}
	for _, t := range []*textPart{p.Text, p.HTML} {
		if t != nil {
			bodies = append(bodies, t.Body)
		}
	}
	for i := range p.Files {
		bodies = append(bodies, p.Files[i].Body)
	}
	for _, b := range bodies {
		if b != nil {
			_ = b.Close()
		}
	}
}

// size is about how much the message will be, at least.
func (p *parts) size() (n int64) {
	if p.RawHeader != nil {
		n += p.RawHeader.Size()
	}
	for _, t := range []*textPart{p.Text, p.HTML} {
		if t != nil && t.Body != nil {
			n += t.Body.Size()
		}
	}
	for i := range p.Files {
		if b := p.Files[i].Body; b != nil {
			n += b.Size()
		}
	}
	return n
}

// rebuild makes a message (RFC 5322, RFC 2045) of parts, such that reading it gives the parts again: header values, texts in
// their character sets, files with name, type and content id. The same parts give the same bytes, so a retry is the very same
// mail. The fields that said how the original was put together are kept as X-Original-NAME. The parts stay the caller's.
func rebuild(t *Tools, p *parts) (*spool.Body, error) {
	if t.Limits.Mail > 0 && p.size() > t.Limits.Mail {
		return nil, fault.Errorf(fault.TooLarge, "the parts of the mail have %d bytes, of %d that are allowed", p.size(), t.Limits.Mail)
	}
	spooled := t.Spool.Create()
	defer spooled.Abort()
	w := &mailWriter{Writer: bufio.NewWriterSize(spooled, 16<<10), seed: p.seed()}
	format, err := p.flowed()
	if err != nil {
		return nil, err
	}
	// Ours stand first: of several fields with one name readers take the first, and none behind a header that is too long.
	w.field("X-Postern-Rebuilt", p.Provider)
	w.field("MIME-Version", "1.0")
	body := p.tree(format)
	w.mime(body)
	if p.RawHeader != nil {
		err = w.rawHeader(p.RawHeader)
	} else {
		w.fields(p.Header)
	}
	if err != nil {
		return nil, err
	}
	w.line("")
	if err := w.body(body); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, fmt.Errorf("rebuild a mail: %w", err)
	}
	return spooled.Body()
}

// seed names the parts: the boundaries are made of it, which therefore stand in none of them.
func (p *parts) seed() string {
	h := sha256.New()
	hashStrings(h, p.Provider)
	hashBody(h, p.RawHeader)
	for _, f := range p.Header {
		hashStrings(h, f.Name, f.Value)
	}
	for _, t := range []*textPart{p.Text, p.HTML} {
		if hashStrings(h, "text"); t != nil {
			hashStrings(h, t.Charset)
			hashBody(h, t.Body)
		}
	}
	for i := range p.Files {
		f := &p.Files[i]
		hashStrings(h, f.Name, f.Type, f.ContentID, f.Disposition, fmt.Sprint(f.Inline), f.Missing)
		hashBody(h, f.Body)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func hashStrings(h hash.Hash, list ...string) {
	for _, s := range list {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
}

func hashBody(h hash.Hash, b *spool.Body) {
	if b != nil {
		hashStrings(h, b.SHA256())
	}
}

// An entity is a part of the message that is to be written: a multipart with children, or a leaf with bytes.
type entity struct {
	typ, boundary string
	disposition   string
	id            string
	was           string // the type as it came, where it cannot be used
	verbatim      bool   // its bytes are written as they are
	data          *spool.Body
	children      []*entity
}

// tree is mixed > related > alternative, as far as there is something to put into each (RFC 2046, RFC 2387).
func (p *parts) tree(format string) *entity {
	var texts, shown, files []*entity
	if t := p.Text; t != nil && (t.Body != nil && t.Body.Size() > 0 || p.HTML == nil) {
		texts = append(texts, &entity{typ: textType("plain", t.Charset) + format, data: t.Body})
	}
	if t := p.HTML; t != nil {
		texts = append(texts, &entity{typ: textType("html", t.Charset), data: t.Body})
	}
	if len(texts) == 0 {
		// Also where there are only files: the first of them would else pass for the text.
		texts = []*entity{{typ: textType("plain", "us-ascii")}}
	}
	for i := range p.Files {
		f := &p.Files[i]
		e := f.entity(p.Provider)
		if p.HTML != nil && f.Inline && e.id != "" {
			shown = append(shown, e)
		} else {
			files = append(files, e)
		}
	}
	body := alternatives(texts)
	if len(shown) > 0 {
		body = &entity{typ: `multipart/related`, children: append([]*entity{body}, shown...)}
	}
	if len(files) > 0 {
		body = &entity{typ: `multipart/mixed`, children: append([]*entity{body}, files...)}
	}
	return body
}

func alternatives(texts []*entity) *entity {
	if len(texts) == 1 {
		return texts[0]
	}
	return &entity{typ: "multipart/alternative", children: texts}
}

// textType labels a text as it was labelled.
func textType(subtype, charset string) string {
	if s := strings.TrimSpace(charset); isToken(s) && len(s) <= 64 {
		return "text/" + subtype + `; charset="` + s + `"`
	}
	return "text/" + subtype
}

// copyBody writes all of b to w.
func copyBody(w io.Writer, b *spool.Body) error {
	r, err := b.Open()
	if err != nil {
		return fmt.Errorf("read a spooled part: %w", err)
	}
	defer func() { _ = r.Close() }()
	if _, err := io.Copy(w, r); err != nil {
		return fmt.Errorf("read a spooled part: %w", err)
	}
	return nil
}
