package dsl

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// resolveCall settles what is called, and hands the run, and to actions their place, to our functions.
func (u *unit) resolveCall(node *ast.Node, n *ast.CallNode) {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		u.resolveFunction(node, n, callee)
	case *ast.MemberNode:
		u.resolveMethod(node, n, callee)
	default:
		u.error(n, "this cannot be called", "")
	}
}

func (u *unit) resolveArguments(n *ast.CallNode) {
	for i := range n.Arguments {
		u.resolve(&n.Arguments[i])
	}
}

func (u *unit) resolveFunction(node *ast.Node, n *ast.CallNode, callee *ast.IdentifierNode) {
	name := callee.Value
	if name == "file" {
		u.resolveFile(node, n)
		return
	}
	f := u.c.functions[name]
	if f == nil {
		u.unknownFunction(node, n, callee)
		return
	}
	if !u.mayCall(n, f) {
		u.resolveArguments(n)
		ast.Patch(node, call("$unknown", n))
		return
	}
	switch arity := f.arity(len(n.Arguments)); {
	case arity < 0:
		u.error(n, "not enough arguments for "+name, "write it as: "+f.signature())
	case arity > 0:
		u.error(n.Arguments[len(f.params)], "too many arguments for "+name, "write it as: "+f.signature())
	}
	if f.action && u.scope.stage != "" {
		u.checkField(f, n.Arguments)
	}
	for i, arg := range n.Arguments {
		if len(f.params) == 0 {
			break
		}
		p := f.param(i)
		u.checkNames(p, arg)
		switch p.kind {
		case kindRegex:
			u.constantPattern(f, n.Arguments, i)
		case kindDuration, kindWhen:
			u.checkDuration(p, arg)
		case kindZone, kindHours:
			u.constantTime(f, p, n.Arguments, i)
		case kindNetworks:
			u.constantNetworks(n.Arguments, i)
		}
		if f.name == "duration" || f.name == "date" && len(n.Arguments) == 1 {
			u.checkMoment(f.name, arg)
		}
		if f.name == "under" && i == 1 {
			u.largeParents(n.Arguments, i)
		}
	}
	u.resolveArguments(n)
	hidden := []ast.Node{&ast.IdentifierNode{Value: "$run"}}
	hidden[0].SetLocation(n.Location())
	if f.action {
		at := &ast.ConstantNode{Value: &place{n.Location().From}}
		at.SetLocation(n.Location())
		hidden = append(hidden, at)
	}
	n.Arguments = append(hidden, n.Arguments...)
}

// mayCall says whether a function may be called here, and reports when not.
func (u *unit) mayCall(n ast.Node, f *function) bool {
	switch {
	case f.action && u.scope.what == "expect":
		u.error(n, f.name+" is an action, and an expectation is a condition", `ask what came of it: verdict == "rejected", issue.priority == "high", "tag" in issue.tags, outcome.quiet`)
	case f.action && !u.scope.actions:
		u.error(n, f.name+" is an action, and "+u.scope.what+" cannot act", "put it into then { … }")
	case f.action && u.scope.stage == StageEnvelope && !f.envelope:
		u.error(n, f.name+" is not possible at stage envelope, which comes before the body", "possible there: reject, tryLater, tag, set, stop")
	case u.scope.constant && !f.constant:
		u.error(n, f.name+" is not known in "+u.scope.what, "it is computed once, when the rules are loaded, without any mail")
	default:
		return true
	}
	return false
}

func (u *unit) unknownFunction(node *ast.Node, n *ast.CallNode, callee *ast.IdentifierNode) {
	name := callee.Value
	switch {
	case u.full():
		u.c.errors++
	case slices.Contains(laterActions, name):
		u.error(n, name+" is not available in this version", "")
	case u.c.methods[name] != nil:
		f := u.c.methods[name]
		u.error(n, "unknown function "+name, "write it as: "+f.signature())
	case slices.Contains(u.visible(), name):
		u.error(n, name+" is not a function", "it is a value: write "+name+" without brackets")
	default:
		near := didYouMean(name, u.c.known)
		hint := u.habitOfCall(name)
		if hint != "" {
			near = ""
		} else if near == "" {
			hint = "docs/rules.md lists what rules can do and ask"
		}
		u.error(n, "unknown function "+name+near, hint)
	}
	u.resolveArguments(n)
	ast.Patch(node, call("$unknown", n))
}

