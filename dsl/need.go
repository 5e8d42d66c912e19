package dsl

import (
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// A Need is one fact about a message. A rule's needs are what its condition cannot be true without: at least one
// of them holds for every message that the rule matches. They let an index rule out thousands of rules without running them.
type Need struct {
	Field Field
	Op    NeedOp
	Text  string   // folded (see Fold); of NeedUnder, a domain
	Set   *Entries // of NeedIn and NeedUnderAny: in lower case, shared by all needs of one list
}

// NeedOp says how a field's value stands to a need's text.
type NeedOp uint8

const (
	NeedEqual    NeedOp = iota // is the text
	NeedContains               // has the text in it
	NeedIn                     // its lower case is in the set
	NeedUnder                  // is the domain, or below it
	NeedUnderAny               // is a domain of the set, or below one
)

// mostNeeds is how many needs a condition may have: beyond, it is asked of every message.
const mostNeeds = 10_000

// Needs returns what the rule's condition needs, and whether anything is known of it. A rule without a condition needs
// nothing; a rule that is known and has no needs never matches. Of a rule with else nothing is known: it has something to do for
// every message.
func (rule *Rule) Needs() (needs []Need, known bool) { return rule.needs.any, rule.needs.known }

// needs are some of which at least one must hold for something to be true; unless known, nothing is known of that.
type needs struct {
	known bool
	any   []Need
}

var never = needs{known: true}

// either is what holds when a or b does.
func (a needs) either(b needs) needs {
	if !a.known || !b.known || len(a.any)+len(b.any) > mostNeeds {
		return needs{}
	}
	return needs{true, append(a.any[:len(a.any):len(a.any)], b.any...)}
}

// mostCopied bounds the needs of all conditions of a set: a define may bring ten thousand into each rule that names it.
const mostCopied = 2_000_000

// either is needs.either where these may be those of a define.
func (u *unit) either(a, b needs) needs {
	out := a.either(b)
	if u.c.copied += len(out.any); u.c.copied > mostCopied {
		return needs{}
	}
	return out
}

// both is what holds when a and b do: the more telling of the two.
func (a needs) both(b needs) needs {
	if !b.known || a.known && a.worth() >= b.worth() {
		return a
	}
	return b
}

// worth is how much the needs rule out, roughly: as much as the least telling of them.
func (a needs) worth() int {
	least := 1 << 20
	for _, n := range a.any {
		w := 0
		switch {
		case n.Op == NeedContains:
			w = min(len(n.Text), 50)
		case n.Field.flag:
			w = 1
		default:
			w = 100
		}
		least = min(least, w)
	}
	return least*mostNeeds - len(a.any)
}

// A term is what is known of an expression before it is run.
type term struct {
	yes, no needs    // where it is a condition: what must hold for it to be true, and to be false
	field   *Field   // where it is a text (or a list of texts): the field that it is, but for the case of its letters
	part    *Field   // or of which it is a piece
	path    string   // where it is an address or the like, or a list of such: where it stands
	found   *pattern // where it is a find, in part
}

// term looks at a tree that was checked and not yet changed by guard.
func (u *unit) term(n ast.Node) term {
	switch n := n.(type) {
	case *ast.BoolNode:
		if n.Value {
			return term{no: never}
		}
		return term{yes: never}
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
			yes: u.either(c.yes.both(a.yes), c.no.both(b.yes)),
			no:  u.either(c.yes.both(a.no), c.no.both(b.no)),
		}
	case *ast.BinaryNode:
		return u.binaryTerm(n)
	case *ast.MemberNode:
		return u.memberTerm(n)
	case *ast.PointerNode:
		if n.Name == "" && u.element != "" {
			return fieldTerm(u.element)
		}
	case *ast.CallNode:
		return u.callTerm(n)
	case *ast.BuiltinNode:
		return u.builtinTerm(n)
	}
	return term{}
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
	case "in":
		return term{yes: u.inNeeds(n)}
	case "contains", "startsWith", "endsWith":
		if s, ok := n.Right.(*ast.StringNode); ok {
			return term{yes: u.term(n.Left).holds(s.Value)}
		}
	case "matches":
		if s, ok := n.Right.(*ast.StringNode); ok {
			if p, err := u.c.pattern(s.Value); err == nil {
				return term{yes: u.term(n.Left).matches(p)}
			}
		}
	case ">":
		// count(list, …) > 0
		if b, ok := n.Left.(*ast.BuiltinNode); ok && b.Name == "count" && isZero(n.Right) {
			return term{yes: u.elementTerm(b).yes}
		}
	}
	return term{}
}

