package webhook

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"net/textproto"
	"strings"

	"postern/internal/charset"
	"postern/internal/fault"
)

const (
	maxBoundary   = 256      // RFC 2046, section 5.1.1 allows 70
	maxPadding    = 64       // blanks behind a boundary
	maxPartHeader = 16 << 10 // of one part, in bytes
	maxPartLines  = 100
)

// A multipartReader reads multipart/form-data. Unlike mime/multipart it decodes nothing, names files as they were named, bounds a
// part's header by 16 KiB instead of 10 MiB, and says Invalid of all that is not as RFC 2046, section 5.1.1 has it.
type multipartReader struct {
	in    *bufio.Reader
	dash  []byte // --boundary
	delim []byte // the same with the line break before it
	begun bool   // the first boundary was seen
	start bool   // nothing of this part's content was read yet
	state int    // of the part
}

const (
	inPart    = iota
	afterPart // its boundary was read, and another part follows
	afterLast
)

func newMultipart(in io.Reader, boundary string) *multipartReader {
	return &multipartReader{in: bufio.NewReaderSize(in, chunkSize), dash: []byte("--" + boundary)}
}

func (m *multipartReader) next() (*field, io.Reader, error) {
	if !m.begun {
		if err := m.preamble(); err != nil {
			return nil, nil, err
		}
		m.begun = true
	} else if _, err := io.Copy(io.Discard, struct{ io.Reader }{m}); err != nil {
		return nil, nil, err
	}
	if m.state == afterLast {
		return nil, nil, io.EOF
	}
	h, err := m.header()
	if err != nil {
		return nil, nil, err
	}
	m.state, m.start = inPart, true
	kind, params := parameters(h.Get("Content-Disposition"))
	if kind != "form-data" {
		return nil, nil, fault.Errorf(fault.Invalid, "want Content-Disposition: form-data, got %q", short(kind))
	}
	return &field{Name: params["name"], File: params["filename"], Type: h.Get("Content-Type"), Header: h}, m, nil
}

// preamble skips what comes before the first boundary: lines of at most the buffer's size.
func (m *multipartReader) preamble() error {
	for {
		line, err := m.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return broken(err)
		}
		if rest, ok := bytes.CutPrefix(line, m.dash); ok {
			nl := "\r\n"
			if !bytes.HasSuffix(line, []byte(nl)) {
				nl = "\n"
			}
			m.delim = append([]byte(nl), m.dash...)
			switch state, n := m.after(rest); {
			case state == afterLast || state == afterPart && n == len(rest):
				m.state = state
				return nil
			}
		}
		if err != nil {
			return fault.Errorf(fault.Invalid, "the body has no boundary %q", short(string(m.dash)))
		}
	}
}

// after says what follows a boundary: blanks and a line break before the next part, two dashes after the last; inPart where it was
// none. And how many bytes that takes.
func (m *multipartReader) after(rest []byte) (state, n int) {
	if bytes.HasPrefix(rest, []byte("--")) {
		return afterLast, 2
	}
	for n < len(rest) && n < maxPadding && (rest[n] == ' ' || rest[n] == '\t') {
		n++
	}
	if nl := m.delim[:len(m.delim)-len(m.dash)]; bytes.HasPrefix(rest[n:], nl) {
		return afterPart, n + len(nl)
	}
	return inPart, 0
}

