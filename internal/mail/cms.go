package mail

import (
	"bufio"
	"bytes"
	"io"
)

// cmsKind is what a Cryptographic Message Syntax file (RFC 5652) holds.
type cmsKind uint8

const (
	cmsUnknown cmsKind = iota
	cmsSigned
	cmsEncrypted
	cmsCompressed
	cmsCertificates // signed, with nothing in it
)

// Object identifiers, as DER has them: of content types (RFC 5652 section 14, RFC 5083, RFC 3274).
var (
	oidData          = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1}
	oidSigned        = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2}
	oidEnveloped     = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3}
	oidCompressed    = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 9}
	oidAuthEnveloped = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 23}
)

// Tags of ASN.1 in BER (X.690), the first byte of an element.
const (
	berInteger  = 0x02
	berOctets   = 0x04
	berOID      = 0x06
	berPieces   = 0x24 // an octet string made of others
	berSequence = 0x30
	berSet      = 0x31
	berContext0 = 0xa0
)

// openCMS reads as far as the content of a signed or compressed file, and returns that. It knows of BER what stands before: elements
// of definite and indefinite length. Nothing is verified: who wants that has the file.
func openCMS(r io.Reader) (cmsKind, io.Reader) {
	b := &berReader{r: bufio.NewReaderSize(r, 4<<10)}
	b.enter(berSequence)
	kind := cmsUnknown
	switch oid := b.short(berOID); {
	case b.bad:
	case bytes.Equal(oid, oidSigned):
		kind = cmsSigned
	case bytes.Equal(oid, oidEnveloped), bytes.Equal(oid, oidAuthEnveloped):
		return cmsEncrypted, nil
	case bytes.Equal(oid, oidCompressed):
		kind = cmsCompressed
	}
	if kind == cmsUnknown {
		return cmsUnknown, nil
	}
	b.enter(berContext0)
	b.enter(berSequence)
	b.short(berInteger)
	if kind == cmsSigned { // with which digests, or how compressed
		b.skip(berSet)
	} else {
		b.skip(berSequence)
	}
	n := b.enter(berSequence)
	oid := b.short(berOID)
	if b.bad || !bytes.Equal(oid, oidData) {
		return kind, nil
	}
	if next, err := b.r.Peek(1); n == int64(2+len(oid)) || err != nil || next[0] != berContext0 {
		return cmsCertificates, nil
	}
	b.enter(berContext0)
	if b.bad {
		return kind, nil
	}
	return kind, &octets{b: b}
}

// berReader reads elements one after the other.
type berReader struct {
	r   *bufio.Reader
	bad bool
}

// open reads the tag and the length of an element; -1 is a length that its end tells.
func (b *berReader) open() (tag byte, n int64) {
	tag, err := b.r.ReadByte()
	if err != nil {
		b.bad = true
		return 0, 0
	}
	c, err := b.r.ReadByte()
	switch {
	case err != nil || c > 0x86:
		b.bad = true
		return 0, 0
	case c == 0x80:
		return tag, -1
	case c < 0x80:
		return tag, int64(c)
	}
	for range c & 0x7f {
		d, err := b.r.ReadByte()
		if err != nil {
			b.bad = true
			return 0, 0
		}
		n = n<<8 | int64(d)
	}
	return tag, n
}

// enter goes into an element, whose length it returns: what follows is inside of it.
func (b *berReader) enter(tag byte) int64 {
	got, n := b.open()
	if got != tag {
		b.bad = true
	}
	return n
}

// short reads a small element.
func (b *berReader) short(tag byte) []byte {
	got, n := b.open()
	if b.bad || got != tag || n < 0 || n > 64 {
		b.bad = true
		return nil
	}
	v := make([]byte, n)
	if _, err := io.ReadFull(b.r, v); err != nil {
		b.bad = true
	}
	return v
}

// skip passes an element by, with all in it.
func (b *berReader) skip(tag byte) {
	if got, n := b.open(); got != tag {
		b.bad = true
	} else if n >= 0 {
		b.discard(n)
	} else {
		b.skipRest()
	}
}

func (b *berReader) discard(n int64) {
	if k, _ := io.CopyN(io.Discard, b.r, n); k < n {
		b.bad = true
	}
}

// skipRest passes by what follows up to the end of an element of indefinite length: two zero bytes.
func (b *berReader) skipRest() {
	for deep := 1; deep > 0 && !b.bad; {
		switch tag, n := b.open(); {
		case tag == 0 && n == 0:
			deep--
		case n < 0:
			deep++
		default:
			b.discard(n)
		}
	}
}

// octets reads an octet string that may come in pieces, as mail programs write it that sign as they go.
type octets struct {
	b     *berReader
	left  int64
	begun bool
	whole bool // not in pieces
}

func (o *octets) Read(p []byte) (int, error) {
	for o.left == 0 {
		if o.b.bad || o.begun && o.whole {
			return 0, io.EOF
		}
		tag, n := o.b.open()
		switch {
		case tag == berOctets && n >= 0:
			o.left = n
			o.whole = !o.begun
		case tag == berPieces: // its pieces follow, to its end or ours
		default:
			return 0, io.EOF
		}
		o.begun = true
	}
	n, err := o.b.r.Read(p[:min(int64(len(p)), o.left)])
	o.left -= int64(n)
	return n, err
}
