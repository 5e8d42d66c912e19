package safehtml

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// attributes are those of one element that may come out, each once, in the order of their names.
type attributes struct {
	list  []attribute
	link  string // of an <a>
	shows bool   // an <img> has a picture, or words in its place
}

type attribute struct{ name, value string }

// String is how they stand in the tag.
func (at *attributes) String() string {
	var b strings.Builder
	for _, a := range at.list {
		b.WriteString(" " + a.name + `="` + html.EscapeString(a.value) + `"`)
	}
	return b.String()
}

// add adds an attribute unless it is there: of two, parsers take the first.
func (at *attributes) add(name, value string) {
	for _, a := range at.list {
		if a.name == name {
			return
		}
	}
	at.list = append(at.list, attribute{name, value})
	at.shows = at.shows || name == "src" || name == "alt" && value != ""
}

// maxValue bounds an attribute, but for pictures that are written out in one.
const (
	maxValue = 8 << 10
	maxData  = 512 << 10
)

// attributes reads those of the tag at hand. The policy has the last word about most; here are those that need more than a look.
// The element is written as a; the mail calls it own.
func (w *writer) attributes(own, a atom.Atom, z *html.Tokenizer, more bool) (at attributes) {
	var style, extra, src, class, id string
	for more {
		var k, v []byte
		k, v, more = z.TagAttr()
		name := string(k)
		if _, ok := known[name]; !ok || len(v) > maxValue && name != "src" || len(v) > maxData {
			continue
		}
		value := strings.Map(printable, string(v))
		switch name {
		case "style":
			if style == "" {
				style = value
			}
		case "hidden":
			extra += "display:none;"
		case "class":
			class = value
		case "id":
			id = value
		case "src":
			if a == atom.Img && src == "" {
				src = value
			}
		case "href":
			if link := cleanLink(value); a == atom.A && at.link == "" && link != "" {
				at.link = link
				at.add("href", link)
			}
		case "background":
			if isRemote(value) && (a == atom.Table || a == atom.Td || a == atom.Th) {
				w.remote(&at, "background", value)
			}
		case "bgcolor":
			if a == atom.Div && colour.MatchString(value) { // of <body>, which is a <div> here
				extra += "background-color:" + value + ";"
			} else {
				at.add(name, value)
			}
		case "title", "alt":
			at.add(name, strings.Join(strings.Fields(value), " "))
		default:
			at.add(name, strings.TrimSpace(value))
		}
	}
	style = cleanStyle(extra + style)
	if all := strings.TrimSuffix(w.sheet.of(own, class, id)+style, "; "); len(all) <= maxStyle && w.b.Len() < maxWithSheets {
		style = all
	}
	if style != "" {
		at.add("style", style)
	}
	if src != "" {
		w.picture(&at, src)
	}
	if at.link != "" {
		at.add("rel", linkRel)
		at.add("target", "_blank")
	}
	slices.SortFunc(at.list, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
	return at
}

// known are the names of attributes that the policy may let through, and those that become styles.
var known = map[string]struct{}{}

func init() {
	for _, name := range strings.Fields("dir title align valign width height bgcolor border cellpadding cellspacing colspan rowspan span nowrap start value type " +
		"color size face href src alt background style hidden class id") {
		known[name] = struct{}{}
	}
}

// picture resolves an image's src: a file of the mail, data, or something remote.
func (w *writer) picture(at *attributes, src string) {
	src = strings.Trim(src, " \n\t")
	if w.o.File != nil && len(src) <= maxValue {
		if u := w.o.File(src); u != "" {
			at.add("src", u)
			return
		}
	}
	if len(src) > 5 && strings.EqualFold(src[:5], "data:") {
		src = "data:" + strings.Map(dropSpace, src[5:])
		if pictureData(src) {
			at.add("src", src)
		}
		return
	}
	if isRemote(src) {
		w.remote(at, "src", src)
	}
}

func (w *writer) remote(at *attributes, name, src string) {
	u := cleanLink(src)
	switch {
	case u == "" || len(u) > 2000 && name == "background":
	case w.o.Remote:
		at.add(name, u)
	default:
		w.blocked++
	}
}

// isRemote says whether a browser would fetch src from somewhere: also //host/path, which is not fetched here even where remote
// pictures are, for want of a scheme.
func isRemote(src string) bool {
	scheme, _, _ := strings.Cut(src, ":")
	return strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
}

var rasterData = regexp.MustCompile(`^data:image/(?:png|jpeg|jpg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$`)

// pictureData says whether a data: URL is a picture of a kind that runs nothing.
func pictureData(u string) bool { return len(u) <= maxData && rasterData.MatchString(u) }

func dropSpace(r rune) rune {
	if r <= ' ' {
		return -1
	}
	return r
}

// cleanLink returns a link's address in the one form in which it is written, or "" when it leads nowhere that a mail may lead to.
// Browsers drop line ends and tabs inside an address (WHATWG URL section 4.4), so the scheme is looked for without them.
func cleanLink(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return -1
		}
		return r
	}, strings.Trim(s, " \n\t"))
	scheme, _, ok := strings.Cut(s, ":")
	if !ok {
		return ""
	}
	switch strings.ToLower(scheme) {
	case "http", "https", "mailto", "tel":
	default:
		return ""
	}
	u, err := url.Parse(escapeLoose(s))
	if err != nil || strings.Contains(u.Host, "%") || u.Host == "" && (u.Scheme == "http" || u.Scheme == "https") {
		return ""
	}
	s = u.String()
	if again, err := url.Parse(s); err != nil || again.String() != s || len(s) > maxValue || strings.ContainsAny(s, loose) {
		return ""
	}
	return s
}

// escapeLoose escapes what senders leave as it is: blanks, brackets and the like, and percent signs that escape nothing.
func escapeLoose(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if strings.IndexByte(loose, c) >= 0 || c == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

const loose = " \"<>`\\^{|}"

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
