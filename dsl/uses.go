package dsl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// Uses are all places of the list, define or let whose name stands at a byte of a file, with that where it is declared.
func (w *Workspace) Uses(file string, offset int) []Location {
	h := w.Hover(file, offset)
	if h == nil || h.at == nil {
		return nil
	}
	return w.uses(h)
}

func (w *Workspace) uses(h *Hover) []Location {
	out := []Location{*h.at}
	c := newCompiler(w.opts)
	for _, f := range w.files {
		switch h.Kind {
		case KindList, KindDefine:
			for _, frag := range f.fragments() {
				out = append(out, w.namedIn(c, f, frag, h.Name)...)
			}
		case KindLet:
			if f.Name != h.at.File {
				continue
			}
			for _, frag := range f.around(h.at.Start) {
				out = append(out, w.namedIn(c, f, frag, h.Name)...)
			}
		}
	}
	slices.SortFunc(out, func(a, b Location) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		return a.Start - b.Start
	})
	return slices.Compact(out)
}

// fragments are all expressions of a file.
func (f *File) fragments() []fragment {
	var all []fragment
	for _, b := range f.Lists {
		all = append(all, b.value)
	}
	for _, b := range f.Defines {
		all = append(all, b.value)
	}
	for _, b := range f.Rules {
		all = append(all, b.fragments()...)
	}
	for _, b := range f.Tests {
		all = append(all, b.fragments()...)
	}
	return all
}

// around are those of the rule or test that a byte is in.
func (f *File) around(at int) []fragment {
	for _, b := range f.Rules {
		if b.start <= at && at < b.end {
			return b.fragments()
		}
	}
	for _, b := range f.Tests {
		if b.start <= at && at < b.end {
			return b.fragments()
		}
	}
	return nil
}

func (b *RuleBlock) fragments() []fragment {
	var all []fragment
	for _, l := range b.lets {
		all = append(all, l.value)
	}
	if b.when != nil {
		all = append(all, *b.when)
	}
	return append(append(all, b.statements...), b.otherwise...)
}

func (b *TestBlock) fragments() []fragment {
	var all []fragment
	if b.loop != nil {
		all = append(all, b.loop.list)
	}
	for _, g := range b.given {
		if g.value.src != nil {
			all = append(all, g.value)
		}
	}
	return append(all, b.expects...)
}

// namedIn are the places in an expression that name something. One that cannot be parsed is searched word by word.
func (w *Workspace) namedIn(c *compiler, f *File, frag fragment, name string) []Location {
	if !strings.Contains(frag.original(), name) {
		return nil
	}
	var out []Location
	found := func(at int) {
		if strings.HasPrefix(f.src.text[at:], name) {
			out = append(out, Location{f.Name, Span{at, at + len(name)}})
		}
	}
	c.cfg.MaxNodes = mostListNodes
	if tree, err := parser.ParseWithConfig(frag.text, c.cfg); err == nil {
		ast.Walk(&tree.Node, visitNames(func(n *ast.IdentifierNode) {
			if n.Value == name {
				found(frag.offset(n.Location().From))
			}
		}))
		return out
	}
	tokens := w.lex(f).tokens
	for i, t := range tokens {
		if t.start < frag.start || t.end > frag.end || t.kind != tokenName || f.src.text[t.start:t.end] != name {
			continue
		}
		if i > 0 && f.src.text[tokens[i-1].start:tokens[i-1].end] == "." {
			continue
		}
		found(t.start)
	}
	return out
}

type visitNames func(*ast.IdentifierNode)

// Visit is called by ast.Walk.
func (v visitNames) Visit(n *ast.Node) {
	if id, ok := (*n).(*ast.IdentifierNode); ok {
		v(id)
	}
}

// Renamable is the name at a byte of a file, where it can be changed: that of a list, define or let.
func (w *Workspace) Renamable(file string, offset int) (Span, bool) {
	h := w.Hover(file, offset)
	if h == nil || h.at == nil || h.Kind != KindList && h.Kind != KindDefine && h.Kind != KindLet {
		return Span{}, false
	}
	return h.Span, true
}

// Rename says which places change where the name at a byte of a file becomes another; an error where it cannot.
func (w *Workspace) Rename(file string, offset int, name string) ([]Location, error) {
	h := w.Hover(file, offset)
	if _, ok := w.Renamable(file, offset); !ok {
		return nil, fmt.Errorf("only the names of lists, defines and lets can be changed here")
	}
	l := lex(newSource("", name))
	if len(l.tokens) != 2 || l.tokens[0].kind != tokenName || l.tokens[0].start != 0 || l.tokens[0].end != len(name) || isOperatorWord(name) {
		return nil, fmt.Errorf("%s is no name: letters, digits and _, no digit first", quoteShort(name))
	}
	for _, f := range w.files {
		if _, diags := Parse(f.Name, f.Source); diags.HasErrors() { // what is not understood may name it too
			return nil, fmt.Errorf("mend this first: %s", diags[0])
		}
	}
	c := w.compiler()
	if name != h.Name && (c.taken(name) || c.lists[name] != nil || c.defines[name] != nil || w.isLet(h, name)) {
		return nil, fmt.Errorf("the name %s is taken", name)
	}
	return w.uses(h), nil
}

// isLet says whether a let, or the case of a table, has the name where h is known.
func (w *Workspace) isLet(h *Hover, name string) bool {
	for _, f := range w.files {
		if h.Kind == KindLet && f.Name != h.at.File {
			continue
		}
		for _, b := range f.Rules {
			if h.Kind == KindLet && (h.at.Start < b.start || h.at.Start >= b.end) {
				continue
			}
			for _, l := range b.lets {
				if l.name.text == name {
					return true
				}
			}
			for _, frag := range append(slices.Clone(b.statements), b.otherwise...) {
				if letIn(frag.original(), name) {
					return true
				}
			}
		}
		for _, b := range f.Tests {
			if b.loop != nil && b.loop.name.text == name {
				return true
			}
		}
	}
	return false
}

// letIn says whether a statement declares a let of the name.
func letIn(text, name string) bool {
	if !strings.Contains(text, "let") {
		return false
	}
	tokens := lex(newSource("", text)).tokens
	for i := 1; i < len(tokens); i++ {
		if text[tokens[i-1].start:tokens[i-1].end] == "let" && text[tokens[i].start:tokens[i].end] == name {
			return true
		}
	}
	return false
}
