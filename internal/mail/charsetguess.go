package mail

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"postern/internal/charset"
)

// mixed reads UTF-8 with lines in something else, which a list or a scanner put there.
func (p *parser) mixed(b []byte) string {
	var s strings.Builder
	s.Grow(len(b) + len(b)/8)
	for ln := range bytes.Lines(b) {
		switch {
		case utf8.Valid(ln):
			s.Write(ln)
		case charset.WeighUTF8(ln) >= 0 || charset.CutShort(ln):
			s.WriteString(strings.ToValidUTF8(string(ln), "\uFFFD"))
		default:
			s.WriteString(p.detect(ln, "windows-1252"))
		}
	}
	return s.String()
}

// detect guesses the character set of text without a usable label; hint is a label that may be right all the same.
func (p *parser) detect(b []byte, hint string) string {
	if b, ok := bytes.CutPrefix(b, []byte("\uFEFF")); ok && utf8.Valid(b) {
		return string(b)
	}
	if charset.HasMark16(b) {
		name := "utf-16"
		if len(b) > 3 && b[0] == 0xff && b[2] == 0 && b[3] == 0 {
			name = "utf-32"
		}
		if s, _, ok := charset.Decode(b, name); ok {
			return s
		}
	}
	if charset.IsISO2022(b) {
		s, _, _ := charset.Decode(b, "iso-2022-jp")
		return s
	}
	if utf8.Valid(b) {
		return string(b)
	}
	name := p.guess(b, hint)
	if s, _, ok := charset.Decode(b, name); ok {
		return s
	}
	return charset.Windows1252(b)
}

// guess names what b, which is not UTF-8, looks like, with what the rest of the mail says. Past what may be looked at
// of one mail it says what it said before.
func (p *parser) guess(b []byte, hint string) string {
	if p.sampled >= charset.SampleMax && p.guessed != "" {
		return p.guessed
	}
	p.sampled += 64 + min(len(b), charset.SampleFrom) // a look costs something, however short the text
	for _, label := range []string{p.rawCharset, p.wordCharset} {
		if hint == "" {
			hint = label
		}
	}
	h := charset.Hints{Charset: hint, Language: strings.ToLower(trimSpace(p.msg.Get("Content-Language")))}
	if len(p.msg.From) > 0 {
		h.Domain = p.msg.From[0].Domain
	}
	p.guessed = charset.Guess(b, h)
	return p.guessed
}
