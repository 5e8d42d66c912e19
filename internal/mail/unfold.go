package mail

import "strings"

// unfold makes one line of valid UTF-8 from the bytes of a value, raw ones read in charset label. RFC 5322
// section 2.2.3: the line end goes, the white space after it stays. Control characters become spaces, so that two words
// with one between them are none.
func unfold(s, label string) string { return unfoldTo(s, label, " ") }

// unfoldTo unfolds, with control instead of control characters other than tabs.
func unfoldTo(s, label, control string) string {
	s = trimSpace(s)
	if plain(s) {
		return s
	}
	s = decodeRaw(s, label)
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\r' || c == '\n':
			if i+1 < len(s) && !isSpace(s[i+1]) && s[i+1] != '\n' && s[i+1] != '\r' {
				b.WriteByte(' ')
			}
		case c == '\t':
			b.WriteByte(' ')
		case c < ' ' || c == 0x7f:
			b.WriteString(control)
		case c == 0xc2 && i+1 < len(s) && s[i+1] < 0xa0: // C1
			b.WriteString(control)
			i++
		default:
			b.WriteByte(c)
		}
	}
	return trimSpace(b.String())
}

// plain says whether s is printable ASCII.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
