package dsl

import (
	"reflect"
	"time"

	"github.com/expr-lang/expr/ast"
)

// explainBinary checks what stands on both sides of an operator.
func (u *unit) explainBinary(n *ast.BinaryNode) {
	l, r := natureType(n.Left), natureType(n.Right)
	switch n.Operator {
	case "matches":
		s, ok := n.Right.(*ast.StringNode)
		if !ok {
			u.error(n.Right, "the right side of matches must be a constant", "write the regular expression in `backticks`")
		} else if _, err := u.c.pattern(s.Value); err != nil {
			u.regexError(s, err)
		}
	case "==", "!=":
		u.explainAddress(n, n.Left, l, r)
		u.explainAddress(n, n.Right, r, l)
		u.explainMismatch(n, l, r)
		u.warnBoth(n)
		u.oddCompared(n, l, r)
	case "<", "<=", ">", ">=":
		u.explainMismatch(n, l, r)
		u.oddCompared(n, l, r)
	case "+":
		u.explainMismatch(n, l, r)
	case "contains", "startsWith", "endsWith":
		u.explainAddress(n, n.Left, l, r)
		u.explainInside(n, l, r)
		u.warnBoth(n)
	case "and", "&&", "or", "||":
		u.explainSide(n, n.Left, l)
		u.explainSide(n, n.Right, r)
	case "in":
		u.explainIn(n, l, r)
		u.warnBoth(n)
	}
}

// explainSide checks one side of and, or.
func (u *unit) explainSide(n *ast.BinaryNode, side ast.Node, t reflect.Type) {
	if t == nil || t == typeAny || t.Kind() == reflect.Bool {
		return
	}
	hint := ""
	switch {
	case t == typeAction:
		hint = "write it as: condition ? action : nil"
	case t == typeString:
		hint = "repeat the comparison on both sides: mail.subject contains \"x\" " + n.Operator + " mail.subject contains \"y\""
	}
	u.error(side, "what stands beside "+n.Operator+" must be true or false, and this is "+typeName(t), hint)
}

// explainNot checks what not is about: it binds closer than any comparison.
func (u *unit) explainNot(n *ast.UnaryNode) {
	t := natureType(n.Node)
	if n.Operator != "not" && n.Operator != "!" || t == nil || t == typeAny || t.Kind() == reflect.Bool {
		return
	}
	u.error(n, n.Operator+" needs true or false, not "+typeName(t), "put all that it is about into brackets: "+n.Operator+" (…)")
}

// explainInside checks both sides of contains, startsWith, endsWith.
func (u *unit) explainInside(n *ast.BinaryNode, l, r reflect.Type) {
	switch {
	case l == nil || r == nil || l == typeAny || r == typeAny:
	case l.Kind() == reflect.Slice && r == typeString:
		hint := "to look for an entry, write: " + textOf(n.Right) + " in " + textOf(n.Left)
		if l.Elem() != typeString && l.Elem() != typeAny {
			hint = "ask each element: any(" + textOf(n.Left) + ", ." + fieldNames(l.Elem())[0] + " " + n.Operator + " …)"
		}
		u.error(n.Left, n.Operator+" looks inside a text, and this is a list", hint)
	case l == typeString && r.Kind() == reflect.Slice:
		u.error(n.Right, n.Operator+" needs a text on its right, and this is a list", "write: any("+textOf(n.Right)+", "+textOf(n.Left)+" "+n.Operator+" #), or has("+textOf(n.Left)+", …) for whole words")
	case l.Kind() == reflect.Slice && r.Kind() == reflect.Slice || l == reflect.TypeFor[Address]():
	case l != typeString:
		u.error(n.Left, n.Operator+" looks inside a text, and this is "+typeName(l), "")
	case r != typeString:
		u.error(n.Right, n.Operator+" needs a text on its right, and this is "+typeName(r), "")
	}
}