// header reads a part's header fields up to the empty line.
func (m *multipartReader) header() (textproto.MIMEHeader, error) {
	h, size, last := textproto.MIMEHeader{}, 0, ""
	for lines := 0; ; lines++ {
		line, err := m.in.ReadSlice('\n')
		if size += len(line); size > maxPartHeader || lines > maxPartLines {
			return nil, fault.Errorf(fault.TooLarge, "its header has more than %d bytes or %d lines", maxPartHeader, maxPartLines)
		}
		if err != nil {
			return nil, broken(err)
		}
		text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if text == "" {
			return h, nil
		}
		if text[0] == ' ' || text[0] == '\t' {
			if last == "" {
				return nil, fault.Errorf(fault.Invalid, "its header begins with a blank")
			}
			v := h[last]
			v[len(v)-1] += text
			continue
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok || name == "" {
			return nil, fault.Errorf(fault.Invalid, "%q is no header field", short(text))
		}
		last = textproto.CanonicalMIMEHeaderKey(strings.TrimRight(name, " \t"))
		h[last] = append(h[last], strings.TrimLeft(value, " \t"))
	}
}

// Read reads the content of a part, up to its boundary.
func (m *multipartReader) Read(p []byte) (int, error) {
	if m.state != inPart {
		return 0, io.EOF
	}
	least := len(m.delim) + maxPadding + 2
	seen, err := m.in.Peek(least)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, broken(err)
	}
	if len(seen) == least {
		seen, _ = m.in.Peek(m.in.Buffered())
	}
	delim := m.delim
	if m.start {
		m.start = false
		if bytes.HasPrefix(seen, m.dash) { // the empty line before it was the line break of an empty part
			delim = m.dash
		}
	}
	at := bytes.Index(seen, delim)
	if at == 0 {
		if state, n := m.after(seen[len(delim):]); state != inPart {
			m.state = state
			_, _ = m.in.Discard(len(delim) + n)
			return 0, io.EOF
		}
		at = 1 // it only looks like a boundary
	}
	if at < 0 {
		if at = len(seen) - len(delim) + 1; at <= 0 || err != nil {
			return 0, broken(err)
		}
	}
	n := copy(p, seen[:at])
	_, _ = m.in.Discard(n)
	return n, nil
}

// broken says of an error while reading what it means.
func broken(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return fault.Errorf(fault.Invalid, "the body ends before its last boundary")
	case errors.Is(err, bufio.ErrBufferFull):
		return fault.Errorf(fault.TooLarge, "a line outside of any content is too long")
	}
	return fault.As(fault.Unavailable, err)
}

// parameters reads a Content-Disposition: its first word in lower case, and its parameters, the first of doubled ones. What mime.ParseMediaType calls
// an error is read as far as it can be. A name in RFC 2231's form, which RFC 7578, section 4.2 forbids and some send, stands above the plain one.
func parameters(s string) (kind string, params map[string]string) {
	given := s
	kind, s, _ = strings.Cut(s, ";")
	params, extended := map[string]string{}, map[string]string{}
	for s != "" {
		var name, value string
		at := strings.IndexAny(s, "=;")
		if at < 0 || s[at] == ';' {
			_, s, _ = strings.Cut(s, ";")
			continue
		}
		name, s = strings.ToLower(strings.TrimSpace(s[:at])), strings.TrimLeft(s[at+1:], " \t")
		if strings.HasPrefix(s, `"`) {
			value, s = quoted(s[1:])
			_, s, _ = strings.Cut(s, ";")
		} else {
			value, s, _ = strings.Cut(s, ";")
			value = strings.TrimSpace(value)
		}
		into := params
		if plain, ok := strings.CutSuffix(name, "*"); ok {
			name, into = plain, extended
			if value, ok = fromRFC2231(value); !ok {
				continue
			}
		}
		if _, there := into[name]; !there {
			into[name] = value
		}
	}
	for name, value := range extended {
		params[name] = value
	}
	if _, there := params["filename"]; !there && strings.Contains(given, "*") { // in pieces, RFC 2231, section 3
		if _, all, err := mime.ParseMediaType(given); err == nil && all["filename"] != "" {
			params["filename"] = all["filename"]
		}
	}
	return strings.ToLower(strings.TrimSpace(kind)), params
}

// quoted reads a quoted string behind its first quote. A backslash hides only quotes and backslashes, since some send paths of Windows as they are.
func quoted(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// fromRFC2231 reads charset'language'percent-encoded, RFC 2231, section 4.
func fromRFC2231(s string) (string, bool) {
	parts := strings.SplitN(s, "'", 3)
	if len(parts) != 3 {
		return "", false
	}
	b, err := unescape(parts[2], false)
	if err != nil {
		return "", false
	}
	name, _, ok := charset.Decode([]byte(b), parts[0])
	return name, ok
}
