package mail

import (
	"bytes"
	"strings"
)

// beginUU reads uuencode: begin 644 name, lines that begin with their length, end.
func beginUU(text []byte) (packedFile, bool) {
	ln, rest := nextLine(text)
	name, ok := uuName(ln)
	if !ok {
		return packedFile{}, false
	}
	body := rest
	for ended, data := false, false; ; {
		if len(rest) == 0 {
			return packedFile{}, false
		}
		ln, after := nextLine(rest)
		if string(bytes.TrimRight(ln, " ")) == "end" {
			if !data {
				return packedFile{}, false // more likely people who write about this
			}
			body = body[:len(body)-len(rest)]
			rest = after
			break
		}
		n := uuLength(ln)
		if n < 0 || n > 0 && ended {
			return packedFile{}, false
		}
		ended, data = ended || n == 0, data || n > 0
		rest = after
	}
	return packedFile{name, len(text) - len(rest), func(put func([]byte) bool) {
		k := packer{put: put}
		for rest := body; len(rest) > 0 && !k.full; {
			var ln []byte
			ln, rest = nextLine(rest)
			k.buf = appendUU(k.buf, ln)
			k.add()
		}
		k.flush()
	}}, true
}

// followUU goes on with a file in uuencode that began in the text and is longer than what is kept of that.
func (p *parser) followUU(l *leaf) {
	b := p.text
	at := bytes.LastIndex(b, []byte("\nbegin ")) + 1
	ln, rest := nextLine(b[at:])
	name, ok := uuName(ln)
	if !ok {
		return
	}
	s := &uuStream{}
	if s.add(rest); s.bad || s.ended {
		return // as takeFiles will see
	}
	f := p.openPacked(name)
	if f == nil {
		return
	}
	l.packed, p.text = &uuStream{file: f, packer: packer{put: func(b []byte) bool {
		n := p.spend(len(b))
		p.writeFile(f, b[:n])
		return n == len(b)
	}}}, b[:at]
	p.feedUU(l, rest)
}

// feedUU gives more of the text to the file that is followed.
func (p *parser) feedUU(l *leaf, b []byte) {
	s := l.packed
	if s.add(b); s.bad || s.ended {
		p.endUU(l)
	}
}

func (p *parser) endUU(l *leaf) {
	s := l.packed
	if s == nil {
		return
	}
	l.packed = nil
	if !s.ended {
		p.warn("uuencode-malformed", "a file in the text ends early or is damaged")
	}
	s.flush()
	p.closeFile(s.file)
}

// A uuStream is uuencode that comes in pieces. Without a file it is only looked at.
type uuStream struct {
	packer
	file       *file
	line       []byte // not whole yet
	ended, bad bool
}

// uuLine is more than a line of it can have.
const uuLine = 80

func (s *uuStream) add(b []byte) {
	for len(b) > 0 && !s.ended && !s.bad {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			i = len(b)
		}
		if s.line = append(s.line, b[:min(i, uuLine)]...); len(s.line) > uuLine {
			s.bad = true
			return
		}
		if i == len(b) {
			return
		}
		b = b[i+1:]
		ln := bytes.TrimSuffix(s.line, []byte{'\r'})
		switch n := uuLength(ln); {
		case string(bytes.TrimRight(ln, " ")) == "end":
			s.ended = true
		case n < 0:
			s.bad = true
		case s.file != nil && !s.full:
			s.buf = appendUU(s.buf, ln)
			s.packer.add()
		}
		s.line = s.line[:0]
	}
}

// uuName reads the first line of uuencode: a file mode in octal and a name.
func uuName(ln []byte) (string, bool) {
	s, ok := strings.CutPrefix(string(ln[:min(len(ln), 1000)]), "begin ")
	mode, name, found := strings.Cut(s, " ")
	if !ok || !found || len(mode) < 3 || len(mode) > 4 || strings.Trim(mode, "01234567") != "" || blankText(name) {
		return "", false
	}
	return name, true
}

// uuLength returns how many bytes a line holds, or -1 when it cannot be one: no line of it has small letters. Spaces at its
// end, which mean zeros, get lost on the way; some programs add a checksum.
func uuLength(ln []byte) int {
	if len(ln) == 0 {
		return 0
	}
	for _, c := range ln {
		if c < ' ' || c > '`' {
			return -1
		}
	}
	n := int(ln[0]-' ') & 63
	if n > 45 || len(ln)-1 > (n+2)/3*4+2 {
		return -1
	}
	return n
}

// appendUU decodes a line.
func appendUU(dst, ln []byte) []byte {
	n := uuLength(ln)
	for i := 1; n > 0; i += 4 {
		var v [4]byte
		for k := range v {
			if i+k < len(ln) {
				v[k] = (ln[i+k] - ' ') & 63
			}
		}
		three := [3]byte{v[0]<<2 | v[1]>>4, v[1]<<4 | v[2]>>2, v[2]<<6 | v[3]}
		dst = append(dst, three[:min(n, 3)]...)
		n -= 3
	}
	return dst
}
