package dsl

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	exprcompiler "github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// A Test is one test block.
type Test struct {
	Name    string
	Pos     Pos    // of the name
	Case    string // of a table, as written; "" for a test without one
	CasePos Pos
	Given   Given
	Mail    []byte // as it stands in its file, or as written inline with CRLF line ends
	Expects []*Expect
}

// An Outcome is what came of a test's mail, for its expectations to look at.
type Outcome struct {
	View    *View
	Verdict string // "committed", "rejected", …
	Reason  string
	Sent    []Sent
	Effects Effects
}

// Effects are what rules did that the issue does not show: `outcome` in an expectation.
type Effects struct {
	Notes      []string  `expr:"notes"`      // that rules added, in order
	Due        time.Time `expr:"due"`        // the zero time where no rule said any
	Visibility string    `expr:"visibility"` // "public", "internal", or "" where no rule said any
	Quiet      bool      `expr:"quiet"`
	Bounce     bool      `expr:"bounce"`   // with the verdict "rejected": a rule asked for a bounce
	Dropped    []string  `expr:"dropped"`  // the names of attachments that are dropped
	Redacted   []string  `expr:"redacted"` // the patterns that are blackened
	Text       string    `expr:"text"`     // the mail's new text as it is kept, blackened
	Thread     string    `expr:"thread"`   // the key under which the issue is found again
	Rules      []string  `expr:"rules"`    // that matched, or did what their else says, in order
	Shadows    []string  `expr:"shadows"`  // shadow rules that did
	Failed     []string  `expr:"failed"`   // rules that failed and took none of their actions
}

// Sent is a mail that would leave.
type Sent struct {
	To       []string `expr:"to"`
	Subject  string   `expr:"subject"`
	Text     string   `expr:"text"`
	Template string   `expr:"template"`
}

// An Expect is one expectation of a test.
type Expect struct {
	Pos    Pos
	Source string // as written

	condition *expression
	probes    []probe
	parts     []clause
	and       bool // the parts are joined by and
}

// A probe is a part of an expectation whose value says why it does not hold.
type probe struct {
	text    string
	program *vm.Program
}

func (c *compiler) test(f *File, b *TestBlock) *Test {
	t := &Test{Name: b.Name, Pos: b.Pos, Mail: c.fillMail(f, b)}
	for _, g := range b.given {
		c.given(f, g, &t.Given)
	}
	if b.mailFile != nil {
		t.Mail = c.mailFile(f, c.fillPath(f, *b.mailFile))
	}
	for _, frag := range b.expects {
		e := &Expect{Pos: f.src.pos(frag.start), Source: frag.original()}
		e.condition = c.compile(frag, scope{what: "expect", names: expectNames, stage: StageMail}, mustBeBool)
		if e.condition != nil {
			e.parts, e.probes, e.and = c.partsOf(&frag, scope{what: "expect", names: expectNames, stage: StageMail})
		}
		t.Expects = append(t.Expects, e)
	}
	return t
}

// mostProbes parts of an expectation are shown when it does not hold.
const mostProbes = 8

// probesOf compiles the operands of a condition's comparisons, each on its own. The tree is fresh, and changed.
func (c *compiler) probesOf(frag *fragment, s scope, tree ast.Node) []probe {
	var nodes []ast.Node
	collectOperands(tree, &nodes)
	var probes []probe
	seen := map[string]bool{}
	for _, n := range nodes {
		text := n.String()
		if seen[text] || len(probes) == mostProbes {
			continue
		}
		seen[text] = true
		if program := c.alone(frag, s, n); program != nil {
			probes = append(probes, probe{text, program})
		}
	}
	return probes
}

// alone compiles a part of an expression that was found right as a whole; nil where it cannot stand alone.
func (c *compiler) alone(frag *fragment, s scope, n ast.Node) *vm.Program {
	before, diags := c.errors, c.diags
	defer func() { c.errors, c.diags = before, diags }() // what is wrong was told of the whole
	u := &unit{c: c, frag: frag, scope: s}
	if u.resolve(&n); c.errors > before {
		return nil
	}
	part := &parser.Tree{Node: n, Source: file.NewSource(frag.text)}
	if _, err := c.checker.Check(part, c.cfg); err != nil {
		return nil
	}
	u.guard(&part.Node)
	if _, err := c.checker.Check(part, c.cfg); err != nil {
		return nil
	}
	program, err := exprcompiler.Compile(part, c.cfg)
	if err != nil {
		return nil
	}
	return program
}

