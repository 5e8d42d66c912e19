package dsl

import (
	"reflect"
	"slices"
	"strconv"

	"github.com/expr-lang/expr/ast"
)

// Compile checks files that belong together and compiles them. The order of files is the order of
// their rules. It finds all errors that it can; with errors the program is nil. What Parse reported
// is not repeated.
func Compile(files []*File, opts Options) (*Program, Diagnostics) {
	return newCompiler(opts).program(files)
}

func (c *compiler) program(files []*File) (*Program, Diagnostics) {
	c.programs = map[programKey]sharedProgram{}
	defer func() { c.programs, c.spare = nil, nil }()
	lists := c.declareLists(files)
	c.declareDefines(files)
	for _, name := range lists {
		c.computeList(c.lists[name])
	}
	for _, d := range c.defined {
		c.computeDefine(d)
	}
	p := &Program{Defines: c.defined}
	seen := map[string]Pos{}
	for _, f := range files {
		for _, b := range f.Rules {
			c.once(f, b.offset, kindOf(b), b.Name, b.Pos, seen)
			if c.opts.Pause != nil {
				c.opts.Pause()
			}
			rule := c.rule(f, b)
			if b.Token {
				p.Tokens = append(p.Tokens, rule)
			} else {
				p.Rules = append(p.Rules, rule)
			}
		}
		for _, b := range f.Tests {
			c.once(f, b.offset, "test", b.Name, b.Pos, seen)
			p.Tests = append(p.Tests, c.tests(f, b)...)
		}
	}
	p.Points = c.points
	if c.errors == 0 && !c.quiet && !slices.ContainsFunc(files, func(f *File) bool { return f.broken }) {
		c.unused()
		c.overlooked()
	}
	c.quiet, c.facts, c.factAt, c.deeds = true, nil, nil, nil // what is compiled later is known
	diags := c.diags.Sorted()
	if c.errors > 0 {
		return nil, diags
	}
	return p, diags
}

func kindOf(b *RuleBlock) string {
	if b.Token {
		return "token"
	}
	return "rule"
}

// once reports a name that was given before to a block of the kind.
func (c *compiler) once(f *File, offset int, kind, name string, pos Pos, seen map[string]Pos) {
	key := kind + "\x00" + name
	if name == "" {
		return // reported
	}
	if first, ok := seen[key]; ok {
		c.error(f.src, offset, "there is another "+kind+" "+strconv.Quote(name), "give one of them another name", Related{first, "the first is here"})
		return
	}
	seen[key] = pos
}

func (c *compiler) rule(f *File, b *RuleBlock) *Rule {
	for _, m := range b.mailboxes {
		if message, hint := c.opts.Vocabulary.unknown(vocabularyMailbox, m.text); message != "" {
			c.error(f.src, m.offset, message, hint)
		}
	}
	rule := &Rule{Name: b.Name, Pos: b.Pos, Mailboxes: b.Mailboxes, Stage: b.Stage, Shadow: b.Shadow, Token: b.Token, Attributes: b.Attributes, again: c.again}
	c.checkAttributes(f, b)
	s := b.scope()
	before := c.errors
	for _, l := range b.lets {
		if e, ok := c.let(f, &s, l); ok {
			rule.lets = append(rule.lets, e)
		}
	}
	rule.bound = withoutTerms(s.lets)
	if b.when != nil {
		s.what = "when"
		if rule.when = c.compile(*b.when, s, mustBeBool); rule.when != nil {
			if len(b.otherwise) == 0 && !c.opts.Watch {
				rule.needs = rule.when.term.yes
			}
			rule.when.term = nil
		}
	}
	if b.when == nil && c.opts.Watch && !b.Disabled {
		rule.point = &Point{Pos: b.Pos, Rule: b.Name, Kind: PointWhen, index: len(c.points)}
		c.points = append(c.points, rule.point)
	}
	d := c.deed(f, b, rule, s.lets)
	s.what, s.actions = aStatement, true
	for _, statement := range b.statements {
		e := c.compile(statement, s, mustAct)
		rule.statements = append(rule.statements, e)
		d.then.add(e)
	}
	for _, statement := range b.otherwise {
		e := c.compile(statement, s, mustAct)
		rule.otherwise = append(rule.otherwise, e)
		d.otherwise.add(e)
	}
	for _, l := range s.lets {
		if !l.used && !c.quiet && !f.broken && c.errors == before {
			c.warn(f.src, l.at, "unused", "nothing uses the let "+l.name, "remove it, or use it in when or then")
		}
	}
	return rule
}

// scope is what the rule's expressions see, before its lets.
func (b *RuleBlock) scope() scope {
	s := scopeOf(b.Token, b.Stage)
	s.hasElse = len(b.otherwise) > 0
	if !b.Disabled {
		s.watch = b.Name
	}
	return s
}

