package mail

import (
	"encoding/base64"
	"strings"

	"postern/internal/charset"
)

// decodeValue makes the readable form of an unstructured header value: unfolded, encoded words decoded.
func (p *parser) decodeValue(s string) string {
	s = unfoldTo(s, p.rawCharset, "")
	if !strings.Contains(s, "=?") {
		return s
	}
	return p.decodeWords(s)
}

// decodeWords decodes the encoded words of RFC 2047 in one unfolded line. It takes what senders do
// for what they mean: words stuck to text, spaces inside words, missing padding, characters split
// over two words.
func (p *parser) decodeWords(s string) string {
	var b strings.Builder
	var raw []byte   // decoded bytes of the words so far, not yet read in their charset
	var label string // their charset
	var tail string  // the end of a word in base64 that goes on in the next
	flush := func() {
		raw, tail = appendBase64(raw, tail), ""
		if raw != nil {
			p.learnWord(label)
			b.WriteString(withoutControls(p.charset(raw, label)))
		}
		raw = nil
	}
	scan := wordScanner{s: s}
	for at := 0; at < len(s); {
		i := strings.Index(s[at:], "=?")
		if i < 0 {
			flush()
			b.WriteString(s[at:])
			at = len(s)
			continue
		}
		between := s[at : at+i]
		w, end, ok := scan.word(at + i)
		if !ok {
			flush()
			b.WriteString(between + "=?")
			at += i + 2
			continue
		}
		// RFC 2047 section 6.2: white space between two words is not shown.
		if trimSpace(between) != "" || raw == nil {
			flush()
			b.WriteString(between)
		}
		if raw != nil && !strings.EqualFold(label, w.charset) {
			flush()
		}
		label = w.charset
		if w.encoding == 'b' {
			w.text = tail + w.text
			w.text, tail = splitTail(w.text)
		} else {
			raw, tail = appendBase64(raw, tail), ""
		}
		raw = w.decode(raw)
		if raw == nil {
			raw = []byte{}
		}
		at = end
	}
	flush()
	return trimSpace(b.String())
}

// learnWord remembers the first label of an encoded word that says in what the sender writes.
func (p *parser) learnWord(label string) {
	if p.wordCharset == "" && !strings.EqualFold(label, "utf-8") && !strings.EqualFold(label, "us-ascii") {
		if name := charset.Name(label); charset.Lookup(name) != nil && !charset.Wide(name) {
			p.wordCharset = name
		}
	}
}

// splitTail cuts from base64 the last characters that are no whole group and that cannot be the end
// of the text: some senders cut the encoded text wherever the line was full.
func splitTail(s string) (whole, tail string) {
	n := len(s) % 4
	if n == 0 || strings.ContainsAny(s, "= \t") {
		return s, ""
	}
	last := base64Value[s[len(s)-1]]
	if n == 2 && last&15 == 0 || n == 3 && last&3 == 0 {
		return s, "" // only its padding is missing
	}
	return s[:len(s)-n], s[len(s)-n:]
}

// An encodedWord is =?charset?encoding?text?=.
type encodedWord struct {
	charset  string
	encoding byte // 'b' or 'q'
	text     string
}

// wordScanner finds encoded words. It remembers where the next "?=" is, so that a line full of
// beginnings without ends is not searched again and again.
type wordScanner struct {
	s   string
	end int // no "?=" in s[from:end]
	has bool
}

// word reads the encoded word that begins at s[at:] and returns where it ends.
func (w *wordScanner) word(at int) (encodedWord, int, bool) {
	s := w.s[at+2:]
	q := strings.IndexByte(s[:min(len(s), 80)], '?')
	if q <= 0 || strings.ContainsAny(s[:q], " =\t") || len(s) < q+3 || s[q+2] != '?' {
		return encodedWord{}, 0, false
	}
	enc := s[q+1] | 0x20
	if enc != 'b' && enc != 'q' {
		return encodedWord{}, 0, false
	}
	text := at + 2 + q + 3
	if !w.has || w.end < text {
		w.end, w.has = len(w.s), true
		if i := strings.Index(w.s[text:], "?="); i >= 0 {
			w.end = text + i
		}
	}
	if w.end == len(w.s) {
		return encodedWord{}, 0, false
	}
	charset, _, _ := strings.Cut(s[:q], "*") // RFC 2231 section 5: a language may follow
	return encodedWord{charset, enc, w.s[text:w.end]}, w.end + 2, true
}

// decode appends the bytes of the word.
func (w encodedWord) decode(dst []byte) []byte {
	if w.encoding == 'b' {
		return appendBase64(dst, w.text)
	}
	for i := 0; i < len(w.text); i++ {
		c := w.text[i]
		switch {
		case c == '_':
			c = ' '
		case c == '=' && i+2 < len(w.text):
			if hi, lo := unhex(w.text[i+1]), unhex(w.text[i+2]); hi < 16 && lo < 16 {
				c = hi<<4 | lo
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// appendBase64 appends what s says in base64, leaving out what is not of its alphabet.
func appendBase64(dst []byte, s string) []byte {
	clean := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if base64Value[s[i]] < 64 {
			clean = append(clean, s[i])
		} else if s[i] == '=' {
			clean = clean[:len(clean)-min(len(clean), btoi(len(clean)%4 == 1))]
			dst, clean = appendGroup(dst, clean), clean[:0]
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	return appendGroup(dst, clean)
}

func appendGroup(dst, clean []byte) []byte {
	out, _ := base64.RawStdEncoding.AppendDecode(dst, clean)
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// withoutControls is what an encoded word says without the control characters that it smuggled into one line: spaces for
// line ends and tabs.
func withoutControls(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\r', r == '\n', r == 0x2028, r == 0x2029:
			return ' '
		case r < ' ', r >= 0x7f && r < 0xa0:
			return -1
		}
		return r
	}, s)
}
