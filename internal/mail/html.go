package mail

import (
	"strconv"
	"strings"

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
//
// The layout is told where in the HTML each line stands.
func textFromHTML(s string, at *layout) string {
	r := newRenderer(s, at)
	text := r.run(false)
	if r.hid && blankText(text) {
		r = newRenderer(s, at)
		text = r.run(true)
	}
	return text
}

// A renderer writes text. It holds back white space until it knows whether anything follows.
type renderer struct {
	z      *html.Tokenizer
	b      strings.Builder
	layout *layout
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

func newRenderer(s string, at *layout) *renderer {
	at.reset(s)
	r := &renderer{z: html.NewTokenizer(strings.NewReader(s)), layout: at}
	if strings.IndexByte(s, '<') < 0 {
		r.pre = 1 // plain text that is called HTML: its lines are meant
	}
	r.b.Grow(len(s) / 3)
	return r
}

func (r *renderer) run(all bool) string {
	for {
		token := r.z.Next()
		r.layout.token(len(r.z.Raw()))
		switch token {
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
			tag := r.tag(r.z.Raw()[1:]) // after "<" stands "/"
			r.layout.tag(tag, true, nil)
			r.end(tag)
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
	r.layout.tag(tag, false, raw)
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
