package dsl

import (
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// allowedBuiltins are the functions of expr's own that rules may use. The others are replaced by
// functions of ours (function_text.go), or left out because they have no bound, look at the machine
// or say different things each time (maps have no order).
var allowedBuiltins = map[string]bool{
	"all": true, "none": true, "any": true, "one": true, "filter": true, "map": true, "count": true, "sum": true,
	"findIndex": true, "findLast": true, "findLastIndex": true, "sortBy": true, "reduce": true,
	"len": true, "abs": true, "ceil": true, "floor": true, "round": true, "int": true, "float": true,
	"indexOf": true, "lastIndexOf": true, "hasPrefix": true, "hasSuffix": true,
	"max": true, "min": true, "mean": true, "median": true,
	"first": true, "last": true, "get": true, "take": true, "reverse": true, "flatten": true,
}

// allowedMethods are the methods of times and durations that depend on nothing else.
var allowedMethods = []string{
	"Year", "YearDay", "Day", "Hour", "Minute", "Second", "Unix", "Format", "Add", "AddDate", "Sub", "Before", "After", "Equal", "UTC",
	"Hours", "Minutes", "Seconds", "Round", "Truncate", "String", "Month", "Weekday", "IsZero",
}

// resolve walks the tree as it was parsed: it reports names that are not known or not known here,
// and replaces lets, lists, groups of a find, methods and calls by what expr can check and run.
func (u *unit) resolve(node *ast.Node) {
	switch n := (*node).(type) {
	case nil:
	case *ast.IdentifierNode:
		u.resolveName(node, n)
	case *ast.UnaryNode:
		u.resolve(&n.Node)
	case *ast.BinaryNode:
		u.resolve(&n.Left)
		u.resolve(&n.Right)
	case *ast.ChainNode:
		u.resolve(&n.Node)
	case *ast.MemberNode:
		u.resolveMember(node, n)
	case *ast.SliceNode:
		u.resolve(&n.Node)
		if n.From != nil {
			u.resolve(&n.From)
		}
		if n.To != nil {
			u.resolve(&n.To)
		}
	case *ast.CallNode:
		u.resolveCall(node, n)
	case *ast.BuiltinNode:
		if !allowedBuiltins[n.Name] {
			u.error(n, n.Name+" is not available in rules", "")
			ast.Patch(node, call("$unknown", n))
			return
		}
		for i := range n.Arguments {
			u.resolve(&n.Arguments[i])
		}
	case *ast.PredicateNode:
		u.elements++
		u.resolve(&n.Node)
		u.elements--
	case *ast.VariableDeclaratorNode:
		u.resolveLet(n)
	case *ast.SequenceNode:
		for i := range n.Nodes {
			u.resolve(&n.Nodes[i])
		}
	case *ast.ConditionalNode:
		u.resolve(&n.Cond)
		u.resolve(&n.Exp1)
		u.resolve(&n.Exp2)
	case *ast.ArrayNode:
		for i := range n.Nodes {
			u.resolve(&n.Nodes[i])
		}
	case *ast.MapNode:
		for _, p := range n.Pairs {
			if pair, ok := p.(*ast.PairNode); ok {
				u.resolve(&pair.Key)
				u.resolve(&pair.Value)
			}
		}
	}
}

func (u *unit) resolveName(node *ast.Node, n *ast.IdentifierNode) {
	name := n.Value
	if u.resolveRow(node, n) {
		return
	}
	if slices.ContainsFunc(u.inner, func(l boundLet) bool { return l.name == name }) {
		return
	}
	if i, ok := u.scope.let(name); ok {
		u.scope.lets[i].used = true
		ast.Patch(node, call("$let"+strconv.Itoa(i), n))
		u.c.cfg.Functions["$let"+strconv.Itoa(i)] = letFunction(i, u.scope.lets[i].typ)
		return
	}
	if d, ok := u.c.defines[name]; ok {
		u.resolveDefine(node, n, d)
		return
	}
	if slices.Contains(u.scope.names, name) {
		u.use(name)
		return
	}
	if list, ok := u.c.lists[name]; ok {
		if list.failed { // reported
			ast.Patch(node, call("$unknown", n))
			return
		}
		u.useList(n, list)
		ast.Patch(node, &ast.ConstantNode{Value: list.value})
		return
	}
	switch at := u.whereItIs(name); {
	case u.full():
		u.c.errors++
	case at != "" && !u.scope.actions && !slices.Contains(everyName, name):
		u.error(n, "unknown name "+name, at)
	case slices.Contains(everyName, name):
		message, hint := u.scope.notHere(name)
		u.error(n, message, hint)
	case u.c.functions[name] != nil:
		u.error(n, name+" is a function", "call it: "+u.c.functions[name].signature())
	case slices.Contains(laterActions, name) || builtinNamed(name):
		u.error(n, name+" is a function", "call it: "+name+"(…)")
	default:
		visible := u.visible()
		near, hint := didYouMean(name, visible), "known here: "+enumerate(visible)
		if u.c.opts.Vocabulary.has(name) {
			near, hint = "", "write it in quotes: "+quoteShort(name)
		} else if len(visible) == 0 {
			near, hint = "", "nothing is known here but what is constant: write a text in quotes, "+quoteShort(name)
		} else if advice := habit("action", name); advice != "" && u.scope.actions {
			hint = "write: " + advice
		} else if at != "" {
			hint = at
		}
		u.error(n, "unknown name "+name+near, hint)
	}
	ast.Patch(node, call("$unknown", n))
}

// useList remembers that a list is used, and warns of one that is empty.
func (u *unit) useList(n ast.Node, list *listValue) {
	list.used = true
	if texts, ok := list.value.([]string); !ok || len(texts) > 0 || u.scope.constant || list.told {
		return
	}
	list.told = true
	name, why := list.block.Name, "nothing is in it"
	if list.empty != "" {
		why = "the file " + list.empty + " has no entries"
	}
	u.warn(n, "empty-list", "the list "+name+" is empty: "+why, "put something into it, or leave out what asks for it", Related{list.block.Pos, "the list is here"})
}

// visible are the names that can be used here.
func (u *unit) visible() []string {
	names := slices.Clone(u.scope.names)
	for _, l := range u.scope.lets {
		names = append(names, l.name)
	}
	for _, l := range u.inner {
		names = append(names, l.name)
	}
	if !u.scope.constant {
		names = append(names, u.c.defineNames...)
	}
	return append(names, u.c.listNames...)
}

// call makes a call of a function with the run as its first argument, at the place of a node.
func call(name string, at ast.Node, args ...ast.Node) *ast.CallNode {
	callee, run := &ast.IdentifierNode{Value: name}, &ast.IdentifierNode{Value: "$run"}
	callee.SetLocation(at.Location())
	run.SetLocation(at.Location())
	n := &ast.CallNode{Callee: callee, Arguments: append([]ast.Node{run}, args...)}
	n.SetLocation(at.Location())
	return n
}

// resolveMember replaces m.host and m[1] of a find by the group.
func (u *unit) resolveMember(node *ast.Node, n *ast.MemberNode) {
	if u.resolveRowField(node, n) {
		return
	}
	p := u.patternOf(n.Node)
	u.resolve(&n.Node)
	name, isName := n.Property.(*ast.StringNode)
	if p == nil {
		if !isName {
			u.resolve(&n.Property)
		}
		return
	}
	index := -1
	switch property := n.Property.(type) {
	case *ast.StringNode:
		if name.Value == "found" {
			return
		}
		index = p.group(name.Value)
		if index < 0 {
			groups := slices.DeleteFunc(slices.Clone(p.groups), func(s string) bool { return s == "" })
			u.errorAt(n.Property.Location(), "the regular expression has no group "+quoteShort(name.Value)+didYouMean(name.Value, append(groups, "found")),
				"name one with (?P<"+plainName(name.Value)+">…); there are: "+enumerate(append(groups, "found", "[0]…["+strconv.Itoa(len(p.groups)-1)+"]")))
			ast.Patch(node, call("$unknown", n))
			return
		}
	case *ast.IntegerNode:
		index = property.Value
		if index >= len(p.groups) {
			u.errorAt(n.Property.Location(), "the regular expression has no group "+strconv.Itoa(index), "[0] is the whole match; its last group is ["+strconv.Itoa(len(p.groups)-1)+"]")
			ast.Patch(node, call("$unknown", n))
			return
		}
	default:
		u.errorAt(n.Property.Location(), "the group of a find must be a name or a number", "write m.host, m[1]")
		return
	}
	i := &ast.IntegerNode{Value: index}
	i.SetLocation(n.Property.Location())
	group := call("$group", n, n.Node, i)
	ast.Patch(node, group)
}

func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// patternOf is the pattern of a node that is a find, before or after it was resolved: the call
// itself, or a let whose value is one.
func (u *unit) patternOf(n ast.Node) *pattern {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		for i := len(u.inner) - 1; i >= 0; i-- {
			if u.inner[i].name == n.Value {
				return u.inner[i].pattern
			}
		}
		if i, ok := u.scope.let(n.Value); ok {
			return u.scope.lets[i].pattern
		}
		if d := u.c.defines[n.Value]; d != nil && !u.scope.constant {
			if u.c.computeDefine(d); d.value != nil {
				return d.value.pattern
			}
		}
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if !ok || len(n.Arguments) == 0 {
			return nil
		}
		if i, isLet := strings.CutPrefix(callee.Value, "$let"); isLet {
			if i, err := strconv.Atoi(i); err == nil && i < len(u.scope.lets) {
				return u.scope.lets[i].pattern
			}
		}
		if d := u.c.defineOf(callee.Value); d != nil {
			return d.value.pattern
		}
		if callee.Value != "find" {
			return nil
		}
		switch last := n.Arguments[len(n.Arguments)-1].(type) {
		case *ast.StringNode:
			if p, err := u.c.pattern(last.Value); err == nil {
				return p
			}
		case *ast.ConstantNode:
			p, _ := last.Value.(*pattern)
			return p
		}
	}
	return nil
}

func (u *unit) resolveLet(n *ast.VariableDeclaratorNode) {
	_, isLet := u.scope.let(n.Name)
	_, isList := u.c.lists[n.Name]
	isInner := slices.ContainsFunc(u.inner, func(l boundLet) bool { return l.name == n.Name })
	if isLet || isList || isInner || u.c.defines[n.Name] != nil || slices.Contains(everyName, n.Name) || u.c.functions[n.Name] != nil || builtinNamed(n.Name) || strings.HasPrefix(n.Name, "$") {
		u.error(n, "the name "+n.Name+" is taken", "choose another")
		return
	}
	p := u.patternOf(n.Value)
	u.resolve(&n.Value)
	u.inner = append(u.inner, boundLet{name: n.Name, pattern: p, lower: u.isLower(n.Value)})
	u.resolve(&n.Expr)
	u.inner = u.inner[:len(u.inner)-1]
}
