package dsl

import (
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// A Part is a piece of a condition with what came of it for one message.
type Part struct {
	Text   string  `json:"text"`
	Line   int     `json:"line"`
	Column int     `json:"column"`
	Op     string  `json:"op,omitempty"`     // "and", "or", "not": what joins Parts
	Holds  bool    `json:"holds"`            // it is true
	Error  string  `json:"error,omitempty"`  // why it is neither true nor false
	Values []Value `json:"values,omitempty"` // what it looked at
	Parts  []Part  `json:"parts,omitempty"`
}

// A Value is what one operand was, cut to what can be read.
type Value struct {
	Text  string `json:"text"`
	Value string `json:"value"`
}

// Bounds of what is told of one condition.
const (
	mostParts    = 100
	longestPart  = 400 // bytes of its text
	deepestParts = 20
	mostValues   = 8
)

// Explain takes the condition apart and evaluates each part, in a run in which it was matched just now; it spends the run's
// budget. What hide returns stands for each text that is shown; nil shows all. There is nothing to tell of a rule without a condition.
func (rule *Rule) Explain(run *Run, hide func(string) string) *Part {
	s := scopeOf(rule.Token, rule.Stage)
	s.what, s.lets = "when", rule.bound
	return explain(rule.again, rule.when, s, nil, run, hide)
}

func explain(a *again, e *expression, s scope, in *row, run *Run, hide func(string) string) *Part {
	root := parsed(e)
	if root == nil {
		return nil
	}
	x := &explanation{again: a, frag: e.frag, run: run, hide: hide, at: map[int]ast.Node{}}
	node := a.tree(e.frag, s, in)
	if node == nil {
		return nil
	}
	ast.Walk(&node, x)
	p := x.part(root, 0)
	return &p
}

// An explanation finds for each part of a condition as it was written the node that it was compiled to. What the compiler puts in a node's
// place keeps the node's location.
type explanation struct {
	again *again
	frag  fragment
	run   *Run
	hide  func(string) string
	at    map[int]ast.Node // the outermost node at a place
	n     int              // parts so far
}

// Visit is called by ast.Walk, children first.
func (x *explanation) Visit(node *ast.Node) { x.at[(*node).Location().From] = *node }

func (x *explanation) part(n ast.Node, depth int) Part {
	x.n++
	at := x.frag.src.pos(x.frag.offset(startOf(n)))
	p := Part{Text: cutText(n.String(), longestPart), Line: at.Line, Column: at.Column}
	v, err := x.value(n)
	if p.Holds, _ = v.(bool); err != nil {
		p.Error = err.Error()
	}
	if depth < deepestParts && x.n < mostParts {
		p.Op, p.Parts = x.parts(n, depth)
	}
	if p.Op == "" {
		p.Values = x.values(n)
	}
	return p
}

// parts are those that and, or, not join; a chain of one operator is one list.
func (x *explanation) parts(n ast.Node, depth int) (op string, parts []Part) {
	switch n := n.(type) {
	case *ast.BinaryNode:
		op = joining(n)
		var nodes []ast.Node
		if op != "" {
			nodes = chain(n, op, nil)
		}
		for _, one := range nodes {
			parts = append(parts, x.part(one, depth+1))
		}
	case *ast.UnaryNode:
		// `a not in b` is a not around an in at the same place.
		if (n.Operator == "not" || n.Operator == "!") && n.Location().From != n.Node.Location().From {
			return "not", []Part{x.part(n.Node, depth+1)}
		}
	}
	return op, parts
}

func joining(n *ast.BinaryNode) string {
	switch n.Operator {
	case "and", "&&":
		return "and"
	case "or", "||":
		return "or"
	}
	return ""
}

func chain(n ast.Node, op string, into []ast.Node) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && joining(b) == op {
		return chain(b.Right, op, chain(b.Left, op, into))
	}
	return append(into, n)
}

// value evaluates a part on its own.
func (x *explanation) value(n ast.Node) (any, error) {
	node, ok := x.at[n.Location().From]
	if !ok {
		return nil, nil
	}
	tree := &parser.Tree{Node: node, Source: file.NewSource(x.frag.text)}
	program, err := x.again.compile(tree)
	if err != nil {
		return nil, err
	}
	e := &expression{frag: x.frag, program: program}
	return e.run(x.run)
}

