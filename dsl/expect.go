package dsl

import (
	"errors"
	"fmt"
	"reflect"
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
			e.probes = c.probesOf(&frag)
		}
		t.Expects = append(t.Expects, e)
	}
	return t
}

// mostProbes parts of an expectation are shown when it does not hold.
const mostProbes = 8

// probesOf compiles the operands of an expectation's comparisons, each on its own.
func (c *compiler) probesOf(frag *fragment) []probe {
	tree, err := parser.ParseWithConfig(frag.text, c.cfg)
	if err != nil {
		return nil
	}
	var nodes []ast.Node
	collectOperands(tree.Node, &nodes)
	var probes []probe
	seen := map[string]bool{}
	for _, n := range nodes {
		text := n.String()
		if seen[text] || len(probes) == mostProbes {
			continue
		}
		seen[text] = true
		u := &unit{c: c, frag: frag, scope: scope{what: "expect", names: expectNames, stage: StageMail}}
		u.resolve(&n)
		part := &parser.Tree{Node: n, Source: file.NewSource(frag.text)}
		if _, err := c.checker.Check(part, c.cfg); err != nil {
			continue
		}
		u.guard(&part.Node)
		if _, err := c.checker.Check(part, c.cfg); err != nil {
			continue
		}
		if program, err := exprcompiler.Compile(part, c.cfg); err == nil {
			probes = append(probes, probe{text, program})
		}
	}
	return probes
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

// Check evaluates the expectation. When it does not hold, got says what there was instead:
// `issue.priority is "normal"`.
func (e *Expect) Check(o *Outcome) (ok bool, got string, err error) {
	if e.condition == nil {
		return false, "", errors.New("this expectation was not compiled")
	}
	r := newRun(background(), o.View, Budget{})
	defer r.Close()
	r.env.Verdict, r.env.Reason, r.env.Sent, r.env.Outcome = o.Verdict, o.Reason, o.Sent, &o.Effects
	v, err := e.condition.run(r)
	if err != nil {
		return false, "", err
	}
	ok, isBool := v.(bool)
	if !isBool {
		return false, "", e.condition.failure(0, "expect is neither true nor false, but "+typeName(typeOf(v)), nil)
	}
	if ok {
		return true, "", nil
	}
	var parts []string
	for _, p := range e.probes {
		if v, err := r.vm.Run(p.program, &r.env); err == nil {
			parts = append(parts, p.text+" is "+shownValue(v))
		}
	}
	return false, strings.Join(parts, ", "), nil
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
