package dsl

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// What an expression says that it need not say, or cannot mean, is a warning. It is told only where it follows from the conditions
// alone, whatever the mail.

// mostOdd bounds how large a condition is taken apart.
const mostOdd = 2000

// looking is what is seen on the way through an expression.
type looking struct {
	issue  bool // for key: the issue was seen
	never  bool // it was told that the condition is never true
	whole  bool // all of the expression is looked at, not a condition within it
	nested bool // there are conditions within it
	issues bool // it may look at the issue
}

// means says what a checked tree that guard has not changed yet means, and warns of what is odd in it.
func (u *unit) means(root ast.Node) *meaning {
	if u.scope.constant {
		return nil
	}
	if u.scope.what == aStatement {
		u.nestedOddities(root)
		if does := u.deeds(root); len(does.events) > 0 || does.fails {
			return &meaning{does: does}
		}
		return nil
	}
	m := &meaning{}
	if natureType(root) == typeBool {
		m.cond, u.whole = u.cond(root, false), true
		if u.scope.what == "expect" && u.c.row == nil && !u.namesOutcome(root) {
			u.warn(root, "cannot-fail", "this expectation says nothing of what the rules did", `expect something of the outcome: expect issue.priority == "high"`)
			return m
		}
		u.oddities(&m.cond, root)
		u.whole = false
	}
	u.nestedOddities(root)
	switch u.scope.what {
	case "let", "a define":
		b, ok := u.key(u.c.room[:0], root)
		if ok {
			m.key = string(b)
		}
		m.issue, m.sure, m.asks, u.c.room = u.issue, u.sure(root), u.asks(root), b[:0]
	case "when":
		m.sure, m.asks, m.never = u.sure(root), u.asks(root), u.never
	}
	return m
}

// nestedOddities looks at the conditions within an expression.
func (u *unit) nestedOddities(root ast.Node) {
	if u.nested && u.c.row == nil { // what is written out of a case is constant
		ast.Walk(&root, oddWalk{u})
	}
}

// oddities looks at a condition.
func (u *unit) oddities(c *cond, root ast.Node) {
	if u.c.row == nil && c.size() <= mostOdd {
		u.examine(c, nil, root)
	}
}

// An oddWalk finds conditions within an expression: those of ?: and of functions.
type oddWalk struct{ u *unit }

// Visit is called by ast.Walk, children first.
func (w oddWalk) Visit(node *ast.Node) {
	n := *node
	switch v := n.(type) {
	case *ast.ConditionalNode:
		n = v.Cond
	case *ast.PredicateNode:
		n = v.Node
	default:
		return
	}
	if natureType(n) == typeBool {
		c := w.u.cond(n, false)
		w.u.oddities(&c, n)
	}
}

// A beside is what has to hold, too, where a condition is asked.
type beside []*cond

// examine reports parts of a condition that are always or never true, or said twice.
func (u *unit) examine(c *cond, with beside, root ast.Node) {
	switch c.op {
	case condFact:
		return
	case condTrue, condFalse:
		if !c.piece { // it is told where it stands
			u.oddConstant(c, root)
		}
		return
	}
	u.oddParts(c)
	if a, b := u.impossible(c, with); b != nil {
		u.oddNever(c, a, b, root)
		return
	}
	if c.op == condOne {
		for i := range c.of {
			one := &c.of[i]
			if one.piece { // of a list, a let or a define: it stands nowhere by itself
				continue
			}
			if a, b := u.impossible(one, with); b != nil && one.op == condFact {
				u.oddNever(one, a, b, root)
			} else {
				u.examine(one, with, root)
			}
		}
		return
	}
	for i := range c.of {
		if part := &c.of[i]; part.op != condFact {
			u.examine(part, append(with[:len(with):len(with)], others(c, i)...), root)
		}
	}
}

// others are what stands beside one part of an and.
func others(c *cond, i int) beside {
	var out beside
	for j := range c.of {
		if j != i {
			out = append(out, &c.of[j])
		}
	}
	return out
}

// impossible finds two parts that are never true together; one that is never true is both. Nil where there are none such.
func (u *unit) impossible(c *cond, with beside) (a, b *cond) {
	switch c.op {
	case condFalse:
		return c, c
	case condFact:
		for _, o := range with {
			if u.clash(o, c) {
				return o, c
			}
		}
	case condAll:
		with = with[:len(with):len(with)]
		for i := range c.of { // facts first: what is one of several is held against them
			if part := &c.of[i]; part.op == condFact || part.op == condFalse {
				if a, b := u.impossible(part, with); b != nil {
					return a, b
				}
				with = append(with, part)
			}
		}
		for i := range c.of {
			if part := &c.of[i]; part.op == condOne {
				if a, b := u.impossible(part, with); b != nil {
					return a, part
				}
				with = append(with, part)
			}
		}
	case condOne:
		for i := range c.of {
			one, other := u.impossible(&c.of[i], with)
			if other == nil {
				return nil, nil
			}
			a, b = one, c
		}
	}
	return a, b
}

