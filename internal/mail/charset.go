package mail

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// charset makes UTF-8 of b, which its sender labelled. A label that is unknown or provably wrong
// costs a warning, never the text.
func (p *parser) charset(b []byte, label string) string {
	name := charsetName(label)
	switch name {
	case "":
		return p.detect(b)
	case "utf-8", "utf8", "us-ascii", "ascii":
		return p.utf8OrDetect(b, name)
	}
	if isASCII(b) && bytes.IndexByte(b, 0x1b) < 0 && !wide(name) {
		return string(b)
	}
	if name == "utf-7" {
		return decodeUTF7(b)
	}
	enc := lookupCharset(name)
	switch enc {
	case nil:
		p.warn("charset-unknown", "unknown character set "+quote(label)+", guessed")
		return p.detect(b)
	case encoding.Nop:
		return p.utf8OrDetect(b, name)
	case charmap.Windows1252, charmap.ISO8859_15:
		// Western text that happens to be UTF-8 to its last byte is UTF-8.
		if utf8.Valid(b) {
			p.warn("charset-malformed", "text in UTF-8 is labelled "+quote(label))
			return p.detect(b)
		}
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		p.warn("charset-malformed", "text is not in the character set "+quote(label))
		return p.detect(b)
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

// utf8OrDetect reads text that says it is UTF-8 or ASCII. When nothing in it is, it is read as
// windows-1252; when a few bytes are broken, those are replaced.
func (p *parser) utf8OrDetect(b []byte, label string) string {
	b = bytes.TrimPrefix(b, []byte("\uFEFF"))
	if utf8.Valid(b) && !isJIS(b) {
		return string(b)
	}
	p.warn("charset-malformed", "text is not in the character set "+quote(label))
	if isJIS(b) || !anyUTF8(b) {
		return p.detect(b)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// isJIS says whether b has the escapes by which ISO-2022-JP begins two-byte characters, which no other text has.
func isJIS(b []byte) bool {
	return bytes.IndexByte(b, 0x1b) >= 0 && (bytes.Contains(b, []byte("\x1b$B")) || bytes.Contains(b, []byte("\x1b$@")))
}

// detect guesses the character set of unlabelled text.
func (p *parser) detect(b []byte) string {
	if b, ok := bytes.CutPrefix(b, []byte("\uFEFF")); ok && utf8.Valid(b) {
		return string(b)
	}
	if bom16(b) {
		if out, err := lookupCharset("utf-16").NewDecoder().Bytes(b); err == nil {
			return strings.ToValidUTF8(string(out), "\uFFFD")
		}
	}
	if isJIS(b) {
		if out, err := lookupCharset("iso-2022-jp").NewDecoder().Bytes(b); err == nil {
			return strings.ToValidUTF8(string(out), "\uFFFD")
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	return decodeWindows1252(b)
}

// decodeRaw reads raw 8-bit text of a header: UTF-8 when it is that, else in the character set that
// the message's text has, else windows-1252.
func decodeRaw(s, label string) string {
	switch {
	case strings.IndexByte(s, 0x1b) >= 0 && isJIS([]byte(s)):
		label = "iso-2022-jp"
	case utf8.ValidString(s):
		return s
	}
	if enc := lookupCharset(label); enc != nil && enc != encoding.Nop {
		if out, err := enc.NewDecoder().String(s); err == nil {
			return strings.ToValidUTF8(out, "\uFFFD")
		}
	}
	return decodeWindows1252([]byte(s))
}

// bom16 says whether b begins with the mark of UTF-16.
func bom16(b []byte) bool {
	return len(b) >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff)
}

// decodeHTML reads HTML: by its label, and by its own meta element where there is no label.
func (p *parser) decodeHTML(b []byte, label string) string {
	if label != "" {
		return p.charset(b, label)
	}
	enc, name, _ := charset.DetermineEncoding(b[:min(len(b), 1024)], "")
	high := !isASCII(b)
	if name == "utf-8" || high && utf8.Valid(b) || enc == nil {
		return p.detect(b)
	}
	return p.charset(b, name)
}

func decodeWindows1252(b []byte) string {
	var s strings.Builder
	s.Grow(len(b) + len(b)/4)
	for _, c := range b {
		if c < utf8.RuneSelf {
			s.WriteByte(c)
		} else {
			s.WriteRune(charmap.Windows1252.DecodeByte(c))
		}
	}
	return s.String()
}

func isASCII[T string | []byte](b T) bool {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if w := b[i : i+8]; (w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7]) >= utf8.RuneSelf {
			return false
		}
	}
	for ; i < len(b); i++ {
		if b[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// anyUTF8 says whether b has at least one well-formed character beyond ASCII.
func anyUTF8(b []byte) bool {
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r != utf8.RuneError || n > 1 {
			return true
		}
		i += n
	}
	return false
}
