package mail

import (
	"bytes"
	"strings"
)

// typeLength is that of the longest media type, in bytes (RFC 6838 section 4.2).
const typeLength = 127 + 1 + 127

// boundaryMax is the longest delimiter that is looked for. RFC 2046 allows 70 characters.
const boundaryMax = 512

// A multipart is one that is being read; the parser's stack holds them, the outermost first.
type multipart struct {
	subtype string // "mixed", "alternative", …
	delim   string // "--boundary", "" when unknown
	bare    string // delim without what senders get wrong in it
	bound   bool   // delim is in parser.bounds
	shadows int    // the index that delim had in parser.bounds before, -1 without
	parts   int
	closed  bool
	alt     *segment // of this or the nearest alternative around it
	choice  int      // which part of that alternative we are in
	related bool     // this or one around it is multipart/related
}

// readBody reads what comes after the message's header, to the end.
func (p *parser) readBody() {
	for p.err == nil {
		// Without a multipart there is no delimiter to look for.
		ln, ok := p.lines.block(len(p.stack) > 0)
		if !ok {
			break
		}
		if len(p.stack) > 0 && ln.start && p.boundary(ln.text) {
			continue
		}
		if p.leaf != nil {
			p.writeLeaf(ln)
		}
	}
	p.closeLeaf()
	for i := len(p.stack) - 1; i >= 0; i-- {
		if mp := p.stack[i]; mp.parts > 0 && !mp.closed {
			p.warn("multipart-unclosed", "the message ends inside a multipart")
			break
		}
	}
	p.popTo(0)
}

// openPart begins the part whose header was read.
func (p *parser) openPart(h *header) {
	if p.spent.parts++; p.spent.parts > p.limits.Parts {
		p.warn("too-many-parts", "the parts after the first were left out")
		p.popTo(0) // no delimiter is looked for any more
		return
	}
	ct := p.contentType(h)
	if strings.HasPrefix(ct.word, "multipart/") {
		if p.openEncoded(h) {
			return
		}
		if len(p.stack) < p.limits.Depth {
			p.openMultipart(&ct)
			return
		}
		p.warn("too-deep", "parts nested deeper than allowed were left out")
		p.leaf = p.newLeaf(skipLeaf)
		return
	}
	p.openLeaf(h, &ct)
}

// contentType reads the Content-Type, with the default of the place: message/rfc822 in a digest
// (RFC 2046 section 5.1.5), else text/plain.
func (p *parser) contentType(h *header) value {
	s, ok := h.raw("Content-Type")
	if ok {
		v := p.parseValue(s)
		if major, minor, ok := strings.Cut(v.word, "/"); ok && isToken(major) && isToken(minor) && len(v.word) <= typeLength {
			return v
		}
		switch {
		case len(v.word) > typeLength:
			v.word = "application/octet-stream"
		case v.word == "text" || v.word == "plain":
			v.word = "text/plain"
		case v.word == "html":
			v.word = "text/html"
		case v.get("boundary") != "" || strings.HasPrefix(v.word, "multipart"):
			v.word = "multipart/mixed"
		case v.get("name") != "":
			v.word = "application/octet-stream"
		default:
			v.word = "text/plain"
		}
		if s != "" {
			p.warn("content-type-malformed", "unreadable content type "+quote(s))
		}
		return v
	}
	if n := len(p.stack); n > 0 && p.stack[n-1].subtype == "digest" {
		return value{word: "message/rfc822"}
	}
	return value{word: "text/plain"}
}

// isToken says whether s is a token of RFC 2045 section 5.1.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}

func (p *parser) openMultipart(ct *value) {
	mp := &multipart{subtype: strings.TrimPrefix(ct.word, "multipart/")}
	if n := len(p.stack); n > 0 {
		up := p.stack[n-1]
		mp.alt, mp.choice, mp.related = up.alt, up.choice, up.related
	}
	switch mp.subtype {
	case "alternative":
		if mp.alt == nil {
			mp.alt = &segment{}
			p.segments = append(p.segments, mp.alt)
		}
	case "related":
		mp.related = true
	case "report":
		if len(p.stack) == 0 {
			p.report.typ = strings.ToLower(ct.get("report-type"))
		}
	}
	p.noteMultipart(mp.subtype, ct)
	p.stack = append(p.stack, mp)
	if b := strings.TrimRight(ct.get("boundary"), " \t"); b != "" && len(b) < boundaryMax {
		mp.bare = bareDelimiter(b)
		p.bind(mp, "--"+b)
	}
	p.leaf = p.newLeaf(preambleLeaf)
}

// bind makes delim the delimiter of the innermost multipart.
func (p *parser) bind(mp *multipart, delim string) {
	if p.bounds == nil {
		p.bounds = make(map[string]int)
	}
	mp.shadows = -1
	if i, ok := p.bounds[delim]; ok {
		mp.shadows = i
	}
	mp.delim, mp.bound = delim, true
	p.marks[delim[2]>>6] |= 1 << (delim[2] & 63)
	p.bounds[delim] = len(p.stack) - 1
}

