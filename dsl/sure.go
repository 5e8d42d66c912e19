package dsl

import (
	"reflect"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// cannotFail are functions that say something of whatever they are given, where its type is right.
var cannotFail = map[string]bool{
	"has": true, "hasAll": true, "glob": true, "find": true, "similar": true, "language": true, "lines": true, "lower": true, "upper": true, "trim": true,
	"trimPrefix": true, "trimSuffix": true, "pairs": true, "jsonValue": true, "under": true, "orgDomain": true, "address": true, "addresses": true,
	"plusTag": true, "withoutPlus": true, "now": true, "sha256": true, "$header": true, "$headers": true, "$hasAttachment": true, "$atLeast": true, "$group": true,
	"all": true, "any": true, "none": true, "one": true, "count": true, "filter": true, "map": true, "len": true, "hasPrefix": true, "hasSuffix": true,
}

// sure says whether evaluating a checked expression that guard has not changed yet cannot fail, whatever the mail. Spending the message's budget
// is no failure of a rule.
func (u *unit) sure(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.NilNode, *ast.BoolNode, *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.ConstantNode, *ast.PointerNode:
		return true
	case *ast.IdentifierNode:
		return natureType(n) != typeAny
	case *ast.UnaryNode:
		return (n.Operator == "not" || n.Operator == "!") && natureType(n.Node) == typeBool && u.sure(n.Node)
	case *ast.BinaryNode:
		return u.sureBinary(n) && u.sure(n.Left) && u.sure(n.Right)
	case *ast.MemberNode:
		return u.sureMember(n)
	case *ast.CallNode:
		return u.sureCall(n)
	case *ast.BuiltinNode:
		return cannotFail[n.Name] && u.sureAll(n.Arguments)
	case *ast.PredicateNode:
		return natureType(n.Node) != typeAny && u.sure(n.Node)
	case *ast.ConditionalNode:
		return natureType(n.Cond) == typeBool && u.sure(n.Cond) && u.sure(n.Exp1) && u.sure(n.Exp2)
	case *ast.ArrayNode:
		return u.sureAll(n.Nodes)
	}
	return false
}

func (u *unit) sureAll(nodes []ast.Node) bool {
	for _, n := range nodes {
		if t := natureType(n); !u.sure(n) || t == typeAny {
			return false
		}
	}
	return true
}

func (u *unit) sureBinary(n *ast.BinaryNode) bool {
	l, r := natureType(n.Left), natureType(n.Right)
	if l == nil || r == nil || l == typeAny || r == typeAny {
		return false
	}
	switch n.Operator {
	case "and", "&&", "or", "||":
		return l == typeBool && r == typeBool
	case "==", "!=", "<", "<=", ">", ">=", "+", "-":
		return isScalar(l) && isScalar(r)
	case "contains", "startsWith", "endsWith", "matches":
		return l == typeString && r == typeString
	case "in":
		return l == typeString && (r.Kind() == reflect.Slice && r.Elem() != typeAny || isConstant(n.Right))
	}
	return false
}

func (u *unit) sureMember(n *ast.MemberNode) bool {
	name, ok := n.Property.(*ast.StringNode)
	t := natureType(n.Node)
	if !ok || t == nil || !u.sure(n.Node) {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && fieldIndex(t, name.Value) >= 0 || t == reflect.TypeFor[map[string]string]()
}

func (u *unit) sureCall(n *ast.CallNode) bool {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || len(n.Arguments) == 0 {
		return false
	}
	args := n.Arguments[1:] // $run
	if i, isLet := letIndex(callee.Value); isLet {
		return i < len(u.scope.lets) && u.scope.lets[i].typ != typeAny // it was evaluated before
	}
	if d := u.c.defineOf(callee.Value); d != nil {
		return d.value.meaning != nil && d.value.meaning.sure
	}
	if callee.Value == inlineName {
		return len(args) == 1 && isShort(args[0])
	}
	return cannotFail[callee.Value] && u.sureAll(args)
}

// isShort says whether a text can be no longer than an action takes: a literal, an address, a domain.
func isShort(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StringNode:
		return len(n.Value) < 1000
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		t := natureType(n.Node)
		return ok && (t == typeAddress && (name.Value == "domain" || name.Value == "email") || t == reflect.TypeFor[*Envelope]() && name.Value == "ip")
	case *ast.BinaryNode:
		return n.Operator == "+" && natureType(n) == typeString && isShort(n.Left) && isShort(n.Right)
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		return ok && callee.Value == inlineName && len(n.Arguments) == 2 && isShort(n.Arguments[1])
	}
	return false
}

// sureAction says whether an action cannot fail: what it is given is written out, and can be done. That a message has too many actions or tags
// is left out here: a rule that ran into that would be none that anybody wrote.
func (u *unit) sureAction(f *function, args []ast.Node) bool {
	switch f.name {
	case "thread", "attachTo", "newIssue": // depend on what is in the store
		return false
	case "dropAttachments":
		return u.sureAll(args)
	case "close":
		return u.can(vocabularyStatus, "closed")
	case "reopen":
		return u.can(vocabularyStatus, "open")
	case "reject", "bounce", "discard", "quarantine", "tryLater":
		return len(args) == 0 || isShort(args[0])
	}
	for _, a := range args {
		s, ok := a.(*ast.StringNode)
		if p, isPattern := a.(*ast.ConstantNode); isPattern && f.name == "redact" && p != nil {
			continue
		}
		if !ok || strings.TrimSpace(s.Value) == "" {
			return false
		}
		switch f.name {
		case "tag", "untag":
			if len(s.Value) > 100 {
				return false
			}
		case "watch", "unwatch":
			if local, domain, _ := strings.Cut(s.Value, "@"); local == "" || domain == "" || strings.ContainsAny(s.Value, " ,;<>") {
				return false
			}
		}
		if len(s.Value) >= 1000 {
			return false
		}
	}
	if f.name == "set" && len(args) == 2 {
		field := args[0].(*ast.StringNode).Value
		return settable[field] != "" || len(field) <= 100 && u.can(vocabularyField, field)
	}
	return true
}

func (u *unit) can(what vocabulary, name string) bool {
	message, _ := u.c.opts.Vocabulary.unknown(what, name)
	return message == ""
}
