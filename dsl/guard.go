package dsl

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

// guard changes a checked tree so that running it has a bound: each turn of a predicate counts a
// step, text and lists that grow are counted before they are made, what walks through values of
// unknown depth weighs them first, and regular expressions can be stopped. Constant lists become sets.
func (u *unit) guard(root *ast.Node) {
	ast.Walk(root, guarder{u})
	if u.heavy > mostHeavy {
		ast.Walk(root, ticker{u})
	}
}

// mostHeavy operations that walk over text may stand in an expression without a look at the clock
// between them: each takes a millisecond at most.
const mostHeavy = 32

type guarder struct{ u *unit }

// Visit is called by ast.Walk, children first.
func (g guarder) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		n.Node = sequence(stepCall(n.Node), n.Node)
	case *ast.BinaryNode:
		g.binary(node, n)
	case *ast.CallNode:
		if m, ok := n.Callee.(*ast.MemberNode); ok && len(n.Arguments) == 1 && isNamed(m.Property, "Format") {
			n.Arguments[0] = call("$layout", n.Arguments[0], n.Arguments[0])
		}
	case *ast.BuiltinNode:
		if p, ok := last(n.Arguments).(*ast.PredicateNode); ok && n.Name == "sortBy" {
			p.Node = call("$sortKey", p.Node, p.Node)
		}
		switch n.Name {
		case "flatten", "max", "min", "mean", "median", "reverse", "take", "sortBy":
			for i := range n.Arguments {
				if _, ok := n.Arguments[i].(*ast.PredicateNode); !ok {
					n.Arguments[i] = g.weighed(n.Arguments[i])
				}
			}
		}
	case *ast.ArrayNode:
		if c := constantList(n); c != nil {
			ast.Patch(node, c)
		}
	}
}

const (
	longestLayout = 200  // bytes of what a time is printed by, or read by
	longestKey    = 1000 // bytes of a text by which sortBy compares: expr's sorting cannot be stopped
)

func (g guarder) binary(node *ast.Node, n *ast.BinaryNode) {
	l, r := natureType(n.Left), natureType(n.Right)
	switch n.Operator {
	case "+":
		if countable(l) && countable(r) {
			return
		}
		name := "$addAny"
		if l == typeString && r == typeString {
			name = "$addText"
		}
		ast.Patch(node, call(name, n, n.Left, n.Right))
	case "..":
		ast.Patch(node, call("$range", n, n.Left, n.Right))
	case "matches":
		s, ok := n.Right.(*ast.StringNode)
		if !ok {
			return
		}
		p, err := g.u.c.pattern(s.Value)
		if err != nil {
			return
		}
		ast.Patch(node, call("$match", n, n.Left, &ast.ConstantNode{Value: p}))
	case "==", "!=":
		if list := besideNothing(n, l, r); list != nil {
			empty := ast.Node(call("$empty", n, list))
			if n.Operator == "!=" {
				empty = &ast.UnaryNode{Operator: "not", Node: empty}
			}
			ast.Patch(node, empty)
			return
		}
		n.Left, n.Right = g.weighed(n.Left), g.weighed(n.Right)
	case "in":
		g.in(node, n, l)
	case "contains", "startsWith", "endsWith":
		g.u.heavy++
	}
}

// besideNothing is the list that is compared with [], which expr finds unlike any list of addresses, files and the like.
func besideNothing(n *ast.BinaryNode, l, r reflect.Type) ast.Node {
	nothing := func(n ast.Node) bool { a, ok := n.(*ast.ArrayNode); return ok && len(a.Nodes) == 0 }
	switch {
	case nothing(n.Right) && l != nil && l.Kind() == reflect.Slice:
		return n.Left
	case nothing(n.Left) && r != nil && r.Kind() == reflect.Slice:
		return n.Right
	}
	return nil
}

// in makes constant texts and lists sets. A list's entries are lower case, and so is what is looked up in it.
func (g guarder) in(node *ast.Node, n *ast.BinaryNode, l reflect.Type) {
	constant, ok := n.Right.(*ast.ConstantNode)
	values, isTexts := []string(nil), false
	if ok {
		values, isTexts = constant.Value.([]string)
	}
	if list := g.u.c.listOf(values); list != nil {
		name := "$inList"
		if l == typeString && g.u.isLower(n.Left) {
			name = "$inLower"
		}
		ast.Patch(node, call(name, n, n.Left, &ast.ConstantNode{Value: list.entries()}))
		return
	}
	if isTexts && l == typeString {
		set := make(map[string]struct{}, len(values))
		for _, v := range values {
			set[v] = struct{}{}
		}
		n.Right = &ast.ConstantNode{Value: set}
		return
	}
	n.Left, n.Right = g.weighed(n.Left), g.weighed(n.Right)
	g.u.heavy++
}

// countable types are added without making text or lists.
func countable(t reflect.Type) bool {
	return t != nil && t != typeAny && t.Kind() != reflect.String && isScalar(t)
}

