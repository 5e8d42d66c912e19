package dsl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// A test with `for case in LIST { … }` is one test for each element of the list, which is constant. Within the braces the name
// of the case stands for its value: in expressions, and as {case.subject} in the mail and in the name of its file. So all of a case is
// known when it is compiled, and checked like what is written out.

// mostCases bounds a table.
const mostCases = 1000

// A row is one case of a table.
type row struct {
	loop  *forLine
	value any
}

// tests compiles a test, once for each case.
func (c *compiler) tests(f *File, b *TestBlock) []*Test {
	if b.loop == nil {
		return []*Test{c.test(f, b)}
	}
	values, places, ok := c.rows(b.loop)
	if !ok {
		return nil
	}
	defer func() { c.row = nil }()
	var tests []*Test
	before, first := c.errors, len(c.diags)
	for i, v := range values {
		c.row = &row{b.loop, v}
		from := len(c.diags)
		t := c.test(f, b)
		t.Case, t.CasePos = caseText(places[i].node, v), f.src.pos(places[i].offset)
		tests = append(tests, t)
		if c.errors > before {
			break // the next would mostly say the same
		}
		c.diags = append(c.diags[:from], slices.DeleteFunc(slices.Clone(c.diags[from:]), func(d Diagnostic) bool {
			return slices.ContainsFunc(c.diags[first:from], func(o Diagnostic) bool { return o.Pos == d.Pos && o.Message == d.Message })
		})...)
	}
	return tests
}

// A rowPlace is where a case is written.
type rowPlace struct {
	node   ast.Node // nil where the list is no literal
	offset int
}

// rows computes the cases.
func (c *compiler) rows(loop *forLine) ([]any, []rowPlace, bool) {
	const hint = `write it as: for case in [{subject: "one"}, {subject: "two"}] { … }`
	fail := func(offset int, message, hint string) ([]any, []rowPlace, bool) {
		c.error(loop.list.src, offset, message, hint)
		return nil, nil, false
	}
	name := loop.name.text
	if _, isList := c.lists[name]; isList || c.defines[name] != nil || c.taken(name) {
		return fail(loop.name.offset, "the name "+name+" is taken", "choose another, such as case")
	}
	v, ok := c.constant(loop.list, "for")
	if !ok {
		return nil, nil, false
	}
	var values []any
	switch v := v.(type) {
	case []any:
		values = v
	case []string:
		for _, s := range v {
			values = append(values, s)
		}
	case []int:
		for _, n := range v {
			values = append(values, n)
		}
	default:
		return fail(loop.list.start, "for needs a list, not "+typeName(typeOf(v)), hint)
	}
	switch {
	case len(values) == 0:
		return fail(loop.list.start, "this list is empty: nothing would be tested", hint)
	case len(values) > mostCases:
		return fail(loop.list.start, fmt.Sprintf("%d cases are too many: at most %d", len(values), mostCases), "")
	}
	places := make([]rowPlace, len(values))
	var nodes []ast.Node
	if tree, err := parser.ParseWithConfig(loop.list.text, c.cfg); err == nil {
		if a, ok := tree.Node.(*ast.ArrayNode); ok && len(a.Nodes) == len(values) {
			nodes = a.Nodes
		}
	}
	for i := range places {
		places[i].offset = loop.list.start
		if nodes != nil {
			places[i] = rowPlace{nodes[i], loop.list.offset(startOf(nodes[i]))}
		}
	}
	return values, places, true
}

const longestCase = 120 // characters of a case that a report shows

func caseText(n ast.Node, v any) string {
	s := shownValue(v)
	if n != nil {
		s = oneLine(n.String())
	}
	if runes := []rune(s); len(runes) > longestCase {
		s = string(runes[:longestCase]) + "…"
	}
	return s
}

// here says whether a byte of the file is within the braces of the table.
func (r *row) here(offset int) bool {
	return r != nil && offset >= r.loop.start && offset < r.loop.end
}

// resolveRow replaces the name of the case by its value.
func (u *unit) resolveRow(node *ast.Node, n *ast.IdentifierNode) bool {
	r := u.c.row
	if !r.here(u.frag.start) || n.Value != r.loop.name.text {
		return false
	}
	ast.Patch(node, literalOf(r.value))
	return true
}

// resolveRowField replaces case.NAME, and case["NAME"].
func (u *unit) resolveRowField(node *ast.Node, n *ast.MemberNode) bool {
	r := u.c.row
	base, ok := n.Node.(*ast.IdentifierNode)
	if !r.here(u.frag.start) || !ok || base.Value != r.loop.name.text {
		return false
	}
	key, ok := n.Property.(*ast.StringNode)
	fields, isMap := r.value.(map[string]any)
	if !ok || !isMap {
		return false
	}
	v, ok := fields[key.Value]
	if !ok {
		message, hint := r.missing(key.Value, fields)
		u.errorAt(key.Location(), message, hint)
		ast.Patch(node, call("$unknown", n))
		return true
	}
	ast.Patch(node, literalOf(v))
	return true
}

