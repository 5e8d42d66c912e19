package mail

import (
	"fmt"
	"io"
	"sync"
)

// parser is the state of one Parse.
type parser struct {
	lines  lines
	opts   Options
	limits Limits
	msg    *Message

	stack    []*multipart
	bounds   map[string]int // delimiter of a multipart on the stack → its index
	leaf     *leaf
	segments []*segment
	plains   int       // how many plain texts were read
	stuffed  []int32   // the lines of the one that begin with ">" and are no quotes
	layout   layout    // of the HTML that was last made text of
	made     bool      // and that text is the message's
	packed   *segment  // the body of a TNEF
	base     string    // where the HTML says that it is from
	dates    int64     // bytes of calendars that were read
	insides  []*pushed // what reads the files that are open
	level    int       // how many mails and files this is inside of
	own      spent
	spent    *spent    // own, or what this mail shares with others in the same mail
	nested   *spent    // by the mails in this one
	around   *parser   // of the message that this is read as a part of
	kept     [2]int64  // bytes of plain text and of HTML, as they came
	marks    [4]uint64 // the bytes that delimiters have after their dashes, as a set
	report   reportReader
	// rawCharset is that of the first text with one: senders who write raw 8-bit headers write them in it.
	rawCharset  string
	wordCharset string // label of the first encoded word in something other than ASCII or UTF-8
	guessed     string // what text without a usable label was taken for last
	sampled     int    // how much of such text was looked at, in bytes
	err         error  // of an attachment writer

	// Reused from message to message.
	head []byte
	ends []int
	text []byte
	out  []byte
	dec  []byte
}

// parsers keeps the buffers between messages: they are most of what parsing a small mail allocates.
var parsers = sync.Pool{New: func() any { return new(parser) }}

// Parse reads one message. The error is only ever the reader's or an attachment writer's own: a
// message that makes no sense still gives a Message, with warnings. It reads r once, to the end.
func Parse(r io.Reader, opts Options) (*Message, error) {
	p := parsers.Get().(*parser)
	defer p.release()
	p.opts, p.limits, p.spent = opts, opts.Limits.orDefault(), &p.own
	return p.parse(r)
}

func (p *parser) parse(r io.Reader) (*Message, error) {
	p.lines.reset(r, p.limits.Time)
	p.msg = &Message{}
	h := p.readHeader()
	p.spent.header -= int64(len(h.str))
	p.readFields(&h)
	p.openPart(&h)
	p.readBody()
	if err := p.lines.failed(); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	if p.err != nil {
		return nil, p.err
	}
	if p.lines.err == errTime {
		p.warn("too-slow", "the message takes longer to read than allowed; the rest was left out")
	}
	p.finish(&h)
	return p.msg, nil
}

// finish makes of what was read what rules and people see.
func (p *parser) finish(h *header) {
	p.rereadFields(h)
	p.finishText()
	m := p.msg
	prefix := subjectPrefix(m.Subject)
	forwards := p.findNew(prefix)
	p.noteArmor()
	p.classify(prefix, forwards)
}

// release gives the parser back, without what belongs to the message and without big buffers.
func (p *parser) release() {
	p.abandon()
	const keep = 160 << 10
	q := parser{head: p.head[:0], ends: p.ends[:0], text: p.text[:0], out: p.out[:0], dec: p.dec[:0], stack: p.stack[:0], segments: p.segments[:0], layout: p.layout}
	q.lines.buf = p.lines.buf
	q.layout.release()
	clear(p.stack[:cap(p.stack)])
	clear(p.segments[:cap(p.segments)])
	if cap(q.head) > keep {
		q.head = nil
	}
	if cap(q.ends) > keep/8 {
		q.ends = nil
	}
	if cap(q.text) > keep {
		q.text = nil
	}
	if cap(q.out) > keep {
		q.out = nil
	}
	if cap(q.dec) > keep {
		q.dec = nil
	}
	*p = q
	parsers.Put(p)
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	if l.Header <= 0 {
		l.Header = d.Header
	}
	if l.HeaderCount <= 0 {
		l.HeaderCount = d.HeaderCount
	}
	if l.Parts <= 0 {
		l.Parts = d.Parts
	}
	if l.Depth <= 0 {
		l.Depth = d.Depth
	}
	if l.Messages <= 0 {
		l.Messages = d.Messages
	}
	if l.Text <= 0 {
		l.Text = d.Text
	}
	if l.Decoded <= 0 {
		l.Decoded = d.Decoded
	}
	if l.Time <= 0 {
		l.Time = d.Time
	}
	if l.Addresses <= 0 {
		l.Addresses = d.Addresses
	}
	return l
}
