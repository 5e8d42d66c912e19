package mail

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// charset makes UTF-8 of b, which its sender labelled. A label that is unknown or provably wrong
// costs a warning, never the text.
func (p *parser) charset(b []byte, label string) string {
	name := charsetName(label)
	switch name {
	case "":
		return p.detect(b, "")
	case "utf-8", "us-ascii":
		return p.utf8OrDetect(b, name)
	}
	if !wide(name) && isASCII(b) && bytes.IndexByte(b, 0x1b) < 0 && bytes.IndexByte(b, 0x0e) < 0 {
		return string(b)
	}
	if strings.HasPrefix(name, "utf-16") && !isUTF16(b) || !wide(name) && !strings.HasPrefix(name, "iso-2022") && isISO2022(b) {
		p.warn("charset-malformed", "text is not in the character set "+quote(label))
		return p.detect(b, "")
	}
	s, bad, ok := decodeAs(b, name)
	switch {
	case !ok:
		p.warn("charset-unknown", "unknown character set "+quote(label)+", guessed")
		return p.detect(b, "")
	case !wide(name) && isUTF8(b, name, bad):
		p.warn("charset-malformed", "text in UTF-8 is labelled "+quote(label))
		return p.detect(b, "")
	case bad == 0 && !strangers(b, name):
		return s
	case bad == 0:
		p.warn("charset-malformed", "text is not in the character set "+quote(label))
		if name == "iso-8859-5" { // which has little in common with windows-1251
			return p.detect(b, windowsOf[name])
		}
		s, _, _ = decodeAs(b, windowsOf[name])
		return s
	}
	p.warn("charset-malformed", "text is not in the character set "+quote(label))
	if wide(name) || name != "windows-1252" && bad*16 < countHigh(b) {
		return s // most of it is: what is broken is replaced
	}
	return p.detect(b, name)
}

// isUTF8 says whether text is UTF-8 to its last byte, though its label says name: for Western text one character
// is proof; in the character sets of other languages, those of two bytes above all, a few may look so by chance.
func isUTF8(b []byte, name string, bad int) bool {
	n := 1
	switch enc := lookupCharset(name).(type) {
	case nil:
		return false
	case *charmap.Charmap:
		if enc != charmap.Windows1252 && enc != charmap.ISO8859_15 {
			n = 2
		}
	case *byteTable:
		n = 2
	default:
		n = 6
	}
	if bad > 0 {
		n = 1
	}
	return utf8.Valid(b) && sequences(b) >= n
}

// windowsOf are the character sets of Windows that are sent under the label of the standard.
var windowsOf = map[string]string{
	"iso-8859-2": "windows-1250", "iso-8859-4": "windows-1257", "iso-8859-5": "windows-1251", "iso-8859-6": "windows-1256", "iso-8859-7": "windows-1253",
	"iso-8859-8": "windows-1255", "iso-8859-8-i": "windows-1255", "iso-8859-13": "windows-1257",
}

// strangers says whether b has bytes that are control characters in one of ISO 8859, as no text has: Windows has letters and
// quotation marks there.
func strangers(b []byte, name string) bool {
	return windowsOf[name] != "" && slices.ContainsFunc(b, func(c byte) bool { return c >= 0x80 && c < 0xa0 })
}

// sequences weighs the characters beyond ASCII of valid UTF-8: the longer, the less by chance.
func sequences(b []byte) int {
	n := 0
	for _, c := range b {
		switch {
		case c >= 0xe0:
			n += 3
		case c >= 0xc0:
			n++
		}
	}
	return n
}

func countHigh(b []byte) int {
	n := 0
	for _, c := range b {
		n += int(c >> 7)
	}
	return n
}

// decodeAs reads b in the character set of a name from charsetName: bad is how many characters made no sense in it and
// became U+FFFD. It is not ok when there is no such character set, or it is UTF-8.
func decodeAs(b []byte, name string) (s string, bad int, ok bool) {
	switch name {
	case "utf-7":
		s = decodeUTF7(b)
		return s, strings.Count(s, "\uFFFD"), true
	case "iso-2022-jp":
		s, bad = decodeISO2022(b, kanaSet)
		return s, bad, true
	case "iso-2022-kr":
		s, bad = decodeISO2022(b, kscSet)
		return s, bad, true
	case "iso-2022-cn":
		s, bad = decodeISO2022(b, gbSet)
		return s, bad, true
	case "utf-16", "utf-32":
		name = order(b, name)
	}
	enc := lookupCharset(name)
	if enc == nil || enc == encoding.Nop {
		return "", 0, false
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return "", 0, false
	}
	s = strings.TrimPrefix(strings.ToValidUTF8(string(out), "\uFFFD"), "\uFEFF")
	return s, strings.Count(s, "\uFFFD"), true
}

// utf8OrDetect reads text that says it is UTF-8 or ASCII. When little in it is, it is read as what it looks
// like; when a few bytes are broken, those are replaced: one beside one character is no proof against the label.
func (p *parser) utf8OrDetect(b []byte, label string) string {
	b = bytes.TrimPrefix(b, []byte("\uFEFF"))
	if utf8.Valid(b) && !isISO2022(b) {
		return string(b)
	}
	p.warn("charset-malformed", "text is not in the character set "+quote(label))
	if isISO2022(b) || bom16(b) || !mostlyUTF8(b) && !anyLineUTF8(b) && !(label == "utf-8" && weighUTF8(b) == 0) {
		return p.detect(b, "")
	}
	return p.mixed(b)
}

// decodeRaw reads raw 8-bit text of a header: UTF-8 when it is that, else in the character set that
// the message's text has, else windows-1252.
func decodeRaw(s, label string) string {
	if strings.IndexByte(s, 0x1b) >= 0 && isISO2022([]byte(s)) {
		s, _ = decodeISO2022([]byte(s), kanaSet)
		return s
	}
	if utf8.ValidString(s) {
		return s
	}
	if label != "" {
		if !strings.HasPrefix(label, "iso-2022") {
			if s, bad, ok := decodeAs([]byte(s), label); ok && bad == 0 {
				return s
			}
		}
		if s, _, ok := decodeAs([]byte(s), guessCharset([]byte(s), hints{charset: label})); ok {
			return s
		}
	}
	return decodeWindows1252([]byte(s))
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
