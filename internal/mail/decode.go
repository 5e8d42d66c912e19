package mail

import (
	"bytes"
	"slices"
	"strings"
)

// A transferEncoding is a Content-Transfer-Encoding.
type transferEncoding uint8

const (
	identity transferEncoding = iota
	quotedPrintable
	base64Encoding
)

// parseEncoding reads a Content-Transfer-Encoding, or something like one.
func (p *parser) parseEncoding(s string) transferEncoding {
	s, _, _ = strings.Cut(strings.ToLower(s), ";")
	switch trimSpace(strings.Trim(s, `"'`)) {
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit", "7bits", "8bits", "none":
		return identity
	case "quoted-printable", "quotedprintable", "quoted printable", "quoted/printable", "qp":
		return quotedPrintable
	case "base64", "base-64", "base 64", "b64":
		return base64Encoding
	}
	p.warn("encoding-unknown", "unknown transfer encoding "+quote(s)+", taken as it is")
	return identity
}

// decoder turns the lines of a part's body into its bytes. What is wrong in them is left out
// (base64) or left as it is (quoted-printable).
type decoder struct {
	enc   transferEncoding
	bad   bool   // something was wrong
	group uint32 // base64: bits not yet written
	n     int    // base64: how many characters they are from
	text  bool   // base64: of text, into which others write what is none
	begun bool   // base64: a line of it was seen
	ended bool   // base64: the last line was padded
	carry []byte // quoted-printable: the end of a piece that needs what follows
	soft  bool   // quoted-printable: the line ended in a soft break, so its line end is not of the body
	out   []byte // scratch
}

// lines decodes one or more lines without the end of the last; last is false where that line goes on.
// The result is valid until the next call.
func (d *decoder) lines(text []byte, last bool) []byte {
	switch d.enc {
	case base64Encoding:
		n := len(text)
		if d.text {
			n = d.base64Length(text)
		}
		d.out = d.appendBase64(d.out[:0], text[:n])
		if n < len(text) {
			d.bad = true
			d.out = append(d.flush(d.out), text[n:]...)
			d.enc = identity // to the end
		}
	case quotedPrintable:
		d.out = d.out[:0]
		for {
			i := bytes.IndexAny(text, "\r\n")
			if i < 0 {
				d.out = d.appendQuoted(d.out, text, last)
				break
			}
			n := i + 1
			if text[i] == '\r' && n < len(text) && text[n] == '\n' {
				n++
			}
			d.out = d.appendQuoted(d.out, text[:i], true)
			if !d.soft {
				d.out = append(d.out, text[i:n]...)
			}
			text = text[n:]
		}
	default:
		return text
	}
	return d.out
}

// base64Length returns where the first line begins that is plain text: senders label as base64 what
// they have not encoded, and lists and gateways write their footers below what is.
func (d *decoder) base64Length(text []byte) int {
	for rest := text; len(rest) > 0; {
		at := len(text) - len(rest)
		var ln []byte
		ln, rest = nextLine(rest)
		if ln = bytes.TrimSpace(ln); len(ln) == 0 {
			continue
		}
		last := ln[len(ln)-1]
		if prose(ln) || d.ended && !alphabetic(ln) || !d.begun && last != '=' && base64Value[last] >= 64 { // "Hello,"
			return at
		}
		d.begun, d.ended = true, last == '='
	}
	return len(text)
}

// prose says whether a line has spaces between words that are short.
func prose(ln []byte) bool {
	const long = 40
	i := bytes.IndexByte(ln, ' ')
	return i > 0 && i < long && len(ln)-1-bytes.LastIndexByte(ln, ' ') < long
}

// alphabetic says whether a line has nothing but characters of base64.
func alphabetic(ln []byte) bool {
	for _, c := range ln {
		if base64Value[c] >= 64 && c != '=' {
			return false
		}
	}
	return true
}

// end returns what was held back.
func (d *decoder) end() []byte {
	d.out = d.out[:0]
	switch {
	case d.enc == base64Encoding && d.n > 0:
		d.bad = true // no padding
		d.out = d.flush(d.out)
	case d.enc == quotedPrintable && len(d.carry) > 0:
		d.out = d.appendQuoted(d.out, nil, true)
	}
	return d.out
}

var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	return t
}()

func (d *decoder) appendBase64(dst, text []byte) []byte {
	dst = slices.Grow(dst, len(text)/4*3+6)
	for i := 0; i < len(text); {
		for d.n == 0 && i+4 <= len(text) {
			a, b, c, e := base64Value[text[i]], base64Value[text[i+1]], base64Value[text[i+2]], base64Value[text[i+3]]
			if (a | b | c | e) >= 64 {
				break
			}
			dst = append(dst, a<<2|b>>4, b<<4|c>>2, c<<6|e)
			i += 4
		}
		if i == len(text) {
			break
		}
		c := text[i]
		i++
		if v := base64Value[c]; v < 64 {
			d.group = d.group<<6 | uint32(v)
			if d.n++; d.n == 4 {
				dst = append(dst, byte(d.group>>16), byte(d.group>>8), byte(d.group))
				d.group, d.n = 0, 0
			}
			continue
		}
		switch c {
		case '=':
			dst = d.flush(dst) // more may follow: some senders encode in pieces
		case ' ', '\t', '\r', '\n':
		default:
			d.bad = true
		}
	}
	return dst
}

func (d *decoder) flush(dst []byte) []byte {
	switch d.n {
	case 2:
		dst = append(dst, byte(d.group>>4))
	case 3:
		dst = append(dst, byte(d.group>>10), byte(d.group>>2))
	case 1:
		d.bad = true
	}
	d.group, d.n = 0, 0
	return dst
}

// carryMax is how many spaces at the end of a piece are held back.
const carryMax = 1 << 10

func (d *decoder) appendQuoted(dst, text []byte, last bool) []byte {
	d.soft = false
	if len(d.carry) > 0 {
		text = append(d.carry, text...)
		d.carry = nil
	}
	if last {
		text = bytes.TrimRight(text, " \t") // RFC 2045 section 6.7: added on the way
	} else if n := len(text) - heldBack(text); n < len(text) && len(text)-n < carryMax {
		d.carry = bytes.Clone(text[n:])
		text = text[:n]
	}
	for len(text) > 0 {
		i := bytes.IndexByte(text, '=')
		if i < 0 {
			dst = append(dst, text...)
			break
		}
		dst = append(dst, text[:i]...)
		text = text[i:]
		if len(text) == 1 && last {
			d.soft = true
			return dst
		}
		if len(text) > 2 {
			if hi, lo := unhex(text[1]), unhex(text[2]); hi < 16 && lo < 16 {
				dst = append(dst, hi<<4|lo)
				text = text[3:]
				continue
			}
		}
		d.bad = true
		dst = append(dst, '=')
		text = text[1:]
	}
	return dst
}

// heldBack is the length of the end of a piece that means something else depending on what follows.
func heldBack(b []byte) int {
	n := len(b) - len(bytes.TrimRight(b, " \t"))
	if n > 0 {
		return n
	}
	if len(b) >= 1 && b[len(b)-1] == '=' {
		return 1
	}
	if len(b) >= 2 && b[len(b)-2] == '=' {
		return 2
	}
	return 0
}
