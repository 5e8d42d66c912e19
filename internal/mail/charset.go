package mail

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"postern/internal/charset"
)

// charset makes UTF-8 of b, which its sender labelled. A label that is unknown or provably wrong
// costs a warning, never the text.
func (p *parser) charset(b []byte, label string) string {
	name := charset.Name(label)
	switch name {
	case "":
		return p.detect(b, "")
	case "utf-8", "us-ascii":
		return p.utf8OrDetect(b, name)
	}
	if !charset.Wide(name) && isASCII(b) && bytes.IndexByte(b, 0x1b) < 0 && bytes.IndexByte(b, 0x0e) < 0 {
		return string(b)
	}
	if strings.HasPrefix(name, "utf-16") && !charset.MayBeUTF16(b) || !charset.Wide(name) && !strings.HasPrefix(name, "iso-2022") && charset.IsISO2022(b) {
		p.warn("charset-malformed", "text is not in the character set "+quote(label))
		return p.detect(b, "")
	}
	s, bad, ok := charset.Decode(b, name)
	switch {
	case !ok:
		p.warn("charset-unknown", "unknown character set "+quote(label)+", guessed")
		return p.detect(b, "")
	case !charset.Wide(name) && charset.IsUTF8(b, name, bad):
		p.warn("charset-malformed", "text in UTF-8 is labelled "+quote(label))
		return p.detect(b, "")
	case bad == 0 && charset.Windows(b, name) == "":
		return s
	case bad == 0:
		p.warn("charset-malformed", "text is not in the character set "+quote(label))
		if name == "iso-8859-5" { // which has little in common with windows-1251
			return p.detect(b, charset.Windows(b, name))
		}
		s, _, _ = charset.Decode(b, charset.Windows(b, name))
		return s
	}
	p.warn("charset-malformed", "text is not in the character set "+quote(label))
	if charset.Wide(name) || name != "windows-1252" && bad*16 < charset.CountHigh(b) {
		return s // most of it is: what is broken is replaced
	}
	return p.detect(b, name)
}

// utf8OrDetect reads text that says it is UTF-8 or ASCII. When little in it is, it is read as what it looks
// like; when a few bytes are broken, those are replaced: one beside one character is no proof against the label.
func (p *parser) utf8OrDetect(b []byte, label string) string {
	b = bytes.TrimPrefix(b, []byte("\uFEFF"))
	if utf8.Valid(b) && !charset.IsISO2022(b) {
		return string(b)
	}
	p.warn("charset-malformed", "text is not in the character set "+quote(label))
	if charset.IsISO2022(b) || charset.HasMark16(b) || !charset.MostlyUTF8(b) && !charset.AnyLineUTF8(b) && !(label == "utf-8" && charset.WeighUTF8(b) == 0) {
		return p.detect(b, "")
	}
	return p.mixed(b)
}

// decodeRaw reads raw 8-bit text of a header: UTF-8 when it is that, else in the character set that
// the message's text has, else windows-1252.
func decodeRaw(s, label string) string {
	if strings.IndexByte(s, 0x1b) >= 0 && charset.IsISO2022([]byte(s)) {
		s, _, _ = charset.Decode([]byte(s), "iso-2022-jp")
		return s
	}
	if utf8.ValidString(s) {
		return s
	}
	if label != "" {
		if !strings.HasPrefix(label, "iso-2022") {
			if s, bad, ok := charset.Decode([]byte(s), label); ok && bad == 0 {
				return s
			}
		}
		if s, _, ok := charset.Decode([]byte(s), charset.Guess([]byte(s), charset.Hints{Charset: label})); ok {
			return s
		}
	}
	return charset.Windows1252([]byte(s))
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

// metaWithin is in how much of a page its own character set is looked for. HTML wants it in the first 1024 bytes;
// Outlook puts style sheets and XML before it.
const metaWithin = 8 << 10

// decodeHTML reads HTML: by its label, and by its own meta element where there is no label, or none that says anything.
func (p *parser) decodeHTML(b []byte, label string) string {
	switch name := charset.Name(label); name {
	case "", charset.Unknown, "us-ascii", "utf-8":
		if name == "utf-8" && charset.MostlyUTF8(b) || isASCII(b) || charset.HasMark16(b) || utf8.Valid(b) {
			return p.charset(b, label)
		}
		if meta := charset.Meta(b[:min(len(b), metaWithin)]); meta != "" {
			return p.charset(b, meta)
		}
	}
	return p.charset(b, label)
}
