package mail

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// lineBuffer is the size of the window over the message. A longer line comes in pieces.
const lineBuffer = 32 << 10

// lookAhead is how much follows the line that next returned, unless the message ends before: enough
// to judge whether the next line is a header field.
const lookAhead = 4 << 10

// A line is one line, or a piece of one that is longer than the window. Its bytes are valid until
// the next call of next.
type line struct {
	text  []byte // without the line end
	eol   []byte // CR LF, LF or CR; empty for a piece that the line goes on after, and at the end of the message
	start bool   // the first piece of its line
}

// lines reads a message line by line. Some mail ends its lines in LF, some in CR, some in both: all
// three count, everywhere. Each byte is looked at a fixed number of times, whatever the mixture.
type lines struct {
	r        io.Reader
	buf      []byte
	pos, end int // the unread part of buf
	lf, cr   int // no LF (CR) stands in buf[pos:lf] (buf[pos:cr]); at lf (cr) there is one, or the end of what was looked at
	mid      bool
	cameCR   bool  // the last line ended in a CR alone
	afterCR  bool  // the one before it did
	err      error // io.EOF at the end
	start    time.Time
	limit    time.Duration // from start on, with what readers and writers took of it

	backPos int // where the last line began, for unread
	backMid bool
}

// errTime ends a message that takes too long: nothing after it is read.
var errTime = errors.New("too slow")

func (l *lines) reset(r io.Reader, limit time.Duration) {
	buf := l.buf
	if buf == nil {
		buf = make([]byte, lineBuffer)
	}
	*l = lines{r: r, buf: buf, start: time.Now(), limit: limit}
}

// fill moves what is unread to the front and reads until the window has n bytes or the message ends.
func (l *lines) fill(n int) {
	if l.pos > 0 {
		copy(l.buf, l.buf[l.pos:l.end])
		l.end -= l.pos
		l.lf, l.cr = max(l.lf-l.pos, 0), max(l.cr-l.pos, 0)
		l.pos = 0
	}
	if l.err != nil {
		return
	}
	began := time.Now()
	for empty := 0; l.end < n && l.err == nil; {
		k, err := l.r.Read(l.buf[l.end:])
		l.end += k
		l.err = err
		if k > 0 {
			empty = 0
		} else if empty++; empty > 100 && err == nil {
			l.err = io.ErrNoProgress
		}
	}
	l.waited(began)
	if l.err == nil && time.Since(l.start) > l.limit {
		l.err = errTime
	}
}

// waited says that the time since began was the reader's or a writer's, not ours.
func (l *lines) waited(began time.Time) { l.limit += time.Since(began) }

// next returns the next line, or false at the end of the message or on an error of the reader.
func (l *lines) next() (line, bool) {
	if l.end-l.pos < lookAhead && l.err == nil {
		l.fill(lookAhead)
	}
	if l.pos == l.end {
		return line{}, false
	}
	at, ok := l.lineEnd()
	if !ok && l.err == nil {
		l.fill(len(l.buf))
		at, ok = l.lineEnd()
	}
	ln := line{start: !l.mid}
	l.afterCR, l.cameCR = l.cameCR, false
	l.backPos, l.backMid = l.pos, l.mid
	n := 0
	if ok {
		n = 1
		if l.buf[at] == '\r' && at+1 < l.end && l.buf[at+1] == '\n' {
			n = 2
		}
	}
	ln.text, ln.eol = l.buf[l.pos:at], l.buf[at:at+n]
	l.pos = at + n
	l.mid = !ok
	l.cameCR = n == 1 && l.buf[at] == '\r'
	return ln, true
}

// lineEnd finds the first LF or CR, or else how far the piece of a long line goes.
func (l *lines) lineEnd() (at int, ok bool) {
	l.lf = l.find(l.lf, '\n')
	l.cr = l.find(l.cr, '\r')
	at = min(l.lf, l.cr)
	if at == l.end {
		return at, false
	}
	if l.buf[at] == '\r' && at+1 == l.end && l.err == nil {
		return at, false // an LF may follow
	}
	return at, true
}

// find returns the place of the first c at or after pos, or end, not looking again at what was seen.
func (l *lines) find(from int, c byte) int {
	from = max(from, l.pos)
	if from < l.end && l.buf[from] == c {
		return from
	}
	if i := bytes.IndexByte(l.buf[from:l.end], c); i >= 0 {
		return from + i
	}
	return l.end
}

// block returns as many whole lines as the window has, in one piece: text holds their line ends but
// the last, which is in eol. It ends before a line that begins with "--" when dashes is set; such a
// line comes alone, as from next. A line longer than the window comes in pieces.
func (l *lines) block(dashes bool) (line, bool) {
	if l.end-l.pos < lookAhead && l.err == nil {
		l.fill(len(l.buf))
	}
	w := l.buf[l.pos:l.end]
	if len(w) < 2 || dashes && !l.mid && w[0] == '-' && w[1] == '-' {
		return l.next()
	}
	n := len(w)
	if w[n-1] == '\r' && l.err == nil {
		n-- // an LF may follow
	}
	if dashes {
		n = beforeDashes(w[:n])
	}
	ln := line{start: !l.mid}
	l.afterCR, l.cameCR = l.cameCR, false
	l.backPos, l.backMid = l.pos, l.mid
	end := max(bytes.LastIndexByte(w[:n], '\n'), bytes.LastIndexByte(w[:n], '\r')) + 1
	if l.mid = end == 0; l.mid {
		end = n
	}
	l.pos += end
	from := end
	if !l.mid {
		if from--; w[from] == '\n' && from > 0 && w[from-1] == '\r' {
			from--
		}
	}
	ln.text, ln.eol = w[:from], w[from:end]
	return ln, true
}

// beforeDashes returns where the first line but the first begins that begins with "--", or len(w).
func beforeDashes(w []byte) int {
	for from := 1; ; {
		i := bytes.Index(w[from:], []byte("--"))
		if i < 0 {
			return len(w)
		}
		if from += i; w[from-1] == '\n' || w[from-1] == '\r' {
			return from
		}
		from++
		for from < len(w) && w[from] == '-' {
			from++
		}
	}
}

// unread makes the next call of next return the last line again. It may be called once for each line.
func (l *lines) unread() {
	l.pos, l.mid, l.cameCR = l.backPos, l.backMid, l.afterCR
	l.lf, l.cr = min(l.lf, l.pos), min(l.cr, l.pos)
}

// ahead is what follows the last line, as far as it is in the window.
func (l *lines) ahead() []byte { return l.buf[l.pos:l.end] }

// nextLine cuts the first line from b, without its line end.
func nextLine(b []byte) (ln, rest []byte) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil
	}
	ln, rest = b[:i], b[i+1:]
	if b[i] == '\r' && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return ln, rest
}

// failed returns the reader's own error, if there was one.
func (l *lines) failed() error {
	if l.err == io.EOF || l.err == nil || l.err == errTime {
		return nil
	}
	return l.err
}
