package dsl

import (
	"fmt"
	"strconv"

	"github.com/expr-lang/expr/ast"
)

// key writes what an expression says in one form, whatever its white space and brackets, its lets and the words for and, or, not. Not
// ok where there is no such form: then it is like no other expression. It remembers whether it saw the issue.
func (u *unit) key(b []byte, n ast.Node) (_ []byte, ok bool) {
	switch n := n.(type) {
	case *ast.NilNode:
		return append(b, "nil"...), true
	case *ast.BoolNode:
		return strconv.AppendBool(b, n.Value), true
	case *ast.StringNode:
		return strconv.AppendQuote(b, n.Value), true
	case *ast.IntegerNode:
		return strconv.AppendInt(b, int64(n.Value), 10), true
	case *ast.FloatNode:
		return strconv.AppendFloat(b, n.Value, 'g', -1, 64), true
	case *ast.ConstantNode:
		return u.constantKey(b, n.Value)
	case *ast.IdentifierNode:
		u.issue = u.issue || n.Value == "issue"
		return append(b, n.Value...), true
	case *ast.PointerNode:
		return append(append(b, '#'), n.Name...), true
	case *ast.UnaryNode:
		op := n.Operator
		if op == "!" {
			op = "not"
		}
		return u.key(append(append(b, op...), ' '), n.Node)
	case *ast.BinaryNode:
		op := n.Operator
		switch op {
		case "&&":
			op = "and"
		case "||":
			op = "or"
		}
		return u.bothKeys(b, op, n.Left, n.Right)
	case *ast.ChainNode:
		return u.key(append(b, '?'), n.Node)
	case *ast.MemberNode:
		if b, ok = u.key(b, n.Node); !ok {
			return b, false
		}
		return u.key(append(b, '.'), n.Property)
	case *ast.CallNode:
		return u.callKey(b, n)
	case *ast.BuiltinNode:
		return u.keys(append(append(b, n.Name...), '('), n.Arguments)
	case *ast.PredicateNode:
		return u.key(append(b, '{'), n.Node)
	case *ast.ConditionalNode:
		return u.keys(append(b, "if("...), []ast.Node{n.Cond, n.Exp1, n.Exp2})
	case *ast.ArrayNode:
		return u.keys(append(b, '['), n.Nodes)
	}
	return b, false
}

func (u *unit) bothKeys(b []byte, op string, l, r ast.Node) (_ []byte, ok bool) {
	if b, ok = u.key(append(b, '('), l); !ok {
		return b, false
	}
	b, ok = u.key(append(append(append(b, ' '), op...), ' '), r)
	return append(b, ')'), ok
}

func (u *unit) keys(b []byte, nodes []ast.Node) (_ []byte, ok bool) {
	for _, n := range nodes {
		if b, ok = u.key(b, n); !ok {
			return b, false
		}
		b = append(b, ',')
	}
	return append(b, ')'), true
}

func (u *unit) callKey(b []byte, n *ast.CallNode) ([]byte, bool) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		m, isMember := n.Callee.(*ast.MemberNode)
		if !isMember {
			return b, false
		}
		if b, ok = u.key(b, m); !ok {
			return b, false
		}
		return u.keys(append(b, '('), n.Arguments)
	}
	if i, isLet := letIndex(callee.Value); isLet && i < len(u.scope.lets) {
		m := u.scope.lets[i].meaning
		if m == nil || m.key == "" {
			return b, false
		}
		u.issue = u.issue || m.issue
		return append(b, m.key...), true
	}
	if d := u.c.defineOf(callee.Value); d != nil {
		u.issue = u.issue || d.uses["issue"]
	}
	args := n.Arguments
	if len(args) > 0 {
		args = args[1:] // $run
	}
	return u.keys(append(append(b, callee.Value...), '('), args)
}

// constantKey is that of what resolve made a constant of: a list by its name, whatever it holds.
func (u *unit) constantKey(b []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case *pattern:
		return strconv.AppendQuote(append(b, '~'), v.source), true
	case []string:
		if list := u.c.listOf(v); list != nil {
			return append(append(b, "list "...), list.block.Name...), true
		}
	case *Entries, *Networks:
		return fmt.Appendf(b, "at %p", v), true
	}
	return b, false
}
