package dsl

import (
	"math"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/parser"
)

// A typer knows the types of what can be named at a caret: those that the compiler finds, of the pieces that stand before it.
type typer struct {
	*caret
	c     *compiler
	scope scope
	cases []any // of the table that the caret is in
}

// typer declares all lists and defines, which are compiled when they are asked for, and the lets before the caret.
func (c *caret) typer() *typer {
	t := &typer{caret: c, c: c.w.compiler()}
	t.scope = t.scopeOf(c.spot)
	if l := c.spot.block.loop; l != nil {
		loop := *l
		loop.end = math.MaxInt
		if values, _, ok := t.c.rows(&loop); ok && len(values) > 0 {
			t.cases, t.c.row = values, &row{&loop, values[0]}
		}
	}
	t.bind(c.lets, nil)
	for i, o := range c.open {
		t.bind(o.lets, c.open[:i+1])
	}
	return t
}

func (w *Workspace) compiler() *compiler {
	c := newCompiler(w.opts)
	c.declareLists(w.files)
	c.declareDefines(w.files)
	return c
}

// scopeOf is what an expression sees at a spot.
func (t *typer) scopeOf(s spot) scope {
	switch {
	case s.what == "expect":
		return scope{what: s.what, names: expectNames, stage: StageMail}
	case strings.HasPrefix(s.what, "the define "):
		return scope{what: "a define", names: mailNames, stage: StageMail}
	case s.block.rule == nil:
		return scope{what: s.what, constant: true}
	}
	b := *s.block.rule
	for _, whole := range t.file.Rules {
		if whole.offset == b.offset {
			b.Stage = whole.Stage // it may stand below
		}
	}
	out := b.scope()
	for _, l := range b.lets {
		t.c.let(t.read.file, &out, l)
	}
	out.what, out.actions = s.what, s.what == aStatement
	return out
}

const mostLets = 50 // of a statement

// bind makes the lets of a statement known that are finished before the caret.
func (t *typer) bind(lets []int, nest []opening) {
	for _, at := range lets {
		if len(t.scope.lets) >= mostLets || at+3 >= len(t.tokens) || t.of(t.tokens[at+2]) != "=" {
			continue
		}
		end, depth := at+3, 0
		for ; end < len(t.tokens); end++ {
			text := t.of(t.tokens[end])
			if depth == 0 && (text == ";" || t.tokens[end].kind == tokenNewline && len(nest) > 0) {
				break
			}
			switch text {
			case "(", "[", "{":
				depth++
			case ")", "]", "}":
				depth--
			}
		}
		if end == len(t.tokens) || end == at+3 {
			continue // the caret is within it
		}
		bound := boundLet{name: t.of(t.tokens[at+1]), typ: typeAny}
		typ, p := t.typeOf(t.file.src.text[t.tokens[at+3].start:t.tokens[end-1].end], nest)
		if typ != nil {
			bound.typ, bound.pattern = typ, p
		}
		t.scope.lets = append(t.scope.lets, bound)
	}
}

// typeOf is the type of a piece of text within the calls that are open, and the pattern where it is a find; nil where it has none.
func (t *typer) typeOf(text string, nest []opening) (typ reflect.Type, p *pattern) {
	defer func() {
		if recover() != nil { // as in compile: a bug of expr's or ours must not end an editor's help
			typ, p = nil, nil
		}
	}()
	depth := 0
	var b strings.Builder
	for _, o := range nest {
		if list := t.walked(o); list != "" {
			b.WriteString("map(" + list + ", {")
			depth++
		}
	}
	b.WriteString(text + strings.Repeat("})", depth))
	t.c.cfg.MaxNodes = 10_000
	tree, err := parser.ParseWithConfig(b.String(), t.c.cfg)
	if err != nil {
		return nil, nil
	}
	u := &unit{c: t.c, frag: &fragment{src: t.file.src, start: t.offset, end: t.offset, text: b.String()}, scope: t.scope}
	u.scope.actions = true // what may not act here still has a type
	u.resolve(&tree.Node)
	_ = t.c.check(tree) // what is wrong is told by others
	n := tree.Node
	for ; depth > 0; depth-- {
		m, ok := n.(*ast.BuiltinNode)
		if !ok || len(m.Arguments) != 2 {
			return nil, nil
		}
		inner, ok := m.Arguments[1].(*ast.PredicateNode)
		if !ok {
			return nil, nil
		}
		n = inner.Node
	}
	return t.elementType(n), u.patternOf(n)
}

