package dsl

import (
	"sync"

	"github.com/expr-lang/expr/ast"
	exprcompiler "github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// again is the compiler of a program, for the few conditions that are explained: trees of all of them would take as much memory as
// all else. It knows the lists, defines and patterns.
type again struct {
	mu sync.Mutex
	c  *compiler
}

// tree is that of a condition as it was compiled; nil would be a bug.
func (a *again) tree(f fragment, s scope, in *row) (node ast.Node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.c
	defer func(errors int, diags Diagnostics, watch bool, row *row) {
		c.errors, c.diags, c.opts.Watch, c.row = errors, diags, watch, row
	}(c.errors, c.diags, c.opts.Watch, c.row)
	c.errors, c.diags, c.opts.Watch, c.row = 0, nil, false, in // what is wrong was told
	u := &unit{c: c, frag: &f, scope: s}
	var e *expression
	defer u.understood(&e)
	if _, tree := u.checked(nil); tree != nil {
		node = tree.Node
	}
	return node
}

// compile makes a program of a part of such a tree.
func (a *again) compile(tree *parser.Tree) (*vm.Program, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return exprcompiler.Compile(tree, a.c.cfg)
}
