package dsl

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// constantTime makes a constant of a time zone or of opening hours.
func (u *unit) constantTime(f *function, p param, args []ast.Node, i int) {
	s, ok := args[i].(*ast.StringNode)
	if !ok {
		u.error(args[i], "the "+p.name+" of "+f.name+" must be a constant text", "write "+p.kind.String())
		return
	}
	var value any
	if p.kind == kindHours {
		h, err := parseHours(s.Value)
		if err != nil {
			u.error(s, err.Error(), hoursHint)
			return
		}
		value = h
	} else {
		zone, err := time.LoadLocation(s.Value)
		if err != nil || s.Value == "" || s.Value == "Local" { // which differs from machine to machine
			u.error(s, "there is no time zone "+quoteShort(s.Value), `write a name of the IANA database: "Europe/Berlin", "America/New_York", "UTC"`)
			return
		}
		value = zone
	}
	ast.Patch(&args[i], &ast.ConstantNode{Value: value})
}

var errNoNetwork = errors.New(`this is no network: write "192.0.2.0/24", "2001:db8::/32" or an address`)

// constantNetworks reads networks that are written in the rule, or in a list, once.
func (u *unit) constantNetworks(args []ast.Node, i int) {
	fail := func(n ast.Node) { u.error(n, errNoNetwork.Error(), "") }
	switch n := args[i].(type) {
	case *ast.StringNode:
		nets, _, err := newNetworks([]string{n.Value})
		if err != nil {
			fail(n)
			return
		}
		ast.Patch(&args[i], &ast.ConstantNode{Value: nets})
	case *ast.ArrayNode:
		var texts []string
		for _, e := range n.Nodes {
			s, ok := e.(*ast.StringNode)
			if !ok {
				return // read when it runs
			}
			texts = append(texts, s.Value)
		}
		nets, wrong, err := newNetworks(texts)
		if err != nil {
			fail(n.Nodes[wrong])
			return
		}
		ast.Patch(&args[i], &ast.ConstantNode{Value: nets})
	case *ast.IdentifierNode:
		u.listedNetworks(args, i, n)
	}
}

// listedNetworks reads a list block's networks. What is wrong is told by its place in the list alone.
func (u *unit) listedNetworks(args []ast.Node, i int, n *ast.IdentifierNode) {
	if _, isLet := u.scope.let(n.Value); isLet {
		return
	}
	list, ok := u.c.lists[n.Value]
	if !ok || list.failed {
		return
	}
	texts, ok := list.value.([]string)
	if !ok {
		return
	}
	u.useList(n, list)
	if list.nets == nil {
		nets, wrong, err := newNetworks(texts)
		if err != nil {
			u.error(n, "entry "+strconv.Itoa(wrong+1)+" of the list "+n.Value+" is no network", strings.TrimPrefix(errNoNetwork.Error(), "this is no network: "))
			return
		}
		list.nets = nets
	}
	ast.Patch(&args[i], &ast.ConstantNode{Value: list.nets})
}
