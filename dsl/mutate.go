package dsl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// A Mutant is a rule, or a define, with one thing changed. Tests that notice none of its mutants do not say what the rule is for.
type Mutant struct {
	Pos  Pos
	Rule string // or "define NAME"
	What string // `mail.size < 10 becomes mail.size >= 10`

	file   *File
	block  *RuleBlock // changed; nil for a define
	rule   int        // its place among the rules, or the tokens
	define *Define
	value  fragment // of the define, changed
}

// Defines reports whether it is a define that was changed, which any rule may use.
func (m Mutant) Defines() bool { return m.define != nil }

// Mutations are the mutants of a set.
type Mutations struct {
	Program *Program // unchanged, watched
	Mutants []Mutant

	c *compiler
}

// Mutate compiles a set and lists its mutants: each condition negated, also those that defines are, each comparison turned round, each side
// of and, or left out, each statement left out. Rules that are disabled or shadows have none, since no test can see what they do, and neither does what cannot be
// noticed: that a find found something where its group is looked at beside it, and a stop behind which no rule comes.
func Mutate(files []*File, opts Options) (*Mutations, Diagnostics) {
	opts.Watch = true
	c := newCompiler(opts)
	p, diags := c.program(files)
	if p == nil {
		return nil, diags
	}
	m := &Mutations{Program: p, c: c}
	rules, tokens := 0, 0
	for _, f := range files {
		for _, b := range f.Rules {
			place := &rules
			if b.Token {
				place = &tokens
			}
			if !b.Disabled && !b.Shadow {
				m.add(f, b, *place, !b.Token && *place == len(p.Rules)-1)
			}
			*place++
		}
	}
	m.defines(files)
	c.opts.Watch = false // of mutants nobody is told
	return m, diags
}

// Compile is the program with one mutant in the place of its rule; nil where that does not compile.
func (m *Mutations) Compile(i int) *Program {
	u := m.Mutants[i]
	m.c.again.mu.Lock() // somebody may ask meanwhile why an earlier one does what it does
	defer m.c.again.mu.Unlock()
	before, diags := m.c.errors, m.c.diags
	var rule *Rule
	var define *Define
	if u.define != nil {
		define = m.c.mutant(u.define, u.value)
	} else {
		rule = m.c.rule(u.file, u.block)
	}
	failed := m.c.errors > before
	m.c.errors, m.c.diags = before, diags
	if failed {
		return nil
	}
	p := *m.Program
	if define != nil {
		p.instead = define
	} else if u.block.Token {
		p.Tokens = slices.Clone(p.Tokens)
		p.Tokens[u.rule] = rule
	} else {
		p.Rules = slices.Clone(p.Rules)
		p.Rules[u.rule] = rule
	}
	return &p
}

func (m *Mutations) add(f *File, b *RuleBlock, place int, last bool) {
	mutant := func(frag *fragment, at int, what string, changed RuleBlock) {
		m.Mutants = append(m.Mutants, Mutant{Pos: f.src.pos(frag.offset(at)), Rule: b.Name, What: oneLine(what), file: f, block: &changed, rule: place})
	}
	if b.when != nil {
		for _, e := range editsOf(m.c, b.when, true) {
			changed := *b
			when := *b.when
			when.change = e.change
			changed.when = &when
			mutant(b.when, e.at, e.what, changed)
		}
	}
	for i := range b.lets {
		for _, e := range editsOf(m.c, &b.lets[i].value, false) {
			changed := *b
			changed.lets = slices.Clone(b.lets)
			changed.lets[i].value.change = e.change
			mutant(&b.lets[i].value, e.at, e.what, changed)
		}
	}
	for _, otherwise := range []bool{false, true} {
		list := b.statements
		if otherwise {
			list = b.otherwise
		}
		put := func(changed *RuleBlock, to []fragment) {
			if otherwise {
				changed.otherwise = to
			} else {
				changed.statements = to
			}
		}
		for i := range list {
			for _, e := range editsOf(m.c, &list[i], false) {
				changed, to := *b, slices.Clone(list)
				to[i].change = e.change
				put(&changed, to)
				mutant(&list[i], e.at, e.what, changed)
			}
			text := strings.TrimSpace(list[i].original())
			if last && text == "stop()" && i == len(list)-1 {
				continue // nothing comes that it could stop
			}
			changed := *b
			to := slices.Clone(list)
			to[i].change = func(root *ast.Node) { *root = &ast.NilNode{} }
			put(&changed, to)
			mutant(&list[i], 0, text+" left out", changed)
		}
	}
}

// An anEdit changes one place of a tree.
type anEdit struct {
	at     int // rune of the fragment
	what   string
	change func(root *ast.Node)
}

// turned are the comparisons and their opposites.
var turned = map[string]string{"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

func isTest(op string) bool {
	return slices.Contains([]string{"contains", "startsWith", "endsWith", "matches", "in"}, op)
}

// editsOf are the changes to try in one expression. Each is made by the place of its node in a walk, so that it can be made in any tree of the same text.
func editsOf(c *compiler, f *fragment, when bool) []anEdit {
	tree, err := parser.ParseWithConfig(f.text, c.cfg)
	if err != nil {
		return nil
	}
	var edits []anEdit
	if when {
		edits = append(edits, anEdit{startOf(tree.Node), "not (" + tree.Node.String() + ")", func(root *ast.Node) { *root = &ast.UnaryNode{Operator: "not", Node: *root} }})
	}
	add := func(place int, n ast.Node, what string, change func(*ast.Node)) {
		edits = append(edits, anEdit{startOf(n), what, func(root *ast.Node) { ast.Walk(root, &walker{place, change}) }})
	}
	visit := -1
	ast.Walk(&tree.Node, visitor(func(node *ast.Node) {
		visit++
		n, ok := (*node).(*ast.BinaryNode)
		if !ok || when && *node == tree.Node && !isJunction(n) { // as good as the negation of the whole
			return
		}
		text := n.String()
		switch {
		case turned[n.Operator] != "":
			op := turned[n.Operator]
			add(visit, n, fmt.Sprintf("%s becomes %s", text, n.Left.String()+" "+op+" "+n.Right.String()), func(slot *ast.Node) {
				(*slot).(*ast.BinaryNode).Operator = op
			})
		case isTest(n.Operator):
			add(visit, n, "not ("+text+")", func(slot *ast.Node) { *slot = &ast.UnaryNode{Operator: "not", Node: *slot} })
		case isJunction(n):
			if !impliedBy(n.Right, n.Left) {
				add(visit, n.Left, n.Left.String()+" left out", func(slot *ast.Node) { *slot = (*slot).(*ast.BinaryNode).Right })
			}
			if !impliedBy(n.Left, n.Right) {
				add(visit, n.Right, n.Right.String()+" left out", func(slot *ast.Node) { *slot = (*slot).(*ast.BinaryNode).Left })
			}
		}
	}))
	return edits
}

// impliedBy says whether a part is `m.found`, and the other looks at a group of m.
func impliedBy(other, n ast.Node) bool {
	base, ok := strings.CutSuffix(n.String(), ".found")
	return ok && (strings.Contains(other.String(), base+".") || strings.Contains(other.String(), base+"["))
}

type visitor func(node *ast.Node)

// Visit is called by ast.Walk, children first.
func (v visitor) Visit(node *ast.Node) { v(node) }

// A walker changes the node at a place of the walk.
type walker struct {
	place  int
	change func(*ast.Node)
}

// Visit is called by ast.Walk, children first.
func (w *walker) Visit(node *ast.Node) {
	if w.place == 0 {
		w.change(node)
	}
	w.place--
}
