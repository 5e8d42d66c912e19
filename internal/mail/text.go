package mail

import (
	"bytes"
	"hash/maphash"
	"html"
	"slices"
	"strings"

	"postern/internal/charset"
)

// A segment is a piece of the message's text in one or two forms. A plain mail has one; a
// multipart/alternative is one; Apple Mail writes several with pictures between them.
type segment struct {
	plain, html       form
	hasPlain, hasHTML bool
}

// A form is a text in pieces that stand under each other.
type form struct {
	pieces []string
	choice int             // which part of the alternative it is
	says   bool            // it is not blank
	heard  map[uint64]bool // the words of the pieces, by their hash
}

// set makes s all of the form.
func (f *form) set(s string, choice int) {
	*f = form{pieces: append(f.pieces[:0], s), choice: choice, says: !blankText(s)}
}

// hears says whether a text has other words than the form and what was heard before.
func (f *form) hears(s string) bool {
	if f.heard == nil {
		f.heard = map[uint64]bool{wordsHash(f.pieces...): true}
	}
	h := wordsHash(s)
	if f.heard[h] {
		return false
	}
	f.heard[h] = true
	return true
}

var wordsSeed = maphash.MakeSeed()

// wordsHash is a hash of texts without their white space.
func wordsHash(texts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(wordsSeed)
	for _, s := range texts {
		for w := range strings.FieldsSeq(s) {
			_, _ = h.WriteString(w)
		}
	}
	return h.Sum64()
}

// finishLeaf reads the text of a leaf and adds it to its segment.
func (p *parser) finishLeaf(l *leaf) {
	if l.overlong {
		p.tooLong()
	}
	p.kept[btoi(l.html)] += int64(len(p.text))
	decode := p.charset
	if l.html {
		decode = p.decodeHTML
	}
	b := p.text
	first := charset.Wide(charset.Name(l.charset)) || charset.HasMark16(b)
	if first {
		b = []byte(decode(b, l.charset))
	}
	b = normalize(b)
	if !l.html {
		b = p.takeFiles(b)
	}
	var stuffed []int32
	if l.flowed {
		p.out, stuffed = unflow(p.out[:0], b, l.delSp)
		b = p.out
	}
	if !l.html {
		if p.plains++; p.plains > 1 {
			stuffed = nil // of which text?
		}
		p.stuffed = stuffed
	}
	var s string
	if first {
		s = string(b)
	} else if s = decode(b, l.charset); strings.IndexByte(s, 0) >= 0 { // what the character set made of other bytes
		s = strings.ReplaceAll(s, "\x00", "")
	}
	seg := l.seg
	switch {
	case l.html && !seg.html.says:
		seg.hasHTML = true
		seg.html.set(s, l.choice)
	case l.html && seg.html.choice == l.choice:
		seg.html.pieces = append(seg.html.pieces, s)
	case l.html: // two HTML forms of one text: the last is the richest (RFC 2046 section 5.1.4)
		seg.html.set(s, l.choice)
	case !seg.plain.says:
		seg.hasPlain = true
		seg.plain.set(s, l.choice)
	case seg.plain.choice == l.choice, seg.plain.hears(s):
		// Two plain forms that differ are no forms of one text: neither is left out.
		seg.plain.pieces = append(seg.plain.pieces, s)
	}
}

func (p *parser) tooLong() {
	if !p.msg.Truncated {
		p.warn("text-truncated", "the text is longer than what is read of it")
	}
	p.msg.Truncated = true
}

// join puts pieces of text under each other, as long as the limit allows.
func (p *parser) join(pieces []string) string {
	var b strings.Builder
	last := "" // not written yet
	for _, s := range pieces {
		if last == "" {
			last = s
			continue
		}
		if strings.Trim(s, "\n") == "" {
			continue
		}
		room := p.limits.Text - int64(b.Len()+len(last)) - 2
		if int64(len(s)) > room {
			p.tooLong()
			if s = cutString(s, int(max(0, room))); s == "" {
				break
			}
		}
		b.WriteString(strings.TrimRight(last, "\n"))
		b.WriteString("\n\n")
		last = s
	}
	if b.Len() == 0 {
		return last
	}
	b.WriteString(last)
	return b.String()
}