// clash says whether a fact can never be true beside another condition.
func (u *unit) clash(o, c *cond) bool {
	switch o.op {
	case condFact:
		return u.exclude(o, c)
	case condOne:
		for i := range o.of {
			if !u.clash(&o.of[i], c) {
				return false
			}
		}
		return len(o.of) > 0
	case condAll:
		for i := range o.of {
			if u.clash(&o.of[i], c) {
				return true
			}
		}
	}
	return false
}

// oddParts reports what is said twice beside and, or, and constants there.
func (u *unit) oddParts(c *cond) {
	seen := make(map[literal]*cond, len(c.of))
	for i := range c.of {
		part := &c.of[i]
		if part.op != condFact || part.piece {
			continue
		}
		if first, ok := seen[part.fact.not()]; ok && c.op == condOne && !c.piece && !c.not && len(c.of) == 2 {
			u.warn(c.node, "always", "this is always true: one side is the opposite of the other", "remove it, or say what else was meant", u.related(first.node, "its opposite is here"))
		}
		if first, ok := seen[part.fact]; ok {
			word := map[condOp]string{condAll: "and", condOne: "or"}[c.op]
			if c.not {
				word = map[string]string{"and": "or", "or": "and"}[word]
			}
			u.warn(part.node, "repeated", "this stands here twice, joined by "+word, "remove it, or say what else was meant", u.related(first.node, "the first is here"))
		} else {
			seen[part.fact] = part
		}
	}
}

// oddConstant reports true or false where a condition was expected.
func (u *unit) oddConstant(c *cond, root ast.Node) {
	always := c.op == condTrue
	switch {
	case u.isWhen(c, root) && always:
		u.warn(c.node, "always", "this is always true", "leave when out, for a rule that is for all mail")
	case u.isWhen(c, root):
		u.warn(c.node, "never", "this is never true: the rule does nothing", "to switch a rule off, write disabled before it")
	case c.node == root && u.whole: // a let or a define that somebody made a switch
	case always != c.not:
		u.warn(c.node, "always", "this is always true", "remove it, or say what was meant")
	default:
		u.warn(c.node, "never", "this is never true", "remove it, or say what was meant")
	}
}

// oddNever reports a condition, or a part of one, that is never true.
func (u *unit) oddNever(c, a, b *cond, root ast.Node) {
	if a == b {
		if u.never = u.never || u.isWhen(c, root); !b.piece {
			u.oddConstant(b, root)
		}
		return
	}
	if u.never = u.never || u.isWhen(c, root); a.node == b.node { // within a let or a define
		return
	}
	message := u.saidBy(b) + " is never true together with " + u.saidBy(a)
	if u.isWhen(c, root) {
		message = "this rule can never match: " + message
	}
	u.warn(b.node, "never", message, "join what may be either with or, or remove the rule", u.related(a.node, "this has to be true, too"))
}

// saidBy is a condition as it is written, and "not" where its opposite is meant.
func (u *unit) saidBy(c *cond) string {
	if c.not {
		return "not (" + u.said(c.node) + ")"
	}
	return u.said(c.node)
}

// said is a node as it is written, on one line.
func (u *unit) said(n ast.Node) string {
	from, to := u.extent(n)
	text := strings.Join(strings.Fields(u.frag.src.text[from:to]), " ")
	if runes := []rune(text); len(runes) > longestSaid {
		text = string(runes[:longestSaid]) + "…"
	}
	return text
}

const longestSaid = 60 // characters of a condition that a message shows

func (u *unit) related(n ast.Node, message string) Related {
	from, _ := u.extent(n)
	return Related{u.frag.src.pos(from), message}
}

// isWhen says whether a condition is all of a rule's when.
func (u *unit) isWhen(c *cond, root ast.Node) bool {
	return c.node == root && u.scope.what == "when" && u.whole
}

// namesOutcome says whether an expression looks at anything that a mail or the rules decide.
func (u *unit) namesOutcome(root ast.Node) bool {
	names := nameCollector{}
	ast.Walk(&root, names)
	for name := range names {
		if slices.Contains(everyName, name) || u.c.defineOf(name) != nil || name == "now" {
			return true
		}
	}
	return false
}
