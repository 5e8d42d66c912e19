package charset

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeUTF7 reads UTF-7 (RFC 2152): ASCII, in which a "+" begins UTF-16 in base64 up to the first
// sign that is none of base64; what is no text in it was none. Bytes beyond ASCII, which it does not know, become U+FFFD.
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
		end := i
		for end < len(b) && base64Value[b[end]] < 64 {
			end++
		}
		if text, ok := utf16Text(b[i:end]); ok {
			s.WriteString(text)
			if i = end; i < len(b) && b[i] == '-' {
				i++
			}
			continue
		}
		s.WriteByte('+') // a plus inside of base64 that was never encoded: it stands as it is
		s.Write(b[i:end])
		i = end
	}
	return s.String()
}

// utf16Text is what base64 says in UTF-16. It is not ok when that is no whole number of characters that there are, with
// zero bits to fill up the last sign.
func utf16Text(b []byte) (string, bool) {
	var s strings.Builder
	var bits uint32
	var n int
	var high rune // the first half of a pair
	for _, c := range b {
		bits, n = bits<<6|uint32(base64Value[c]), n+6
		if n < 16 {
			continue
		}
		n -= 16
		r := rune(bits >> n & 0xffff)
		switch {
		case high != 0:
			r, high = utf16.DecodeRune(high, r), 0
		case r >= 0xd800 && r < 0xdc00:
			high = r
			continue
		}
		if r == utf8.RuneError || r >= 0xd800 && r < 0xe000 || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf) {
			return "", false
		}
		s.WriteRune(r)
	}
	return s.String(), high == 0 && n < 6 && bits&(1<<n-1) == 0
}

// base64Value is the value of a sign of base64, 64 and more for what is none.
var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	return t
}()
