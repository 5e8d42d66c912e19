package webhook

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"path"
	"strings"
	"unicode/utf8"

	"postern/internal/spool"
)

// entity is how a file is written.
func (f *filePart) entity(provider string) *entity {
	if f.Missing != "" || f.Body == nil {
		return f.missing(provider)
	}
	e := &entity{typ: "application/octet-stream", id: contentID(f.ContentID), data: f.Body}
	word, params, _ := mime.ParseMediaType(f.Type)
	major, minor, _ := strings.Cut(word, "/")
	if isToken(major) && isToken(minor) && len(word) <= 255 && major != "multipart" { // which would be read as parts of ours
		for _, name := range []string{"name", "filename", "file", "boundary"} { // the name stands in the disposition
			delete(params, name)
		}
		e.typ = word
		if full := mime.FormatMediaType(word, params); full != "" && len(full) <= 700 {
			e.typ = full
		}
	} else {
		e.was = f.Type
	}
	// RFC 2046 section 5.2.1: a message is not encoded. Where its bytes cannot stand as they are it is: no byte is lost.
	e.verbatim = major == "message" && clean(f.Body)
	disposition, name := "attachment", f.Name
	if f.Inline || strings.EqualFold(strings.TrimSpace(f.Disposition), "inline") {
		disposition = "inline"
		if name == "" && (word == "text/plain" || word == "text/html") {
			// Without a name it would be one more of the mail's own texts.
			name = map[string]string{"text/plain": "attachment.txt", "text/html": "attachment.html"}[word]
		}
	}
	e.disposition = disposition + fileName(name)
	return e
}

// missing stands in the place of a file that could not be had.
func (f *filePart) missing(provider string) *entity {
	name := f.Name
	if name == "" {
		name = "attachment"
	}
	why := f.Missing
	if why == "" {
		why = "it was not sent"
	}
	note := fmt.Sprintf("The file %q (%s) of this mail could not be had from %s: %s\r\n", f.Name, f.Type, provider, why)
	return &entity{typ: textType("plain", "utf-8"), disposition: "attachment" + fileName(name+" (missing).txt"), data: spool.Bytes([]byte(note))}
}

// contentID is an id in angle brackets, or "".
func contentID(id string) string {
	id = strings.Trim(strings.Join(strings.FieldsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f }), " "), "<> ")
	if id == "" {
		return ""
	}
	return "<" + id[:min(len(id), 990)] + ">"
}

// nameKept is how much of a file name is written, in bytes: file systems have 255.
const nameKept = 4 << 10

// fileName is the parameter filename of a Content-Disposition (RFC 2183): quoted where the name is plain, else in the form of RFC 2231, in
// sections of one line each. The bytes are labelled as UTF-8 where they are, and not at all where nobody knows.
func fileName(name string) string {
	if name == "" {
		return ""
	}
	if len(name) > nameKept {
		name = name[strings.LastIndexAny(name, `/\`)+1:]
		ext := path.Ext(name)
		if len(ext) > 20 {
			ext = ""
		}
		if len(name) > nameKept {
			name = strings.ToValidUTF8(name[:nameKept-len(ext)], "") + ext
		}
	}
	if len(name) <= 60 && plainName(name) {
		return `; filename="` + name + `"`
	}
	const section = 800 // bytes
	var b strings.Builder
	piece := []byte("utf-8''")
	if !utf8.ValidString(name) {
		piece = []byte("''")
	}
	for n := 0; name != ""; n++ {
		for len(name) > 0 && len(piece) < section {
			c := name[0]
			if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("._-", c) >= 0 {
				piece = append(piece, c)
			} else {
				piece = fmt.Appendf(piece, "%%%02X", c)
			}
			name = name[1:]
		}
		star := "*"
		if n > 0 || name != "" {
			star = fmt.Sprintf("*%d*", n)
		}
		b.WriteString(";\r\n filename" + star + "=" + string(piece))
		piece = piece[:0]
	}
	return b.String()
}

// plainName says whether a name can stand in quotes as it is.
func plainName(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return strings.TrimSpace(s) == s
}

// isToken says whether s is a token (RFC 2045 section 5.1).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}

// clean says whether a body can stand in a message as it is: lines of CR LF, none too long, no NUL (RFC 5322 section 2.1.1, RFC 2045 section 2.8).
func clean(b *spool.Body) bool {
	r, err := b.Open()
	if err != nil {
		return false
	}
	defer func() { _ = r.Close() }()
	in := bufio.NewReaderSize(r, 16<<10)
	length := 0
	for before := byte(0); ; length++ {
		c, err := in.ReadByte()
		switch {
		case err == io.EOF:
			return before != '\r'
		case err != nil, c == 0, length > 998, (c == '\n') != (before == '\r'):
			return false
		case c == '\n':
			length = -1
		}
		before = c
	}
}

// A mailWriter writes a message. The first error of the writer below stays, and Flush returns it.
type mailWriter struct {
	*bufio.Writer
	seed string
	n    int // multiparts so far
}

func (w *mailWriter) str(s string) { _, _ = w.WriteString(s) }

func (w *mailWriter) line(s string) {
	w.str(s)
	w.str("\r\n")
}

// mime writes the fields that say what an entity is.
func (w *mailWriter) mime(e *entity) {
	if e.children != nil {
		w.n++
		e.boundary = fmt.Sprintf("=_postern_%s_%d", w.seed, w.n)
		w.line("Content-Type: " + e.typ + `; boundary="` + e.boundary + `"`)
		return
	}
	w.line("Content-Type: " + e.typ)
	if e.verbatim {
		w.line("Content-Transfer-Encoding: 8bit")
	} else {
		w.line("Content-Transfer-Encoding: base64")
	}
	if e.disposition != "" {
		w.line("Content-Disposition: " + e.disposition)
	}
	if e.id != "" {
		w.line("Content-ID: " + e.id)
	}
	if e.was != "" {
		w.field(original+"Content-Type", e.was)
	}
}

// body writes the bytes of an entity, whose fields are written. The last line has an end.
func (w *mailWriter) body(e *entity) error {
	switch {
	case e.children != nil:
		for _, c := range e.children {
			w.line("--" + e.boundary)
			w.mime(c)
			w.line("")
			if err := w.body(c); err != nil {
				return err
			}
		}
		w.line("--" + e.boundary + "--")
		return nil
	case e.data == nil:
		return nil
	case e.verbatim:
		if err := copyBody(w, e.data); err != nil {
			return err
		}
	default:
		encode := base64.NewEncoder(base64.StdEncoding, &lineWriter{w: w})
		if err := copyBody(encode, e.data); err != nil {
			return err
		}
		if err := encode.Close(); err != nil {
			return err
		}
	}
	w.line("")
	return nil
}

// A lineWriter breaks base64 after 76 characters (RFC 2045 section 6.8).
type lineWriter struct {
	w *mailWriter
	n int
}

func (l *lineWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if l.n == 76 {
			l.w.str("\r\n")
			l.n = 0
		}
		n := min(76-l.n, len(rest))
		if _, err := l.w.Write(rest[:n]); err != nil {
			return 0, err
		}
		l.n += n
		rest = rest[n:]
	}
	return len(p), nil
}
