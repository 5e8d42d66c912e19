package webhook

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"postern/internal/fault"
	"postern/internal/spool"
)

// bounds say what a JSON document may cost in memory, whatever it says and however long it is.
type bounds struct {
	depth  int
	values int
	keys   int // bytes of all keys
	texts  int // when so many bytes of texts are held, further ones stay in the body, as long ones do
}

var (
	// forProven is some 40 MiB at the very worst, for those who have shown who they are.
	forProven = bounds{depth: 32, values: 200_000, keys: 2 << 20, texts: 2 << 20}
	// forStrangers is 100 KiB.
	forStrangers = bounds{depth: 4, values: 200, keys: 16 << 10, texts: 32 << 10}
)

const (
	jsonKey  = 1 << 10 // bytes of a key or a number
	jsonHeld = 4 << 10 // of a text that is held
)

// readJSON reads a document: RFC 8259, and nothing that the RFC leaves to chance. A key that comes twice is an error, for two readers
// may disagree on which counts; so are bytes behind the document. Bytes of texts that are no UTF-8 are kept as they are, halves of
// surrogate pairs become U+FFFD.
func readJSON(_ *Tools, body *spool.Body) (*value, error) { return readWithin(forProven, body) }

// readItems reads a document that is a list, and hands its items to do, one at a time, so that a batch costs no more than its largest
// mail. That is done when all of the document was read once: nothing comes of one that is broken further on. A document that
// is no list is only returned.
func readItems(body *spool.Body, do func(item *value) error) (*value, error) {
	for _, each := range []func(*value) error{func(*value) error { return nil }, do} {
		if v, err := readEach(forProven, body, each); err != nil || v.kind != list {
			return v, err
		}
	}
	return nil, nil
}

func readWithin(b bounds, body *spool.Body) (*value, error) { return readEach(b, body, nil) }

func readEach(b bounds, body *spool.Body, each func(item *value) error) (*value, error) {
	f, err := body.Open()
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	defer func() { _ = f.Close() }()
	p := &jsonReader{source: source{Reader: bufio.NewReaderSize(f, 32<<10)}, bounds: b, each: each, doc: &document{body}}
	v := &value{doc: p.doc}
	if err := p.read(v, 0); err != nil {
		return nil, err
	}
	if _, err := p.peek(v); err == nil {
		return nil, p.invalid(v, "something follows the document")
	} else if !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return v, nil
}

// A source is bytes, and how many were taken.
type source struct {
	*bufio.Reader
	at int64
}

func (s *source) take() (byte, error) {
	c, err := s.ReadByte()
	if err == nil {
		s.at++
	}
	return c, err
}

func (s *source) skip(n int) {
	n, _ = s.Discard(n) // of what is buffered: it cannot fail
	s.at += int64(n)
}

