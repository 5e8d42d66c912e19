package dsl

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// explain walks a tree whose types expr's checker has found, as far as it came, and reports all that
// is wrong with fields, arguments and operators, where the checker reports the first alone. It also
// warns of comparisons that can never be true because of capitals.
func (u *unit) explain(root ast.Node) {
	ast.Walk(&root, explainer{u})
}

type explainer struct{ u *unit }

// Visit is called by ast.Walk, children first.
func (e explainer) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		e.u.issues = e.u.issues || n.Value == "issue" || strings.HasPrefix(n.Value, "$define")
	case *ast.ConditionalNode, *ast.PredicateNode:
		e.u.nested = true
	case *ast.MemberNode:
		e.u.explainMember(n)
	case *ast.CallNode:
		e.u.explainCall(n)
	case *ast.BinaryNode:
		e.u.explainBinary(n)
	case *ast.UnaryNode:
		e.u.explainNot(n)
	case *ast.VariableDeclaratorNode:
		return
	}
}

func (u *unit) explainMember(n *ast.MemberNode) {
	name, ok := n.Property.(*ast.StringNode)
	base := natureType(n.Node)
	if !ok || base == nil || n.Method {
		return
	}
	u.warnField(n, name)
	if base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	if base.Kind() != reflect.Struct || base == typeTime {
		switch {
		case base == typeTime || base == typeDuration:
			hint := ""
			if near := nearest(name.Value, allowedMethods); near != "" {
				hint = "write it as: " + textOf(n.Node) + "." + near + "()"
			}
			u.errorAt(name.Location(), typeName(base)+" has no field "+name.Value, hint)
		case base.Kind() == reflect.String || base.Kind() == reflect.Bool || base.Kind() == reflect.Int:
			u.errorAt(name.Location(), typeName(base)+" has no field "+name.Value, "")
		case base.Kind() == reflect.Slice:
			hint := habitOfMember(base, n.Node, name.Value)
			if hint == "" {
				hint = "ask each element: any(" + textOf(n.Node) + ", ." + name.Value + " == …)"
			}
			u.errorAt(name.Location(), "a list has no field "+name.Value, hint)
		}
		return
	}
	if fieldIndex(base, name.Value) >= 0 {
		if base == typeSender.Elem() {
			u.use("sender." + name.Value)
		}
		if base == typeSender.Elem() && u.scope.stage == StageEnvelope && name.Value != "email" {
			u.warnAt(name.Location(), "nobody-yet", "sender."+name.Value+" is always false or empty at stage envelope", nobodyYet)
		}
		return
	}
	fields := fieldNames(base)
	message := typeNameOf(base) + " has no field " + name.Value + didYouMean(name.Value, fields)
	hint := "it has: " + strings.Join(fields, ", ")
	switch {
	case base == typeSender.Elem() && name.Value == "trust":
		message, hint = "the sender's trust cannot be read: it is compared", `write sender.atLeast("authenticated")`
	case u.c.methods[name.Value] != nil:
		message, hint = name.Value+" is a function", "call it: "+u.c.methods[name.Value].signature()
	case habitOfMember(base, n.Node, name.Value) != "":
		message, hint = typeNameOf(base)+" has no field "+name.Value, habitOfMember(base, n.Node, name.Value)
	case base == typeFound.Elem():
		hint = "groups can be taken of a let that is a find: let m = find(mail.subject, `(?P<host>\\S+)`), then m.host"
	}
	u.errorAt(name.Location(), message, hint)
}

// nobodyYet: an answer to RCPT that depended on whom we know would tell a stranger.
const nobodyYet = `there only sender.email and sender.atLeast("authenticated") are: whom we know must not show in the answer; decide it in a mail rule`

func typeNameOf(t reflect.Type) string { return typeName(t) }

// fieldNames are the names that scripts know a struct's fields by.
func fieldNames(t reflect.Type) []string {
	names := []string{}
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("expr"); tag != "-" && tag != "" {
			names = append(names, tag)
		}
	}
	return names
}

