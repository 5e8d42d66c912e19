package intake

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/internal/mail"
)

// A redaction is what rules asked to black out. The raw mail keeps it until retention takes it.
type redaction []*regexp.Regexp

func newRedaction(patterns []string) redaction {
	var r redaction
	for _, p := range patterns {
		if re, err := regexp.Compile(p); err == nil { // checked when the rules were compiled
			r = append(r, re)
		}
	}
	return r
}

// text puts a black block in the place of each character that is hidden.
func (r redaction) text(s string) string {
	s, _ = r.spans(s, nil)
	return s
}

// spans does so too, and moves the spans of the text: a block has other bytes than what it hides. A span that
// begins or ends within what is hidden takes all of the blocks, or what the span before it left of them.
func (r redaction) spans(s string, spans []mail.Span) (string, []mail.Span) {
	for _, re := range r {
		found := re.FindAllStringIndex(s, -1)
		if len(found) == 0 {
			continue
		}
		spans = slices.Clone(spans)
		var b strings.Builder
		at := 0 // of s: all before it is in b
		first, last := 0, 0
		for _, m := range found {
			// Spans are in order: those that begin (end) before the match have their place.
			for ; first < len(spans) && spans[first].Start < m[1]; first++ {
				spans[first].Start = b.Len() + min(spans[first].Start, m[0]) - at
			}
			for ; last < len(spans) && spans[last].End <= m[0]; last++ {
				spans[last].End += b.Len() - at
			}
			b.WriteString(s[at:m[0]])
			b.WriteString(strings.Repeat("█", utf8.RuneCountInString(s[m[0]:m[1]])))
			at = m[1]
			for ; last < len(spans) && spans[last].End < m[1]; last++ {
				spans[last].End = b.Len()
			}
		}
		for ; first < len(spans); first++ {
			spans[first].Start += b.Len() - at
		}
		for ; last < len(spans); last++ {
			spans[last].End += b.Len() - at
		}
		b.WriteString(s[at:])
		s = b.String()
		at = 0
		for i := range spans {
			spans[i].Start = max(spans[i].Start, at)
			at = max(at, spans[i].End)
		}
		spans = slices.DeleteFunc(spans, func(sp mail.Span) bool { return sp.End <= sp.Start })
	}
	return s, spans
}
