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
// is left out: scripts, styles, hidden elements. If nothing is left the hidden text, and what stands for pictures, is better than none.
//
// The layout is told where in the HTML each line stands.
func textFromHTML(s string, at *layout) string {
	r := newRenderer(s, at)
	text := r.run()
	if (r.hid || r.pictures) && blankText(text) {
		r = newRenderer(s, at)
		r.all = true
		text = r.run()
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

	quotes  int    // how many blockquotes are open
	indents []bool // which blockquotes are open: some only indent
	quoted  int    // and were, when the last text was written
	lists   []itemList
	pre     int
	href    string
	alt     string // of the link's first picture
	anchor  int    // where the text of the link began

	tables int // open ones
	rows   []tableRow
	tabs   int  // to write before the next text, if it comes on the same line
	inRow  bool // and it does
	breaks int  // line ends so far

	drop     atom.Atom // the element whose text is left out, 0 for none
	dropDeep int       // how many of that name are open
	scopes   []scope
	look     look
	gone     int // open scopes that hide all
	sheet    sheet
	all      bool   // what is hidden too
	hid      bool   // something was hidden
	pictures bool   // some have words in their place
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

func (r *renderer) run() string {
	for {
		token := r.z.Next()
		r.layout.token(len(r.z.Raw()))
		switch token {
		case html.ErrorToken:
			r.closeLink()
			return strings.TrimRight(r.b.String(), " \n\t") + btos(r.b.Len() > 0, "\n")
		case html.TextToken:
			switch {
			case r.drop == atom.Style:
				r.sheet.add(r.z.Text())
			case r.drop == 0 && !r.hides():
				r.text(r.z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			r.start()
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

func (r *renderer) start() {
	raw := r.z.Raw()
	tag := r.tag(raw)
	r.layout.tag(tag, false, raw)
	if r.drop != 0 {
		switch {
		case tag == r.drop:
			r.dropDeep++
			return
		case (r.drop == atom.Svg || r.drop == atom.Math) && isBlock(tag): // ends what is no HTML (HTML standard, section 13.2.6.5)
			r.drop = 0
		default:
			return
		}
	}
	if len(r.scopes) > 0 {
		r.startInScope(tag)
	}
	if tag == atom.Table {
		r.tables++
	}
	var at tagAttrs
	if r.gone == 0 && (tag == atom.A || tag == atom.Img || r.mayHide(raw)) {
		at = r.attributes(tag)
		if at.gone || at.set != 0 {
			r.enter(tag, &at.effect)
		}
	}
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Template, atom.Iframe, atom.Noembed, atom.Noframes, atom.Select, atom.Svg, atom.Math:
		r.drop, r.dropDeep = tag, 1
		return
	case atom.Noscript:
		r.z.NextIsNotRawText() // mail is read without scripts
	}
	if r.gone > 0 {
		return
	}
	switch tag {
	case atom.Br:
		r.lines++
		r.space = false
		r.lines = min(r.lines, 3)
	case atom.Hr:
		r.breakLine(1)
		if !r.hides() {
			r.text([]byte("________________________________"))
		}
		r.breakLine(1)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		r.breakLine(2)
	case atom.Table:
		r.openTable(at.layout)
		r.breakLine(1)
	case atom.Tr:
		r.openRow()
		r.breakLine(1)
	case atom.Td, atom.Th:
		r.openCell()
	case atom.Ul, atom.Ol, atom.Menu, atom.Dir:
		r.breakLine(1)
		if len(r.lists) < listMax {
			r.lists = append(r.lists, itemList{ordered: tag == atom.Ol})
		}
	case atom.Li:
		r.breakLine(1)
		r.item()
	case atom.Blockquote:
		r.breakLine(1)
		r.indents = append(r.indents, isIndent(raw))
		r.quotes += btoi(!r.indents[len(r.indents)-1])
	case atom.Pre, atom.Textarea, atom.Listing, atom.Xmp, atom.Plaintext:
		r.breakLine(1)
		r.pre++
	case atom.A:
		r.closeLink()
		r.href, r.alt, r.anchor = at.href, "", r.b.Len()
	case atom.Img:
		r.picture(at.alt)
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
	gone := r.gone > 0
	if tag == atom.A && !gone { // while its own look holds
		r.closeLink()
	}
	if len(r.scopes) > 0 {
		r.endInScope(tag)
	}
	if tag == atom.Table {
		r.closeTable()
	}
	if gone {
		return
	}
	switch tag {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Table:
		r.breakLine(2)
	case atom.Ul, atom.Ol, atom.Menu, atom.Dir:
		r.breakLine(1)
		if n := len(r.lists); n > 0 {
			r.lists = r.lists[:n-1]
		}
		if len(r.lists) == 0 {
			r.breakLine(2)
		}
	case atom.Blockquote:
		r.breakLine(1)
		if n := len(r.indents); n > 0 {
			r.quotes -= btoi(!r.indents[n-1])
			r.indents = r.indents[:n-1]
		}
	case atom.Pre, atom.Textarea, atom.Listing, atom.Xmp:
		r.breakLine(1)
		r.pre = max(r.pre-1, 0)
	default:
		if isBlock(tag) {
			r.breakLine(1)
		}
	}
}
