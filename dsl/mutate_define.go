package dsl

import (
	"reflect"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// defines lists the mutants of defines that rules which decide use, also through other defines.
func (m *Mutations) defines(files []*File) {
	used := map[string]bool{}
	for _, f := range files {
		for _, b := range f.Rules {
			if b.Disabled || b.Shadow {
				continue
			}
			if b.when != nil {
				m.uses(*b.when, used)
			}
			for _, l := range b.lets {
				m.uses(l.value, used)
			}
			for _, list := range [][]fragment{b.statements, b.otherwise} {
				for _, s := range list {
					m.uses(s, used)
				}
			}
		}
	}
	for _, f := range files {
		for _, b := range f.Defines {
			d := m.c.defines[b.Name]
			if !used[b.Name] || d == nil || d.block != b || d.value == nil {
				continue
			}
			for _, e := range editsOf(m.c, &b.value, d.value.typ != nil && d.value.typ.Kind() == reflect.Bool) {
				value := b.value
				value.change = e.change
				m.Mutants = append(m.Mutants, Mutant{Pos: f.src.pos(b.value.offset(e.at)), Rule: "define " + b.Name, What: oneLine(e.what), file: f, define: d, value: value})
			}
		}
	}
}

// uses adds the defines that an expression names.
func (m *Mutations) uses(f fragment, into map[string]bool) {
	tree, err := parser.ParseWithConfig(f.text, m.c.cfg)
	if err != nil {
		return
	}
	ast.Walk(&tree.Node, visitor(func(node *ast.Node) {
		id, ok := (*node).(*ast.IdentifierNode)
		if !ok || into[id.Value] {
			return
		}
		if d := m.c.defines[id.Value]; d != nil {
			into[id.Value] = true
			m.uses(d.block.value, into)
		}
	}))
}

// mutant is a define that says something else. It takes the place of one that is compiled already: rules do not have to be.
func (c *compiler) mutant(d *Define, value fragment) *Define {
	u := *d
	u.uses = map[string]bool{}
	errors := c.errors
	u.value = c.compile(value, scope{what: "a define", names: mailNames, stage: StageMail, define: &u}, nil)
	if u.value != nil && u.value.typ != d.value.typ && c.errors == errors {
		c.errors++ // rules were compiled for what it was
	}
	return &u
}