// finishText makes Text and HTML from the segments.
func (p *parser) finishText() {
	m := p.msg
	if p.packed != nil && p.textless() {
		p.segments = append(p.segments[:0], p.packed)
	}
	rich := false
	for _, s := range p.segments {
		rich = rich || s.hasHTML
	}
	var texts, pages []string
	for _, s := range p.segments {
		text, page := p.limit(p.join(s.plain.pieces)), p.limit(p.join(s.html.pieces)) // also the layout is of what is kept
		if s.hasHTML && (!s.plain.says || len(text) < pointerMax) {
			if made := textFromHTML(page, &p.layout); !s.plain.says || pointsToHTML(text) && !blankText(made) {
				text = made
				p.made = len(p.segments) == 1
			}
		}
		texts = append(texts, text)
		if !rich {
			continue
		}
		if !s.hasHTML {
			page = `<div style="white-space: pre-wrap">` + html.EscapeString(text) + "</div>"
		}
		pages = append(pages, page)
	}
	m.Text, m.HTML = p.limit(p.join(texts)), p.limit(p.join(pages))
	p.markInline()
}

// textless says whether the message has no text of its own.
func (p *parser) textless() bool {
	return !slices.ContainsFunc(p.segments, func(s *segment) bool { return s.plain.says || s.html.says })
}

func (p *parser) limit(s string) string {
	if int64(len(s)) > p.limits.Text {
		p.tooLong()
		return cutString(s, int(p.limits.Text))
	}
	return s
}

// contentIDs returns, in lower case, the Content-IDs that HTML refers to by cid: URLs (RFC 2392).
func contentIDs(s string) map[string]bool {
	ids := map[string]bool{}
	for {
		i := strings.IndexByte(s, ':')
		if i < 0 {
			return ids
		}
		before := s[max(0, i-3):i]
		s = s[i+1:]
		if !strings.EqualFold(before, "cid") {
			continue
		}
		id := s[:min(len(s), 1000)]
		if end := strings.IndexAny(id, "\"'<>() \t\r\n"); end >= 0 {
			id = id[:end]
		}
		ids[strings.ToLower(string(appendUnescaped(nil, html.UnescapeString(id))))] = true
	}
}

// pointerMax is the longest plain part that may be nothing but a pointer to the HTML, in bytes.
const pointerMax = 600

// pointsToHTML says whether a plain part only says that the message is elsewhere.
func pointsToHTML(s string) bool {
	s = strings.ToLower(strings.Join(strings.Fields(s), " "))
	if !strings.Contains(s, "html") {
		return false
	}
	for _, phrase := range []string{
		"does not support html", "doesn't support html", "not support html", "cannot display html", "can't display html",
		"view this email in html", "view this message in html", "view the html", "html version", "html-capable", "html compatible", "html-enabled",
		"html viewer", "html email viewer", "html mail", "in html format", "is in html", "html format",
		"html-format", "html-fähig", "html-ansicht", "unterstützt kein html", "html-nachricht", "html-e-mail",
		"au format html", "version html", "formato html", "versión html", "versione html", "html-versie",
	} {
		if strings.Contains(s, phrase) {
			return len(strings.Fields(s)) < 60
		}
	}
	return false
}

func blankText(s string) bool { return strings.TrimSpace(s) == "" }

// normalize makes every line end an LF and takes out NUL bytes, in place.
func normalize(b []byte) []byte {
	if bytes.IndexByte(b, 0) >= 0 {
		b = slices.DeleteFunc(b, func(c byte) bool { return c == 0 })
	}
	at := bytes.IndexByte(b, '\r')
	if at < 0 {
		return b
	}
	for from := at; from < len(b); {
		// b[from] is a CR
		from++
		if from == len(b) || b[from] != '\n' && !bytes.HasPrefix(b[from:], []byte("\r\n")) { // CR CR LF is one line end, written twice
			b[at] = '\n'
			at++
		}
		n := bytes.IndexByte(b[from:], '\r')
		if n < 0 {
			n = len(b) - from
		}
		at += copy(b[at:], b[from:from+n])
		from += n
	}
	return b[:at]
}
