package pop3

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// dotReader reads a multi-line answer up to the line with a single dot, and takes away the dot that was put before lines which begin
// with one (RFC 1939 section 3). Everything else it leaves as it is: line ends, lines of any length, bare CR and LF, which end no
// line here. After an error, which may be io.EOF, nothing more is read.
type dotReader struct {
	r   *bufio.Reader
	at  place
	err error
}

// A place is what came just before what is read next.
type place int

const (
	lineStart place = iota // CRLF, or nothing yet
	inLine
	afterCR
)

func (d *dotReader) Read(p []byte) (n int, err error) {
	for n < len(p) && d.err == nil {
		if d.at == lineStart {
			d.begin()
			continue
		}
		if d.r.Buffered() == 0 {
			if n > 0 {
				return n, nil // what there is, before we wait
			}
			if _, err := d.r.Peek(1); err != nil {
				d.fail(err)
				break
			}
		}
		chunk, _ := d.r.Peek(min(d.r.Buffered(), len(p)-n))
		chunk = d.upToLineStart(chunk)
		copy(p[n:], chunk)
		n += len(chunk)
		_, _ = d.r.Discard(len(chunk))
	}
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, d.err
}

// begin looks at the first bytes of a line.
func (d *dotReader) begin() {
	first, err := d.r.Peek(1)
	if err != nil {
		d.fail(err)
		return
	}
	d.at = inLine
	if first[0] != '.' {
		return
	}
	// Behind a dot there are two bytes at least, those of the last line.
	start, err := d.r.Peek(3)
	switch {
	case err != nil:
		d.fail(err)
	case start[1] == '\r' && start[2] == '\n':
		_, _ = d.r.Discard(3)
		d.err = io.EOF
	default:
		_, _ = d.r.Discard(1)
	}
}

// upToLineStart cuts a chunk, which is not empty, behind the first CRLF that something stands behind which must be looked at, and notes
// where that leaves us.
func (d *dotReader) upToLineStart(chunk []byte) []byte {
	for from := 0; ; {
		i := bytes.Index(chunk[from:], []byte("\n."))
		if i < 0 {
			break
		}
		i += from
		if d.crBefore(chunk, i) {
			d.at = lineStart
			return chunk[:i+1]
		}
		from = i + 1
	}
	switch last := len(chunk) - 1; {
	case chunk[last] == '\r':
		d.at = afterCR
	case chunk[last] == '\n' && d.crBefore(chunk, last):
		d.at = lineStart
	default:
		d.at = inLine
	}
	return chunk
}

// crBefore reports whether a CR stands before the byte i of a chunk.
func (d *dotReader) crBefore(chunk []byte, i int) bool {
	if i == 0 {
		return d.at == afterCR
	}
	return chunk[i-1] == '\r'
}

func (d *dotReader) fail(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	d.err = err
}
