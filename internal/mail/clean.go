package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// warnMax is how many warnings a message keeps, and detailMax how long each may be, in bytes.
const (
	warnMax   = 100
	detailMax = 200
)

func (p *parser) warn(code, detail string) {
	if len(p.msg.Warnings) >= warnMax {
		return
	}
	if n := len(p.msg.Warnings); n > 0 && p.msg.Warnings[n-1] == (Warning{code, detail}) {
		return
	}
	p.msg.Warnings = append(p.msg.Warnings, Warning{code, cutString(detail, detailMax)})
}

// quote shows a piece of the message in a warning.
func quote[T string | []byte](b T) string {
	s := string(b[:min(len(b), 60)])
	return `"` + cleanName(decodeRaw(s, "")) + `"`
}

// cutString shortens s to at most n bytes without splitting a character.
func cutString(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// cleanName makes one line of s without characters that hide or reorder others: control
// characters, bidi marks and overrides, zero-width spaces. Joiners stay: Persian and emoji need them.
func cleanName(s string) string {
	if plain(s) && !strings.Contains(s, "  ") {
		return trimSpace(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r), r == 0x2028, r == 0x2029:
			space = b.Len() > 0
			continue
		case deceives(r):
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// withoutMarks is s without characters that hide or reorder others.
func withoutMarks(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if deceives(r) {
			return -1
		}
		return r
	}, s)
}

// deceives says whether r is invisible and changes how its neighbours are read.
func deceives(r rune) bool {
	switch {
	case r == 0x061c, r == 0x200b, r == 0x200e, r == 0x200f, r == 0x2060, r == 0xfeff, r == 0xad,
		r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x206f, r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

// appendLower appends s with its ASCII letters in lower case.
func appendLower[T string | []byte](dst []byte, s T) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// equalFold compares ASCII names ignoring case.
func equalFold(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

func blank(b []byte) bool {
	for _, c := range b {
		if !isSpace(c) {
			return false
		}
	}
	return true
}

func trimSpace(s string) string { return strings.Trim(s, " \t\r\n") }
