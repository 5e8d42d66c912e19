package dsl

import (
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// warnBoth warns of literals on either side that the other can never be.
func (u *unit) warnBoth(n *ast.BinaryNode) {
	for _, sides := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
		u.warnCapitals(sides[0], sides[1])
		if n.Operator == "==" || n.Operator == "!=" || n.Operator == "in" {
			u.warnNames(sides[0], sides[1])
			u.warnPattern(sides[0], sides[1])
		}
	}
}

// warnCapitals warns where a literal with capitals meets something that is always lower case.
func (u *unit) warnCapitals(side, literal ast.Node) {
	if !u.isLower(side) {
		return
	}
	for _, s := range literals(literal) {
		if lower := strings.ToLower(s.Value); lower != s.Value {
			u.warn(s, "capitals", quoteShort(s.Value)+" has capitals, and what it is compared with is always lower case", "write "+quoteShort(lower))
		}
	}
}

// nameFields are fields whose values are names of the configuration.
var nameFields = map[reflect.Type]map[string]vocabulary{
	reflect.TypeFor[Issue](): {
		"type": vocabularyType, "class": vocabularyClass, "priority": vocabularyPriority, "status": vocabularyStatus,
	},
	reflect.TypeFor[Mailbox](): {"name": vocabularyMailbox},
}

// warnNames warns where a literal is no name of those that the side can have. It is no error: an issue may have a name from before
// the configuration was changed.
func (u *unit) warnNames(side, literal ast.Node) {
	t, name := memberOf(side)
	what, known := nameFields[t][name], membersByType[t][name].values
	for _, s := range literals(literal) {
		message, hint := u.c.opts.Vocabulary.unknown(what, s.Value)
		if known != nil && what == "" {
			message, hint = u.unknownValue(side, name, s.Value, known)
		}
		if message != "" && s.Value != "" {
			u.warn(s, "unknown-name", message, hint)
		}
	}
}

// memberOf is what has the member that a side is, and its name.
func memberOf(side ast.Node) (reflect.Type, string) {
	switch n := side.(type) {
	case *ast.IdentifierNode:
		return reflect.TypeFor[env](), n.Value
	case *ast.MemberNode:
		t := natureType(n.Node)
		if t != nil && t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		return t, literalName(n.Property)
	}
	return nil, ""
}

// unknownValue is the message about a value that a member never has. Of what is always lower case, capitals are told elsewhere.
func (u *unit) unknownValue(side ast.Node, member, value string, known []string) (message, hint string) {
	if slices.Contains(known, value) || u.isLower(side) && slices.Contains(known, strings.ToLower(value)) {
		return "", ""
	}
	near := didYouMean(value, known)
	if meant := habit(member, value); meant != "" {
		near = "; did you mean " + meant + "?"
	}
	return textOf(side) + " is never " + quoteShort(value) + near, "it is one of: " + enumerate(known)
}

// warnField warns of a field of the issue that the configuration does not have: it is "".
func (u *unit) warnField(n *ast.MemberNode, name *ast.StringNode) {
	m, ok := n.Node.(*ast.MemberNode)
	if !ok || natureType(m.Node) != typeIssue || !isNamed(m.Property, "fields") || u.c.opts.Vocabulary.Fields == nil {
		return
	}
	fields := u.c.opts.Vocabulary.Fields
	if slices.Contains(fields, name.Value) {
		return
	}
	hint := "the configuration has no fields"
	if len(fields) > 0 {
		hint = "the fields are: " + enumerate(fields)
	}
	u.warnAt(name.Location(), "unknown-name", "unknown field "+quoteShort(name.Value)+didYouMean(name.Value, fields), hint)
}

// lowerFields are fields that are lower case whatever the mail says.
var lowerFields = map[reflect.Type][]string{
	reflect.TypeFor[Address]():    {"email", "domain"},
	reflect.TypeFor[Sender]():     {"email"},
	reflect.TypeFor[Auth]():       {"spf", "dkim", "dmarc", "arc"},
	reflect.TypeFor[Attachment](): {"type", "sha256"},
	reflect.TypeFor[Issue]():      {"watchers"},
	reflect.TypeFor[Mailbox]():    {"addresses"},
}

// isLower says whether a node's value, or that of its elements, is known to be lower case.
func (u *unit) isLower(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		t := natureType(n.Node)
		if !ok || t == nil {
			return false
		}
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		return slices.Contains(lowerFields[t], name.Value)
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if !ok {
			return false
		}
		if i, isLet := letIndex(callee.Value); isLet && i < len(u.scope.lets) {
			return u.scope.lets[i].lower
		}
		if d := u.c.defineOf(callee.Value); d != nil {
			return d.value.lower
		}
		return callee.Value == "lower"
	case *ast.BuiltinNode:
		if n.Name == "map" && len(n.Arguments) == 2 {
			if p, ok := n.Arguments[1].(*ast.PredicateNode); ok {
				return u.isLower(p.Node)
			}
		}
	case *ast.ConditionalNode:
		return u.isLower(n.Exp1) && u.isLower(n.Exp2)
	}
	return false
}