func isZero(n ast.Node) bool {
	i, ok := n.(*ast.IntegerNode)
	return ok && i.Value == 0
}

// equalTerm is left == right, where one of them is a constant.
func (u *unit) equalTerm(l, r ast.Node) term {
	if isLiteral(l) {
		l, r = r, l
	}
	switch c := r.(type) {
	case *ast.StringNode:
		return term{yes: u.term(l).equals(c.Value)}
	case *ast.BoolNode:
		t := u.term(l)
		if c.Value {
			return term{yes: t.yes, no: t.no}
		}
		return term{yes: t.no, no: t.yes}
	}
	return term{}
}

func isLiteral(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.BoolNode:
		return true
	}
	return false
}

// inNeeds is left in right: a field in a list of texts, or a text in a field that is a list.
func (u *unit) inNeeds(n *ast.BinaryNode) needs {
	if s, ok := n.Left.(*ast.StringNode); ok {
		return u.term(n.Right).equals(s.Value)
	}
	l := u.term(n.Left)
	switch r := n.Right.(type) {
	case *ast.ArrayNode:
		out := never
		for _, e := range r.Nodes {
			s, ok := e.(*ast.StringNode)
			if !ok {
				return needs{}
			}
			if out = out.either(l.equals(s.Value)); !out.known {
				return out
			}
		}
		return out
	case *ast.ConstantNode:
		texts, ok := r.Value.([]string)
		if !ok || l.field == nil {
			return needs{}
		}
		if len(texts) == 0 {
			return never
		}
		if list := u.c.listOf(texts); list != nil {
			return needs{true, []Need{{Field: *l.field, Op: NeedIn, Set: list.entries()}}}
		}
	}
	return needs{}
}

// equals is what must hold for a text, or one of a list of texts, to be s.
func (t term) equals(s string) needs {
	switch {
	case !utf8.ValidString(s):
		return needs{}
	case t.field != nil:
		return needs{true, []Need{{Field: *t.field, Op: NeedEqual, Text: Fold(s)}}}
	}
	return t.holds(s)
}

// holds is what must hold for a text to have s in it.
func (t term) holds(s string) needs {
	f := t.field
	if f == nil {
		f = t.part
	}
	if f == nil || s == "" || !utf8.ValidString(s) {
		return needs{}
	}
	return needs{true, []Need{{Field: *f, Op: NeedContains, Text: Fold(s)}}}
}

// matches is what must hold for a text to match p.
func (t term) matches(p *pattern) needs {
	f := t.field
	if f == nil {
		f = t.part
	}
	if f == nil {
		return needs{}
	}
	words, ok := p.literals()
	if !ok {
		return needs{}
	}
	out := never
	for _, w := range words {
		out = out.either(t.holds(w))
	}
	return out
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
		return d.value.term
	}
	args := n.Arguments
	if len(args) > 0 {
		args = args[1:] // $run
	}
	switch callee.Value {
	case "lower":
		return onlyText(u.term(args[0]))
	case "trim", "trimPrefix", "trimSuffix":
		return term{part: u.term(args[0]).either()}
	case "$header", "$headers":
		name, ok := args[1].(*ast.StringNode)
		if ok && natureType(args[0]) == typeMail {
			return fieldTerm("mail." + strings.TrimPrefix(callee.Value, "$") + "." + strings.ToLower(name.Value))
		}
	case "find":
		if p := u.patternOf(n); p != nil {
			return term{found: p, part: u.term(args[0]).either()}
		}
	case "$group":
		return term{part: u.term(args[0]).part}
	case "has":
		return u.hasTerm(args)
	case "hasAll":
		return u.hasAllTerm(args)
	case "glob":
		return u.globTerm(args)
	case "under":
		return u.underTerm(args)
	}
	return term{}
}

func onlyText(t term) term { return term{field: t.field, part: t.part} }

// either is the field that the term is or of which it is a piece.
func (t term) either() *Field {
	if t.field != nil {
		return t.field
	}
	return t.part
}

