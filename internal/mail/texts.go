package mail

import (
	"iter"
	"strings"

	"golang.org/x/net/html"
)

// Texts are all texts of the mail that its readers may see, and so may quote: subject, names, the text, what stands in the HTML,
// hidden or not, what came as a calendar, the names of files, and all of this of the mails that are files.
func (m *Message) Texts() iter.Seq[string] {
	return func(yield func(string) bool) { m.texts(yield) }
}

func (m *Message) texts(yield func(string) bool) bool {
	if !yield(m.Subject) || !yield(m.Text) || m.HTML != "" && !yield(textsOfHTML(m.HTML)) {
		return false
	}
	for _, list := range [][]Address{m.From, m.Sender, m.ReplyTo, m.To, m.Cc} {
		for i := range list {
			if !yield(list[i].Name) {
				return false
			}
		}
	}
	if e := m.Calendar; e != nil && !(yield(e.Summary) && yield(e.Location)) {
		return false
	}
	for i := range m.Attachments {
		a := &m.Attachments[i]
		if !yield(a.Name) || a.Message != nil && !a.Message.texts(yield) {
			return false
		}
	}
	return true
}

// textsOfHTML joins what stands between the tags, and in those attributes that are shown where a picture is not, without any space: a
// tag may stand within a word.
func textsOfHTML(s string) string {
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.TextToken:
			b.Write(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			for more := true; more; {
				var key, value []byte
				if key, value, more = z.TagAttr(); string(key) == "alt" || string(key) == "title" {
					b.Write(value)
				}
			}
		}
	}
}
