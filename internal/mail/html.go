package mail

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// quoteMax and listMax bound what nesting costs: deeper blockquotes and lists look like these.
const (
	quoteMax = 10
	listMax  = 20
)

// textFromHTML makes readable text of HTML in one pass: paragraphs and lists keep their lines, cells
// of a table stand beside each other, quotes get their ">", links their address. What no reader sees
// is left out: scripts, styles, hidden elements. If nothing is left the hidden text is better than none.
func textFromHTML(s string) string {
	r := newRenderer(s)
	text := r.run(false)
	if r.hid && blankText(text) {
		r = newRenderer(s)
		text = r.run(true)
	}
	return text
}

// A renderer writes text. It holds back white space until it knows whether anything follows.
type renderer struct {
	z      *html.Tokenizer
	b      strings.Builder
	lines  int    // line ends to write before the next text
	space  bool   // a space to write before it
	prefix string // what to write at the beginning of its line: an item's mark
	wrote  bool

	quotes int // how many blockquotes are open
	quoted int // and were, when the last text was written
	lists  []itemList
	pre    int
	href   string
	anchor int // where the text of the link began
	cells  int // of the row so far

	drop     atom.Atom // the element whose text is left out, 0 for none
	dropDeep int       // how many of that name are open
	hid      bool
	low      []byte // of a tag, in lower case
}

type itemList struct {
	ordered bool
	n       int
}

func newRenderer(s string) *renderer {
	r := &renderer{z: html.NewTokenizer(strings.NewReader(s))}
	if strings.IndexByte(s, '<') < 0 {
		r.pre = 1 // plain text that is called HTML: its lines are meant
	}
	r.b.Grow(len(s) / 3)
	return r
}