// isBoundary says whether a line is a delimiter of one of the multiparts that are open.
func (p *parser) isBoundary(text []byte) bool {
	_, _, ok := p.matchBoundary(text)
	return ok
}

// matchBoundary finds whose delimiter a line is. White space may follow it (RFC 2046 section 5.1.1);
// the comparison is whole, so one boundary that begins another is no trouble.
func (p *parser) matchBoundary(text []byte) (index int, last, ok bool) {
	if len(text) < 3 || text[0] != '-' || text[1] != '-' {
		return 0, false, false
	}
	if p.marks[text[2]>>6]&(1<<(text[2]&63)) == 0 {
		return 0, false, false // no delimiter goes on like this
	}
	if text = bytes.TrimRight(text, " \t"); len(text) > boundaryMax+4 {
		return 0, false, false
	}
	if i, ok := p.bounds[string(text)]; ok {
		return i, false, true
	}
	if b, ok := bytes.CutSuffix(text, []byte("--")); ok {
		if i, ok := p.bounds[string(b)]; ok {
			return i, true, true
		}
	}
	return 0, false, false
}

// boundary looks whether a line is a delimiter, and if so ends and begins parts.
func (p *parser) boundary(text []byte) bool {
	if len(text) < 3 || text[0] != '-' || text[1] != '-' {
		return false
	}
	i, last, ok := p.matchBoundary(text)
	if !ok {
		if p.leaf == nil || p.leaf.kind != preambleLeaf || !p.adoptBoundary(text) {
			return false
		}
		i, last = len(p.stack)-1, false
	}
	if !last && i == len(p.stack)-1 && p.leaf != nil && p.leaf.kind == preambleLeaf {
		p.leaf = nil // the preamble is for readers without MIME
	}
	p.closeLeaf()
	p.popTo(i + 1)
	mp := p.stack[i]
	if last {
		mp.closed = true
		return true // the epilogue belongs to nobody
	}
	mp.closed = false // a part after the end: read it all the same
	mp.parts++
	if mp.subtype == "alternative" {
		mp.choice++
	}
	h := p.readHeader()
	p.openPart(&h)
	return true
}

// adoptBoundary takes a line for the delimiter of the innermost multipart when that one's own was
// wrong or missing: no part has begun, and a part's header follows.
func (p *parser) adoptBoundary(text []byte) bool {
	mp := p.stack[len(p.stack)-1]
	if mp.parts > 0 || mp.closed || p.leaf.overlong {
		return false
	}
	text = bytes.TrimRight(text, " \t")
	if len(text) > boundaryMax || len(text) < 3 { // "-- " begins a signature
		return false
	}
	ln, _ := nextLine(p.lines.ahead())
	if mp.bare != "" && alike(text, mp.bare) {
		// A quote or a comment too many, a backslash, other letters' case: no header need follow.
	} else if bytes.IndexByte(text, ' ') >= 0 || len(ln) < 8 || !strings.EqualFold(string(ln[:8]), "content-") || fieldName(ln) == 0 {
		return false
	}
	if mp.delim == "" {
		p.warn("boundary-missing", "multipart without a boundary; found one in its text")
	} else {
		p.warn("boundary-wrong", "the boundary of a multipart is not the one in its text")
	}
	p.unbind(mp)
	p.bind(mp, string(text))
	return true
}

// alike says whether a delimiter differs from another only in how senders err when they write it down.
func alike(text []byte, bare string) bool {
	text = bytes.TrimLeft(text, "-")
	for i := range text {
		c := text[i]
		if slips(c) {
			continue
		}
		if bare == "" || lower(c) != bare[0] {
			return false
		}
		bare = bare[1:]
	}
	return bare == "" && len(text) > 0
}

// bareDelimiter is a delimiter without what senders add to it or forget.
func bareDelimiter(s string) string {
	s, _, _ = strings.Cut(strings.TrimLeft(s, "-"), " (")
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if !slips(s[i]) {
			b = append(b, lower(s[i]))
		}
	}
	return string(b)
}

func slips(c byte) bool { return c == '"' || c == '\'' || c == '\\' || c == ' ' }

func (p *parser) unbind(mp *multipart) {
	if !mp.bound {
		return
	}
	if mp.shadows >= 0 {
		p.bounds[mp.delim] = mp.shadows
	} else {
		delete(p.bounds, mp.delim)
	}
	mp.bound = false
}

// popTo ends the multiparts above the first n.
func (p *parser) popTo(n int) {
	for len(p.stack) > n {
		k := len(p.stack) - 1
		p.unbind(p.stack[k])
		p.stack[k] = nil
		p.stack = p.stack[:k]
	}
}
