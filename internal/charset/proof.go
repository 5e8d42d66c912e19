package charset

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// IsUTF8 says whether text is UTF-8 to its last byte, though its label says name: for Western text one character
// is proof; in the character sets of other languages, those of two bytes above all, a few may look so by chance.
func IsUTF8(b []byte, name string, bad int) bool {
	n := 1
	switch enc := Lookup(name).(type) {
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

// Windows is the character set that is meant by one of ISO 8859 where b has bytes that are control characters there, as no
// text has: Windows has letters and quotation marks in their place. It is "" where the name may be right.
func Windows(b []byte, name string) string {
	if w := windowsOf[name]; w != "" && slices.ContainsFunc(b, func(c byte) bool { return c >= 0x80 && c < 0xa0 }) {
		return w
	}
	return ""
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

// CountHigh counts the bytes beyond ASCII.
func CountHigh(b []byte) int {
	n := 0
	for _, c := range b {
		n += int(c >> 7)
	}
	return n
}

// CutShort says whether the only bytes of a line that are no UTF-8 are the beginning of a character at its end.
func CutShort(ln []byte) bool {
	ln = bytes.TrimRight(ln, "\r\n")
	for n := 1; n < utf8.UTFMax && n <= len(ln); n++ {
		if end := ln[len(ln)-n:]; end[0] >= 0xc2 {
			return !utf8.FullRune(end) && utf8.Valid(ln[:len(ln)-n])
		}
	}
	return false
}

// AnyLineUTF8 says whether a line of b is UTF-8 that cannot be so by chance.
func AnyLineUTF8(b []byte) bool {
	for ln := range bytes.Lines(b) {
		if sequences(ln) >= 6 && utf8.Valid(ln) {
			return true
		}
	}
	return false
}

// MostlyUTF8 says whether b has more well-formed characters beyond ASCII than bytes that are in none.
func MostlyUTF8(b []byte) bool { return WeighUTF8(b) > 0 }

// WeighUTF8 counts the bytes of well-formed characters beyond ASCII but their first, less the bytes that are in none.
func WeighUTF8(b []byte) int {
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