// textOf prints a node for a hint.
func textOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.MemberNode:
		switch property := n.Property.(type) {
		case *ast.StringNode:
			return textOf(n.Node) + "." + property.Value
		case *ast.IntegerNode:
			return textOf(n.Node) + "[" + strconv.Itoa(property.Value) + "]"
		}
	case *ast.CallNode:
		switch callee := n.Callee.(type) {
		case *ast.IdentifierNode:
			name, ours := strings.CutPrefix(callee.Value, "$") // a method, or what resolve put in
			switch {
			case ours && (name == "header" || name == "headers") && len(n.Arguments) > 1:
				return textOf(n.Arguments[1]) + "." + name + "(…)"
			case ours:
				return "…"
			case len(n.Arguments) > 1: // the first is the run
				return name + "(…)"
			}
			return name + "()"
		case *ast.MemberNode:
			return textOf(callee) + "()"
		}
	case *ast.StringNode:
		return quoteShort(n.Value)
	case *ast.ArrayNode:
		return "[…]"
	case *ast.PointerNode:
		return "#"
	}
	return "…"
}

// explainCall checks the arguments of our functions.
func (u *unit) explainCall(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return
	}
	f, hidden := u.c.functions[callee.Value], 1
	if f == nil {
		f = u.c.methods[strings.TrimPrefix(callee.Value, "$")]
	}
	if f == nil {
		return
	}
	if f.action {
		hidden = 2
	}
	if len(n.Arguments) < hidden {
		return
	}
	args := n.Arguments[hidden:]
	if f.arity(len(args)) != 0 {
		return // reported before
	}
	u.warnArguments(n, f, args)
	for i, arg := range args {
		p := f.param(i)
		t := natureType(arg)
		if f.name == "dropAttachments" {
			u.explainCondition(arg)
			continue
		}
		if p.kind.takes(t) || isConstant(arg) && (p.kind.compiled() || f.name == "under") {
			continue
		}
		name := f.name
		if name == inlineName {
			name = "a text's {…}"
		}
		u.error(arg, name+" needs "+p.kind.String()+", not "+typeName(t), u.argumentHint(p, t, arg))
	}
}

// explainCondition checks the condition of dropAttachments, which was put into a map over the
// attachments (see rewrite.go).
func (u *unit) explainCondition(arg ast.Node) {
	b, ok := arg.(*ast.BuiltinNode)
	if !ok || b.Name != "map" || len(b.Arguments) != 2 {
		u.error(arg, "dropAttachments needs a condition", "write it as: dropAttachments(.size > 1000000)")
		return
	}
	p, ok := b.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return
	}
	if t := natureType(p.Node); t != typeAny && t != typeBool {
		u.error(p.Node, "the condition of dropAttachments must be true or false, and this is "+typeName(t), "it is asked of each attachment: dropAttachments(.size > 1000000)")
	}
}

func isConstant(n ast.Node) bool { _, ok := n.(*ast.ConstantNode); return ok }

// literalNumber is a number that stands in quotes.
func literalNumber(arg ast.Node) string {
	s, ok := arg.(*ast.StringNode)
	if !ok {
		return ""
	}
	if _, err := strconv.Atoi(s.Value); err != nil {
		return ""
	}
	return s.Value
}

func (u *unit) argumentHint(p param, t reflect.Type, arg ast.Node) string {
	switch {
	case t == reflect.TypeFor[Address]():
		return "take " + textOf(arg) + ".email, .domain or .name"
	case t == typeAddresses:
		return "take what is meant of each: map(" + textOf(arg) + ", .email)"
	case p.kind == kindText && isConstantValue(arg):
		return "write it in quotes"
	case p.kind == kindText && t != nil && isScalar(t):
		return "make it a text: string(" + textOf(arg) + ")"
	case p.kind == kindInt && literalNumber(arg) != "":
		return "write the number without quotes: " + literalNumber(arg)
	case p.kind == kindInt && t == typeString:
		return "make it a number: int(" + textOf(arg) + ")"
	case p.kind == kindText && t == typeFound:
		return "take a group: [0], [1] or a name"
	}
	return ""
}