// resolveMethod turns mail.header(name) and the like into functions of ours, and lets only those
// methods of times pass that are known.
func (u *unit) resolveMethod(node *ast.Node, n *ast.CallNode, callee *ast.MemberNode) {
	property, ok := callee.Property.(*ast.StringNode)
	if !ok {
		u.error(n, "this cannot be called", "")
		return
	}
	f := u.c.methods[property.Value]
	if f == nil {
		if !slices.Contains(allowedMethods, property.Value) {
			methods := slices.Clone(allowedMethods)
			for name := range u.c.methods {
				methods = append(methods, name)
			}
			slices.Sort(methods)
			near, hint := didYouMean(property.Value, methods), habitOfMethod(n, callee, property.Value)
			if hint != "" {
				near = ""
			}
			u.errorAt(property.Location(), "unknown method "+property.Value+near, hint)
			ast.Patch(node, call("$unknown", n))
			return
		}
		u.resolve(&callee.Node)
		u.resolveArguments(n)
		return
	}
	if f.name == "recent" {
		u.use("sender.recent")
	}
	if f.name == "recent" && u.scope.stage == StageEnvelope {
		u.warnAt(property.Location(), "nobody-yet", "sender.recent is always 0 at stage envelope", nobodyYet)
	}
	args := append([]ast.Node{callee.Node}, n.Arguments...)
	switch arity := f.arity(len(args)); {
	case arity < 0:
		u.errorAt(property.Location(), "not enough arguments for "+f.name, "write it as: "+f.signature())
	case arity > 0:
		u.error(args[len(f.params)], "too many arguments for "+f.name, "write it as: "+f.signature())
	}
	for i := range args {
		if p := f.param(i); i > 0 {
			u.checkNames(p, args[i])
			if p.kind == kindDuration {
				u.checkDuration(p, args[i])
			}
		}
		u.resolve(&args[i])
	}
	ast.Patch(node, call("$"+f.name, property, args...))
}

// checkNames checks the literals of an argument against the configuration.
func (u *unit) checkNames(p param, arg ast.Node) {
	for _, s := range literals(arg) {
		if message, hint := u.c.opts.Vocabulary.unknown(p.names, s.Value); message != "" {
			u.error(s, message, hint)
		}
	}
}

// checkField checks set(field, value): for the issue's own fields the value too.
func (u *unit) checkField(f *function, args []ast.Node) {
	if f.name != "set" || len(args) != 2 {
		return
	}
	field, ok := args[0].(*ast.StringNode)
	if !ok {
		return
	}
	u.checkNames(param{names: settable[field.Value]}, args[1])
}

// checkDuration checks literal durations and dates.
func (u *unit) checkDuration(p param, arg ast.Node) {
	for _, s := range literals(arg) {
		_, err := parseDuration(s.Value)
		if err != nil && p.kind == kindWhen {
			if _, err = parseTime(s.Value); err != nil {
				u.error(s, quoteShort(s.Value)+" is neither a duration nor a date", `write "3d", "12h", or "2026-01-31"`)
				continue
			}
		}
		if err != nil {
			u.error(s, quoteShort(s.Value)+" is not a duration", `write "90m", "12h", "7d", "2w"`)
		}
	}
}

// constantPattern compiles the regular expression of find and redact.
func (u *unit) constantPattern(f *function, args []ast.Node, i int) {
	s, ok := args[i].(*ast.StringNode)
	if !ok {
		u.error(args[i], "the regular expression of "+f.name+" must be a constant", "write it in `backticks`")
		return
	}
	p, err := u.c.pattern(s.Value)
	if err != nil {
		u.regexError(s, err)
		return
	}
	if f.name == "redact" && p.size > slowestRedact {
		u.error(s, "this regular expression is too large to redact with", "repeat {n} less, or write several")
		return
	}
	constant := &ast.ConstantNode{Value: p}
	ast.Patch(&args[i], constant)
}

// largeParents makes a list that is handed to under a set, so that its size does not matter.
func (u *unit) largeParents(args []ast.Node, i int) {
	name, ok := args[i].(*ast.IdentifierNode)
	if !ok {
		return
	}
	if _, isLet := u.scope.let(name.Value); isLet {
		return
	}
	if list, ok := u.c.lists[name.Value]; ok && !list.failed && list.entries() != nil {
		u.useList(name, list)
		ast.Patch(&args[i], &ast.ConstantNode{Value: list.entries()})
	}
}

// checkMoment checks a literal that is made a duration or a date.
func (u *unit) checkMoment(name string, arg ast.Node) {
	s, ok := arg.(*ast.StringNode)
	if !ok {
		return
	}
	_, err := parseDuration(s.Value)
	hint := `write "90m", "12h", "7d", "2w"`
	if name == "date" {
		_, err = parseTime(s.Value)
		hint = `write "2026-01-31", "2026-01-31T15:04:05Z", or say how it is written: date("31.01.2026", "02.01.2006")`
	}
	if err != nil {
		u.error(s, quoteShort(s.Value)+" is not a "+name, hint)
	}
}