// weighed wraps a node whose value may have elements.
func (g guarder) weighed(n ast.Node) ast.Node {
	t := natureType(n)
	if t == nil || isScalar(t) || isConstant(n) {
		return n
	}
	w := call("$weigh", n, n)
	return w
}

// isNamed says whether the property of a member is of that name.
func isNamed(property ast.Node, name string) bool {
	s, ok := property.(*ast.StringNode)
	return ok && s.Value == name
}

func last(nodes []ast.Node) ast.Node {
	if len(nodes) == 0 {
		return nil
	}
	return nodes[len(nodes)-1]
}

func sequence(nodes ...ast.Node) ast.Node {
	s := &ast.SequenceNode{Nodes: nodes}
	s.SetLocation(nodes[len(nodes)-1].Location())
	return s
}

// stepCall is $step(), which counts a turn.
func stepCall(at ast.Node) ast.Node {
	callee := &ast.IdentifierNode{Value: "$step"}
	callee.SetLocation(at.Location())
	n := &ast.CallNode{Callee: callee}
	n.SetLocation(at.Location())
	return n
}

// A ticker lets an expression of very many operations look at the clock between them.
type ticker struct{ u *unit }

// Visit is called by ast.Walk, children first.
func (t ticker) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.BinaryNode); ok {
		switch n.Operator {
		case "contains", "startsWith", "endsWith", "in":
			*node = sequence(stepCall(n), n)
		}
	}
}

// constantList makes a list of literals once instead of at each run.
func constantList(n *ast.ArrayNode) *ast.ConstantNode {
	var texts []string
	var ints []int
	for _, e := range n.Nodes {
		switch e := e.(type) {
		case *ast.StringNode:
			texts = append(texts, e.Value)
		case *ast.IntegerNode:
			ints = append(ints, e.Value)
		default:
			return nil
		}
	}
	switch len(n.Nodes) {
	case 0:
		return nil
	case len(texts):
		return &ast.ConstantNode{Value: texts}
	case len(ints):
		return &ast.ConstantNode{Value: ints}
	}
	return nil
}

// guardFunctions are what guard and resolve put in. Their names cannot be written in a rule.
func guardFunctions() []*function {
	same := func(args []reflect.Type) reflect.Type {
		if len(args) > 0 && args[0] != nil {
			return args[0]
		}
		return typeAny
	}
	return []*function{
		{name: "$unknown", result: typeAny, call: func(*Run, []any) (any, error) { return nil, nil }}, // never compiled
		{name: "$addText", result: typeString, call: add},
		{name: "$addAny", result: typeAny, call: add},
		{name: "$empty", result: typeBool, call: func(_ *Run, args []any) (any, error) { return reflect.ValueOf(args[0]).Len() == 0, nil }},
		{name: "$range", result: typeInts, call: makeRange},
		{name: "$match", result: typeBool, call: func(r *Run, args []any) (any, error) {
			p, ok := args[1].(*pattern)
			s, isText := args[0].(string)
			if !ok || !isText {
				return nil, wrongKind("matches", args[0], kindText)
			}
			return p.match(r, s)
		}},
		{name: "$group", result: typeString, call: func(r *Run, args []any) (any, error) {
			f, _ := args[0].(*Found)
			i, err := asInt(args, 1)
			return f.group(i), err
		}},
		{name: "$inList", result: typeBool, call: func(r *Run, args []any) (any, error) {
			set, ok := args[1].(*Entries)
			s, isText := args[0].(string)
			if !ok || !isText {
				return false, nil
			}
			lower, err := r.lower(s)
			return set.Has(lower), err
		}},
		{name: "$inLower", result: typeBool, call: func(_ *Run, args []any) (any, error) {
			set, ok := args[1].(*Entries)
			s, isText := args[0].(string)
			return ok && isText && set.Has(s), nil
		}},
		{name: "$layout", result: typeString, call: func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err == nil && len(s) > longestLayout {
				err = fmt.Errorf("a layout of %d bytes is too long: at most %d", len(s), longestLayout)
			}
			if err != nil {
				return nil, err
			}
			return s, r.make(4 * len(s))
		}},
		{name: "$sortKey", resultOf: same, call: func(_ *Run, args []any) (any, error) {
			if s, ok := args[0].(string); ok && len(s) > longestKey {
				return s[:longestKey], nil
			}
			return args[0], nil
		}},
		{name: "$weigh", resultOf: same, call: func(r *Run, args []any) (any, error) { return args[0], r.weigh(args[0]) }},
	}
}

// letFunction reads the i-th let of the rule that runs.
func letFunction(i int, t reflect.Type) *builtin.Function {
	f := &function{name: "$let" + strconv.Itoa(i), result: t, call: func(r *Run, _ []any) (any, error) {
		if i >= len(r.lets) {
			return nil, nil
		}
		return r.lets[i], nil
	}}
	return f.builtin()
}

func letIndex(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "$let")
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(digits)
	return i, err == nil
}
