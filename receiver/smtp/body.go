package smtp

import (
	"fmt"
	"io"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"postern/internal/logkey"
	"postern/internal/spool"
)

// drainFloor is how much of a refused body is read at least, to answer at its end.
const drainFloor = 1 << 20

// sizeSlack is by how much a body may well be larger than its SIZE, which is an estimate (RFC 1870 section 3).
const sizeSlack = 512

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
	pace    pace
	problem *problem
}

func (w *wire) collect() *collector {
	return &collector{w: w, sw: w.srv.o.Spool.Create(), pace: w.newPace()}
}

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
		if err := c.keep(p); err != nil {
			c.w.log().Error("a body could not be kept", logkey.Error, err)
			c.fail(WhyInternal, reply(err, c.w.session.id, false))
		}
	}
}

// keep spools content: small bodies in memory, unless there are too many of them.
func (c *collector) keep(p []byte) error {
	if n := c.w.session.size; n > 0 && c.sw.Size() == 0 { // not before something comes: a peer may say SIZE and nothing else
		c.sw.Grow(n + sizeSlack)
	}
	if _, err := c.sw.Write(p); err != nil {
		return err
	}
	if c.w.ticket.hold(c.sw.Held()) {
		return nil
	}
	c.w.ticket.hold(0)
	return c.sw.Spill()
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
		c.w.log().Error("a body could not be kept", logkey.Error, err)
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
		if err := w.fill(c.pace.deadline(), false); err != nil {
			return nil, c.lost(err)
		}
		c.pace.got += int64(w.w - w.r)
	}
}

// readChunk reads size bytes, into c where there is one. The chunks of one message share its pace, the time between them aside.
func (w *wire) readChunk(size int64, c *collector) error {
	w.enlarge()
	defer w.shrink()
	own := w.newPace()
	pace := &own
	if c != nil {
		pace = &c.pace
		pace.resume()
		defer pace.pause()
	}
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
	t      *Timeouts
	began  time.Time
	paused time.Time     // since when we wait for the next chunk
	waited time.Duration // between chunks
	got    int64
}

func (w *wire) newPace() pace { return pace{t: &w.srv.o.Timeouts, began: time.Now()} }

func (p *pace) pause() { p.paused = time.Now() }

func (p *pace) resume() {
	if !p.paused.IsZero() {
		p.waited += time.Since(p.paused)
	}
}

func (p *pace) deadline() time.Time {
	d := time.Now().Add(p.t.Block)
	fair := time.Duration(p.got/p.t.MinRate) * time.Second
	if rate := p.began.Add(p.waited + p.t.Grace + fair); rate.Before(d) {
		d = rate
	}
	if all := p.began.Add(p.t.Body); all.Before(d) {
		d = all
	}
	return d
}

// discard reads what go-smtp still wants to: nothing, since the body never went through it. Its reader is at the end
// afterwards, so that it does not read beside us (for LMTP it would).
func (w *wire) discard(r io.Reader) {
	w.feed = []byte(".\r\n")
	_, _ = io.Copy(io.Discard, r)
}
