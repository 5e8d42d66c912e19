package mail

import (
	"bytes"
	"unicode/utf8"
)

// metaWithin is in how much of a page its own character set is looked for. HTML wants it in the first 1024 bytes;
// Outlook puts style sheets and XML before it.
const metaWithin = 8 << 10

// decodeHTML reads HTML: by its label, and by its own meta element where there is no label, or none that says anything.
func (p *parser) decodeHTML(b []byte, label string) string {
	switch name := charsetName(label); name {
	case "", unknownCharset, "us-ascii", "utf-8":
		if name == "utf-8" && mostlyUTF8(b) || isASCII(b) || bom16(b) || utf8.Valid(b) {
			return p.charset(b, label)
		}
		if meta := metaCharset(b[:min(len(b), metaWithin)]); meta != "" {
			return p.charset(b, meta)
		}
	}
	return p.charset(b, label)
}

// metaCharset finds the character set that a page says it is in: <meta charset=…>, <meta … content="text/html; charset=…">
// or <?xml encoding=…?>.
func metaCharset(b []byte) string {
	for {
		at := bytes.IndexByte(b, '<')
		if at < 0 {
			return ""
		}
		b = b[at+1:]
		var word string
		switch {
		case len(b) > 4 && equalFold(string(b[:4]), "meta"):
			word = "charset"
		case bytes.HasPrefix(b, []byte("?xml")):
			word = "encoding"
		default:
			continue
		}
		tag := b
		if end := bytes.IndexByte(b, '>'); end >= 0 {
			tag = b[:end]
		}
		if at := bytes.Index(bytes.ToLower(tag), []byte(word)); at >= 0 {
			rest := bytes.TrimLeft(tag[at+len(word):], " \t\r\n")
			if rest, ok := bytes.CutPrefix(rest, []byte("=")); ok {
				rest = bytes.TrimLeft(rest, " \t\r\n\"'")
				if end := bytes.IndexAny(rest, "\"'; \t\r\n/>"); end >= 0 {
					rest = rest[:end]
				}
				if name := charsetName(string(rest)); lookupCharset(name) != nil && !wide(name) || name == "iso-2022-jp" {
					return name
				}
			}
		}
		b = b[len(tag):]
	}
}
