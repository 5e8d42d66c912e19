package dsl

import (
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// A term is what is known of an expression before it is run.
type term struct {
	yes, no needs     // where it is a condition: what must hold for it to be true, and to be false
	text    *textTerm // where it is a text, or a list of texts
	paths   []string  // where it is an address or the like, or a list of such: the places where it may stand, "mail.to[]"
	found   *textTerm // where it is a find: what its groups are
	pairs   *textTerm // where it is a map of pairs: the text that they are of
	words   *listed   // where it is an element of a constant list
}

// term looks at a tree that was checked and not yet changed by guard.
func (u *unit) term(n ast.Node) term {
	switch n := n.(type) {
	case *ast.BoolNode:
		if n.Value {
			return term{no: never}
		}
		return term{yes: never}
	case *ast.StringNode:
		return term{text: constantText(n.Value)}
	case *ast.ChainNode:
		return u.term(n.Node)
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			t := u.term(n.Node)
			return term{yes: t.no, no: t.yes}
		}
	case *ast.ConditionalNode:
		c, a, b := u.term(n.Cond), u.term(n.Exp1), u.term(n.Exp2)
		return term{
			yes:   u.either(c.yes.both(a.yes), c.no.both(b.yes)),
			no:    u.either(c.yes.both(a.no), c.no.both(b.no)),
			text:  u.oneOf(a.text, b.text),
			paths: bothPaths(a.paths, b.paths),
		}
	case *ast.BinaryNode:
		return u.binaryTerm(n)
	case *ast.MemberNode:
		return u.memberTerm(n)
	case *ast.PointerNode:
		if n.Name == "" && u.element != nil {
			return *u.element
		}
	case *ast.CallNode:
		return u.callTerm(n)
	case *ast.BuiltinNode:
		return u.builtinTerm(n)
	}
	return term{}
}

func bothPaths(a, b []string) []string {
	if a == nil || b == nil {
		return nil
	}
	return slices.Concat(a, b)
}

func (u *unit) binaryTerm(n *ast.BinaryNode) term {
	switch n.Operator {
	case "and", "&&":
		l, r := u.term(n.Left), u.term(n.Right)
		return term{yes: l.yes.both(r.yes), no: u.either(l.no, r.no)}
	case "or", "||":
		l, r := u.term(n.Left), u.term(n.Right)
		return term{yes: u.either(l.yes, r.yes), no: l.no.both(r.no)}
	case "==", "!=":
		t := u.equalTerm(n.Left, n.Right)
		if n.Operator == "!=" {
			t.yes, t.no = t.no, t.yes
		}
		return t
	case "+":
		return term{text: joinedTexts(u.term(n.Left).text, u.term(n.Right).text)}
	case "in":
		return term{yes: u.inNeeds(n)}
	case "contains", "startsWith", "endsWith":
		if words, ok := u.constantTexts(n.Right); ok {
			return term{yes: u.holds(u.term(n.Left).text, u.wordsOf(words, plainWord))}
		}
	case "matches":
		if s, ok := n.Right.(*ast.StringNode); ok {
			if p, err := u.c.pattern(s.Value); err == nil {
				return term{yes: u.matches(u.term(n.Left).text, p)}
			}
		}
	case ">", ">=":
		return term{yes: u.countNeeds(n)}
	}
	return term{}
}

// countNeeds is count(list, …) > 0, len(filter(list, …)) > 0, and more than that.
func (u *unit) countNeeds(n *ast.BinaryNode) needs {
	most, ok := n.Right.(*ast.IntegerNode)
	b, isCall := n.Left.(*ast.BuiltinNode)
	if !ok || !isCall || n.Operator == ">=" && most.Value < 1 || most.Value < 0 {
		return nil
	}
	if b.Name == "len" && len(b.Arguments) == 1 {
		if b, ok = b.Arguments[0].(*ast.BuiltinNode); !ok || b.Name != "filter" {
			return nil
		}
	} else if b.Name != "count" {
		return nil
	}
	return u.elementTerm(b).yes
}

// equalTerm is left == right, where one of them is a constant.
func (u *unit) equalTerm(l, r ast.Node) term {
	if isLiteral(l) {
		l, r = r, l
	}
	if c, ok := r.(*ast.BoolNode); ok {
		t := u.term(l)
		if c.Value {
			return term{yes: t.yes, no: t.no}
		}
		return term{yes: t.no, no: t.yes}
	}
	switch r.(type) {
	case *ast.StringNode, *ast.PointerNode:
	default:
		return term{} // lists
	}
	texts, ok := u.constantTexts(r)
	if t := natureType(l); !ok || t == nil || t.Kind() == reflect.Slice {
		return term{}
	}
	t := u.term(l).text
	out := term{yes: u.equals(t, texts)}
	if len(texts.texts) == 1 && texts.texts[0] == "" {
		out.no = u.filled(t)
	}
	return out
}

func isLiteral(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.BoolNode:
		return true
	}
	return false
}

