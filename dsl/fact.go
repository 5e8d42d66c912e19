package dsl

import (
	"slices"
	"strconv"

	"github.com/expr-lang/expr/ast"
)

// A fact is a part of a condition that is taken as a whole: a comparison, a call, a field that is true or false. Two that are written
// the same way, in whatever rules, are one fact.
type fact struct {
	of      int32  // the fact that stands for what is compared: a field, a call; 0 where it is no comparison with a constant
	op      string // "==", "contains", "startsWith", "endsWith", "<", "<=", ">", ">="
	text    string
	number  float64
	textual bool // it is compared with the text, not the number
	issue   bool // it looks at the issue, which rules change
}

// knowledge is what a compiler knows of all conditions that it saw, to warn of what they say together.
type knowledge struct {
	quiet  bool // nobody is warned
	facts  []fact
	factAt map[string]int32
	odd    int    // facts that are like no other
	room   []byte // for keys of facts
	asked  int    // needs that were copied for warnings
	deeds  []*deed
}

// A literal is a fact, or that it does not hold: twice the number of the fact, and one more where it does not.
type literal int32

func (l literal) not() literal { return l ^ 1 }

// A cond is a condition taken apart.
type cond struct {
	op   condOp
	fact literal
	node ast.Node // where it stands, in the expression that is looked at
	not  bool     // it is the opposite of what stands there
	of   []cond

	piece bool   // it is one of several that the node stands for
	needs *needs // once they were asked for
}

type condOp uint8

const (
	condFact  condOp = iota
	condAll          // and
	condOne          // or
	condTrue         // always
	condFalse        // never
)

// mostFacts bounds the size of a condition that is taken apart, and mostListed that of a list that is taken as its entries.
const (
	mostFacts       = 64
	mostAlternative = 16
)

// cond takes a checked tree apart that guard has not changed yet. What is known through a let or a define stands where that is named.
func (u *unit) cond(n ast.Node, not bool) cond {
	switch v := n.(type) {
	case *ast.BoolNode:
		if v.Value != not {
			return cond{op: condTrue, node: n, not: not}
		}
		return cond{op: condFalse, node: n, not: not}
	case *ast.ChainNode:
		return u.cond(v.Node, not)
	case *ast.UnaryNode:
		if v.Operator == "not" || v.Operator == "!" {
			return u.cond(v.Node, !not)
		}
	case *ast.BinaryNode:
		return u.binaryCond(v, not)
	case *ast.CallNode:
		return u.callCond(v, not)
	}
	return u.factCond(n, not)
}

func (u *unit) binaryCond(n *ast.BinaryNode, not bool) cond {
	switch n.Operator {
	case "and", "&&", "or", "||":
		op := condAll
		if (n.Operator == "or" || n.Operator == "||") != not {
			op = condOne
		}
		c := cond{op: op, node: n, not: not}
		for _, side := range []ast.Node{n.Left, n.Right} {
			if one := u.cond(side, not); one.op == op {
				c.of = append(c.of, one.of...)
			} else {
				c.of = append(c.of, one)
			}
		}
		return c
	case "==", "!=":
		for _, sides := range [2][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
			if b, ok := sides[1].(*ast.BoolNode); ok && natureType(sides[0]) == typeBool {
				return u.cond(sides[0], not != (n.Operator == "!=") != !b.Value)
			}
		}
		c := u.compared(n, n.Left, n.Right, "==", not != (n.Operator == "!="))
		c.not = not // of what stands there, which may say != itself
		return c
	case "contains", "startsWith", "endsWith":
		return u.compared(n, n.Left, n.Right, n.Operator, not)
	case "<", "<=", ">", ">=":
		return u.ordered(n, not)
	case "in":
		if texts, ok := u.alternatives(n.Left, n.Right); ok {
			of := u.subject(n.Left)
			return u.oneOfTexts(n, not, texts, func(s string) cond { return u.comparedWith(n, of, "==", s, not) })
		}
	}
	return u.factCond(n, not)
}

// alternatives are the texts of a short list to the right of in: one of them is what stands to its left.
func (u *unit) alternatives(left, right ast.Node) ([]string, bool) {
	switch right.(type) {
	case *ast.StringNode, *ast.ArrayNode:
	case *ast.ConstantNode:
		if !u.isLower(left) {
			return nil, false // in a list block case does not matter
		}
	default:
		return nil, false
	}
	of, ok := u.constantTexts(right)
	if of.list != nil && slices.ContainsFunc(of.texts, func(s string) bool { return !isASCII(s) }) {
		return nil, false // a domain is there in its ASCII form, too
	}
	return of.texts, ok && natureType(left) == typeString && len(of.texts) > 0 && len(of.texts) <= mostAlternative
}

