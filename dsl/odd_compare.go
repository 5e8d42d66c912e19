package dsl

import (
	"bytes"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// oddCompared reports a comparison whose answer is the same for all mail.
func (u *unit) oddCompared(n *ast.BinaryNode, l, r reflect.Type) {
	if u.c.quiet || u.c.row != nil || u.scope.constant {
		return
	}
	if isConstantValue(n.Left) && isConstantValue(n.Right) {
		u.warn(n, "constant", "both sides are constant: the answer is always the same", "compare with what the mail says: mail.subject == …")
		return
	}
	for _, sides := range [2][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		if _, isNil := sides[1].(*ast.NilNode); isNil && (n.Operator == "==" || n.Operator == "!=") {
			if t := natureType(sides[0]); t != nil && t != typeAny && u.neverNil(sides[0]) {
				u.warn(n, "constant", u.said(sides[0])+" is never nil", u.emptyHint(sides[0], t))
				return
			}
		}
	}
	if u.countBelow(n) {
		return
	}
	if isConstantValue(n.Left) || isConstantValue(n.Right) {
		return
	}
	a, okA := u.key(nil, n.Left)
	b, okB := u.key(nil, n.Right)
	if okA && okB && bytes.Equal(a, b) && l != typeAny {
		u.warn(n, "constant", "both sides are the same: the answer is always the same", "say what it is to be compared with")
	}
}

func (u *unit) emptyHint(n ast.Node, t reflect.Type) string {
	switch {
	case t == typeString:
		return "ask whether it is empty: " + u.said(n) + ` == ""`
	case t.Kind() == reflect.Slice:
		return "ask whether it is empty: len(" + u.said(n) + ") == 0"
	case t == typeFound:
		return "ask for .found"
	}
	return "leave it out"
}

// countBelow reports a number of things that is held against one below zero, or said to be zero at least.
func (u *unit) countBelow(n *ast.BinaryNode) bool {
	left, right, op := n.Left, n.Right, n.Operator
	if _, ok := left.(*ast.IntegerNode); ok {
		left, right = right, left
		op = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}[op]
	}
	number, ok := constantInt(right)
	if !ok || !neverNegative(left) {
		return false
	}
	switch {
	case op == ">=" && number <= 0, (op == ">" || op == "!=") && number < 0:
		u.warn(n, "constant", "this is always true: "+u.said(left)+" is never below 0", "ask for more than none: "+u.said(left)+" > 0")
	case op == "<" && number <= 0, (op == "<=" || op == "==") && number < 0:
		u.warn(n, "constant", "this is never true: "+u.said(left)+" is never below 0", "ask for none: "+u.said(left)+" == 0")
	default:
		return false
	}
	return true
}

func constantInt(n ast.Node) (int, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.UnaryNode:
		if i, ok := n.Node.(*ast.IntegerNode); ok && n.Operator == "-" {
			return -i.Value, true
		}
	}
	return 0, false
}

// neverNegative says whether a number counts something.
func neverNegative(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BuiltinNode:
		return n.Name == "len" || n.Name == "count"
	case *ast.MemberNode:
		return isNamed(n.Property, "size") && natureType(n) == typeInt
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		return ok && callee.Value == "$recent"
	}
	return false
}

// neverNil says whether there is always a value: rules see no nil, but first, get and the like have one.
func (u *unit) neverNil(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return true
	case *ast.MemberNode:
		return u.sureMember(n)
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		return ok && (u.c.functions[callee.Value] != nil || u.c.methods[strings.TrimPrefix(callee.Value, "$")] != nil)
	}
	return false
}