// explainMismatch reports two sides of which one can never be compared with, or added to, the other.
func (u *unit) explainMismatch(n *ast.BinaryNode, l, r reflect.Type) {
	if listSide := u.listBeside(n, l, r); listSide != nil {
		element := "#"
		if natureType(listSide) == typeAddresses {
			element = ".email"
		}
		u.error(listSide, "a list is compared with a text", "ask each element: any("+textOf(listSide)+", "+element+" "+n.Operator+" …)")
		return
	}
	if u.explainWhole(n, l, r) || u.explainWhole(n, r, l) {
		return
	}
	left, right := scalarKind(l), scalarKind(r)
	if left == "" || right == "" || left == right {
		return
	}
	either := func(a, b string) bool { return left == a && right == b || left == b && right == a }
	if n.Operator == "+" && either("a time", "a duration") {
		return
	}
	verb, hint := " is compared with ", ""
	switch {
	case n.Operator == "+" && either("a time", "a text"):
		verb, hint = " is added to ", "write the text as duration("+literalOr(n, `"2h"`)+")"
	case n.Operator == "+":
		verb, hint = " is added to ", "make a text of what is none with string(…)"
	case either("a time", "a text"):
		hint = "write the text as date(" + literalOr(n, `"2026-01-31"`) + ")"
	case either("a duration", "a text"):
		hint = "write the text as duration(" + literalOr(n, `"7d"`) + ")"
	case either("a duration", "a number"):
		hint = `write the number as duration("7d")`
	case l == reflect.TypeFor[time.Weekday](), l == reflect.TypeFor[time.Month]():
		hint = "write " + textOf(n.Left) + `.String() == "Sunday"`
	case either("a number", "a text"):
		hint = "a number is written without quotes; a text is made a number by int(…)"
	case either("true or false", "a text"), either("true or false", "a number"):
		hint = "it is a condition by itself; its opposite is: not …"
	}
	u.errorAt(n.Location(), left+verb+right, hint)
}

// explainWhole reports a list, or all of the mail, the sender, …, that is compared with one value.
func (u *unit) explainWhole(n *ast.BinaryNode, t, other reflect.Type) bool {
	if t == nil || other == nil || n.Operator == "+" || scalarKind(other) == "" {
		return false
	}
	side := n.Left
	if natureType(n.Left) != t {
		side = n.Right
	}
	if t.Kind() == reflect.Slice && scalarKind(other) == "a number" {
		u.error(side, "a list is compared with a number", "ask how many there are: len("+textOf(side)+") "+n.Operator+" …")
		return true
	}
	if t.Kind() != reflect.Pointer || t == typeFound || memberKinds[t.Elem()] == "" {
		return false
	}
	fields := fieldNames(t.Elem())
	u.error(side, typeName(t)+" is compared with "+scalarKind(other), "compare a part of it: "+textOf(side)+"."+enumerate(fields[:min(len(fields), 6)]))
	return true
}

// listBeside is the side that is a list where the other is a text.
func (u *unit) listBeside(n *ast.BinaryNode, l, r reflect.Type) ast.Node {
	switch {
	case n.Operator == "+" || l == nil || r == nil:
	case l.Kind() == reflect.Slice && r == typeString:
		return n.Left
	case r.Kind() == reflect.Slice && l == typeString:
		return n.Right
	}
	return nil
}

// literalOr is the literal on either side, as it is written in a rule, or what stands for one.
func literalOr(n *ast.BinaryNode, other string) string {
	for _, side := range []ast.Node{n.Left, n.Right} {
		if s, ok := side.(*ast.StringNode); ok {
			return quoteShort(s.Value)
		}
	}
	return other
}

// scalarKind is what a type without elements is called where two are set against each other; "" for others.
func scalarKind(t reflect.Type) string {
	switch {
	case t == nil || t == typeAny || !isScalar(t):
		return ""
	case t == typeTime, t == typeDuration, t.Kind() == reflect.String, t.Kind() == reflect.Bool:
		return typeName(t)
	}
	return "a number"
}

// explainAddress says what to compare of an address.
func (u *unit) explainAddress(n *ast.BinaryNode, side ast.Node, t, other reflect.Type) {
	if t == reflect.TypeFor[Address]() && other == typeString {
		u.error(side, "an address is compared with a text", "compare "+textOf(side)+".email, .domain or .name")
	}
}

func (u *unit) explainIn(n *ast.BinaryNode, l, r reflect.Type) {
	if l == nil || r == nil || l == typeAny || r == typeAny {
		return
	}
	switch {
	case r == typeString && l == typeString:
		hint := "to look inside a text, write: " + textOf(n.Right) + " contains " + textOf(n.Left)
		if _, literal := n.Right.(*ast.StringNode); literal {
			hint = "write: in [" + textOf(n.Right) + "]"
		}
		u.error(n.Right, "in needs a list on its right", hint)
	case l == reflect.TypeFor[Address](), r == typeStrings && l == reflect.TypeFor[[]Address]():
		u.error(n.Left, typeName(l)+" is not a text", "take "+textOf(n.Left)+".email or .domain")
	case r == reflect.TypeFor[[]Address]():
		u.error(n.Right, "these are addresses, not texts", "write: any("+textOf(n.Right)+", .email == …)")
	case r.Kind() == reflect.Slice && isScalar(r.Elem()) && !isScalar(l), r.Kind() == reflect.Slice && r.Elem() == typeString && l != typeString:
		u.error(n.Left, "a list of texts never holds "+typeName(l), "")
	}
}