// oneOfTexts is a condition that one of some texts fulfils, or that none does.
func (u *unit) oneOfTexts(n ast.Node, not bool, texts []string, each func(string) cond) cond {
	if len(texts) == 1 {
		return each(texts[0])
	}
	c := cond{op: condOne, node: n, not: not}
	if not {
		c.op = condAll
	}
	for _, s := range texts {
		one := each(s)
		one.piece = true
		c.of = append(c.of, one)
	}
	return c
}

// callCond is what a let, a define, or a function that takes several words stands for.
func (u *unit) callCond(n *ast.CallNode, not bool) cond {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return u.factCond(n, not)
	}
	var known *cond
	if i, isLet := letIndex(callee.Value); isLet && i < len(u.scope.lets) {
		known = u.scope.lets[i].meaning.condition()
	} else if d := u.c.defineOf(callee.Value); d != nil {
		known = d.value.meaning.condition()
	}
	if known != nil {
		return known.at(n, not)
	}
	if name := callee.Value; (name == "has" || name == "under") && len(n.Arguments) == 3 {
		if a, ok := n.Arguments[2].(*ast.ArrayNode); ok && len(a.Nodes) > 0 && len(a.Nodes) <= mostAlternative {
			c := cond{op: condOne, node: n, not: not}
			if not {
				c.op = condAll
			}
			for _, word := range a.Nodes {
				one := &ast.CallNode{Callee: n.Callee, Arguments: []ast.Node{n.Arguments[0], n.Arguments[1], word}}
				one.SetLocation(n.Location())
				part := u.factCond(one, not)
				part.piece = len(a.Nodes) > 1
				c.of = append(c.of, part)
			}
			return c
		}
	}
	return u.factCond(n, not)
}

// at is the condition, or its opposite, as if it stood at a node.
func (c *cond) at(n ast.Node, not bool) cond {
	out := cond{op: c.op, fact: c.fact, node: n, not: not}
	if not {
		switch c.op {
		case condFact:
			out.fact = c.fact.not()
		case condAll:
			out.op = condOne
		case condOne:
			out.op = condAll
		case condTrue:
			out.op = condFalse
		case condFalse:
			out.op = condTrue
		}
	}
	for i := range c.of {
		part := c.of[i].at(n, not)
		part.piece = true
		out.of = append(out.of, part)
	}
	return out
}

// condition is the one that a let or a define hands on: none that is too large, and no constant, which is a switch that somebody made.
func (m *meaning) condition() *cond {
	if m == nil || m.cond.node == nil || m.cond.op == condTrue || m.cond.op == condFalse || m.cond.size() > mostFacts {
		return nil
	}
	return &m.cond
}

func (c *cond) size() int {
	n := 1
	for i := range c.of {
		n += c.of[i].size()
	}
	return n
}

// compared is left op right, where one may be a constant.
func (u *unit) compared(n *ast.BinaryNode, left, right ast.Node, op string, not bool) cond {
	if op == "==" && isConstantValue(left) {
		left, right = right, left
	}
	switch c := right.(type) {
	case *ast.StringNode:
		return u.comparedWith(n, u.subject(left), op, c.Value, not)
	case *ast.IntegerNode, *ast.FloatNode:
		return u.numbered(n, u.subject(left), op, numberOf(c), not)
	}
	if op == "==" {
		return u.factOf(n, not, func(b []byte) ([]byte, bool) { return u.bothKeys(b, "==", left, right) }, fact{})
	}
	return u.factCond(n, not)
}

func isConstantValue(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NilNode:
		return true
	}
	return false
}

func numberOf(n ast.Node) float64 {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return float64(n.Value)
	case *ast.FloatNode:
		return n.Value
	}
	return 0
}

// ordered is a comparison with a number, with the number on the right.
func (u *unit) ordered(n *ast.BinaryNode, not bool) cond {
	left, right, op := n.Left, n.Right, n.Operator
	switch left.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		left, right = right, left
		op = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}[op]
	}
	switch right.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return u.numbered(n, u.subject(left), op, numberOf(right), not)
	}
	return u.factCond(n, not)
}

// comparedWith is a comparison of a subject, which stands in a node, with a text.
func (u *unit) comparedWith(n ast.Node, of int32, op, text string, not bool) cond {
	return u.ofSubject(n, fact{of: of, op: op, text: text, textual: true}, not)
}