func (r *renderer) run(all bool) string {
	for {
		switch r.z.Next() {
		case html.ErrorToken:
			r.closeLink()
			return strings.TrimRight(r.b.String(), " \n\t") + btos(r.b.Len() > 0, "\n")
		case html.TextToken:
			if r.drop == 0 {
				r.text(r.z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			r.start(all)
		case html.EndTagToken:
			r.end(r.tag(r.z.Raw()[1:])) // after "<" stands "/"
		}
	}
}

func btos(b bool, s string) string {
	if b {
		return s
	}
	return ""
}

func (r *renderer) start(all bool) {
	raw := r.z.Raw()
	tag := r.tag(raw)
	if r.drop != 0 {
		switch {
		case r.drop == atom.P && tag == atom.P: // paragraphs do not nest
			r.drop = 0
		case tag == r.drop:
			r.dropDeep++
		case optionalEnd(r.drop) && (isBlock(tag) || tag == atom.Td || tag == atom.Th):
			r.drop = 0 // <p hidden> without an end tag
		}
		if r.drop != 0 {
			return
		}
	}
	hidden := false
	var href string
	if tag == atom.A || !all && r.mayHide(raw) {
		href, hidden = r.attributes()
	}
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Template, atom.Iframe, atom.Noembed, atom.Noframes, atom.Object, atom.Select, atom.Svg, atom.Math:
		r.drop, r.dropDeep = tag, 1
		return
	}
	if hidden && !all && !isVoid(tag) && tag != 0 {
		r.hid = true
		r.drop, r.dropDeep = tag, 1
		return
	}
	switch tag {
	case atom.Br:
		r.lines++
		r.space = false
		r.lines = min(r.lines, 3)
	case atom.Hr:
		r.breakLine(1)
		r.text([]byte("________________________________"))
		r.breakLine(1)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		r.breakLine(2)
	case atom.Table:
		r.breakLine(1)
	case atom.Tr:
		r.breakLine(1)
		r.cells = 0
	case atom.Td, atom.Th:
		if r.cells > 0 && r.lines == 0 && r.wrote {
			r.space = false
			r.raw([]byte{'\t'})
		}
		r.cells++
	case atom.Ul, atom.Ol:
		r.breakLine(1)
		if len(r.lists) < listMax {
			r.lists = append(r.lists, itemList{ordered: tag == atom.Ol})
		}
	case atom.Li:
		r.breakLine(1)
		r.item()
	case atom.Blockquote:
		r.breakLine(1)
		r.quotes++
	case atom.Pre, atom.Textarea:
		r.breakLine(1)
		r.pre++
	case atom.A:
		r.closeLink()
		r.href, r.anchor = href, r.b.Len()
	default:
		if isBlock(tag) {
			r.breakLine(1)
		}
	}
}

func (r *renderer) item() {
	mark := "- "
	if n := len(r.lists); n > 0 {
		l := &r.lists[n-1]
		if l.n++; l.ordered {
			mark = strconv.Itoa(l.n) + ". "
		}
		mark = strings.Repeat("  ", n-1) + mark
	}
	r.prefix = mark
}

func (r *renderer) end(tag atom.Atom) {
	if r.drop != 0 {
		if tag == r.drop {
			if r.dropDeep--; r.dropDeep == 0 {
				r.drop = 0
			}
		}
		return
	}
	switch tag {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Table:
		r.breakLine(2)
	case atom.Ul, atom.Ol:
		r.breakLine(1)
		if n := len(r.lists); n > 0 {
			r.lists = r.lists[:n-1]
		}
		if len(r.lists) == 0 {
			r.breakLine(2)
		}
	case atom.Blockquote:
		r.breakLine(1)
		r.quotes = max(r.quotes-1, 0)
	case atom.Pre, atom.Textarea:
		r.breakLine(1)
		r.pre = max(r.pre-1, 0)
	case atom.A:
		r.closeLink()
	default:
		if isBlock(tag) {
			r.breakLine(1)
		}
	}
}

// closeLink writes the address of a link beside its text, where the text does not say it.
func (r *renderer) closeLink() {
	href := r.href
	r.href = ""
	if href == "" || len(href) > 2000 {
		return
	}
	scheme, rest, _ := strings.Cut(href, ":")
	switch strings.ToLower(scheme) {
	case "http", "https":
	case "mailto", "tel":
		href = rest
	default:
		return
	}
	said := strings.TrimSpace(r.b.String()[min(r.anchor, r.b.Len()):])
	if said == "" || sameLink(said, href) {
		return
	}
	r.space = true
	r.text([]byte("<" + href + ">"))
}

func sameLink(text, href string) bool {
	bare := func(s string) string {
		s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
		return strings.TrimSuffix(s, "/")
	}
	return bare(text) == bare(href)
}

// breakLine asks for at least n line ends before the next text.
func (r *renderer) breakLine(n int) {
	r.space = false
	if r.wrote {
		r.lines = max(r.lines, n)
	}
}

// text writes text, its white space folded outside of <pre>.
func (r *renderer) text(s []byte) {
	if r.pre > 0 {
		for {
			ln, rest, more := bytes.Cut(s, []byte{'\n'})
			if len(ln) > 0 {
				r.raw(visible(ln))
			}
			if !more {
				return
			}
			r.lines++
			s = rest
		}
	}
	for len(s) > 0 {
		n := 0
		for n < len(s) && s[n] <= ' ' {
			n++
		}
		r.space = r.space || n > 0
		s = s[n:]
		n = 0
		for n < len(s) && s[n] > ' ' {
			n++
		}
		if n == 0 {
			return
		}
		if w := visible(s[:n]); len(bytes.Trim(w, " ")) > 0 {
			r.raw(w)
		} else if len(w) > 0 {
			r.space = true // &nbsp; alone
		}
		s = s[n:]
	}
}

// visible takes out what HTML mail uses as invisible filling, and makes spaces of its fixed ones.
func visible(s []byte) []byte {
	if isASCII(s) {
		return s
	}
	return bytes.Map(func(r rune) rune {
		switch {
		case r == 0x200b, r == 0x200c, r == 0x2060, r == 0xfeff, r == 0x034f, r == 0xad:
			return -1
		case r == 0xa0, r == 0x2007, r == 0x202f:
			return ' '
		case unicode.IsControl(r) && r != '\t':
			return -1
		}
		return r
	}, s)
}

// raw writes s with what was held back before it: line ends, the marks of quotes and items, a space.
func (r *renderer) raw(s []byte) {
	switch {
	case !r.wrote:
		r.b.WriteString(quoteMarks(r.quotes) + r.prefix)
	case r.lines > 0:
		between := strings.TrimRight(quoteMarks(min(r.quotes, r.quoted)), " ")
		for range r.lines - 1 {
			r.b.WriteByte('\n')
			r.b.WriteString(between)
		}
		r.b.WriteByte('\n')
		r.b.WriteString(quoteMarks(r.quotes))
		r.b.WriteString(r.prefix)
	case r.prefix != "": // an item that begins where another was empty
		r.b.WriteString(r.prefix)
	case r.space:
		r.b.WriteByte(' ')
	}
	r.lines, r.space, r.prefix, r.wrote, r.quoted = 0, false, "", true, r.quotes
	r.b.Write(s)
}

func quoteMarks(n int) string { return "> > > > > > > > > > "[:2*min(n, quoteMax)] }

// tag reads the name of the tag that raw begins with, without copying it as the tokenizer does.
func (r *renderer) tag(raw []byte) atom.Atom {
	n := 1
	for n < len(raw) && raw[n] > ' ' && raw[n] != '/' && raw[n] != '>' {
		n++
	}
	if n > 1+tagMax {
		return 0
	}
	r.low = appendLower(r.low[:0], raw[1:n])
	return atom.Lookup(r.low)
}

// tagMax is longer than the names of all elements that mean something here.
const tagMax = 20

// mayHide looks whether a tag has what could make its element invisible, before its attributes are
// taken apart: most have not.
func (r *renderer) mayHide(raw []byte) bool {
	if len(raw) > 4096 {
		return true
	}
	r.low = appendLower(r.low[:0], raw)
	if bytes.IndexByte(r.low, '=') < 0 {
		return bytes.Contains(r.low, []byte("hidden"))
	}
	for _, s := range hiders {
		if bytes.Contains(r.low, s) {
			return true
		}
	}
	return false
}

// hiders are what hides reads, "hidden" of two kinds, and the sign of a character reference.
var hiders = [][]byte{[]byte("none"), []byte("hid"), []byte("font-size"), []byte("opacity"), []byte("max-"), []byte("&")}

// attributes reads what matters of a tag: a link's address, and whether the element is hidden.
func (r *renderer) attributes() (href string, hidden bool) {
	for more := true; more; {
		var k, v []byte
		k, v, more = r.z.TagAttr()
		switch string(k) {
		case "href":
			href = strings.TrimSpace(string(v))
		case "hidden":
			hidden = true
		case "style":
			hidden = hidden || hides(string(v))
		}
	}
	return href, hidden
}

// hides says whether a style makes its element invisible.
func hides(style string) bool {
	if len(style) > 10_000 {
		style = style[:10_000]
	}
	for rule := range strings.SplitSeq(style, ";") {
		k, v, _ := strings.Cut(rule, ":")
		v = strings.ToLower(strings.TrimSpace(strings.Replace(v, "!important", "", 1)))
		switch strings.ToLower(strings.TrimSpace(k)) {
		case "display":
			if v == "none" {
				return true
			}
		case "visibility":
			if v == "hidden" {
				return true
			}
		case "mso-hide":
			if v == "all" {
				return true
			}
		case "font-size", "opacity", "max-height", "max-width":
			if zero(v) {
				return true
			}
		}
	}
	return false
}

// zero says whether a CSS length is nothing: 0, 0px, 0.0em, 0%.
func zero(v string) bool {
	if v == "" || v[0] != '0' {
		return false
	}
	n := strings.TrimLeft(v, "0.")
	return n == "" || n[0] < '0' || n[0] > '9'
}

func isVoid(tag atom.Atom) bool {
	switch tag {
	case atom.Area, atom.Base, atom.Br, atom.Col, atom.Embed, atom.Hr, atom.Img, atom.Input, atom.Link, atom.Meta, atom.Param, atom.Source, atom.Track, atom.Wbr:
		return true
	}
	return false
}

// optionalEnd are elements whose end tag may be left out.
func optionalEnd(tag atom.Atom) bool {
	switch tag {
	case atom.P, atom.Li, atom.Td, atom.Th, atom.Tr, atom.Dt, atom.Dd:
		return true
	}
	return false
}

func isBlock(tag atom.Atom) bool {
	switch tag {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Center, atom.Dd, atom.Div, atom.Dl, atom.Dt, atom.Fieldset,
		atom.Figure, atom.Figcaption, atom.Footer, atom.Form, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Header, atom.Hr,
		atom.Li, atom.Main, atom.Nav, atom.Ol, atom.P, atom.Pre, atom.Section, atom.Table, atom.Tbody, atom.Thead, atom.Tfoot, atom.Tr,
		atom.Ul, atom.Body, atom.Caption:
		return true
	}
	return false
}
