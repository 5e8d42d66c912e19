package mail

import "bytes"

// A packed file stands in a plain text: in uuencode, BinHex or yEnc, from before there was MIME.
type packedFile struct {
	name   string
	length int // of the block in the text, with its last line end
	// unpack hands the bytes of the file to put, which returns false when it wants no more.
	unpack func(put func([]byte) bool)
}

// packers find a file that begins with the line that text begins with. Each looks at a line of it once, and a block that is
// not whole and sound is no block: it stays text.
var packers = []struct {
	sign  string // what the first line begins with
	begin func(text []byte) (packedFile, bool)
}{
	{"begin ", beginUU}, {binhexSign, beginBinHex}, {"=ybegin ", beginYEnc},
}

// takeFiles makes attachments of the files in a text, and takes their blocks out of it.
func (p *parser) takeFiles(b []byte) []byte {
	for _, k := range packers {
		for from := 0; ; {
			i := lineWith(b[from:], k.sign)
			if i < 0 {
				break
			}
			at := from + i
			f, ok := k.begin(b[at:])
			if !ok || !p.unpackFile(&f) {
				_, rest := nextLine(b[at:])
				from = len(b) - len(rest)
				continue
			}
			b = append(b[:at], b[at+f.length:]...)
			from = at
		}
	}
	return b
}

// lineWith finds the first line that begins with sign. b begins with a line.
func lineWith(b []byte, sign string) int {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(sign))
		if i < 0 {
			return -1
		}
		if i += from; i == 0 || b[i-1] == '\n' {
			return i
		}
		from = i + len(sign)
	}
}

// unpackFile makes an attachment of a file in the text. It returns false when there are too many.
func (p *parser) unpackFile(packed *packedFile) bool {
	f := p.openPacked(packed.name)
	if f == nil {
		return false
	}
	packed.unpack(func(b []byte) bool {
		n := p.spend(len(b))
		p.writeFile(f, b[:n])
		return n == len(b) && p.err == nil
	})
	p.closeFile(f)
	return true
}

func (p *parser) openPacked(name string) *file {
	if p.spent.parts++; p.spent.parts > p.limits.Parts {
		p.warn("too-many-parts", "the parts after the first were left out")
		return nil
	}
	if name = safeName(decodeRaw(name, p.rawCharset)); name == "" {
		name = "attachment.bin"
	}
	return p.openFile(&Attachment{Name: name, Type: typeByName(name)})
}

// A packer collects bytes until there are enough to hand on.
type packer struct {
	buf  []byte
	put  func([]byte) bool
	full bool // no more is wanted
}

func (k *packer) flush() {
	if len(k.buf) > 0 && !k.full {
		k.full = !k.put(k.buf)
	}
	k.buf = k.buf[:0]
}

func (k *packer) add(c ...byte) {
	if k.buf = append(k.buf, c...); len(k.buf) >= chunk {
		k.flush()
	}
}
