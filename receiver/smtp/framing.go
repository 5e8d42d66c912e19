package smtp

import "bytes"

// maxBodyLine is the longest line of a body. RFC 5321 section 4.5.3.1.6 says 1,000; real HTML mail does not care.
const maxBodyLine = 1 << 20

// dots finds the end of a DATA body and takes transparency dots off (RFC 5321 section 4.5.2). The zero value stands at
// the beginning. What only looks like an end, because a bare LF stands where CR LF should, ends the body too, but
// loosely: such a body is refused and its connection closed, so it does not matter who is right.
type dots struct {
	state state
	loose bool
}

type state uint8

const (
	bol   state = iota // at the beginning of a line
	dot                // behind a dot that began a line
	dotCR              // behind such a dot and a CR
	mid                // within a line
)

var heldCR = []byte("\r")

// scan uses p up to the end of the body, gives content to emit and says how much of p it used.
func (s *dots) scan(p []byte, emit func([]byte)) (n int, end bool) {
	from := 0
	for i := 0; i < len(p); {
		switch s.state {
		case bol:
			if p[i] == '.' {
				emit(p[from:i])
				i++
				from, s.state = i, dot
				continue
			}
			s.state = mid
		case dot:
			switch p[i] {
			case '\r':
				i++
				from, s.state = i, dotCR
			case '\n':
				s.loose = true
				return i + 1, true
			default:
				s.state = mid
			}
		case dotCR:
			if p[i] == '\n' {
				return i + 1, true
			}
			emit(heldCR)
			s.state = mid
		case mid:
			j := bytes.IndexByte(p[i:], '\n')
			if j < 0 {
				i = len(p)
				break
			}
			i += j + 1
			s.state = bol
		}
	}
	emit(p[from:])
	return len(p), false
}

// newlines watches that lines end with CR LF and are not endless.
type newlines struct {
	n    int  // length of the line so far
	cr   bool // the last byte was CR
	bare bool
	long bool
}

func (l *newlines) check(p []byte) {
	if l.cr && p[0] != '\n' {
		l.bare = true
	}
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		seg := p
		if i >= 0 {
			seg = p[:i]
		}
		if l.n += len(seg); l.n > maxBodyLine {
			l.long = true
		}
		if j := bytes.IndexByte(seg, '\r'); j >= 0 {
			if j != len(seg)-1 {
				l.bare = true
			}
			l.cr = seg[len(seg)-1] == '\r'
		} else if len(seg) > 0 {
			l.cr = false
		}
		if i < 0 {
			return
		}
		if !l.cr {
			l.bare = true
		}
		l.n, l.cr, p = 0, false, p[i+1:]
	}
}