// ended is the error for a document that ends, or cannot be read, inside v.
func (s *source) ended(v *value, err error) error {
	if errors.Is(err, io.EOF) {
		return fault.Errorf(fault.Invalid, "at %s: the document ends too early, after %d bytes: %w", v.path(), s.at, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("read JSON: %w", err)
}

func (s *source) invalid(v *value, format string, args ...any) error {
	return fault.Errorf(fault.Invalid, "at %s: %s (byte %d)", v.path(), fmt.Sprintf(format, args...), s.at)
}

type jsonReader struct {
	source
	bounds             bounds
	each               func(item *value) error // of a document that is a list, which then has no items; nil: they are kept
	doc                *document
	values, keys, held int
	buf                [jsonHeld + 1]byte
}

// peek is the next byte that is no white space.
func (p *jsonReader) peek(v *value) (byte, error) {
	for {
		b, err := p.Peek(1)
		if err != nil {
			return 0, p.ended(v, err)
		}
		if c := b[0]; c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, nil
		}
		p.skip(1)
	}
}

// read fills v with the value that comes next.
func (p *jsonReader) read(v *value, depth int) error {
	c, err := p.peek(v)
	if err != nil {
		return err
	}
	v.at = p.at
	if p.values++; p.values > p.bounds.values {
		return fault.Errorf(fault.TooLarge, "at %s: the document has more than %d values", v.path(), p.bounds.values)
	}
	switch {
	case c == '{' || c == '[':
		if depth >= p.bounds.depth {
			return fault.Errorf(fault.TooLarge, "at %s: lists and objects are nested more than %d deep", v.path(), p.bounds.depth)
		}
		p.skip(1)
		if c == '[' {
			v.kind = list
			return p.list(v, depth+1)
		}
		v.kind = object
		return p.object(v, depth+1)
	case c == '"':
		v.kind = text
		return p.text(v)
	case c == '-' || c >= '0' && c <= '9':
		v.kind = number
		return p.number(v)
	case c == 't':
		v.kind = boolean
		return p.word(v, "true")
	case c == 'f':
		v.kind = boolean
		return p.word(v, "false")
	case c == 'n':
		v.kind = null
		return p.word(v, "null")
	}
	return p.invalid(v, "want a value, got %q", c)
}

func (p *jsonReader) list(v *value, depth int) error {
	passing := p.each != nil && v.parent == nil
	values, keys, held := p.values, p.keys, p.held
	for n := 0; ; n++ {
		c, err := p.peek(v)
		if err != nil {
			return err
		}
		if c == ']' && n == 0 {
			p.skip(1)
			return nil
		}
		item := &value{doc: p.doc, parent: v, place: n}
		if !passing {
			v.items = append(v.items, item)
		}
		if err := p.read(item, depth); err != nil {
			return err
		}
		if passing {
			p.values, p.keys, p.held = values, keys, held
			if err := p.each(item); err != nil {
				return err
			}
		}
		if end, err := p.next(v, ']'); end || err != nil {
			return err
		}
	}
}

func (p *jsonReader) object(v *value, depth int) error {
	for {
		c, err := p.peek(v)
		if err != nil {
			return err
		}
		if c == '}' && len(v.items) == 0 {
			p.skip(1)
			return nil
		}
		if c != '"' {
			return p.invalid(v, "want a key, got %q", c)
		}
		if err := p.key(v); err != nil {
			return err
		}
		item := &value{doc: p.doc, parent: v, place: len(v.items)}
		v.items = append(v.items, item)
		if c, err = p.peek(item); err != nil {
			return err
		}
		if c != ':' {
			return p.invalid(item, "want a colon, got %q", c)
		}
		p.skip(1)
		if err := p.read(item, depth); err != nil {
			return err
		}
		if end, err := p.next(v, '}'); end || err != nil {
			return err
		}
	}
}

// next goes on to the next item of a list or object, or to its end.
func (p *jsonReader) next(v *value, end byte) (bool, error) {
	c, err := p.peek(v)
	if err != nil {
		return false, err
	}
	if c != ',' && c != end {
		return false, p.invalid(v, "want a comma or %q, got %q", end, c)
	}
	p.skip(1)
	if c == end {
		return true, nil
	}
	if c, err = p.peek(v); err == nil && c == end {
		return false, p.invalid(v, "a comma is followed by %q", end)
	}
	return false, err
}

// manyKeys is how many keys an object has before they are looked up in a map.
const manyKeys = 8

func (p *jsonReader) key(v *value) error {
	r, n, err := p.begin(v)
	if err != nil {
		return err
	}
	if p.keys += n; n > jsonKey || p.keys > p.bounds.keys {
		return fault.Errorf(fault.TooLarge, "at %s: a key has more than %d bytes, or all keys more than %d", v.path(), jsonKey, p.bounds.keys)
	}
	k := string(p.buf[:n])
	if _, err := r.Read(p.buf[:]); !errors.Is(err, io.EOF) {
		return err
	}
	if _, ok := v.find(k); ok {
		return p.invalid(v, "the key %.60q comes twice", k)
	}
	v.keys = append(v.keys, k)
	if v.index != nil {
		v.index[k] = len(v.keys) - 1
	} else if len(v.keys) > manyKeys {
		v.index = make(map[string]int, 2*manyKeys)
		for i, k := range v.keys {
			v.index[k] = i
		}
	}
	return nil
}

// begin reads the first bytes of a text into p.buf: all of it, or more than may be held.
func (p *jsonReader) begin(v *value) (*textReader, int, error) {
	p.skip(1)
	r := &textReader{in: &p.source, of: v}
	n, err := io.ReadFull(r, p.buf[:])
	if errors.Is(r.err, io.EOF) {
		err = nil
	}
	return r, n, err
}

func (p *jsonReader) text(v *value) error {
	r, n, err := p.begin(v)
	if err != nil {
		return err
	}
	if n <= jsonHeld && p.held+n <= p.bounds.texts || n <= 16 { // what is that short costs no more than to remember where it is
		p.held += n
		v.text, v.held = string(p.buf[:n]), true
	}
	_, err = io.Copy(io.Discard, r)
	return err
}

func (p *jsonReader) word(v *value, w string) error {
	for i := range len(w) {
		c, err := p.take()
		if err != nil {
			return p.ended(v, err)
		}
		if c != w[i] {
			return p.invalid(v, "want %s", w)
		}
	}
	v.text = w
	return nil
}

// number reads what RFC 8259 section 6 calls one.
func (p *jsonReader) number(v *value) error {
	var b []byte
	digits := func() (n int, err error) {
		for {
			c, err := p.Peek(1)
			if errors.Is(err, io.EOF) {
				return n, nil
			}
			if err != nil {
				return n, p.ended(v, err)
			}
			if c[0] < '0' || c[0] > '9' {
				return n, nil
			}
			if len(b) >= jsonKey {
				return n, fault.Errorf(fault.TooLarge, "at %s: a number has more than %d digits", v.path(), jsonKey)
			}
			b = append(b, c[0])
			p.skip(1)
			n++
		}
	}
	one := func(of string) bool {
		c, err := p.Peek(1)
		if err != nil || !strings.Contains(of, string(rune(c[0]))) {
			return false
		}
		b = append(b, c[0])
		p.skip(1)
		return true
	}
	need := func() error {
		n, err := digits()
		if err == nil && n == 0 {
			return p.invalid(v, "a digit is missing")
		}
		return err
	}
	one("-")
	if !one("0") {
		if err := need(); err != nil {
			return err
		}
	}
	if one(".") {
		if err := need(); err != nil {
			return err
		}
	}
	if one("eE") {
		one("+-")
		if err := need(); err != nil {
			return err
		}
	}
	v.text = string(b)
	return nil
}
