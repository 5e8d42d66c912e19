package mail

import (
	"bufio"
	"encoding/binary"
	"io"
)

// lzfuStart is what the window has at the beginning ([MS-OXRTFCP] section 2.1.2.1).
const lzfuStart = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier" +
	"{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"

const (
	lzfuWindow     = 4096
	lzfuCompressed = 0x75465a4c // "LZFu"
	lzfuPlain      = 0x414c454d // "MELA"
)

// A lzfu decompresses the RTF of a message as it is read. A byte of it makes 17 at most, less the flags.
type lzfu struct {
	r      *bufio.Reader
	window [lzfuWindow]byte
	at     int // where the next byte goes
	flags  byte
	bits   int // left of flags
	from   int // where the piece comes from that is being repeated
	repeat int // bytes left of it
	left   int64
	plain  bool
}

// newLZFu reads the header: both sizes, the kind, a checksum. It returns nil for what is no compressed RTF.
func newLZFu(r io.Reader) *lzfu {
	z := &lzfu{r: bufio.NewReaderSize(r, 4<<10)}
	var head [16]byte
	if _, err := io.ReadFull(z.r, head[:]); err != nil {
		return nil
	}
	z.left = int64(binary.LittleEndian.Uint32(head[4:]))
	switch binary.LittleEndian.Uint32(head[8:]) {
	case lzfuPlain:
		z.plain = true
	case lzfuCompressed:
		z.at = copy(z.window[:], lzfuStart)
	default:
		return nil
	}
	return z
}

func (z *lzfu) Read(b []byte) (int, error) {
	if z.left <= 0 {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), z.left)]
	if z.plain {
		n, err := z.r.Read(b)
		z.left -= int64(n)
		return n, err
	}
	for i := range b {
		c, err := z.next()
		if err != nil {
			z.left = 0
			return i, io.EOF
		}
		b[i] = c
		z.window[z.at] = c
		z.at = (z.at + 1) % lzfuWindow
	}
	z.left -= int64(len(b))
	return len(b), nil
}

func (z *lzfu) next() (byte, error) {
	if z.repeat == 0 {
		if z.bits == 0 {
			flags, err := z.r.ReadByte()
			if err != nil {
				return 0, err
			}
			z.flags, z.bits = flags, 8
		}
		ref := z.flags&1 != 0
		z.flags >>= 1
		z.bits--
		hi, err := z.r.ReadByte()
		if err != nil || !ref {
			return hi, err
		}
		lo, err := z.r.ReadByte()
		if err != nil {
			return 0, err
		}
		z.from, z.repeat = int(hi)<<4|int(lo)>>4, int(lo&15)+2
		if z.from == z.at { // the end
			return 0, io.EOF
		}
	}
	c := z.window[z.from]
	z.from = (z.from + 1) % lzfuWindow
	z.repeat--
	return c, nil
}
