package mail

import (
	"html"
	"net/url"
	"strings"
)

// urlLength is the longest address of a picture that is compared, in bytes.
const urlLength = 2000

// markInline finds the attachments that the HTML shows, by Content-ID or by Content-Location (RFC 2557). Some senders call
// such pictures attachments, or nothing at all: being shown is what counts.
func (p *parser) markInline() {
	m := p.msg
	if len(m.Attachments) == 0 || m.HTML == "" {
		return
	}
	shown := contentIDs(m.HTML)
	var urls map[string]bool
	for i := range m.Attachments {
		a := &m.Attachments[i]
		if a.ContentID != "" && shown[strings.ToLower(a.ContentID)] {
			a.Inline = true
		}
		if a.ContentLocation == "" || a.Inline {
			continue
		}
		if urls == nil {
			urls = shownURLs(m.HTML, p.base)
		}
		a.Inline = urls[unescaped(a.ContentLocation)] || urls[resolved(p.base, a.ContentLocation)]
	}
}

// contentLocation is the address that a part says it has, without the folds that are allowed in it.
func contentLocation(h *header) string {
	s, ok := h.raw("Content-Location")
	if !ok || len(s) > urlLength {
		return ""
	}
	return cleanName(strings.Trim(s, `<>" `))
}

// shownURLs returns what HTML refers to: by src, background and url(), also as resolved from base.
func shownURLs(s, base string) map[string]bool {
	urls := map[string]bool{}
	for {
		i := strings.IndexAny(s, "=(")
		if i < 0 {
			return urls
		}
		name := strings.ToLower(strings.TrimRight(s[max(0, i-20):i], " \t\r\n"))
		s = strings.TrimLeft(s[i+1:], " \t\r\n")
		if !strings.HasSuffix(name, "src") && !strings.HasSuffix(name, "background") && !strings.HasSuffix(name, "url") {
			continue
		}
		ends := " \t\r\n>)"
		if s != "" && (s[0] == '"' || s[0] == '\'') {
			ends = s[:1]
			s = s[1:]
		}
		n := strings.IndexAny(s, ends)
		if n < 0 {
			n = len(s)
		}
		if n <= urlLength {
			u := html.UnescapeString(s[:n])
			urls[unescaped(u)] = true
			urls[resolved(base, u)] = true
		}
		s = s[n:]
	}
}

func unescaped(u string) string { return string(appendUnescaped(nil, u)) }

// resolved is an address as seen from base, or "\x00", which no address is.
func resolved(base, u string) string {
	const none = "\x00"
	if base == "" {
		return none
	}
	b, err := url.Parse(base)
	if err != nil {
		return none
	}
	r, err := url.Parse(u)
	if err != nil {
		return none
	}
	return unescaped(b.ResolveReference(r).String())
}
