package mail

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// header is one header block, of the message or of a part.
type header struct {
	fields []Field
	str    string // the whole block, which the strings of the fields share
	label  string // the character set of raw 8-bit text, "" when unknown
}

// readHeader reads a header block up to and with its empty line. In a part it also ends before a
// boundary. What is not a header is left for the body: mail without a header, or without the empty
// line, keeps its text.
func (p *parser) readHeader() header {
	buf := p.head[:0]
	ends := p.ends[:0] // where each field ends in buf
	over := false
	skip := true     // nothing but empty lines so far
	doubled := false // the lines end in CR CR LF
	for {
		ln, ok := p.lines.next()
		if !ok {
			break
		}
		if ln.start && len(p.stack) > 0 && p.isBoundary(ln.text) {
			p.lines.unread()
			break
		}
		if skip && len(p.stack) == 0 {
			ln.text = startOfField(ln.text)
		}
		if ln.start && len(ln.text) == 0 {
			if skip && len(p.stack) == 0 && fieldAhead(p.lines.ahead()) {
				continue // empty lines before the header
			}
			if p.lines.afterCR && len(ln.eol) == 2 && (doubled || fieldAhead(p.lines.ahead())) {
				doubled = true
				continue // each line ends in CR CR LF: CR LF was made of the LF of CR LF
			}
			if doubled {
				if next, ok := p.lines.next(); ok && (len(next.text) > 0 || len(next.eol) != 2) {
					p.lines.unread()
				}
			}
			break
		}
		first := skip
		skip = false
		switch {
		case !ln.start, len(ends) > 0 && isSpace(ln.text[0]):
			// the rest of the field before
		case fieldName(ln.text) > 0, len(ln.text) < 40 && colonAhead(p.lines.ahead()) && wellKnown(string(ln.text)):
			ends = append(ends, len(buf))
		case isMboxLine(ln.text) && (first || len(ends) == 0 || fieldAhead(p.lines.ahead())):
			p.skipLine(ln)
			continue
		case len(ends) > 0 && blank(ln.text):
			// A fold of nothing but spaces, or an empty line that a relay padded.
			if fieldAhead(p.lines.ahead()) {
				continue
			}
			return p.finishHeader(buf, ends, over)
		case fieldAhead(p.lines.ahead()):
			p.warn("header-malformed", "a line that is no header field: "+quote(ln.text))
			if len(ends) == 0 || nameless(ln.text) {
				p.skipLine(ln)
				continue
			}
			buf = append(buf, ' ') // most often a fold whose indent got lost
		case len(ends) > 0 && ln.text[0] == ':' && blankAhead(p.lines.ahead()):
			p.warn("header-malformed", "a field without a name: "+quote(ln.text))
			p.skipLine(ln)
			continue
		case len(ends) > 0 && lostFold(buf, ln.text) && fieldsAhead(p.lines.ahead()):
			p.warn("header-malformed", "a line that is no header field: "+quote(ln.text))
			buf = append(buf, ' ')
		default:
			if len(ends) == 0 {
				p.warn("header-missing", "the text begins without a header")
			} else {
				p.warn("header-malformed", "no empty line between header and text")
			}
			p.lines.unread()
			return p.finishHeader(buf, ends, over)
		}
		if int64(len(buf)+len(ln.text)+len(ln.eol)) > p.limits.Header || len(ends) > p.limits.HeaderCount {
			if !over {
				p.warn("header-too-large", "the rest of the header was left out")
			}
			over = true
			if n := len(ends); n > 0 && ends[n-1] == len(buf) {
				ends = ends[:n-1]
			}
			continue
		}
		buf = append(append(buf, ln.text...), ln.eol...)
	}
	return p.finishHeader(buf, ends, over)
}

// startOfField takes off what stands before the first field: the mark that Windows puts before UTF-8, NUL bytes, blanks.
func startOfField(text []byte) []byte {
	cut := bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\uFEFF")), " \t\x00")
	if n := fieldName(cut); len(cut) < len(text) && (len(cut) == 0 || n > 0 && wellKnown(string(cut[:n]))) {
		return cut
	}
	return text
}

// skipLine reads the rest of a line that came in pieces.
func (p *parser) skipLine(ln line) {
	for ok := true; ok && len(ln.eol) == 0; {
		if ln, ok = p.lines.next(); ok && ln.start {
			p.lines.unread()
			return
		}
	}
}

func (p *parser) finishHeader(buf []byte, starts []int, _ bool) header {
	p.head, p.ends = buf[:0], starts[:0]
	if len(starts) == 0 {
		return header{}
	}
	raw := bytes.Clone(buf)
	h := header{str: string(raw), fields: make([]Field, len(starts)), label: p.rawCharset}
	if h.label == "" && len(p.stack) > 0 && !utf8.Valid(raw) { // a file's name
		h.label = p.guess(raw, p.guessed)
	}
	for i, from := range starts {
		to := len(raw)
		if i+1 < len(starts) {
			to = starts[i+1]
		}
		colon := from + strings.IndexByte(h.str[from:to], ':')
		h.fields[i] = Field{
			Name:  strings.TrimRight(h.str[from:colon], " \t\r\n"),
			Value: p.decodeValue(h.str[colon+1 : to]),
			Raw:   raw[from:to:to],
		}
	}
	return h
}

// raw returns the unfolded value of the first field of that name, encoded words as they are.
func (h *header) raw(name string) (string, bool) {
	for i := range h.fields {
		if equalFold(h.fields[i].Name, name) {
			return unfold(rawValue(&h.fields[i]), h.label), true
		}
	}
	return "", false
}

func rawValue(f *Field) string {
	_, v, _ := bytes.Cut(f.Raw, []byte{':'})
	return string(v)
}
