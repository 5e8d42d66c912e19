package mail

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// mixed reads UTF-8 with lines in something else, which a list or a scanner put there.
func (p *parser) mixed(b []byte) string {
	var s strings.Builder
	s.Grow(len(b) + len(b)/8)
	for ln := range bytes.Lines(b) {
		switch {
		case utf8.Valid(ln):
			s.Write(ln)
		case weighUTF8(ln) >= 0 || cutShort(ln):
			s.WriteString(strings.ToValidUTF8(string(ln), "\uFFFD"))
		default:
			s.WriteString(p.detect(ln, "windows-1252"))
		}
	}
	return s.String()
}

// cutShort says whether the only bytes of a line that are no UTF-8 are the beginning of a character at its end.
func cutShort(ln []byte) bool {
	ln = bytes.TrimRight(ln, "\r\n")
	for n := 1; n < utf8.UTFMax && n <= len(ln); n++ {
		if end := ln[len(ln)-n:]; end[0] >= 0xc2 {
			return !utf8.FullRune(end) && utf8.Valid(ln[:len(ln)-n])
		}
	}
	return false
}

// detect guesses the character set of text without a usable label; hint is a label that may be right all the same.
func (p *parser) detect(b []byte, hint string) string {
	if b, ok := bytes.CutPrefix(b, []byte("\uFEFF")); ok && utf8.Valid(b) {
		return string(b)
	}
	if bom16(b) {
		name := "utf-16"
		if len(b) > 3 && b[0] == 0xff && b[2] == 0 && b[3] == 0 {
			name = "utf-32"
		}
		if s, _, ok := decodeAs(b, name); ok {
			return s
		}
	}
	if isISO2022(b) {
		s, _ := decodeISO2022(b, kanaSet)
		return s
	}
	if utf8.Valid(b) {
		return string(b)
	}
	name := p.guess(b, hint)
	if s, _, ok := decodeAs(b, name); ok {
		return s
	}
	return decodeWindows1252(b)
}

// guess names what b, which is not UTF-8, looks like, with what the rest of the mail says. Past what may be looked at
// of one mail it says what it said before.
func (p *parser) guess(b []byte, hint string) string {
	if p.sampled >= sampleMax && p.guessed != "" {
		return p.guessed
	}
	p.sampled += 64 + min(len(b), sampleFrom) // a look costs something, however short the text
	for _, label := range []string{p.rawCharset, p.wordCharset} {
		if hint == "" {
			hint = label
		}
	}
	h := hints{charset: hint, language: strings.ToLower(trimSpace(p.msg.Get("Content-Language")))}
	if len(p.msg.From) > 0 {
		h.domain = p.msg.From[0].Domain
	}
	p.guessed = guessCharset(b, h)
	return p.guessed
}

// anyLineUTF8 says whether a line of b is UTF-8 that cannot be so by chance.
func anyLineUTF8(b []byte) bool {
	for ln := range bytes.Lines(b) {
		if sequences(ln) >= 6 && utf8.Valid(ln) {
			return true
		}
	}
	return false
}

// mostlyUTF8 says whether b has more well-formed characters beyond ASCII than bytes that are in none.
func mostlyUTF8(b []byte) bool { return weighUTF8(b) > 0 }

// weighUTF8 counts the bytes of well-formed characters beyond ASCII but their first, less the bytes that are in none.
func weighUTF8(b []byte) int {
	n := 0
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			n--
		} else {
			n += size - 1
		}
		i += size
	}
	return n
}
