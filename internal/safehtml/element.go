package safehtml

import "golang.org/x/net/html/atom"

// A kind is how the HTML standard's tree construction treats an element, as far as what is allowed here needs it.
type kind uint8

const (
	inline  kind = iota + 1 // phrasing: it closes nothing
	block                   // closes an open <p>
	heading                 // and a heading that it stands right below
	item                    // li: closes the li before it
	term                    // dt, dd: close each other
	table                   // holds parts only
	section                 // thead, tbody, tfoot
	row
	cell
	caption
	columns // colgroup
	void    // has no content
)

// elements are all that may come out. What is not here is left out, and its content stays, unless it is in unseen.
var elements = map[atom.Atom]kind{
	atom.A: inline, atom.Abbr: inline, atom.Acronym: inline, atom.B: inline, atom.Big: inline, atom.Cite: inline, atom.Code: inline,
	atom.Del: inline, atom.Dfn: inline, atom.Em: inline, atom.Font: inline, atom.I: inline, atom.Ins: inline, atom.Kbd: inline,
	atom.Mark: inline, atom.Q: inline, atom.S: inline, atom.Samp: inline, atom.Small: inline, atom.Span: inline, atom.Strike: inline,
	atom.Strong: inline, atom.Sub: inline, atom.Sup: inline, atom.Tt: inline, atom.U: inline, atom.Var: inline,

	atom.Address: block, atom.Article: block, atom.Aside: block, atom.Blockquote: block, atom.Center: block, atom.Div: block, atom.Dl: block,
	atom.Figcaption: block, atom.Figure: block, atom.Footer: block, atom.Header: block, atom.Main: block, atom.Nav: block, atom.Ol: block,
	atom.P: block, atom.Pre: block, atom.Section: block, atom.Ul: block,
	atom.H1: heading, atom.H2: heading, atom.H3: heading, atom.H4: heading, atom.H5: heading, atom.H6: heading,
	atom.Li: item, atom.Dt: term, atom.Dd: term,

	atom.Table: table, atom.Caption: caption, atom.Colgroup: columns, atom.Col: void, atom.Thead: section, atom.Tbody: section, atom.Tfoot: section,
	atom.Tr: row, atom.Td: cell, atom.Th: cell,

	atom.Br: void, atom.Hr: void, atom.Img: void, atom.Wbr: void,
}

// renamed are elements that are shown as others.
var renamed = map[atom.Atom]atom.Atom{
	atom.Body: atom.Div, atom.Form: atom.Div, atom.Fieldset: atom.Div, atom.Details: atom.Div, atom.Summary: atom.Div, atom.Legend: atom.Div,
	atom.Dir: atom.Ul, atom.Menu: atom.Ul, atom.Listing: atom.Pre, atom.Xmp: atom.Pre, atom.Plaintext: atom.Pre, atom.Image: atom.Img,
}

// unseen are elements whose content nobody sees.
var unseen = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Title: true, atom.Template: true, atom.Iframe: true, atom.Noembed: true, atom.Noframes: true,
}
