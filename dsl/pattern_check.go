package dsl

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// expr's checker compiles the regular expression of each `matches`, and throws it away: of a hundred megabytes perhaps, and as often
// as it is written. We compile each once (compiler.pattern), within bounds, so the checker gets to see a constant in its place.

// check has expr check the types of a tree.
func (c *compiler) check(tree *parser.Tree) error {
	var h hiddenPatterns
	ast.Walk(&tree.Node, &h)
	_, err := c.checker.Check(tree, c.cfg)
	for _, p := range h {
		p.pattern.SetNature(*p.of.Right.Nature())
		p.of.Right = p.pattern
	}
	return err
}

type hiddenPatterns []hiddenPattern

type hiddenPattern struct {
	of      *ast.BinaryNode
	pattern *ast.StringNode
}

// Visit is called by ast.Walk, children first.
func (h *hiddenPatterns) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BinaryNode)
	if !ok || n.Operator != "matches" {
		return
	}
	if s, ok := n.Right.(*ast.StringNode); ok {
		c := &ast.ConstantNode{Value: s.Value}
		c.SetLocation(s.Location())
		*h = append(*h, hiddenPattern{n, s})
		n.Right = c
	}
}
