package smtp

import (
	"bytes"
	"fmt"
	"io"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"postern/internal/logkey"
	"postern/internal/spool"
)

const (
	maxBodyLine = 1 << 20 // RFC 5321 section 4.5.3.1.6 says 1,000; real HTML mail does not care
	drainFloor  = 1 << 20 // of a refused body at least so much is read, to answer at its end
)

// A problem is why a body is refused. The body is read on, to its end, and thrown away.
type problem struct {
	answer *gosmtp.SMTPError
	why    string // for the ledger
}

// A collector takes one body, from DATA or in chunks, to the spool.
type collector struct {
	w       *wire
	sw      *spool.Writer
	size    int64
	drained int64 // read since the problem
	lines   newlines
	problem *problem
}

func (w *wire) collect() *collector { return &collector{w: w, sw: w.srv.o.Spool.Create()} }

// add takes content without transparency dots.
func (c *collector) add(p []byte) {
	if len(p) == 0 {
		return
	}
	// Also of a body that is refused already: where lines end decides whether its end is certain.
	c.lines.check(p)
	if c.problem != nil {
		c.drained += int64(len(p))
		return
	}
	c.size += int64(len(p))
	if c.size > c.w.srv.o.MaxMessageBytes {
		c.fail(WhySize, answer(552, 5, 3, 4, fmt.Sprintf("larger than %d octets", c.w.srv.o.MaxMessageBytes)))
		return
	}
	switch {
	case c.lines.bare:
		c.bare()
	case c.lines.long:
		c.fail(WhyLine, answer(554, 5, 6, 0, fmt.Sprintf("a line is longer than %d octets", maxBodyLine)))
	case !c.w.ticket.charge(int64(len(p)), c.w.live.limits):
		c.fail(WhyBytes, answer(452, 4, 3, 1, "too much mail at once, try again later"))
	default:
		if _, err := c.sw.Write(p); err != nil {
			c.w.log.Error("a body could not be kept", logkey.Error, err)
			c.fail(WhyInternal, reply(err, c.w.session.id, false))
		}
	}
}

func (c *collector) bare() {
	c.fail(WhyNewline, answer(554, 5, 6, 0, "bare CR or LF in the message: lines must end with CR LF"))
}

func (c *collector) fail(why string, a *gosmtp.SMTPError) {
	c.w.refused(why)
	c.problem = &problem{a, "refused: " + a.Message}
	c.drop()
}

// drop gives the body up.
func (c *collector) drop() {
	c.sw.Abort()
	c.w.ticket.release()
}

// body ends a body that came whole.
func (c *collector) body() (*spool.Body, *problem) {
	if c.problem == nil && c.lines.cr {
		c.bare()
	}
	if c.problem != nil {
		return nil, c.problem
	}
	b, err := c.sw.Body()
	if err != nil {
		c.w.log.Error("a body could not be kept", logkey.Error, err)
		c.fail(WhyInternal, reply(err, c.w.session.id, false))
		return nil, c.problem
	}
	return b, nil
}

// tooMuch reports whether a refused body is not worth reading on.
func (c *collector) tooMuch() bool {
	return c.problem != nil && c.drained > c.w.srv.o.MaxMessageBytes+drainFloor
}

// readData reads the body behind a 354 to its end. Whatever leaves doubt about where the body ended closes the
// connection after the answer, so that nothing of it can be obeyed.
func (w *wire) readData() (*spool.Body, *problem) {
	c := w.collect()
	w.enlarge()
	defer w.shrink()
	var sc dots
	pace := w.newPace()
	for {
		n, end := sc.scan(w.in[w.r:w.w], c.add)
		w.r += n
		if end {
			if sc.loose && c.problem == nil {
				c.bare()
			}
			if c.lines.bare || sc.loose {
				w.end("bare CR or LF in a message")
			}
			return c.body()
		}
		if c.tooMuch() {
			w.end("a refused message did not end")
			return nil, c.problem
		}
		if err := w.fill(pace.deadline(), false); err != nil {
			return nil, c.lost(err)
		}
		pace.got += int64(w.w - w.r)
	}
}

// readChunk reads size bytes, into c where there is one.
func (w *wire) readChunk(size int64, c *collector) error {
	w.enlarge()
	defer w.shrink()
	pace := w.newPace()
	for size > 0 {
		if w.r == w.w {
			if err := w.fill(pace.deadline(), false); err != nil {
				if c != nil {
					w.chunks = nil
					w.session.why = c.lost(err).why
				}
				return err
			}
			pace.got += int64(w.w - w.r)
		}
		n := min(size, int64(w.w-w.r))
		if c != nil {
			c.add(w.in[w.r : w.r+int(n)])
		}
		w.r += int(n)
		size -= n
	}
	return nil
}

// lost ends a body that will not come whole. The connection is closed; a slow peer is told so first.
func (c *collector) lost(err error) *problem {
	p := c.problem
	switch {
	case p != nil: // the answer was decided before
	case isTimeout(err):
		c.fail(WhySlow, answer(421, 4, 4, 2, "timed out within the message"))
		p = &problem{c.problem.answer, fmt.Sprintf("timed out within the message, after %d bytes", c.size)}
	default:
		c.fail(WhyLost, answer(421, 4, 4, 2, "connection lost within the message"))
		p = &problem{c.problem.answer, fmt.Sprintf("connection lost within the message, after %d bytes", c.size)}
	}
	c.w.end(p.why)
	return p
}

// A pace says until when the next bytes of a body must come: soon, at a fair rate, and not for ever.
type pace struct {
	t     *Timeouts
	began time.Time
	got   int64
}

func (w *wire) newPace() *pace { return &pace{t: &w.srv.o.Timeouts, began: time.Now()} }

func (p *pace) deadline() time.Time {
	d := time.Now().Add(p.t.Block)
	fair := time.Duration(p.got/p.t.MinRate) * time.Second
	if rate := p.began.Add(p.t.Grace + fair); rate.Before(d) {
		d = rate
	}
	if all := p.began.Add(p.t.Body); all.Before(d) {
		d = all
	}
	return d
}

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

// discard reads what go-smtp still wants to: nothing, since the body never went through it. Its reader is at the end
// afterwards, so that it does not read beside us (for LMTP it would).
func (w *wire) discard(r io.Reader) {
	w.feed = []byte(".\r\n")
	_, _ = io.Copy(io.Discard, r)
}
