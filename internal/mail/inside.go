package mail

import (
	"io"
	"iter"
	"slices"
	"strings"
)

// pushed turns writing into reading: a reader that waits for bytes gives control back to who writes
// them. It is a coroutine, not a thread: a panic of the reader is one of the writer.
type pushed struct {
	buf   []byte
	ended bool
	yield func(struct{}) bool
	next  func() (struct{}, bool)
	stop  func()
	close func() // after read has returned
}

// push begins read, which gets what is written to the result.
func (p *parser) push(read func(r io.Reader)) *pushed {
	r := &pushed{}
	r.next, r.stop = iter.Pull(func(yield func(struct{}) bool) {
		r.yield = yield
		read(r)
	})
	p.insides = append(p.insides, r)
	p.level++
	r.close = func() {
		r.stop()
		p.level--
		p.insides = slices.DeleteFunc(p.insides, func(other *pushed) bool { return other == r })
	}
	return r
}

// Read is called by the reader.
func (r *pushed) Read(b []byte) (int, error) {
	for len(r.buf) == 0 {
		if r.ended || !r.yield(struct{}{}) {
			r.ended = true
			return 0, io.EOF
		}
	}
	n := copy(b, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

// write returns when the reader wants more than b, or has returned.
func (r *pushed) write(b []byte) {
	r.buf = b
	r.next()
	r.buf = nil
}

func (r *pushed) end() {
	r.ended = true
	r.next()
	r.close()
}

// abandon ends the readers of a parse that failed.
func (p *parser) abandon() {
	for _, r := range p.insides {
		r.stop()
	}
}

// spent is what counts against the limits of a message, and what is left of them for the mails in it, which all
// together may cost as much as the message that they are in.
type spent struct {
	parts   int
	decoded int64
	header  int64
	text    int64
}

// lookInside begins to read what a file holds, of which b is the beginning, when it is something that we understand.
func (p *parser) lookInside(f *file, b []byte) *pushed {
	var read func(io.Reader)
	name := strings.ToLower(f.Name)
	switch {
	case f.Type == "message/rfc822", f.Type == "message/global", f.Type == "message/news",
		(f.unnamed || strings.HasSuffix(name, ".eml")) && beginsLikeMail(b):
		read = func(r io.Reader) { f.Message = p.readAttached(r) }
	case f.embedded && hasTNEF(b):
		read = func(r io.Reader) { f.Message = p.readEmbedded(r) }
	case isTNEF(f, b):
		read = p.readTNEF
	case isCMS(f):
		read = p.readCMS
	}
	if read == nil && isCalendar(f, b) {
		return p.push(func(r io.Reader) { p.readCalendar(r, f) })
	}
	if read == nil {
		return nil
	}
	if p.level >= p.limits.Messages {
		p.warn("too-deep", "a mail or a file inside of others was kept and not read")
		return nil
	}
	return p.push(read)
}

// readAttached reads a mail that is attached.
func (p *parser) readAttached(r io.Reader) *Message {
	return p.readNested(func(c *parser) *Message {
		m, _ := c.parse(r) // what it is given to read has no errors
		return m
	})
}

// readNested reads a message inside of this one, with a parser of its own.
func (p *parser) readNested(read func(c *parser) *Message) *Message {
	if p.nested == nil {
		p.nested = &spent{header: p.limits.Header, text: p.limits.Text}
	}
	n := p.nested
	if n.header <= 0 || n.text <= 0 || n.parts >= p.limits.Parts || n.decoded >= p.limits.Decoded {
		p.warn("too-large", "the mails in this mail are larger than what is read of them; the rest was kept as files")
		return nil
	}
	c := parsers.Get().(*parser)
	defer c.release()
	c.limits = p.limits
	c.limits.Header, c.limits.Text = n.header, n.text
	c.level, c.spent, c.nested = p.level, n, n
	m := read(c)
	if m != nil {
		n.text -= int64(max(len(m.Text), len(m.HTML)))
	}
	return m
}

// beginsLikeMail says whether bytes are the beginning of a mail: two header fields that mails have, among
// the first lines, and nothing else.
func beginsLikeMail(b []byte) bool {
	known := 0
	for first := true; len(b) > 0 && known < 2; first = false {
		var ln []byte
		ln, b = nextLine(b)
		switch n := fieldName(ln); {
		case first && isMboxLine(ln):
		case len(ln) == 0 && known == 0 && first:
		case len(ln) > 0 && isSpace(ln[0]) && !first:
		case n == 0:
			return false
		case wellKnown(string(ln[:n])):
			known++
		}
	}
	return known >= 2
}
