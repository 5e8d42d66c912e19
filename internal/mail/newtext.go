package mail

import (
	"strings"
	"unicode"
)

// findNew finds what in the message's text and HTML is not new, and says whether it forwards a message.
func (p *parser) findNew(prefix prefixKind) (forwards bool) {
	m := p.msg
	fwd := prefix == forwardPrefix
	answers := prefix == replyPrefix || len(m.InReplyTo) > 0 || len(m.References) > 0
	l := &p.layout
	if p.made {
		m.Spans, forwards = findSpans(m.Text, fwd, answers, l.regions(), nil)
		m.HTMLSpans = l.htmlSpans(m.Text, m.Spans)
		return forwards
	}
	m.Spans, forwards = findSpans(m.Text, fwd, answers, nil, p.stuffed)
	if m.HTML == "" || !fwd && !answers && len(m.Spans) == 0 && !mayBeMarked(m.HTML) {
		return forwards // most of what is bulk
	}
	text := textFromHTML(m.HTML, l)
	spans, forwardsToo := findSpans(text, fwd, answers, l.regions(), nil)
	m.HTMLSpans = l.htmlSpans(text, spans)
	if len(p.segments) == 1 {
		m.Spans = agree(m.Text, m.Spans, text, spans)
	}
	return forwards || forwardsToo
}

// newText joins the pieces of text that no span covers. Spans may come from elsewhere too, so it
// takes nothing for granted about them, and never gives nothing for something.
func newText(text string, spans []Span) string {
	var some [8]string
	pieces, at := some[:0], 0
	for _, s := range spans {
		if s.Kind == SpanUnsure || s.Start < at || s.End < s.Start || s.End > len(text) {
			continue
		}
		if at < s.Start {
			pieces = append(pieces, text[at:s.Start])
		}
		at = s.End
	}
	if at < len(text) {
		pieces = append(pieces, text[at:])
	}
	if s := trimBlankLines(strings.Join(pieces, "")); s != "" {
		return s
	}
	return trimBlankLines(text)
}

// trimBlankLines takes blank lines from both ends, and the white space of the last line.
func trimBlankLines(s string) string {
	s = strings.TrimRightFunc(s, unicode.IsSpace)
	for {
		i := strings.IndexByte(s, '\n')
		if i < 0 || strings.TrimSpace(s[:i]) != "" {
			return s
		}
		s = s[i+1:]
	}
}

// keepSomething makes spans unsure where else nothing would be new: a mail that only forwards says
// what it forwards, one that only quotes may have its answer among the quotes.
func (q *quotes) keepSomething() {
	for _, kind := range []SpanKind{SpanForward, SpanDisclaimer, SpanSignature, SpanQuote} {
		if !blankText(uncovered(q.text, q.spans)) {
			return
		}
		for i := range q.spans {
			if q.spans[i].Kind == kind {
				q.spans[i].Kind = SpanUnsure
				q.spans[i].Reason += "; nothing else is there"
			}
		}
	}
}

// uncovered is a piece of text that no span covers, and that is not blank, if there is one.
func uncovered(text string, spans []Span) string {
	at := 0
	for _, s := range spans {
		if !blankText(text[at:s.Start]) {
			return text[at:s.Start]
		}
		if at = s.End; s.Kind == SpanUnsure {
			at = s.Start
		}
	}
	return text[at:]
}
