package mail

import (
	"html"
	"iter"
	"strings"
)

// Texts are all texts of the mail that its readers may see, and so may quote: subject, names, the text, what stands in the HTML,
// hidden or not, without its tags and with them, what came as a calendar, the names of files, and all of this of the mails that are files.
func (m *Message) Texts() iter.Seq[string] {
	return func(yield func(string) bool) { m.texts(yield) }
}

func (m *Message) texts(yield func(string) bool) bool {
	if !yield(m.Subject) || !yield(m.Text) || m.HTML != "" && !(yield(betweenTags(m.HTML)) && yield(html.UnescapeString(m.HTML))) {
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

// betweenTags joins what stands between the tags, hidden or not and without any space: a tag may stand within a word.
func betweenTags(s string) string {
	var b strings.Builder
	b.Grow(len(s) / 2)
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			b.WriteString(s)
			return html.UnescapeString(b.String())
		}
		b.WriteString(s[:i])
		n := tagLen(s[i:])
		if n == 0 {
			b.WriteByte('<')
			n = 1
		}
		s = s[i+n:]
	}
}

// tagLen is how long the tag or comment is that a text begins with; 0 for none.
func tagLen(s string) int {
	if strings.HasPrefix(s, "<!--") {
		if i := strings.Index(s[4:], "-->"); i >= 0 {
			return 4 + i + 3
		}
		return len(s)
	}
	if len(s) < 2 || !('a' <= s[1]|0x20 && s[1]|0x20 <= 'z' || s[1] == '/' || s[1] == '!' || s[1] == '?') {
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '>':
			return i + 1
		case '"', '\'': // a value, where it stands behind an equals sign
			if strings.HasSuffix(strings.TrimRight(s[max(0, i-20):i], " \t\r\n"), "=") {
				if n := strings.IndexByte(s[i+1:], c); n >= 0 {
					i += 1 + n
				}
			}
		}
	}
	return len(s)
}
