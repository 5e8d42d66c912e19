// Package charset reads text in the character sets of mail: those that a label names, with the misnomers of mailers
// (charsets.txt), and those that text without a usable label looks like, by the letters of the languages that are written in them
// (languages.txt). What makes no sense becomes U+FFFD; the result is always valid UTF-8.
package charset

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// Decode reads b in the character set of a name from Name: bad is how many characters made no sense in it and
// became U+FFFD. It is not ok when there is no such character set, or it is UTF-8.
func Decode(b []byte, name string) (s string, bad int, ok bool) {
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
	enc := Lookup(name)
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

// Windows1252 reads b as windows-1252, in which every byte means something.
func Windows1252(b []byte) string {
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
