package mail

import "bytes"

// Bounds of a part that is read field by field as its bytes come by.
const (
	streamMax      = 1 << 20 // bytes that are looked at
	streamValueMax = 4 << 10 // bytes of a value that are kept
)

// A fieldSink takes the fields of a fieldStream. The bytes are valid until the call returns.
type fieldSink interface {
	// field is told of each field, unfolded; false ends the reading.
	field(name, value []byte) bool
	// blank is told of each empty line after a field; false ends the reading.
	blank() bool
}

// A fieldStream reads header fields from the chunks of a part, in bounded memory and each byte once:
// the returned mail may be of any size.
type fieldStream struct {
	sink  fieldSink
	line  []byte // the line that the last chunk ended in
	name  []byte
	value []byte
	seen  int
	cr    bool // the last byte was a CR
	done  bool
}

func (s *fieldStream) write(b []byte) {
	if s.done {
		return
	}
	if s.seen += len(b); s.seen > streamMax {
		b = b[:max(0, len(b)-(s.seen-streamMax))]
	}
	for len(b) > 0 && !s.done {
		if s.cr && b[0] == '\n' {
			b = b[1:]
			s.cr = false
			continue
		}
		s.cr = false
		i := bytes.IndexAny(b, "\r\n")
		if i < 0 {
			s.line = appendBounded(s.line, b)
			break
		}
		s.line = appendBounded(s.line, b[:i])
		s.cr = b[i] == '\r'
		b = b[i+1:]
		s.endLine()
	}
	if s.seen >= streamMax {
		s.end()
	}
}

// end reads what is left.
func (s *fieldStream) end() {
	if s.done {
		return
	}
	if len(s.line) > 0 {
		s.endLine()
	}
	s.flush()
	s.done = true
}

func (s *fieldStream) endLine() {
	ln := bytes.TrimRight(s.line, " \t")
	s.line = s.line[:0]
	switch n := fieldName(ln); {
	case len(ln) == 0:
		if s.flush(); !s.done {
			s.done = !s.sink.blank()
		}
	case isSpace(ln[0]), n == 0: // a fold, or one whose indent got lost
		if len(s.name) > 0 {
			s.value = appendBounded(append(s.value, ' '), bytes.TrimLeft(ln, " \t"))
		}
	default:
		s.flush()
		s.name = append(s.name[:0], bytes.TrimRight(ln[:n], " \t")...)
		_, v, _ := bytes.Cut(ln, []byte{':'})
		s.value = appendBounded(s.value[:0], bytes.TrimLeft(v, " \t"))
	}
}

func (s *fieldStream) flush() {
	if len(s.name) > 0 && !s.done {
		s.done = !s.sink.field(s.name, s.value)
	}
	s.name, s.value = s.name[:0], s.value[:0]
}

func appendBounded(dst, b []byte) []byte {
	return append(dst, b[:min(len(b), max(0, streamValueMax-len(dst)))]...)
}
