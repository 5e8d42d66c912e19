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
