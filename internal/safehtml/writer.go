package safehtml

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxDepth bounds nesting. Parsers stop at 512; a long thread of Outlook's comes to about 150.
const maxDepth = 250

// A writer writes a tree that every parser builds alike: what the HTML standard's tree construction would move, close or open by
// itself (section 13.2.6) is moved, closed and opened here. Formatting that was closed by the end of a block is not opened again:
// reopening is what makes a megabyte of tags into gigabytes of tree.
type writer struct {
	o       Options
	b       strings.Builder
	stack   []node
	deep    map[atom.Atom]int // elements below maxDepth, which are left out: their end tags are too
	skip    atom.Atom         // the unseen element that is open
	skips   int
	sheet   sheet
	fresh   bool // right after <pre>, where a line end does not count
	blocked int
	full    bool
}

// A node is an open element.
type node struct {
	a atom.Atom
	k kind
}

func (w *writer) run(src string) {
	z := html.NewTokenizer(strings.NewReader(src))
	w.deep = map[atom.Atom]int{}
	for !w.full { // then what is open is closed, and that is all
		switch z.Next() {
		case html.ErrorToken:
			w.closeTo(0)
			return
		case html.TextToken:
			switch w.skip {
			case 0:
				w.text(string(z.Text()))
			case atom.Style:
				w.sheet.add(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			a := atom.Lookup(name)
			if a == atom.Noscript {
				z.NextIsNotRawText()
			}
			w.start(a, z, more)
		case html.EndTagToken:
			name, _ := z.TagName()
			w.end(atom.Lookup(name))
		}
	}
	w.closeTo(0)
}

func (w *writer) text(s string) {
	s = strings.Map(printable, s)
	if w.top().a == atom.Pre && w.fresh {
		w.fresh = false
		s = strings.TrimPrefix(s, "\n")
		if strings.HasPrefix(s, "\n") {
			w.b.WriteByte('\n')
		}
	}
	if s == "" {
		return
	}
	if w.top().k.structural() {
		if strings.Trim(s, " \t\n\r\f") == "" {
			return
		}
		w.intoCell()
	}
	w.fresh = false
	w.write(html.EscapeString(s))
}

// printable drops control characters, and those that are not characters.
func printable(r rune) rune {
	if r == '\t' || r == '\n' {
		return r
	}
	if r == '\r' || r == '\f' {
		return '\n'
	}
	if unicode.IsControl(r) || r == unicode.ReplacementChar || r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef {
		return -1
	}
	return r
}

// structural elements of a table hold no text.
func (k kind) structural() bool {
	switch k {
	case table, section, row, columns:
		return true
	}
	return false
}

func (w *writer) start(a atom.Atom, z *html.Tokenizer, more bool) {
	if w.skip != 0 {
		if a == w.skip {
			w.skips++
		}
		return
	}
	if unseen[a] {
		w.skip, w.skips = a, 1
		return
	}
	own := a
	if b, ok := renamed[a]; ok {
		a = b
	}
	k := elements[a]
	if k == 0 {
		return
	}
	var at attributes
	if more || len(w.sheet.rules) > 0 {
		at = w.attributes(own, a, z, more)
	}
	if a == atom.A && at.link == "" || a == atom.Img && !at.shows {
		return
	}
	if !w.makeRoom(a, k) {
		return
	}
	if k != void && len(w.stack) >= maxDepth {
		w.deep[a]++
		return
	}
	w.open(a, k, &at)
}

func (w *writer) open(a atom.Atom, k kind, at *attributes) {
	tag := "<" + a.String() + at.String()
	if k == void {
		w.write(tag + "/>")
	} else if w.write(tag + ">") {
		w.stack = append(w.stack, node{a, k})
	}
	w.fresh = a == atom.Pre
}

// write writes s whole or, when that would be too much, nothing any more.
func (w *writer) write(s string) bool {
	w.full = w.full || w.b.Len()+len(s) > maxOutput
	if !w.full {
		w.b.WriteString(s)
	}
	return !w.full
}

func (w *writer) end(a atom.Atom) {
	if w.skip != 0 {
		if a == w.skip {
			if w.skips--; w.skips == 0 {
				w.skip = 0
			}
		}
		return
	}
	if b, ok := renamed[a]; ok {
		a = b
	}
	if w.deep[a] > 0 {
		w.deep[a]--
		return
	}
	if a == atom.Br { // </br> is read as <br>
		if w.top().k.structural() {
			w.intoCell()
		}
		w.open(atom.Br, void, &attributes{})
		return
	}
	w.closeFrom(w.find(a))
}