func (u *unit) numbered(n ast.Node, of int32, op string, number float64, not bool) cond {
	return u.ofSubject(n, fact{of: of, op: op, number: number}, not)
}

func (u *unit) ofSubject(n ast.Node, f fact, not bool) cond {
	if f.of == 0 {
		return u.factOf(n, not, nil, fact{})
	}
	b := strconv.AppendInt(append(u.c.room[:0], '='), int64(f.of), 10)
	b = append(append(b, ' '), f.op...)
	if f.textual {
		b = append(append(b, '"'), f.text...)
	} else {
		b = strconv.AppendFloat(b, f.number, 'g', -1, 64)
	}
	f.issue = u.c.facts[f.of].issue
	return u.numberedFact(n, b, f, not)
}

// subject is the fact that stands for something that is compared; 0 for what is like nothing else.
func (u *unit) subject(n ast.Node) int32 {
	u.issue = false
	b, ok := u.key(append(u.c.room[:0], '.'), n)
	u.c.room = b[:0]
	if !ok {
		return 0
	}
	return u.c.factNumber(b, fact{issue: u.issue})
}

func (u *unit) factCond(n ast.Node, not bool) cond {
	return u.factOf(n, not, func(b []byte) ([]byte, bool) { return u.key(b, n) }, fact{})
}

// factOf makes a condition of a fact by what it is known by; one that is known by nothing is like no other.
func (u *unit) factOf(n ast.Node, not bool, key func([]byte) ([]byte, bool), f fact) cond {
	b, ok := u.c.room[:0], false
	if key != nil {
		u.issue = false
		b, ok = key(b)
		f.issue = u.issue
	}
	if !ok {
		u.c.odd++
		b = strconv.AppendInt(append(u.c.room[:0], '!'), int64(u.c.odd), 10)
		f.issue = true // for all that is known
	}
	return u.numberedFact(n, b, f, not)
}

func (u *unit) numberedFact(n ast.Node, key []byte, f fact, not bool) cond {
	l := literal(u.c.factNumber(key, f) << 1)
	u.c.room = key[:0]
	if not {
		l = l.not()
	}
	return cond{fact: l, node: n, not: not}
}

func (c *compiler) factNumber(key []byte, f fact) int32 {
	if i, ok := c.factAt[string(key)]; ok {
		return i
	}
	if len(c.facts) == 0 {
		c.facts = append(c.facts, fact{}) // 0 is none
	}
	i := int32(len(c.facts))
	c.facts = append(c.facts, f)
	c.factAt[string(key)] = i
	return i
}

// A way is facts that together make a condition true, in the order of their numbers.
type way []literal

const (
	mostWays  = 32
	longestOf = 24 // facts of a way
)

// ways are all ways in which a condition can be true; not ok where they are too many.
func (c *cond) ways() (ways []way, ok bool) {
	switch c.op {
	case condTrue:
		return []way{{}}, true
	case condFalse:
		return nil, true
	case condFact:
		one := &struct { // at once
			ways  [1]way
			facts [1]literal
		}{facts: [1]literal{c.fact}}
		one.ways[0] = one.facts[:]
		return one.ways[:], true
	case condOne:
		for i := range c.of {
			more, ok := c.of[i].ways()
			if ways = append(ways, more...); !ok || len(ways) > mostWays {
				return nil, false
			}
		}
		return ways, true
	}
	ways = []way{{}}
	for i := range c.of {
		more, ok := c.of[i].ways()
		if !ok || len(ways)*len(more) > mostWays {
			return nil, false
		}
		var all []way
		for _, a := range ways {
			for _, b := range more {
				if w, possible := a.and(b); len(w) > longestOf {
					return nil, false
				} else if possible {
					all = append(all, w)
				}
			}
		}
		ways = all
	}
	return ways, true
}

// and is both ways at once, where they do not say the opposite of each other.
func (w way) and(o way) (way, bool) {
	out := make(way, 0, len(w)+len(o))
	out = append(append(out, w...), o...)
	slices.Sort(out)
	out = slices.Compact(out)
	for i := 1; i < len(out); i++ {
		if out[i] == out[i-1].not() {
			return nil, false
		}
	}
	return out, true
}

// within says whether all facts of a way are among those of another.
func (w way) within(o way) bool {
	for _, l := range w {
		i, found := slices.BinarySearch(o, l)
		if !found {
			return false
		}
		o = o[i+1:]
	}
	return true
}
