package intake

import (
	"html"
	"strings"
	"unicode"

	"postern/internal/issue"
)

// A twin is a mail that was put together from the parts that a provider made of it, beside the mail as it was. What it says is the same,
// but providers hand on texts with the line breaks that format=flowed (RFC 3676) would have joined, and make a text for mail
// that has none but HTML, each in its own way.

// twinSum names what a mail says such that its twins have it too: the HTML where there is some, else the text, without any white space.
func (p *parsed) twinSum() string {
	if h := squeezed(p.msg.HTML); h != "" {
		return hashKey("html", h)
	}
	if p.msg.Text == "" {
		return p.sum // also of what could not be parsed: then it names the bytes
	}
	return hashKey("text", unquoted(p.msg.Text))
}

// sameTwin reports whether the newcomer is the twin of a mail that is held. Their texts are the same but for white space and the marks
// of quotes; or else their HTML is, and each word of the newcomer's text stands somewhere in the other: nothing new is lost.
func (p *parsed) sameTwin(held *issue.Message, text string, read func(issue.Blob) (string, error)) (bool, error) {
	if unquoted(p.msg.Text) == unquoted(text) {
		return true, nil
	}
	if p.msg.HTML == "" || held.HTMLBlob.SHA256 == "" {
		return false, nil
	}
	page, err := read(held.HTMLBlob)
	if err != nil || squeezed(page) != squeezed(p.msg.HTML) {
		return false, err
	}
	known := map[string]bool{}
	for _, s := range []string{text, html.UnescapeString(page)} {
		for w := range wordsOf(s) {
			known[w] = true
		}
	}
	for w := range wordsOf(p.msg.Text) {
		if !known[w] {
			return false, nil
		}
	}
	return true, nil
}

// wordsOf are the runs of letters and digits, in small letters.
func wordsOf(s string) func(yield func(string) bool) {
	return strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
}

// squeezed is s without white space.
func squeezed(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// unquoted is s without white space and without the marks of quotes at the beginning of its lines.
func unquoted(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for line := range strings.Lines(s) {
		b.WriteString(squeezed(strings.TrimLeft(line, "> \t")))
	}
	return b.String()
}
