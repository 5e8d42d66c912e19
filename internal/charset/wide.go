package charset

import (
	"bytes"
	"unicode/utf8"
)

// HasMark16 says whether b begins with the mark of UTF-16.
func HasMark16(b []byte) bool {
	return len(b) >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff)
}

// MayBeUTF16 says whether text that says so can be UTF-16. Gateways that made UTF-8 of it leave the old label.
func MayBeUTF16(b []byte) bool {
	return HasMark16(b) || len(b) < 16 || bytes.IndexByte(b, 0) >= 0 || !utf8.Valid(b) || bytes.IndexByte(b, ' ') < 0
}

// order finds which byte comes first in UTF-16 or UTF-32 without a mark. RFC 2781 section 4.3 says the big one; senders
// write the small one too. The upper bytes of a text are few different ones.
func order(b []byte, name string) string {
	size := 2
	if name == "utf-32" {
		size = 4
		if bytes.HasPrefix(b, []byte{0xff, 0xfe, 0, 0}) {
			return "utf-32le"
		}
	}
	switch {
	case HasMark16(b) && b[0] == 0xff:
		return name + "le"
	case HasMark16(b), bytes.HasPrefix(b, []byte{0, 0, 0xfe, 0xff}):
		return name + "be"
	}
	var seen [2][256]bool
	var kinds [2]int
	for i := 0; i+size <= min(len(b), 4<<10); i += size {
		for k, c := range [2]byte{b[i], b[i+size-1]} {
			if !seen[k][c] {
				seen[k][c] = true
				kinds[k]++
			}
		}
	}
	if kinds[0] > kinds[1] {
		return name + "le"
	}
	return name + "be"
}
