package charset

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// A charSet is one that ISO 2022 switches to by an escape.
type charSet uint8

const (
	asciiSet  charSet = iota
	romanSet          // JIS X 0201: ASCII but for \ and ~
	kanaSet           // JIS X 0201: half-width
	jisSet            // JIS X 0208, and what JIS X 0213 has of it
	jis212Set         // JIS X 0212
	kscSet            // KS X 1001
	gbSet             // GB 2312
	otherSet          // one of two bytes that nobody has a table of
)

// escapes are those of ISO-2022-JP and its versions 1, 2, 3 and 2004 (RFC 1468, 2237, 1554, JIS X 0213), of ISO-2022-KR
// (RFC 1557) and ISO-2022-CN (RFC 1922). They switch G0 or, after ")", what a shift-out brings.
var escapes = []struct {
	text string
	set  charSet
	out  bool
}{
	{"(B", asciiSet, false}, {"(J", romanSet, false}, {"(H", romanSet, false}, {"(I", kanaSet, false},
	{"$@", jisSet, false}, {"$B", jisSet, false}, {"$(@", jisSet, false}, {"$(B", jisSet, false}, {"$(D", jis212Set, false},
	{"$(O", jisSet, false}, {"$(Q", jisSet, false}, {"$(P", otherSet, false},
	{"$A", gbSet, false}, {"$(A", gbSet, false}, {"$(C", kscSet, false},
	{")I", kanaSet, true}, {"$)C", kscSet, true}, {"$)A", gbSet, true}, {"$)G", otherSet, true}, {"$)E", otherSet, true},
}

// IsISO2022 says whether b has an escape by which ISO 2022 begins characters of two bytes or kana, which no other text has.
func IsISO2022(b []byte) bool {
	for {
		i := bytes.IndexByte(b, 0x1b)
		if i < 0 || i+2 >= len(b) {
			return false
		}
		b = b[i+1:]
		switch c := b[1]; b[0] {
		case '$':
			if c == 'B' || c == '@' || c == 'A' || (c == '(' || c == ')') && len(b) > 2 && strings.IndexByte("@ABCDGOPQ", b[2]) >= 0 {
				return true
			}
		case '(':
			if c == 'I' {
				return true
			}
		}
	}
}

// iso2022 reads text of any of these. Shift-out without a word before it brings half-width kana, as JIS7 has it; bytes
// from 0xa1 to 0xdf are the same kana, as JIS8 has it.
type iso2022 struct {
	out     strings.Builder
	set     charSet // G0
	outSet  charSet // G1
	high    *charmap.Charmap
	shifted bool
	pending []byte // characters of pendSet, in the form of EUC
	pendSet charSet
	bad     int // what could not be read
}

// decodeISO2022 reads text of ISO 2022, and says how many bytes of it made no sense. out is what a shift-out brings.
func decodeISO2022(b []byte, out charSet) (string, int) {
	d := iso2022{outSet: out}
	d.out.Grow(len(b) + len(b)/2)
	for i := 0; i < len(b); {
		c := b[i]
		set := d.set
		if d.shifted {
			set = d.outSet
		}
		switch {
		case c == 0x1b:
			i += d.escape(b[i:])
			continue
		case c == 0x0e:
			d.shifted = true
		case c == 0x0f:
			d.shifted = false
		case c == '\n' || c == '\r':
			d.flush()
			d.out.WriteByte(c)
			if set > kanaSet && !goesOn(b[i+1:]) {
				d.set, d.shifted = asciiSet, false // the escape back was lost
			}
		case c <= ' ' || c == 0x7f:
			d.flush()
			d.out.WriteByte(c)
		case c >= utf8.RuneSelf:
			d.flush()
			if c < 0xa1 || c > 0xdf {
				d.bad++
				d.out.WriteRune(utf8.RuneError)
			} else {
				d.out.WriteRune(0xff61 + rune(c) - 0xa1)
			}
		case set == asciiSet, set == romanSet:
			d.flush()
			d.single(c, set)
		case set == kanaSet:
			d.flush()
			if c > 0x5f {
				d.bad++
				d.out.WriteRune(utf8.RuneError)
			} else {
				d.out.WriteRune(0xff61 + rune(c) - 0x21)
			}
		case i+1 < len(b) && b[i+1] > ' ' && b[i+1] < 0x7f:
			d.double(c, b[i+1], set)
			i++
		default:
			d.flush()
			d.bad++
			d.out.WriteRune(utf8.RuneError)
		}
		i++
	}
	d.flush()
	return d.out.String(), d.bad
}

// escape reads an escape sequence and returns its length.
func (d *iso2022) escape(b []byte) int {
	rest := b[1:min(len(b), 4)]
	for _, e := range escapes {
		if bytes.HasPrefix(rest, []byte(e.text)) {
			if e.out {
				d.outSet = e.set
			} else {
				d.set = e.set
			}
			return 1 + len(e.text)
		}
	}
	switch {
	case bytes.HasPrefix(rest, []byte(".A")): // RFC 1554: the upper half of ISO 8859-1 and -7, one character at a time
		d.high = charmap.ISO8859_1
		return 3
	case bytes.HasPrefix(rest, []byte(".F")):
		d.high = charmap.ISO8859_7
		return 3
	case len(rest) > 1 && rest[0] == 'N' && d.high != nil:
		d.flush()
		d.out.WriteRune(d.high.DecodeByte(rest[1] | 0x80))
		return 3
	case bytes.HasPrefix(rest, []byte("&@")), bytes.HasPrefix(rest, []byte("$*")): // an announcement; G2 of ISO-2022-CN
		if rest[0] == '$' {
			return min(len(b), 4)
		}
		return 3
	}
	d.flush()
	d.bad++
	return 1
}

func (d *iso2022) single(c byte, set charSet) {
	switch {
	case set == romanSet && c == '\\':
		d.out.WriteRune('¥')
	case set == romanSet && c == '~':
		d.out.WriteRune('‾')
	default:
		d.out.WriteByte(c)
	}
}

func (d *iso2022) double(a, b byte, set charSet) {
	if set != d.pendSet {
		d.flush()
		d.pendSet = set
	}
	if set == otherSet {
		d.bad++
		d.out.WriteRune(utf8.RuneError)
		return
	}
	if set == jis212Set {
		d.pending = append(d.pending, 0x8f)
	}
	d.pending = append(d.pending, a|0x80, b|0x80)
}

// flush writes the characters of two bytes that were gathered.
func (d *iso2022) flush() {
	if len(d.pending) == 0 {
		return
	}
	var enc encoding.Encoding = japanese.EUCJP
	switch d.pendSet {
	case kscSet:
		enc = korean.EUCKR
	case gbSet:
		enc = simplifiedchinese.GBK
	}
	out, _ := enc.NewDecoder().Bytes(d.pending)
	d.bad += bytes.Count(out, []byte("\uFFFD"))
	d.out.Write(out)
	d.pending = d.pending[:0]
}

// goesOn says whether a line that begins inside characters of two bytes is of such: some programs break lines there
// without switching back and forth, against RFC 1468.
func goesOn(b []byte) bool {
	for i, c := range b {
		switch {
		case c == 0x1b, c == 0x0f:
			return i > 0 && i%2 == 0
		case c <= ' ' || c >= 0x7f:
			return false
		}
	}
	return false
}