// let compiles a let, and makes its name known in the scope.
func (c *compiler) let(f *File, s *scope, l letLine) (*expression, bool) {
	s.what = "let"
	e := c.compile(l.value, *s, nil)
	if !c.newLet(f, s, l.name) {
		return nil, false
	}
	bound := boundLet{name: l.name.text, typ: typeAny}
	if e != nil { // else it is of unknown type, so that what uses it is not reported as well
		bound.pattern, bound.lower, bound.term, bound.meaning = e.pattern, e.lower, *e.term, e.meaning
		e.term, e.meaning = nil, nil
		if e.typ != nil {
			bound.typ = e.typ
		}
	}
	bound.at = l.name.offset
	s.lets = append(s.lets, bound)
	return e, true
}

// newLet reports a let whose name means something already.
func (c *compiler) newLet(f *File, s *scope, name word) bool {
	_, isLet := s.let(name.text)
	_, isList := c.lists[name.text]
	d := c.defines[name.text]
	if !isLet && !isList && d == nil && !c.taken(name.text) {
		return true
	}
	if d != nil {
		c.error(f.src, name.offset, "the name "+name.text+" is taken", "choose another", Related{d.Pos, "it is defined here"})
		return false
	}
	hint := "choose another"
	switch {
	case isLet:
		hint = "another let of this rule has it: choose another"
	case isList:
		hint = "it is a list: choose another"
	case slices.Contains(everyName, name.text):
		hint = "rules or tests see something by that name: choose another, such as the_" + name.text
	case c.functions[name.text] != nil:
		hint = "it is a function: choose another, such as the_" + name.text
	}
	c.error(f.src, name.offset, "the name "+name.text+" is taken", hint)
	return !isLet && !isList && !slices.Contains(s.names, name.text) // what uses it is not reported as well
}

// mustBeBool reports a condition that is known to be neither true nor false.
func mustBeBool(u *unit) {
	if u.typ == typeAny || u.typ != nil && u.typ.Kind() == reflect.Bool {
		return
	}
	hint := ""
	switch {
	case u.typ == typeString:
		hint = `compare it: == "…", contains "…", matches ` + "`…`"
	case u.typ == typeFound:
		hint = "ask for .found"
	case u.typ != nil && u.typ.Kind() == reflect.Slice:
		hint = "ask how many there are: len(…) > 0"
	case scalarKind(u.typ) == "a number":
		hint = "compare it: > 0"
	}
	u.error(u.root, u.scope.what+" must be true or false, not "+typeName(u.typ), hint)
}

// mustAct reports a statement that is not made of actions, lists of actions and nil.
func mustAct(u *unit) {
	n := u.notAction(u.root)
	if n == nil {
		return
	}
	t := natureType(n)
	hint := "docs/rules.md lists the actions"
	if b, ok := n.(*ast.BinaryNode); ok && b.Operator == "==" {
		hint = `to set something, call its action: priority("high")`
	} else if _, isLet := u.root.(*ast.VariableDeclaratorNode); !isLet && t != nil && t.Kind() == reflect.Bool {
		hint = "a condition goes into when, or before ?: condition ? action : nil"
	}
	u.error(n, "a statement must be an action, a list of actions or nil, and this is "+typeName(t), hint)
}

// notAction is the part of a statement's value that is not an action, or nil.
func (u *unit) notAction(n ast.Node) ast.Node {
	if t := natureType(n); t == nil || t == typeAction || t.Kind() == reflect.Slice && t.Elem() == typeAction {
		if _, sequence := n.(*ast.SequenceNode); !sequence {
			return nil
		}
	}
	switch n := n.(type) {
	case *ast.ConditionalNode:
		return u.firstNotAction(n.Exp1, n.Exp2)
	case *ast.ArrayNode:
		return u.firstNotAction(n.Nodes...)
	case *ast.SequenceNode:
		return u.firstNotAction(n.Nodes...)
	case *ast.VariableDeclaratorNode:
		return u.notAction(n.Expr)
	case *ast.BinaryNode:
		if n.Operator == "??" {
			return u.firstNotAction(n.Left, n.Right)
		}
	case *ast.BuiltinNode:
		if p := slices.IndexFunc(n.Arguments, isPredicate); p >= 0 && (n.Name == "map" || n.Name == "reduce") {
			return u.notAction(n.Arguments[p].(*ast.PredicateNode).Node)
		}
		if slices.Contains([]string{"flatten", "first", "last", "filter", "take", "reverse"}, n.Name) && len(n.Arguments) > 0 {
			return u.notAction(n.Arguments[0])
		}
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == "concat" && len(n.Arguments) > 1 {
			return u.firstNotAction(n.Arguments[1:]...)
		}
	case *ast.IdentifierNode, *ast.PointerNode:
		if natureType(n) == typeAny {
			return nil // a let or an element of unknown type: looked at when it runs
		}
	}
	return n
}

func isPredicate(n ast.Node) bool { _, ok := n.(*ast.PredicateNode); return ok }

func (u *unit) firstNotAction(nodes ...ast.Node) ast.Node {
	for _, n := range nodes {
		if bad := u.notAction(n); bad != nil {
			return bad
		}
	}
	return nil
}
