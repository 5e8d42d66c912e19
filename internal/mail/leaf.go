package mail

import (
	"cmp"
	"strings"
)

// leafKind says where the bytes of a leaf go.
type leafKind uint8

const (
	skipLeaf     leafKind = iota // nowhere
	textLeaf                     // into the message's text
	preambleLeaf                 // into the text, if the multipart turns out to have no parts
	fileLeaf                     // to an attachment
	entityLeaf                   // to who reads them as parts
)

// chunk is how many bytes are handed to an attachment's writer at once.
const chunk = 32 << 10

// A leaf is a part without parts that is being read.
type leaf struct {
	kind leafKind
	dec  decoder
	pend [2]byte // the last line end: it belongs to the boundary, if one follows (RFC 2046 section 5.1.1)
	held int     // bytes of pend

	// text
	html, flowed, delSp bool
	charset             string
	seg                 *segment
	choice              int
	overlong            bool
	packed              *uuStream // a file in the text that is longer than the text may be

	inside *pushed // reads the parts

	// attachment
	file     *file
	overfull bool
	fields   *fieldStream // who reads the fields of a part of a report
}

func (p *parser) newLeaf(kind leafKind) *leaf {
	l := &leaf{kind: kind}
	l.dec.out = p.dec
	p.text, p.out = p.text[:0], p.out[:0]
	return l
}

// openLeaf begins a part that is not a multipart.
func (p *parser) openLeaf(h *header, ct *value) {
	cte, _ := h.raw("Content-Transfer-Encoding")
	enc := p.parseEncoding(cte)
	var disp value
	if s, ok := h.raw("Content-Disposition"); ok {
		disp = p.parseValue(s)
	}
	if p.isText(ct, &disp) {
		l := p.newLeaf(textLeaf)
		l.dec.enc, l.dec.text = enc, true
		l.html = ct.word == "text/html"
		l.charset = ct.get("charset")
		p.learnCharset(l.charset)
		l.flowed = !l.html && strings.EqualFold(ct.get("format"), "flowed")
		l.delSp = strings.EqualFold(ct.get("delsp"), "yes")
		if l.html && p.base == "" {
			p.base = contentLocation(h)
		}
		p.place(l)
		p.leaf = l
		return
	}
	if ct.word == "text/x-amp-html" || ct.word == "text/watch-html" {
		// One more form of the text beside it, for one reader; a file of it is nobody's attachment.
		if n := len(p.stack); n > 0 && p.stack[n-1].subtype == "alternative" && disp.word != "attachment" {
			p.leaf = p.newLeaf(skipLeaf)
			return
		}
	}
	l := p.newLeaf(fileLeaf)
	p.noteType(ct)
	l.fields = p.report.watch(ct, len(p.stack))
	l.dec.enc = enc
	id, _ := h.raw("Content-ID")
	l.file = p.openFile(&Attachment{
		Name:      p.fileName(h, ct, &disp),
		Type:      ct.word,
		ContentID: cutString(cleanName(strings.Trim(id, "<> \t")), idLength),
		Inline:    disp.word == "inline",

		ContentLocation: contentLocation(h),
	})
	if l.file != nil {
		l.file.charset, l.file.method = ct.get("charset"), ct.get("method")
		p.leaf = l
	}
}

// isText says whether a part is the message's own text, or else a file.
func (p *parser) isText(ct, disp *value) bool {
	if disp.word == "attachment" {
		return false
	}
	name := ""
	for _, s := range givenNames(ct, disp) {
		name = cmp.Or(name, s)
	}
	named := name != ""
	n := len(p.stack)
	switch {
	case ct.word != "text/plain" && ct.word != "text/html":
		// RFC 2046 section 4.1.4: text of an unknown kind is plain text.
		return n == 0 && !named && strings.HasPrefix(ct.word, "text/") && !textFiles[ct.word]
	case n == 0 || !named:
		return true
	case p.stack[n-1].subtype != "alternative":
		// Some senders name even the text that is all they say. What comes first, and is called no other kind of file, is that.
		typ := typeByName(name)
		return len(p.segments) == 0 && len(p.msg.Attachments) == 0 && ct.word == "text/plain" && (typ == ct.word || typ == "application/octet-stream")
	}
	// Some senders name the forms of their text. What comes after such a form is a file.
	alt := p.stack[n-1].alt
	return ct.word == "text/plain" && !alt.hasPlain || ct.word == "text/html" && !alt.hasHTML
}

