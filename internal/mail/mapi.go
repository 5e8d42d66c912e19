package mail

import (
	"bytes"
	"io"
	"strconv"

	"postern/internal/charset"
)

// Ids of MAPI properties ([MS-OXPROPS]).
const (
	propSubject     = 0x0037
	propSent        = 0x0039
	propFrom        = 0x0c1a
	propFromAddress = 0x0c1f
	propFromSMTP    = 0x5d01
	propBody        = 0x1000
	propRTF         = 0x1009
	propHTML        = 0x1013
	propMessageID   = 0x1035
	propDisplayName = 0x3001
	propData        = 0x3701
	propShortName   = 0x3704
	propLongName    = 0x3707
	propMIME        = 0x370e
	propContentID   = 0x3712
	propCodepage    = 0x3fde
)

// Types of MAPI properties ([MS-OXCDATA] section 2.11.1).
const (
	typeInteger = 0x0003
	typeObject  = 0x000d
	typeString8 = 0x001e
	typeUnicode = 0x001f
	typeTime    = 0x0040
	typeGUID    = 0x0048
	typeBinary  = 0x0102
	typeMany    = 0x1000 // more than one
)

// messageIID is IID_IMessage, before an embedded message ([MS-OXTNEF] section 2.1.3.4.1).
var messageIID = []byte{0x07, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}

// properties reads a list of properties ([MS-OXTNEF] section 2.1.3.4) and calls each for those with one value.
func (t *tnef) properties(each func(id, typ uint16)) {
	for count := t.u32(); count > 0 && t.left > 0 && !t.bad; count-- {
		head := t.u32()
		typ, id := uint16(head), uint16(head>>16)
		if id >= 0x8000 { // named
			t.skip(16)
			if t.u32() == 0 {
				t.skip(4)
			} else {
				t.skip(padded(t.u32()))
			}
		}
		many := typ&typeMany != 0
		typ &^= typeMany
		size := propertySize(typ)
		if size < 0 {
			t.bad = true // no telling where the next begins
			return
		}
		values := uint32(1)
		if many || size == 0 {
			values = t.u32()
		}
		if size > 0 && many {
			t.skip(size * int64(values))
			continue
		}
		for ; values > 0 && t.left > 0 && !t.bad; values-- {
			length, total := size, size
			if size == 0 {
				n := t.u32()
				length, total = int64(n), padded(n)
			}
			after := max(t.left-total, 0)
			t.value = min(length, t.left)
			if !many {
				each(id, typ)
			}
			t.skip(t.left - after)
		}
	}
}

// propertySize is what a value of a type takes, 0 when it tells so itself, -1 of types that there are not.
func propertySize(typ uint16) int64 {
	switch typ {
	case typeString8, typeUnicode, typeObject, typeBinary:
		return 0
	case 0x0000, 0x0001, 0x0002, typeInteger, 0x0004, 0x000a, 0x000b:
		return 4
	case 0x0005, 0x0006, 0x0007, 0x0014, typeTime:
		return 8
	case typeGUID:
		return 16
	}
	return -1
}

func padded(n uint32) int64 { return (int64(n) + 3) &^ 3 }

func (t *tnef) messageProperty(id, typ uint16) {
	m := &t.message
	if body := id == propBody || id == propHTML || id == propRTF; body && t.p.packed != nil {
		return // one is enough
	}
	switch id {
	case propSubject:
		t.set(&m.subject, typ, tnefTextMax)
	case propFrom:
		t.set(&m.from, typ, tnefTextMax)
	case propFromAddress:
		t.set(&m.address, typ, tnefTextMax)
	case propFromSMTP:
		t.set(&m.smtp, typ, tnefTextMax)
	case propMessageID:
		t.set(&m.id, typ, tnefTextMax)
	case propSent:
		if typ == typeTime {
			low := t.u32()
			m.sent = uint64(low) | uint64(t.u32())<<32
		}
	case propBody:
		t.set(&m.text, typ, t.p.limits.Text)
	case propHTML:
		if len(m.html) > 0 {
			return
		}
		if typ == typeBinary {
			m.html, m.htmlCharset = t.take(min(t.value, t.p.limits.Text)), ""
		} else {
			m.html, m.htmlCharset = []byte(t.text(typ, t.p.limits.Text)), "utf-8"
		}
	case propCodepage:
		if typ == typeInteger {
			m.codepage = codepage(t.u32())
		}
	case propRTF:
		if typ == typeBinary && m.rtf.text == "" {
			m.rtf = t.p.readRTF(io.LimitReader(t, t.value))
		}
	}
}

func (t *tnef) fileProperty(id, typ uint16) {
	f := t.item()
	switch id {
	case propLongName:
		t.set(&f.long, typ, tnefTextMax)
	case propShortName:
		t.set(&f.short, typ, tnefTextMax)
	case propDisplayName:
		t.set(&f.display, typ, tnefTextMax)
	case propMIME:
		t.set(&f.mime, typ, tnefTextMax)
	case propContentID:
		t.set(&f.contentID, typ, tnefTextMax)
	case propData:
		if f.file != nil { // the attribute of its own came before
			return
		}
		switch typ {
		case typeBinary:
			t.copy(t.value)
		case typeObject:
			t.object()
		}
	}
}

// object reads a file that is an object: a message, or something of another program, which stays as it is.
func (t *tnef) object() {
	iid, _ := t.r.Peek(min(16, int(t.value)))
	message := bytes.Equal(iid, messageIID)
	if len(iid) == 16 {
		t.skip(16)
	}
	f := t.item()
	if t.copy(0); f.file == nil {
		return
	}
	f.file.embedded = message
	t.copy(t.value)
}

// set reads a value that is text, unless there is one already.
func (t *tnef) set(s *string, typ uint16, most int64) {
	if *s == "" {
		*s = t.text(typ, most)
	}
}

// text reads a value that is text.
func (t *tnef) text(typ uint16, most int64) string {
	switch typ {
	case typeUnicode:
		return t.decode(t.take(min(t.value, 2*most)&^1), "utf-16le")
	case typeString8:
		return t.decode(t.take(min(t.value, most)), t.cp)
	}
	return ""
}

// Read reads of the property's value.
func (t *tnef) Read(b []byte) (int, error) {
	n, err := t.r.Read(b[:min(int64(len(b)), t.left)])
	t.advance(n)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// codepage is the name of a Windows code page.
func codepage(n uint32) string {
	switch n {
	case 0:
		return "windows-1252"
	case 65001:
		return "utf-8"
	case 1200:
		return "utf-16le"
	case 20127:
		return "us-ascii"
	case 20866:
		return "koi8-r"
	case 28591:
		return "iso-8859-1"
	case 28592:
		return "iso-8859-2"
	case 28605:
		return "iso-8859-15"
	case 50220, 50221, 50222:
		return "iso-2022-jp"
	case 51932:
		return "euc-jp"
	case 51949:
		return "euc-kr"
	case 54936:
		return "gb18030"
	case 10000:
		return "macintosh"
	}
	if name := "cp" + strconv.Itoa(int(n)); charset.Lookup(charset.Name(name)) != nil {
		return name
	}
	return "windows-1252"
}
