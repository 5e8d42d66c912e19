package dsl

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// exclude says whether two facts are never true at the same time.
func (u *unit) exclude(a, b *cond) bool {
	if a.fact == b.fact.not() {
		return true
	}
	f, g := u.c.facts[a.fact>>1], u.c.facts[b.fact>>1]
	if f.of != 0 && f.of == g.of && f.textual == g.textual {
		notA, notB := a.fact&1 == 1, b.fact&1 == 1
		switch {
		case f.textual && textsExclude(f, notA, g, notB), f.textual && textsExclude(g, notB, f, notA):
			return true
		case !f.textual && !notA && !notB && numbersExclude(f, g):
			return true
		}
	}
	if isFlag(a.node) || isFlag(b.node) {
		return false // only its own opposite
	}
	return u.needsExclude(u.needsOf(a), u.needsOf(b))
}

func isFlag(n ast.Node) bool {
	_, ok := n.(*ast.MemberNode)
	return ok
}

// textsExclude says whether one text cannot be as two facts say of it.
func textsExclude(f fact, notF bool, g fact, notG bool) bool {
	switch {
	case notF:
		return false
	case f.op == "==": // it is known, so what the other says of it can be tried
		return holdsOf(g, f.text) == notG
	case notG:
		// what has "abc" in it has "ab" in it
		return holdsOf(g, f.text) && (g.op == "contains" || g.op == f.op)
	case f.op == "startsWith" && g.op == "startsWith":
		return !strings.HasPrefix(f.text, g.text) && !strings.HasPrefix(g.text, f.text)
	case f.op == "endsWith" && g.op == "endsWith":
		return !strings.HasSuffix(f.text, g.text) && !strings.HasSuffix(g.text, f.text)
	}
	return false
}

// holdsOf says whether a fact about a text holds of this one.
func holdsOf(f fact, text string) bool {
	switch f.op {
	case "==":
		return text == f.text
	case "contains":
		return strings.Contains(text, f.text)
	case "startsWith":
		return strings.HasPrefix(text, f.text)
	case "endsWith":
		return strings.HasSuffix(text, f.text)
	}
	return false
}

// numbersExclude says whether no number is as both say.
func numbersExclude(f, g fact) bool {
	low, lowIn, high, highIn := false, false, false, false
	var from, to float64
	for _, b := range []fact{f, g} {
		if b.op == "==" || b.op == ">" || b.op == ">=" {
			if in := b.op != ">"; !low || b.number > from || b.number == from && !in {
				low, from, lowIn = true, b.number, in
			}
		}
		if b.op == "==" || b.op == "<" || b.op == "<=" {
			if in := b.op != "<"; !high || b.number < to || b.number == to && !in {
				high, to, highIn = true, b.number, in
			}
		}
	}
	return low && high && (from > to || from == to && !(lowIn && highIn))
}

// needsOf is what must hold of a message for a condition to be true.
func (u *unit) needsOf(c *cond) needs {
	if c.needs == nil && u.c.asked > mostCopied {
		return nil
	}
	if c.needs == nil {
		copied := u.c.copied
		t := u.term(c.node)
		u.c.asked += u.c.copied - copied // apart from what an index may hold
		u.c.copied = copied
		c.needs = &t.yes
		if c.not {
			c.needs = &t.no
		}
	}
	return *c.needs
}

// mostMatched bounds how many needs are held against each other.
const mostMatched = 1000

// needsExclude says whether no message has what both need.
func (u *unit) needsExclude(a, b needs) bool {
	for _, x := range a {
		for _, y := range b {
			if len(x) > 0 && len(y) > 0 && len(x)*len(y) <= mostMatched && allExclude(x, y) {
				return true
			}
		}
	}
	return false
}

func allExclude(some, others []Need) bool {
	for i := range some {
		for j := range others {
			if !some[i].excludes(&others[j]) && !others[j].excludes(&some[i]) {
				return false
			}
		}
	}
	return true
}

// excludes says whether a field that is as one need says is never as the other says.
func (n *Need) excludes(o *Need) bool {
	if n.Field.path != o.Field.path || n.Field.all || slices.Contains(n.Field.steps, -1) { // of several values each may be another
		return false
	}
	var never func(a, b string) bool
	switch {
	case n.Op == NeedEqual && o.Op == NeedEqual:
		never = func(a, b string) bool { return a != b }
	case n.Op == NeedEqual && o.Op == NeedContains:
		never = func(a, b string) bool { return !strings.Contains(a, b) }
	case n.Op == NeedEqual && o.Op == NeedUnder:
		never = func(a, b string) bool { return !below(a, b) }
	case n.Op == NeedUnder && o.Op == NeedUnder:
		never = func(a, b string) bool { return !below(a, b) && !below(b, a) }
	case n.Op == NeedEqual && o.Op == NeedIn:
		return !slices.ContainsFunc(n.texts(), o.Set.folded)
	default:
		return false
	}
	if len(n.texts())*len(o.texts()) > mostMatched {
		return false
	}
	return !slices.ContainsFunc(n.texts(), func(a string) bool {
		return slices.ContainsFunc(o.texts(), func(b string) bool { return !never(a, b) })
	})
}

func (n *Need) texts() []string {
	if n.Words != nil {
		return n.Words.Texts
	}
	return []string{n.Text}
}

// below says whether a domain is another or below it. What is no plain domain may be one that is written otherwise.
func below(domain, parent string) bool {
	if !isASCII(domain) || !isASCII(parent) || domain != plainDomain(domain) {
		return true
	}
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}

// folded says whether an entry is the text but for the case of its letters, or may be: a long list is not looked through.
func (e *Entries) folded(text string) bool {
	return len(e.texts) > mostMatched || slices.ContainsFunc(e.texts, func(s string) bool { return Fold(s) == text })
}
