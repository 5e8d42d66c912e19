package charset

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Text without a label, or with a wrong one, is read as what it looks like most: each language in each of its
// character sets gives a number of bits, as a compressor would need, and the fewest win. windows-1252 has a start
// that others must make good, so that a short text is not taken for a language that its sender does not write.
const (
	sampleSize = 2 << 10  // how much text around bytes beyond ASCII is looked at
	SampleFrom = 64 << 10 // in how much of the text it is looked for
	SampleMax  = 64 << 10 // how much of a message is looked at in all

	westernLead = 6 // bits
	oldCost     = 2 // character sets of other systems than Windows
	hanCost     = 6
	hintLead    = 14 // for what another part of the mail says
	domainLead  = 6  // for the sender's country: what windows-1252 has, no more
)

// Hints say in what a message may be written.
type Hints struct {
	Charset  string // the one of another part or word
	Language string // of Content-Language: "de", "zh-tw"
	Domain   string // of the sender
}

// Guess names what b, which is not UTF-8, looks like.
func Guess(b []byte, h Hints) string {
	var buf [sampleSize + 8]byte
	s, pairs := sample(buf[:0], b)
	best, bits := "windows-1252", int(^uint(0)>>1)
	try := func(name string, lang *language, n int) {
		switch name {
		case "windows-1252":
			n -= westernLead
		case "windows-1250", "windows-1251", "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-874":
		default:
			n += oldCost
		}
		if name == h.Charset || h.Charset == "iso-2022-jp" && lang.name == "ja" || h.Charset == "iso-2022-kr" && lang.name == "ko" {
			n -= hintLead
		}
		if lang.name == h.Language || len(h.Language) > 2 && lang.name == h.Language[:2] {
			n -= hintLead
		}
		if h.Domain != "" && name == lang.charsets[0] && slices.ContainsFunc(lang.domains, func(d string) bool { return strings.HasSuffix(h.Domain, d) }) {
			n -= domainLead
		}
		if n < bits {
			best, bits = name, n
		}
	}
	all := allReadings()
	for i := range all.single {
		r := &all.single[i]
		try(r.name, r.lang, r.bits(s))
	}
	if pairs {
		for i := range all.han {
			r := &all.han[i]
			try(r.name, r.lang, hanCost+r.bits(s))
		}
	}
	return best
}

// sample takes what stands around bytes beyond ASCII, and says whether two of these stand beside each other.
func sample(dst, b []byte) (_ []byte, pairs bool) {
	b = b[:min(len(b), SampleFrom)]
	for i, c := range b {
		high := c >= utf8.RuneSelf
		before, after := i > 0 && b[i-1] >= utf8.RuneSelf, i+1 < len(b) && b[i+1] >= utf8.RuneSelf
		if high && after {
			pairs = true
		}
		if high || before || after {
			if dst = append(dst, c); len(dst) >= sampleSize {
				break
			}
		}
	}
	return dst, pairs
}

// bits is what a sample costs in this reading.
func (r *reading) bits(s []byte) int {
	n := 0
	prev, high := uint8(blankClass), false
	for _, c := range s {
		class := r.class[c]
		if high || c >= utf8.RuneSelf {
			n += int(r.lang.cost[int(prev&^capital)*r.lang.width+int(class&^capital)])
			if class&capital != 0 && prev&capital == 0 && prev >= firstLetter {
				n += midCost
			}
		}
		prev, high = class, c >= utf8.RuneSelf
	}
	if high {
		n += int(r.lang.cost[int(prev&^capital)*r.lang.width+blankClass])
	}
	return n / 2 // each byte is in two pairs
}

// bits is what a sample costs in this reading.
func (r *hanReading) bits(s []byte) int {
	n := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		if i+1 < len(s) {
			if bits, ok := r.cost[uint16(s[i])<<8|uint16(s[i+1])]; ok {
				n += int(bits)
				i += 2
				continue
			}
		} else if len(s) >= sampleSize {
			break // cut in the middle
		}
		k, bits := r.next(s[i:])
		n += int(bits)
		i += k
	}
	return n
}