// values are what a part looks at.
func (x *explanation) values(n ast.Node) []Value {
	var nodes []ast.Node
	collectOperands(n, &nodes)
	var out []Value
	seen := map[string]bool{}
	for _, one := range nodes {
		text := one.String()
		if seen[text] || len(out) == mostValues {
			continue
		}
		seen[text] = true
		if _, ok := x.at[one.Location().From]; !ok {
			continue
		}
		if v, err := x.value(one); err == nil {
			out = append(out, Value{cutText(text, longestPart), x.shown(v)})
		}
	}
	return out
}

// shown prints a value with what is hidden taken out first: cut, it might not be known again.
func (x *explanation) shown(v any) string {
	if x.hide == nil {
		return shownValue(v)
	}
	switch v := v.(type) {
	case string:
		return quoteShort(x.hide(v))
	case []string:
		hidden := make([]string, min(len(v), 11)) // the last says that there are more
		for i := range hidden {
			hidden[i] = x.hide(v[i])
		}
		return shownValue(hidden)
	}
	if k := reflect.ValueOf(v).Kind(); k == reflect.Slice || k == reflect.Map || k == reflect.Struct || k == reflect.Pointer {
		return "…" // what is in it cannot be hidden piece by piece
	}
	return shownValue(v)
}

// leaves are the parts that and, or join, through both; the whole where they join nothing.
func (p *Part) leaves() []Part {
	if p.Op != "and" && p.Op != "or" {
		return []Part{*p}
	}
	var out []Part
	for i := range p.Parts {
		out = append(out, p.Parts[i].leaves()...)
	}
	return out
}

// Looked are the values that a part and those in it look at, each once, not all of very many.
func (p *Part) Looked() (out []Value) {
	add := func(values []Value) {
		for _, v := range values {
			if len(out) < mostValues && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	add(p.Values)
	for i := range p.Parts {
		add(p.Parts[i].Looked())
	}
	return out
}

// Nearest are those of the parts in it that would have to be otherwise for the whole to hold.
func (p *Part) Nearest() []Part { return p.nearest(true) }

func (p *Part) nearest(want bool) (out []Part) {
	switch op := turnedOp(p.Op, want); op {
	case "not":
		return p.Parts[0].nearest(!want)
	case "and", "or":
		for i := range p.Parts {
			sub := p.Parts[i].nearest(want)
			switch {
			case op == "and":
				out = append(out, sub...)
			case i == 0 || len(sub) < len(out):
				out = sub
			}
		}
		return out
	}
	if p.Holds == want && p.Error == "" {
		return nil
	}
	return []Part{*p}
}

// turnedOp: not (a and b) is not a or not b.
func turnedOp(op string, want bool) string {
	if !want && (op == "and" || op == "or") {
		return map[string]string{"and": "or", "or": "and"}[op]
	}
	return op
}

// String is a value with what it is of: `issue.priority is "normal"`.
func (v Value) String() string { return v.Text + " is " + v.Value }

// cutText keeps the beginning of a text, on one line.
func cutText(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return oneLine(s)
}

// Missing is how many parts would have to be otherwise for the whole to hold; Held is how many hold as they are. The one tells how near a
// rule came, the other whether that says anything.
func (p *Part) Missing() (missing, held int) { return p.missing(true) }

func (p *Part) missing(want bool) (missing, held int) {
	switch turnedOp(p.Op, want) {
	case "not":
		return p.Parts[0].missing(!want)
	case "and":
		for i := range p.Parts {
			m, h := p.Parts[i].missing(want)
			missing, held = missing+m, held+h
		}
		return missing, held
	case "or":
		for i := range p.Parts {
			m, h := p.Parts[i].missing(want)
			if i == 0 || m < missing {
				missing = m
			}
			held = max(held, h)
		}
		return missing, held
	}
	if p.Holds == want && p.Error == "" {
		return 0, 1
	}
	return 1, 0
}

// collectOperands finds what a condition looks at: the sides of its comparisons that are not
// constant, through and, or, not; and what is asked of a function.
func collectOperands(n ast.Node, into *[]ast.Node) {
	switch n := n.(type) {
	case *ast.UnaryNode:
		collectOperands(n.Node, into)
	case *ast.BinaryNode:
		collectOperands(n.Left, into)
		collectOperands(n.Right, into)
	case *ast.MemberNode, *ast.IdentifierNode:
		*into = append(*into, n)
	case *ast.CallNode:
		if _, ok := n.Callee.(*ast.MemberNode); ok {
			*into = append(*into, n)
			return
		}
		for _, a := range n.Arguments {
			collectOperands(a, into)
		}
	case *ast.BuiltinNode:
		if len(n.Arguments) > 0 {
			collectOperands(n.Arguments[0], into)
		}
	}
}