// textFiles are text that is a file even when nothing else is in a mail.
var textFiles = map[string]bool{
	"text/calendar": true, "text/csv": true, "text/tab-separated-values": true, "text/vcard": true, "text/x-vcard": true, "text/directory": true,
	"text/css": true, "text/xml": true, "text/rtf": true, "text/rfc822-headers": true,
}

// place finds the segment of the text that a text leaf belongs to.
func (p *parser) place(l *leaf) {
	if n := len(p.stack); n > 0 && p.stack[n-1].alt != nil {
		l.seg, l.choice = p.stack[n-1].alt, p.stack[n-1].choice
		return
	}
	l.seg = &segment{}
	p.segments = append(p.segments, l.seg)
}

// writeLeaf decodes lines of the part's body. What nobody will read is not decoded.
func (p *parser) writeLeaf(ln line) {
	l := p.leaf
	if l.kind == skipLeaf || l.overfull || l.overlong && l.packed == nil {
		return
	}
	if l.held > 0 {
		if l.keepsLineEnd() {
			p.emit(l.pend[:l.held])
		}
		l.held = 0
	}
	p.emit(l.dec.lines(ln.text, len(ln.eol) > 0))
	l.held = copy(l.pend[:], ln.eol)
}

// keepsLineEnd says whether the end of the last line was the body's own.
func (l *leaf) keepsLineEnd() bool {
	return l.dec.enc == identity || l.dec.enc == quotedPrintable && !l.dec.soft
}

// emit hands decoded bytes on.
func (p *parser) emit(b []byte) {
	l := p.leaf
	if len(b) == 0 || p.err != nil {
		return
	}
	n := p.spend(len(b))
	l.overfull = l.overfull || n < len(b)
	b = b[:n]
	switch l.kind {
	case textLeaf, preambleLeaf:
		if l.packed != nil {
			p.feedUU(l, b)
		}
		if l.overlong {
			return
		}
		room := p.limits.Text - int64(len(p.text)) - p.kept[btoi(l.html)]
		if int64(len(b)) > room {
			l.overlong = true
			room = max(room, 0)
			p.text = append(p.text, b[:room]...)
			if p.followUU(l); l.packed != nil {
				p.feedUU(l, b[room:])
			}
			return
		}
		p.text = append(p.text, b...)
	case entityLeaf:
		l.inside.write(b)
	case fileLeaf:
		p.out = append(p.out, b...)
		if len(p.out) >= chunk {
			p.flush()
		}
	}
}

// flush gives an attachment's bytes to its hash and its writer.
func (p *parser) flush() {
	l := p.leaf
	if l.fields != nil {
		l.fields.write(p.out)
	}
	p.writeFile(l.file, p.out)
	p.out = p.out[:0]
}

// spend takes n decoded bytes from what the message may have and returns how many of them it may.
func (p *parser) spend(n int) int {
	if room := p.limits.Decoded - p.spent.decoded; int64(n) > room {
		p.warn("too-large", "the decoded message is larger than allowed; the rest was left out")
		n = int(max(room, 0))
	}
	p.spent.decoded += int64(n)
	return n
}

// closeLeaf ends the part that is being read. Its last line end was the boundary's, or, at the end
// of the message, the body's own.
func (p *parser) closeLeaf() {
	l := p.leaf
	if l == nil {
		return
	}
	if l.kind != skipLeaf {
		if len(p.stack) == 0 && l.held > 0 && l.keepsLineEnd() {
			p.emit(l.pend[:l.held])
		}
		p.emit(l.dec.end())
		p.dec = l.dec.out
	}
	if l.dec.bad {
		p.warn("encoding-malformed", "the transfer encoding of a part has errors")
	}
	p.endUU(l)
	switch l.kind {
	case preambleLeaf:
		if mp := p.stack[len(p.stack)-1]; mp.parts == 0 && !onlySpace(p.text) {
			p.warn("multipart-empty", "a multipart without parts; its text was kept")
			p.place(l)
			p.finishLeaf(l)
		}
	case textLeaf:
		p.finishLeaf(l)
	case entityLeaf:
		l.inside.end()
	case fileLeaf:
		p.flush()
		if l.fields != nil {
			l.fields.end()
		}
		p.closeFile(l.file)
	}
	p.leaf = nil
}

func onlySpace(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}