func (r *row) missing(key string, fields map[string]any) (message, hint string) {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return "a " + r.loop.name.text + " of this table has no " + key + didYouMean(key, names), "it has: " + enumerate(names)
}

// literalOf is the node that stands for a value as if it were written there.
func literalOf(v any) ast.Node {
	switch v := v.(type) {
	case nil:
		return &ast.NilNode{}
	case string:
		return &ast.StringNode{Value: v}
	case bool:
		return &ast.BoolNode{Value: v}
	case int:
		return &ast.IntegerNode{Value: v}
	case float64:
		return &ast.FloatNode{Value: v}
	case []any:
		texts := make([]string, len(v))
		for i, e := range v {
			s, ok := e.(string)
			if !ok {
				return &ast.ConstantNode{Value: v}
			}
			texts[i] = s
		}
		return &ast.ConstantNode{Value: texts}
	}
	return &ast.ConstantNode{Value: v}
}

// mostFilled bounds the mails that tables make.
const mostFilled = 64 << 20 // bytes

// fillMail puts the values of the case into the mail.
func (c *compiler) fillMail(f *File, b *TestBlock) []byte {
	if !c.row.here(b.mailAt) || b.mail == nil {
		return b.mail
	}
	if c.filled > mostFilled {
		return nil // reported
	}
	filled := c.fill(f, string(b.mail), b.mailAt)
	if c.filled += len(filled); c.filled > mostFilled {
		c.error(f.src, b.mailAt, "the mails of all cases together are too large", "keep them short, or in files: mail file(\"{case.file}\")")
		return nil
	}
	return []byte(strings.ReplaceAll(strings.ReplaceAll(filled, "\r\n", "\n"), "\n", "\r\n"))
}

func (c *compiler) fillPath(f *File, path word) word {
	if c.row.here(path.offset) {
		path.text = c.fill(f, path.text, path.offset)
	}
	return path
}

// fillName is the name of a mailbox, which a case may give: given mailbox case.mailbox.
func (c *compiler) fillName(w word) string {
	if !c.row.here(w.offset) {
		return w.text
	}
	name, v := c.row.loop.name.text, c.row.value
	key, isField := strings.CutPrefix(w.text, name+".")
	switch {
	case isField:
		fields, _ := v.(map[string]any)
		v = fields[key]
	case w.text != name:
		return w.text
	}
	if s, ok := v.(string); ok {
		return s
	}
	return w.text
}

// fill replaces {case} and {case.NAME}; all other braces are the mail's own.
func (c *compiler) fill(f *File, text string, at int) string {
	name := c.row.loop.name.text
	var b strings.Builder
	for {
		i := strings.Index(text, "{"+name)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		inside, after, closed := strings.Cut(text[i+1+len(name):], "}")
		key, isField := strings.CutPrefix(inside, ".")
		if !closed || inside != "" && (!isField || key == "" || plainName(key) != key) {
			if closed && plainName(inside[:1]) == "" && !strings.Contains(inside, "\n") {
				c.rowFail(f, "{"+name+inside+"}", at, "a mail takes {"+name+"} and {"+name+".NAME} alone, no expression", "give each "+name+" a field with the whole text")
			}
			b.WriteByte('{')
			text = text[i+1:]
			continue
		}
		b.WriteString(c.rowText(f, key, "{"+name+inside+"}", at))
		text = after
	}
}

// rowText is a value of the case as text; what is wrong with it is told at its first place in the mail.
func (c *compiler) rowText(f *File, key, written string, at int) string {
	fail := func(message, hint string) string { return c.rowFail(f, written, at, message, hint) }
	v := c.row.value
	if key != "" {
		fields, isMap := v.(map[string]any)
		if !isMap {
			return fail("a "+c.row.loop.name.text+" of this table has no fields", "write {"+c.row.loop.name.text+"}")
		}
		var ok bool
		if v, ok = fields[key]; !ok {
			return fail(c.row.missing(key, fields))
		}
	}
	s, err := asString(v)
	if err != nil {
		return fail(strconv.Quote(written)+" is "+typeName(typeOf(v))+", and a mail needs a text", "")
	}
	return s
}

func (c *compiler) rowFail(f *File, written string, at int, message, hint string) string {
	offset := at
	if i := strings.Index(f.src.text[at:], written); i >= 0 {
		offset += i
	}
	c.error(f.src, offset, message, hint)
	return ""
}
