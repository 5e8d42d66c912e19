package mail

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strings"
	"time"
)

// body is the text of a TNEF, in the forms that it has.
func (t *tnef) body() *segment {
	m, s := &t.message, &segment{}
	html := ""
	switch {
	case len(m.html) > 0:
		if m.htmlCharset == "" {
			m.htmlCharset = m.codepage // it may come after the HTML
		}
		html = t.p.decodeHTML(bytes.TrimRight(m.html, "\x00"), m.htmlCharset)
	case m.rtf.html:
		html = m.rtf.text
	}
	text := m.text
	if blankText(text) && !m.rtf.html {
		text = m.rtf.text
	}
	s.html.set(tidy(html), 0)
	s.plain.set(tidy(text), 0)
	s.hasHTML, s.hasPlain = s.html.says, s.plain.says
	return s
}

// tidy makes line ends LF and takes out NUL bytes.
func tidy(s string) string {
	if !strings.ContainsAny(s, "\r\x00") {
		return s
	}
	return string(normalize([]byte(s)))
}

// readEmbedded reads a message that is a file in a TNEF.
func (p *parser) readEmbedded(r io.Reader) *Message {
	return p.readNested(func(c *parser) *Message {
		t := &tnef{p: c, r: bufio.NewReaderSize(r, 4<<10), cp: "windows-1252"}
		c.msg = &Message{}
		t.read()
		c.packed = t.body()
		h := t.message.header(c)
		c.readFields(&h)
		c.finish(&h)
		return c.msg
	})
}

// header makes a header of properties, to be read as that of a mail is.
func (m *properties) header(c *parser) header {
	var h header
	add := func(name, value string) {
		if value = cleanName(value); value != "" {
			h.fields = append(h.fields, Field{Name: name, Value: value, Raw: []byte(name + ": " + value + "\r\n")})
		}
	}
	from := m.smtp
	if from == "" {
		from = m.address
	}
	if !strings.Contains(from, "@") { // an Exchange address
		from = ""
	}
	if name := strings.NewReplacer(`"`, "", `\`, "").Replace(m.from); name != "" {
		from = `"` + name + `" <` + strings.Trim(from, "<>") + ">"
	}
	add("From", from)
	add("Subject", m.subject)
	if m.sent != 0 {
		add("Date", fileTime(m.sent).Format(time.RFC1123Z))
	}
	add("Message-ID", m.id)
	c.spent.header -= int64(len(m.subject) + len(m.from) + len(m.id))
	h.fields = slices.Clip(h.fields)
	return h
}

// fileTime is a FILETIME: tenths of microseconds since 1601.
func fileTime(n uint64) time.Time {
	const epoch = 11_644_473_600 // seconds from there to 1970
	return time.Unix(int64(n/1e7)-epoch, int64(n%1e7)*100).UTC()
}