// A Clause is one of the conditions that and, or join, with what it says.
type Clause struct {
	Text   string `json:"text"`
	Holds  bool   `json:"holds"`
	Values string `json:"values,omitempty"` // of what it looks at: `issue.priority is "normal"`
	Error  string `json:"error,omitempty"`

	Looks []string `json:"-"` // what it looks at: "issue.priority", …
}

type clause struct {
	text    string
	program *vm.Program
	probes  []probe
}

const mostClauses = 20 // of an expectation

// partsOf takes an expectation apart at and, or.
func (c *compiler) partsOf(frag *fragment, s scope) (parts []clause, all []probe, and bool) {
	parse := func() *parser.Tree {
		tree, err := parser.ParseWithConfig(frag.text, c.cfg)
		if err != nil {
			return nil
		}
		return tree
	}
	whole, one, two := parse(), parse(), parse()
	if whole == nil || one == nil || two == nil {
		return nil, nil, false
	}
	b, ok := whole.Node.(*ast.BinaryNode)
	and = ok && (b.Operator == "and" || b.Operator == "&&")
	all = c.probesOf(frag, s, whole.Node)
	first, second := leaves(one.Node), leaves(two.Node)
	for i, n := range first {
		if len(first) < 2 || i == mostClauses {
			break
		}
		p := clause{text: oneLine(n.String())}
		p.probes = c.probesOf(frag, s, second[i])
		if p.program = c.alone(frag, s, n); p.program != nil {
			parts = append(parts, p)
		}
	}
	return parts, all, and
}

// leaves are what and, or join.
func leaves(n ast.Node) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && isJunction(b) {
		return append(leaves(b.Left), leaves(b.Right)...)
	}
	return []ast.Node{n}
}

// collectOperands finds what an expectation looks at: the sides of its comparisons that are not
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

// Check evaluates the expectation. When it does not hold, got says what there was instead (`issue.priority is "normal"`), of what is
// to blame where that is clear, and parts says it of each condition that and, or join.
func (e *Expect) Check(o *Outcome) (ok bool, got string, parts []Clause, err error) {
	if e.condition == nil {
		return false, "", nil, errors.New("this expectation was not compiled")
	}
	r := newRun(background(), o.View, Budget{})
	defer r.Close()
	r.env.Verdict, r.env.Reason, r.env.Sent, r.env.Outcome = o.Verdict, o.Reason, o.Sent, &o.Effects
	v, err := e.condition.run(r)
	if err != nil {
		return false, "", nil, err
	}
	ok, isBool := v.(bool)
	if !isBool {
		return false, "", nil, e.condition.failure(0, "expect is neither true nor false, but "+typeName(typeOf(v)), nil)
	}
	if ok {
		return true, "", nil, nil
	}
	var blamed []string
	for _, p := range e.parts {
		part := Clause{Text: p.text, Values: strings.Join(r.shown(p.probes), ", ")}
		for _, probe := range p.probes {
			part.Looks = append(part.Looks, probe.text)
		}
		if v, err := r.vm.Run(p.program, &r.env); err != nil {
			part.Error = plainMessage(err.Error())
		} else if part.Holds, _ = v.(bool); !part.Holds && part.Values != "" && !slices.Contains(blamed, part.Values) {
			blamed = append(blamed, part.Values)
		}
		parts = append(parts, part)
	}
	if !e.and || len(blamed) == 0 {
		blamed = r.shown(e.probes)
	}
	return false, strings.Join(blamed, ", "), parts, nil
}

// Looks are the names that the expectation looks at: "issue.priority", "verdict", …
func (e *Expect) Looks() []string {
	var names []string
	for _, p := range e.probes {
		names = append(names, p.text)
	}
	return names
}

// shownValue prints a value for a person, cut to what can be read.
func shownValue(v any) string {
	value := reflect.ValueOf(v)
	switch {
	case v == nil:
		return "nil"
	case value.Kind() == reflect.String:
		return quoteShort(value.String())
	case value.Kind() == reflect.Slice:
		parts := []string{}
		for i := range min(value.Len(), 10) {
			parts = append(parts, shownValue(value.Index(i).Interface()))
		}
		if value.Len() > 10 {
			parts = append(parts, fmt.Sprintf("and %d more", value.Len()-10))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if a, ok := v.(Address); ok {
		return quoteShort(a.Email)
	}
	if s, err := asString(v); err == nil {
		return s
	}
	return quoteShort(fmt.Sprintf("%v", v))
}