// elementType is natureType, also of the first of what filter and map gave, which expr's checker does not know.
func (t *typer) elementType(n ast.Node) reflect.Type {
	typ := natureType(n)
	b, ok := n.(*ast.BuiltinNode)
	if typ != typeAny || !ok || len(b.Arguments) == 0 || b.Name != "first" && b.Name != "last" && b.Name != "get" {
		return typ
	}
	list := b.Arguments[0].Nature()
	if !list.IsArray() {
		return typ
	}
	elem := list.Elem(&t.c.cfg.NtCache)
	return elem.Type
}

// walked is the text of the list whose elements the open call asks its condition of, "" where it asks none.
func (t *typer) walked(o opening) string {
	switch {
	case o.method || o.call == "":
		return ""
	case o.call == "dropAttachments":
		return "mail.attachments"
	case !takesPredicate(o.call) || len(o.args) < 2:
		return ""
	}
	from, to := o.args[0], o.args[1]-1 // the comma
	if from >= to {
		return ""
	}
	return t.file.src.text[t.tokens[from].start:t.tokens[to-1].end]
}

func takesPredicate(name string) bool {
	i, ok := builtin.Index[name]
	return ok && allowedBuiltins[name] && builtin.Builtins[i].Predicate
}

// receiver is the text before the dot at the caret: "#" where it is the element of a list.
func (c *caret) receiver() (string, bool) {
	at := c.trimmed(len(c.tokens)) - 1
	if at < 0 || c.of(c.tokens[at]) != "." {
		return "", false
	}
	if at > 0 && c.of(c.tokens[at-1]) == "?" {
		at--
	}
	start := c.operand(at)
	if start == at {
		return "#", true
	}
	return c.file.src.text[c.tokens[start].start:c.tokens[at-1].end], true
}

// trimmed passes back over line ends.
func (c *caret) trimmed(at int) int {
	for at > 0 && c.tokens[at-1].kind == tokenNewline {
		at--
	}
	return at
}

// operand is the token at which the value begins that ends before a token: that token where none does.
func (c *caret) operand(end int) int {
	at := end
	for at > 0 {
		t := c.tokens[at-1]
		switch text := c.of(t); {
		case text == ")" || text == "]":
			start := c.matching(at - 1)
			if start < 0 {
				return at
			}
			at = start
			if at > 0 && c.endsOperand(c.tokens[at-1]) { // called or indexed
				continue
			}
			return at
		case t.kind == tokenName && !isOperatorWord(text), t.kind == tokenString, t.kind == tokenNumber, text == "#":
			at--
			if text != "#" && at > 0 && c.of(c.tokens[at-1]) == "#" { // #acc
				at--
			}
		default:
			return at
		}
		if at == 0 || c.of(c.tokens[at-1]) != "." {
			return at
		}
		at-- // the dot
		if at > 0 && c.of(c.tokens[at-1]) == "?" {
			at--
		}
		if at == 0 || !c.endsOperand(c.tokens[at-1]) { // .name of an element
			return at
		}
	}
	return at
}

// endsOperand says whether a value may end with a token.
func (c *caret) endsOperand(t token) bool {
	switch t.kind {
	case tokenName:
		return !isOperatorWord(c.of(t))
	case tokenString, tokenNumber:
		return true
	case tokenPunct:
		switch c.of(t) {
		case ")", "]", "#":
			return true
		}
	}
	return false
}

// matching is the bracket that the one at a token closes, -1 without one.
func (c *caret) matching(at int) int {
	depth := 0
	for ; at >= 0; at-- {
		if c.tokens[at].kind != tokenPunct {
			continue
		}
		switch c.of(c.tokens[at]) {
		case ")", "]", "}":
			depth++
		case "(", "[", "{":
			if depth--; depth == 0 {
				return at
			}
		}
	}
	return -1
}
