package mail

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
)

// tnefMagic begins a TNEF stream ([MS-OXTNEF] section 2.1.3.1).
const tnefMagic = "\x78\x9f\x3e\x22"

// Ids of TNEF attributes, without their types ([MS-OXTNEF] section 2.1.3.2).
const (
	attSubject    = 0x8004
	attBody       = 0x800c
	attData       = 0x800f // of a file
	attTitle      = 0x8010 // of a file
	attRendData   = 0x9002 // begins a file
	attProperties = 0x9003 // of the message
	attAttachment = 0x9005 // properties of a file
	attCodepage   = 0x9007
)

// tnefTextMax is how many bytes of a subject or a name are read.
const tnefTextMax = 4096

// A tnef reads what Outlook packs into winmail.dat, as it comes. Nothing in it is believed: lengths only say how much is
// read, and what follows the end of the bytes is not there.
type tnef struct {
	p     *parser
	r     *bufio.Reader
	left  int64 // of the attribute that is being read
	value int64 // of the property's value
	bad   bool
	cp    string // the character set of text that is not Unicode

	message properties
	open    *tnefFile
}

// properties are what a message says of itself.
type properties struct {
	subject, from, address, smtp, id string
	sent                             uint64 // a FILETIME
	text                             string
	html                             []byte
	htmlCharset, codepage            string
	rtf                              rtfText
}

// A tnefFile is a file that is being read. Its name and its type may come after its bytes.
type tnefFile struct {
	file                        *file
	title, long, short, display string
	mime, contentID             string
}

func isTNEF(f *file, b []byte) bool {
	return hasTNEF(b) && (f.Type == "application/ms-tnef" || f.Type == "application/vnd.ms-tnef" || strings.EqualFold(f.Name, "winmail.dat"))
}

func hasTNEF(b []byte) bool { return bytes.HasPrefix(b, []byte(tnefMagic)) }

// readTNEF makes attachments of the files in a TNEF, and keeps its body for a message that has none.
func (p *parser) readTNEF(r io.Reader) {
	t := &tnef{p: p, r: bufio.NewReaderSize(r, chunk), cp: "windows-1252"}
	t.read()
	if body := t.body(); p.packed == nil {
		p.packed = body
	}
}

func (t *tnef) read() {
	t.left = 6
	t.skip(6)
	for !t.bad {
		level, err := t.r.ReadByte()
		if err != nil {
			break
		}
		t.left = 8
		id, n := t.u32(), t.u32()
		if t.bad || level != 1 && level != 2 {
			t.bad = true
			break
		}
		t.left = int64(n)
		t.attribute(level, uint16(id))
		t.skip(t.left)
		if _, err := t.r.Discard(2); err != nil { // a checksum, which many programs get wrong
			break
		}
	}
	t.finish()
	if t.bad {
		t.p.warn("tnef-malformed", "the file of Outlook ends early or is damaged; what could be read of it was")
	}
}

func (t *tnef) attribute(level byte, id uint16) {
	switch {
	case id == attCodepage:
		t.cp = codepage(t.u32())
	case level == 1 && id == attSubject:
		if t.message.subject == "" {
			t.message.subject = t.string8(tnefTextMax)
		}
	case level == 1 && id == attBody:
		if t.message.text == "" && t.p.packed == nil {
			t.message.text = t.string8(t.p.limits.Text)
		}
	case level == 1 && id == attProperties:
		t.properties(t.messageProperty)
	case id == attRendData:
		t.finish()
		t.open = &tnefFile{}
	case id == attTitle:
		t.item().title = t.string8(tnefTextMax)
	case id == attData:
		if t.item().file != nil { // a second file without a beginning
			t.finish()
		}
		t.item()
		t.copy(t.left)
	case id == attAttachment:
		t.item()
		t.properties(t.fileProperty)
	}
}

// item is the file that is being read.
func (t *tnef) item() *tnefFile {
	if t.open == nil {
		t.open = &tnefFile{}
	}
	return t.open
}

// copy writes the next n bytes to the file that is being read.
func (t *tnef) copy(n int64) {
	p := t.p
	if f := t.open; f.file == nil {
		if p.spent.parts++; p.spent.parts > p.limits.Parts {
			p.warn("too-many-parts", "the parts after the first were left out")
			return
		}
		if f.file = p.openFile(f.attachment(p)); f.file == nil {
			return
		}
		f.file.unnamed = f.title == "" && f.mime == ""
	}
	for least := min(n, beginning); n > 0 && p.err == nil; least = 1 {
		_, _ = t.r.Peek(int(least))
		b, _ := t.r.Peek(int(min(n, int64(t.r.Buffered()))))
		if len(b) == 0 {
			t.bad = true
			return
		}
		k := p.spend(len(b))
		p.writeFile(t.open.file, b[:k])
		if k < len(b) {
			return
		}
		t.advance(k)
		_, _ = t.r.Discard(k)
		n -= int64(k)
	}
}

// finish ends the file that is being read, with the name and type that are known by now.
func (t *tnef) finish() {
	f := t.open
	t.open = nil
	if f == nil || f.file == nil {
		return
	}
	a := f.attachment(t.p)
	f.file.Name, f.file.Type, f.file.ContentID = a.Name, a.Type, a.ContentID
	t.p.closeFile(f.file)
}

func (f *tnefFile) attachment(p *parser) *Attachment {
	a := &Attachment{ContentID: cutString(cleanName(strings.Trim(f.contentID, "<> \t")), idLength)}
	for _, s := range []string{f.long, f.title, f.short, f.display} {
		if a.Name = safeName(s); a.Name != "" {
			break
		}
	}
	major, minor, _ := strings.Cut(strings.ToLower(f.mime), "/")
	switch {
	case f.file != nil && f.file.embedded:
		a.Type = "application/ms-tnef"
	case isToken(major) && isToken(minor) && len(f.mime) <= typeLength:
		a.Type = major + "/" + minor
	default:
		a.Type = typeByName(a.Name)
	}
	if a.Name == "" {
		a.Name = "attachment" + extension(a.Type)
	} else if a.Type == "application/ms-tnef" && !strings.HasSuffix(a.Name, ".dat") {
		a.Name += ".dat"
	}
	return a
}

// advance counts n bytes that were read.
func (t *tnef) advance(n int) {
	t.left -= int64(n)
	t.value -= int64(n)
}

func (t *tnef) skip(n int64) {
	n = min(n, t.left)
	for n > 0 {
		k, err := t.r.Discard(int(min(n, 1<<20)))
		t.advance(k)
		n -= int64(k)
		if err != nil {
			t.bad = true
			return
		}
	}
}

// take reads n bytes of the attribute.
func (t *tnef) take(n int64) []byte {
	if n = min(n, t.left); n <= 0 {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(t.r, n))
	t.advance(len(b))
	if err != nil || int64(len(b)) < n {
		t.bad = true
	}
	return b[:t.p.spend(len(b))]
}

func (t *tnef) u32() uint32 {
	b, err := t.r.Peek(4)
	if t.left < 4 || err != nil {
		t.bad = true
		return 0
	}
	v := binary.LittleEndian.Uint32(b)
	_, _ = t.r.Discard(4)
	t.advance(4)
	return v
}

// string8 reads the rest of the attribute, of which most is kept.
func (t *tnef) string8(most int64) string { return t.decode(t.take(min(t.left, most)), t.cp) }

// decode makes text of bytes, to the first NUL.
func (t *tnef) decode(b []byte, label string) string {
	s := t.p.charset(b, label)
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return s
}
