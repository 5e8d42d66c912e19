package intake

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/internal/issue"
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

// blacken hides it in all that rules made of the mail, and in what is told of how: in the issue, tags, fields, notes, the reason, the trace. The
// facts keep it, as the raw mail does, until retention takes them: rules decide by them again.
func (d *decision) blacken() {
	r := newRedaction(d.result.Changes.Redact)
	if len(r) == 0 {
		return
	}
	c, is := &d.result.Changes, *d.view.Issue
	if c.Subject != nil {
		s := r.text(*c.Subject)
		c.Subject = &s
	}
	c.Notes, c.AddTags, c.Fields = r.texts(c.Notes), r.texts(c.AddTags), r.values(c.Fields)
	is.Subject, is.Description, is.Requester.Name = r.text(is.Subject), r.text(is.Description), r.text(is.Requester.Name)
	is.Tags, is.Fields = r.texts(is.Tags), r.values(is.Fields)
	d.view.Issue = &is
	d.reason = r.text(d.reason)
	for i := range d.result.Trace {
		e := &d.result.Trace[i]
		e.Actions, e.Error = r.texts(e.Actions), r.text(e.Error)
	}
}

// texts are others in place of those: nobody else's list is changed.
func (r redaction) texts(list []string) []string {
	list = slices.Clone(list)
	for i := range list {
		list[i] = r.text(list[i])
	}
	return list
}

func (r redaction) values(m map[string]string) map[string]string {
	m = maps.Clone(m)
	for k := range m {
		m[k] = r.text(m[k])
	}
	return m
}

// people are hidden in their names alone: addresses are what mail is found and answered by.
func (r redaction) people(list []issue.Person) []issue.Person {
	for i := range list {
		list[i].Name = r.text(list[i].Name)
	}
	return list
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
