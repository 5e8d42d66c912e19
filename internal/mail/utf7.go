package mail

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeUTF7 reads UTF-7 (RFC 2152): ASCII, in which a "+" begins UTF-16 in base64 up to the first
// sign that is none of base64. Bytes beyond ASCII, which it does not know, become U+FFFD.
func decodeUTF7(b []byte) string {
	var s strings.Builder
	s.Grow(len(b))
	for i := 0; i < len(b); {
		c := b[i]
		i++
		switch {
		case c >= utf8.RuneSelf:
			s.WriteRune(utf8.RuneError)
			continue
		case c != '+':
			s.WriteByte(c)
			continue
		case i < len(b) && b[i] == '-':
			s.WriteByte('+')
			i++
			continue
		case i == len(b) || base64Value[b[i]] >= 64:
			s.WriteByte('+') // a plus that its sender forgot to write as "+-"
			continue
		}
		i += appendUTF16(&s, b[i:])
		if i < len(b) && b[i] == '-' {
			i++
		}
	}
	return s.String()
}

// appendUTF16 writes what the base64 at the beginning of b says, and returns its length.
func appendUTF16(s *strings.Builder, b []byte) int {
	var bits uint32
	var n, i int
	var high rune // the first half of a pair
	for ; i < len(b) && base64Value[b[i]] < 64; i++ {
		bits, n = bits<<6|uint32(base64Value[b[i]]), n+6
		if n < 16 {
			continue
		}
		n -= 16
		r := rune(bits >> n & 0xffff)
		switch {
		case high != 0 && utf16.DecodeRune(high, r) != utf8.RuneError:
			s.WriteRune(utf16.DecodeRune(high, r))
			high = 0
			continue
		case high != 0:
			s.WriteRune(utf8.RuneError)
		}
		if high = 0; r >= 0xd800 && r < 0xdc00 {
			high = r
			continue
		}
		s.WriteRune(r) // the second half of a pair alone becomes U+FFFD
	}
	if high != 0 {
		s.WriteRune(utf8.RuneError)
	}
	return i
}
