package dsl

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// A textTerm is what is known of a text, or of each text of a list.
type textTerm struct {
	pieces []piece // it is one of these, or has pieces of them in it
	glue   string  // what else may stand in it: constants
	// At its ends a piece stands, or may: what is found where two pieces meet is found in neither.
	front, back bool
	some        needs // what must hold for it not to be empty, where more is known than that a piece must not be
	domain      bool  // it is the domain that the piece is, or one above it
	foreign     bool  // nothing is known of it but some
}

// A piece is the field that a text is, but for the case of its letters, or that it is a part of.
type piece struct {
	field *Field
	whole bool
}

// constantText is a text that is written in the rule. Without characters it holds nothing apart.
func constantText(s string) *textTerm {
	return &textTerm{glue: s, front: s == "", back: s == ""}
}

// whole says whether it is a field, not only a part of one.
func (t *textTerm) whole() bool {
	return t.glue == "" && len(t.pieces) > 0 && !slices.ContainsFunc(t.pieces, func(p piece) bool { return !p.whole })
}

// part is a part of the text.
func (t *textTerm) part() *textTerm {
	if t == nil || len(t.pieces) == 0 || t.domain {
		return nil
	}
	out := &textTerm{pieces: slices.Clone(t.pieces), glue: t.glue, front: true, back: true}
	for i := range out.pieces {
		out.pieces[i].whole = false
	}
	if t.some.known() {
		out.some = t.some
	}
	return out
}

// oneOf is one of two texts.
func (u *unit) oneOf(a, b *textTerm) *textTerm {
	if a == nil || b == nil {
		return nil
	}
	if a.foreign || b.foreign {
		return &textTerm{foreign: true, front: true, back: true, some: u.either(u.filled(a), u.filled(b))}
	}
	if a.domain || b.domain || !utf8.ValidString(a.glue+b.glue) {
		return nil
	}
	out := &textTerm{pieces: slices.Concat(a.pieces, b.pieces), glue: a.glue + b.glue, front: true, back: true}
	if a.some.known() || b.some.known() {
		out.some = u.either(u.filled(a), u.filled(b))
	}
	return out
}

// joinedTexts is a + b. Where two fields meet something may stand that is in neither.
func joinedTexts(a, b *textTerm) *textTerm {
	if a == nil || b == nil || a.foreign || b.foreign || a.domain || b.domain || a.back && b.front || !utf8.ValidString(a.glue+b.glue) {
		return nil
	}
	out := &textTerm{pieces: slices.Concat(a.pieces, b.pieces), glue: a.glue + b.glue, front: a.front, back: b.back}
	for i := range out.pieces {
		out.pieces[i].whole = false
	}
	return out
}

// filled is what must hold for a text not to be empty.
func (u *unit) filled(t *textTerm) needs {
	switch {
	case t == nil:
		return nil
	case t.some.known():
		return t.some
	case t.glue != "" || len(t.pieces) == 0:
		return nil
	}
	way := make([]Need, len(t.pieces))
	for i, p := range t.pieces {
		way[i] = Need{Field: p.field, Op: NeedSome}
	}
	return needs{way}
}

// equals is what must hold for a text to be one of some.
func (u *unit) equals(t *textTerm, texts listed) needs {
	switch {
	case t == nil || slices.ContainsFunc(texts.texts, func(s string) bool { return !utf8.ValidString(s) }):
		return nil
	case t.domain:
		return u.underNeeds(t, texts)
	case t.whole():
		way := u.anyOf(NeedEqual, t.pieces, u.wordsOf(texts, plainWord))
		if slices.Contains(texts.texts, "") {
			return way
		}
		return way.both(t.some)
	}
	return u.holds(t, u.wordsOf(texts, plainWord))
}

// holds is what must hold for a text to have one of some words in it.
func (u *unit) holds(t *textTerm, words *Words) needs {
	if t == nil || words == nil || words.least == 0 {
		return nil
	}
	if t.foreign || t.domain || t.meets(words) {
		return t.some
	}
	return u.anyOf(NeedContains, t.pieces, words).both(t.some)
}

// meets says whether one of the words may stand across glue, or in it.
func (t *textTerm) meets(words *Words) bool {
	glue := Fold(t.glue)
	return glue != "" && slices.ContainsFunc(words.Texts, func(w string) bool { return strings.ContainsAny(w, glue) })
}

// matches is what must hold for a text to match p.
func (u *unit) matches(t *textTerm, p *pattern) needs {
	if t == nil {
		return nil
	}
	return u.holds(t, u.patternWords(p))
}

// patternWords are texts of which a text that matches holds at least one; nil where nothing is sure.
func (u *unit) patternWords(p *pattern) *Words {
	if len(p.literals) > 0 && p.words == nil {
		p.words = u.words(p.literals)
	}
	return p.words
}

// listed are constant texts, and the list block that they are.
type listed struct {
	texts []string
	list  *listValue
}

// constantTexts are the texts of a literal, a list of literals, a list block, or what an element of such may be.
func (u *unit) constantTexts(n ast.Node) (listed, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return listed{texts: []string{n.Value}}, true
	case *ast.ArrayNode:
		out := make([]string, 0, len(n.Nodes))
		for _, e := range n.Nodes {
			s, ok := e.(*ast.StringNode)
			if !ok {
				return listed{}, false
			}
			out = append(out, s.Value)
		}
		return listed{texts: out}, true
	case *ast.ConstantNode:
		texts, ok := n.Value.([]string)
		return listed{texts: texts, list: u.c.listOf(texts)}, ok
	case *ast.PointerNode:
		if n.Name == "" && u.element != nil && u.element.words != nil {
			return *u.element.words, true
		}
	}
	return listed{}, false
}

// A wordForm says which piece of a constant must be found in a text.
type wordForm uint8

const (
	plainWord   wordForm = iota // it
	longestWord                 // of a phrase, whose white space is folded
	longestGlob                 // what stands between the stars
	wordForms
)

func (f wordForm) of(s string) string {
	switch f {
	case longestWord:
		return longest(strings.Fields(s))
	case longestGlob:
		return longest(strings.FieldsFunc(s, func(r rune) bool { return r == '*' || r == '?' }))
	}
	return s
}

func longest(texts []string) string {
	best := ""
	for _, s := range texts {
		if len(s) > len(best) {
			best = s
		}
	}
	return best
}

// wordsOf are the words of constants; of a list they are made once. nil where one of them cannot be looked for.
func (u *unit) wordsOf(l listed, form wordForm) *Words {
	if l.list != nil && l.list.words[form] != nil {
		return l.list.words[form]
	}
	if len(l.texts) > mostNeeds {
		return nil
	}
	texts := make([]string, 0, len(l.texts))
	for _, s := range l.texts {
		if form == longestWord && s == "" {
			continue // is never found
		}
		if !utf8.ValidString(s) {
			return nil
		}
		texts = append(texts, form.of(s))
	}
	w := u.words(texts)
	if l.list != nil {
		l.list.words[form] = w
	}
	return w
}
