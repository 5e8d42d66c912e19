package mail

import (
	"compress/zlib"
	"io"
	"strings"
)

// Values of Message.Signed and Message.Encrypted.
const (
	pgp   = "pgp"
	smime = "smime"
)

// signedBy notes that the message claims to be signed.
func (p *parser) signedBy(how string) {
	if p.msg.Signed == "" {
		p.msg.Signed = how
	}
}

// encryptedBy notes that the message, or a part of it, cannot be read.
func (p *parser) encryptedBy(how string) {
	if p.msg.Encrypted != "" {
		return
	}
	p.msg.Encrypted = how
	name := "PGP"
	if how == smime {
		name = "S/MIME"
	}
	p.warn("encrypted", "encrypted with "+name+", and nobody here can read it: open it in a mail program that has the key, or ask the sender to write without")
}

// noteMultipart looks for signatures and encryption (RFC 1847, RFC 3156, RFC 8551).
func (p *parser) noteMultipart(subtype string, ct *value) {
	how := smime
	if strings.Contains(strings.ToLower(ct.get("protocol")), "pgp") {
		how = pgp
	}
	switch subtype {
	case "signed":
		p.signedBy(how)
	case "encrypted":
		p.encryptedBy(how)
	}
}

// noteType says what is to be said of files of some types.
func (p *parser) noteType(ct *value) {
	switch ct.word {
	case "message/partial":
		p.warn("partial", "piece "+quote(ct.get("number"))+" of "+quote(ct.get("total"))+" of a mail that was sent in pieces: the pieces have to be joined")
	case "message/external-body":
		p.warn("external-body", "a file that is elsewhere, and was not fetched")
	case "application/pgp-encrypted":
		p.encryptedBy(pgp)
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		switch strings.ToLower(ct.get("smime-type")) {
		case "enveloped-data", "authenveloped-data":
			p.encryptedBy(smime)
		case "signed-data":
			p.signedBy(smime)
		}
	}
}

// isCMS says whether a file is one of S/MIME, by its type or, where a gateway lost that, its name.
func isCMS(f *file) bool {
	switch f.Type {
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		return true
	case "application/octet-stream":
		return strings.EqualFold(f.Name, "smime.p7m")
	}
	return false
}

// readCMS looks what an S/MIME file is, and reads the entity inside of one that is only signed: it is the message's
// own text and files, not a mail of its own.
func (p *parser) readCMS(r io.Reader) {
	kind, content := openCMS(r)
	switch kind {
	case cmsEncrypted:
		p.encryptedBy(smime)
	case cmsSigned:
		p.signedBy(smime)
		if content != nil {
			p.readEntity(content)
		}
	case cmsCompressed:
		if content != nil {
			p.readCompressed(content)
		}
	case cmsUnknown:
		p.warn("smime-malformed", "the S/MIME file cannot be read")
	}
}

// readCompressed reads the entity of a compressed file (RFC 3274), of which no more comes out than may be decoded in all.
func (p *parser) readCompressed(content io.Reader) {
	z, err := zlib.NewReader(content)
	if err != nil {
		p.warn("smime-malformed", "the S/MIME file cannot be read")
		return
	}
	p.readEntity(&spending{p, z})
}

// spending reads what was small before, counts it as decoded, and ends where there is too much of it or it is damaged.
type spending struct {
	p *parser
	r io.Reader
}

func (s *spending) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	k := s.p.spend(n)
	if k < n || err != nil {
		return k, io.EOF
	}
	return k, nil
}

// readEntity reads a MIME entity as a part of this message.
func (p *parser) readEntity(r io.Reader) {
	c := parsers.Get().(*parser)
	defer c.release()
	c.opts, c.limits, c.level, c.spent, c.nested, c.kept, c.rawCharset, c.around = p.opts, p.limits, p.level, p.spent, p.nested, p.kept, p.rawCharset, p
	c.lines.reset(r, p.limits.Time)
	c.msg = &Message{}
	h := c.readHeader()
	c.openPart(&h)
	c.readBody()
	if c.err != nil {
		p.fail(c.err)
		return
	}
	m, n := p.msg, c.msg
	p.nested, p.kept, p.rawCharset = c.nested, c.kept, c.rawCharset
	p.segments = append(p.segments, c.segments...)
	if p.packed == nil {
		p.packed = c.packed
	}
	if p.base == "" {
		p.base = c.base
	}
	m.Attachments = append(m.Attachments, n.Attachments...)
	m.Truncated = m.Truncated || n.Truncated
	if n.Signed != "" {
		p.signedBy(n.Signed)
	}
	if m.Encrypted == "" {
		m.Encrypted = n.Encrypted
	}
	if m.Calendar == nil {
		m.Calendar = n.Calendar
	}
	if c.lines.err == errTime {
		p.warn("too-slow", "the message takes longer to read than allowed; the rest was left out")
	}
	for _, w := range n.Warnings {
		p.warn(w.Code, w.Detail)
	}
	p.report.merge(&c.report)
}

// openEncoded reads a multipart that somebody has encoded as a whole, which RFC 2045 section 6.4 forbids: its lines are
// base64, and no delimiter is among them.
func (p *parser) openEncoded(h *header) bool {
	if s, _ := h.raw("Content-Transfer-Encoding"); !strings.EqualFold(s, "base64") || p.level >= p.limits.Messages {
		return false
	}
	ln, rest := nextLine(p.lines.ahead())
	for len(ln) == 0 && len(rest) > 0 {
		ln, rest = nextLine(rest)
	}
	if len(ln) < 16 || len(ln)%4 != 0 || !alphabetic(ln) {
		return false
	}
	p.warn("multipart-encoded", "a multipart is encoded as a whole")
	s, _ := h.raw("Content-Type")
	p.leaf = p.newLeaf(entityLeaf)
	p.leaf.dec.enc = base64Encoding
	p.leaf.inside = p.push(func(r io.Reader) {
		p.readEntity(io.MultiReader(strings.NewReader("Content-Type: "+s+"\r\n\r\n"), r))
	})
	return true
}

// noteArmor looks for PGP in the text itself (RFC 9580 section 6.2), where it is no history. The armor stays text.
func (p *parser) noteArmor() {
	const begin = "-----BEGIN PGP "
	m := p.msg
	spans := m.Spans
	for at := 0; ; {
		i := strings.Index(m.Text[at:], begin)
		if i < 0 {
			return
		}
		start := at + i
		at = start + len(begin)
		for len(spans) > 0 && spans[0].End <= start {
			spans = spans[1:]
		}
		if start > 0 && m.Text[start-1] != '\n' || len(spans) > 0 && spans[0].covers(start) {
			continue
		}
		switch rest := m.Text[at:]; {
		case strings.HasPrefix(rest, "SIGNED MESSAGE-----"):
			p.signedBy(pgp)
		case strings.HasPrefix(rest, "MESSAGE-----"):
			p.encryptedBy(pgp)
		}
	}
}

// covers says whether what stands at a place is history by this span.
func (s *Span) covers(at int) bool {
	return s.Start <= at && at < s.End && (s.Kind == SpanQuote || s.Kind == SpanForward)
}
