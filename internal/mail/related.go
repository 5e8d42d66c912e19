package mail

import (
	"html"
	"net/url"
	"strings"
)

// urlLength is the longest address of a picture that is compared, in bytes, and urlMax how many of a page are.
const (
	urlLength = 2000
	urlMax    = 1000
)

// markInline finds the attachments that the HTML shows, by Content-ID or by Content-Location (RFC 2557). Some senders call
// such pictures attachments, or nothing at all: being shown is what counts.
func (p *parser) markInline() {
	m := p.msg
	if len(m.Attachments) == 0 || m.HTML == "" {
		return
	}
	shown := contentIDs(m.HTML)
	base := baseURL(p.base)
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
			urls = shownURLs(m.HTML, base)
		}
		a.Inline = urls[unescaped(a.ContentLocation)] || urls[resolved(base, a.ContentLocation)]
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
func shownURLs(s string, base *url.URL) map[string]bool {
	urls := map[string]bool{}
	for distinct := 0; distinct < urlMax; {
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
			if plain := unescaped(u); !urls[plain] {
				urls[plain], urls[resolved(base, u)] = true, true
				distinct++
			}
		}
		s = s[n:]
	}
	return urls
}

// baseURL is what addresses are relative to, nil for nothing.
func baseURL(s string) *url.URL {
	if u, err := url.Parse(s); err == nil && s != "" {
		return u
	}
	return nil
}

func unescaped(u string) string { return string(appendUnescaped(nil, u)) }

// resolved is an address as seen from base, or "\x00", which no address is.
func resolved(base *url.URL, u string) string {
	const none = "\x00"
	if base == nil {
		return none
	}
	r, err := url.Parse(u)
	if err != nil {
		return none
	}
	return unescaped(base.ResolveReference(r).String())
}