// inNeeds is left in right: a field in a list of texts, a text in a field that is a list, or a name among pairs.
func (u *unit) inNeeds(n *ast.BinaryNode) needs {
	if name, ok := n.Left.(*ast.StringNode); ok {
		r := u.term(n.Right)
		if r.pairs != nil {
			return u.named(r.pairs, name.Value)
		}
		if t := natureType(n.Right); t == nil || t.Kind() != reflect.Slice {
			return nil
		}
		return u.equals(r.text, listed{texts: []string{name.Value}})
	}
	texts, ok := u.constantTexts(n.Right)
	if t := natureType(n.Right); !ok || t == nil || t.Kind() != reflect.Slice {
		return nil
	}
	l := u.term(n.Left).text
	switch {
	case l == nil:
		return nil
	case len(texts.texts) == 0:
		return never
	case texts.list == nil:
		return u.equals(l, texts)
	case l.domain:
		return underSet(l, texts.list.entries())
	case !l.whole():
		return nil
	}
	way := make([]Need, len(l.pieces)) // as in is asked of a list: but for the case of letters
	for i, p := range l.pieces {
		way[i] = Need{Field: p.field, Op: NeedIn, Set: texts.list.entries()}
	}
	return needs{way}.both(l.some)
}

func (u *unit) callTerm(n *ast.CallNode) term {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return term{}
	}
	if i, isLet := letIndex(callee.Value); isLet && i < len(u.scope.lets) {
		return u.scope.lets[i].term
	}
	if d := u.c.defineOf(callee.Value); d != nil {
		return *d.value.term
	}
	args := n.Arguments
	if len(args) > 0 {
		args = args[1:] // $run
	}
	if of, ok := termsOf[callee.Value]; ok {
		return of(u, args)
	}
	return term{}
}

func (u *unit) builtinTerm(n *ast.BuiltinNode) term {
	switch n.Name {
	case "any", "one":
		return term{yes: u.elementTerm(n).yes}
	case "none":
		return term{no: u.elementTerm(n).yes}
	case "all":
		return term{no: u.elementTerm(n).no}
	case "map":
		t := u.elementTerm(n)
		return elementsOf(t)
	case "filter", "reverse", "take", "sortBy":
		return elementsOf(u.term(n.Arguments[0]))
	case "first", "last", "get", "findLast":
		return u.oneElement(n.Arguments[0])
	case "hasPrefix", "hasSuffix":
		if s, ok := last(n.Arguments).(*ast.StringNode); ok && len(n.Arguments) == 2 {
			return term{yes: u.holds(u.term(n.Arguments[0]).text, u.wordsOf(listed{texts: []string{s.Value}}, plainWord))}
		}
	}
	return term{}
}

// elementTerm is what a predicate says of one element of its list.
func (u *unit) elementTerm(n *ast.BuiltinNode) term {
	if len(n.Arguments) != 2 {
		return term{}
	}
	p, ok := n.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return term{}
	}
	element, outer := u.oneElement(n.Arguments[0]), u.element
	u.element = &element
	defer func() { u.element = outer }()
	return u.term(p.Node)
}

// oneElement is what is known of each element of a list.
func (u *unit) oneElement(list ast.Node) term {
	if t := natureType(list); t == nil || t.Kind() != reflect.Slice {
		return term{}
	}
	if texts, ok := u.constantTexts(list); ok {
		return term{words: &texts}
	}
	return elementsOf(u.term(list))
}

func elementsOf(t term) term { return term{text: t.text, paths: t.paths} }

func (u *unit) memberTerm(n *ast.MemberNode) term {
	name, ok := n.Property.(*ast.StringNode)
	if !ok {
		return u.oneElement(n.Node)
	}
	if of, ok := n.Node.(*ast.IdentifierNode); ok {
		switch of.Value {
		case "mail", "envelope", "sender", "mailbox": // not issue: it changes while the rules are walked
			return u.c.fieldTerm(of.Value + "." + name.Value)
		}
		return term{}
	}
	t := u.term(n.Node)
	switch {
	case t.found != nil && name.Value == "found":
		return term{yes: t.found.some}
	case t.pairs != nil:
		value := t.pairs.part()
		value.some = u.named(t.pairs, name.Value)
		return term{text: value}
	case len(t.paths) == 1:
		return u.c.fieldTerm(t.paths[0] + "." + name.Value)
	case len(t.paths) > 1:
		return u.fieldsTerm(t.paths, name.Value)
	}
	return term{}
}

// fieldsTerm is a field of what stands in one of several places.
func (u *unit) fieldsTerm(paths []string, name string) term {
	out := u.c.fieldTerm(paths[0] + "." + name)
	for _, p := range paths[1:] {
		t := u.c.fieldTerm(p + "." + name)
		out = term{yes: u.either(out.yes, t.yes), no: u.either(out.no, t.no), text: u.oneOf(out.text, t.text), paths: bothPaths(out.paths, t.paths)}
	}
	return out
}

// named is what must hold for a text to have a pair of that name.
func (u *unit) named(text *textTerm, name string) needs {
	return u.holds(text, u.wordsOf(listed{texts: []string{strings.ToLower(name)}}, longestWord))
}
