package mail

import (
	"bytes"
	"strings"

	"golang.org/x/net/html/atom"
)

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

// mayHide looks whether a tag has what could change how its element looks, before its attributes are taken apart: most have not.
func (r *renderer) mayHide(raw []byte) bool {
	if len(raw) > 4096 || len(r.sheet.rules) > 0 {
		return true
	}
	if len(raw) < len("<b hidden>") {
		return false
	}
	r.low = appendLower(r.low[:0], raw)
	return bytes.Contains(r.low, []byte("style")) && mayStyle(r.low) || bytes.Contains(r.low, []byte("hidden")) || bytes.Contains(r.low, []byte("presentation"))
}

// tagAttrs is what matters of a tag's attributes.
type tagAttrs struct {
	href, alt string
	layout    bool // a table that is none
	effect
}

func (r *renderer) attributes(tag atom.Atom) (at tagAttrs) {
	var id, class string
	for more := true; more; {
		var k, v []byte
		k, v, more = r.z.TagAttr()
		switch string(k) {
		case "href":
			at.href = strings.TrimSpace(string(v))
		case "alt":
			if tag == atom.Img && len(v) < 1000 {
				at.alt = strings.TrimSpace(string(v))
			}
		case "hidden":
			at.gone = true
		case "style":
			r.low = appendLower(r.low[:0], v[:min(len(v), styleMax)])
			at.read(r.low)
		case "role":
			at.layout = string(v) == "presentation" || string(v) == "none"
		case "id":
			id = r.sheet.name(v)
		case "class":
			class = r.sheet.name(v)
		}
	}
	if len(r.sheet.rules) > 0 && !at.display && !at.gone {
		at.gone = r.sheet.hides(tag, id, class)
	}
	return at
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
		atom.Ul, atom.Body, atom.Caption, atom.Details, atom.Summary, atom.Dialog, atom.Legend, atom.Menu, atom.Dir, atom.Listing, atom.Xmp, atom.Plaintext, atom.Hgroup, atom.Option:
		return true
	}
	return false
}