// hasTerm is has(text, words): the longest word of a phrase must be there, since white space is folded.
func (u *unit) hasTerm(args []ast.Node) term {
	text := u.term(args[0])
	words, ok := u.constantTexts(args[1])
	if !ok {
		return term{}
	}
	out := never
	for _, w := range words {
		if w == "" {
			continue // is never found
		}
		if out = out.either(text.holds(longest(strings.Fields(w)))); !out.known {
			break
		}
	}
	return term{yes: out}
}

func longest(texts []string) string {
	best := ""
	for _, s := range texts {
		if len(s) > len(best) {
			best = s
		}
	}
	return best
}

// hasAllTerm is hasAll(text, words): each must be there, so the most telling one stands for all.
func (u *unit) hasAllTerm(args []ast.Node) term {
	text := u.term(args[0])
	words, ok := u.constantTexts(args[1])
	if !ok {
		return term{}
	}
	out := needs{}
	for _, w := range words {
		out = out.both(text.holds(longest(strings.Fields(w))))
	}
	return term{yes: out}
}

// globTerm is glob(text, patterns): what stands between the stars of one of them must be there.
func (u *unit) globTerm(args []ast.Node) term {
	text := u.term(args[0])
	patterns, ok := u.constantTexts(args[1])
	if !ok {
		return term{}
	}
	out := never
	for _, p := range patterns {
		pieces := strings.FieldsFunc(p, func(r rune) bool { return r == '*' || r == '?' })
		if out = out.either(text.holds(longest(pieces))); !out.known {
			break
		}
	}
	return term{yes: out}
}

func (u *unit) underTerm(args []ast.Node) term {
	domain := u.term(args[0])
	if domain.field == nil {
		return term{}
	}
	if c, ok := args[1].(*ast.ConstantNode); ok {
		if set, ok := c.Value.(*Entries); ok {
			return term{yes: needs{true, []Need{{Field: *domain.field, Op: NeedUnderAny, Set: set}}}}
		}
	}
	parents, ok := u.constantTexts(args[1])
	if !ok {
		return term{}
	}
	out := never
	for _, p := range parents {
		if p = plainDomain(p); p != "" {
			out = out.either(needs{true, []Need{{Field: *domain.field, Op: NeedUnder, Text: p}}})
		}
	}
	return term{yes: out}
}

// constantTexts are the texts of a literal, a list of literals or a list block.
func (u *unit) constantTexts(n ast.Node) ([]string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return []string{n.Value}, true
	case *ast.ArrayNode:
		var out []string
		for _, e := range n.Nodes {
			s, ok := e.(*ast.StringNode)
			if !ok {
				return nil, false
			}
			out = append(out, s.Value)
		}
		return out, true
	case *ast.ConstantNode:
		texts, ok := n.Value.([]string)
		return texts, ok
	}
	return nil, false
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
		return onlyText(u.elementTerm(n))
	case "hasPrefix", "hasSuffix":
		if s, ok := last(n.Arguments).(*ast.StringNode); ok && len(n.Arguments) == 2 {
			return term{yes: u.term(n.Arguments[0]).holds(s.Value)}
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
	list, outer := u.term(n.Arguments[0]), u.element
	u.element = list.path
	if list.field != nil {
		u.element = list.field.path
	}
	defer func() { u.element = outer }()
	return u.term(p.Node)
}

func (u *unit) memberTerm(n *ast.MemberNode) term {
	name, ok := n.Property.(*ast.StringNode)
	if !ok {
		return term{}
	}
	switch of := n.Node.(type) {
	case *ast.IdentifierNode:
		switch of.Value {
		case "mail", "envelope", "sender", "mailbox": // not issue: it changes while the rules are walked
			return fieldTerm(of.Value + "." + name.Value)
		}
		return term{}
	case *ast.PointerNode:
		if of.Name == "" && u.element != "" {
			return fieldTerm(u.element + "." + name.Value)
		}
		return term{}
	}
	t := u.term(n.Node)
	switch {
	case t.found != nil && name.Value == "found":
		return term{yes: t.matches(t.found)}
	case t.path != "" && !strings.HasSuffix(t.path, "[]"):
		return fieldTerm(t.path + "." + name.Value)
	}
	return term{}
}
