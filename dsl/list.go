package dsl

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// A listValue is what a list block came to: []string in lower case, []int or []any of scalars.
type listValue struct {
	block  *ListBlock
	value  any
	set    *Entries // of the texts, made when first asked for
	state  listState
	failed bool
	told   bool              // that it is empty
	used   bool              // something names it
	empty  string            // a file of it that has no entries
	nets   *networks         // what inNetwork reads there
	words  [wordForms]*Words // what an index looks for of them
}

type listState uint8

const (
	listNew listState = iota
	listOpen
	listDone
)

// entries is the list as a set, nil for one that is not of texts.
func (l *listValue) entries() *Entries {
	if texts, ok := l.value.([]string); ok && l.set == nil {
		l.set = newEntries(texts)
	}
	return l.set
}

// listOf is the list whose texts these are, or nil.
func (c *compiler) listOf(texts []string) *listValue {
	if len(texts) == 0 {
		return nil
	}
	return c.bySlice[&texts[0]]
}

// declareLists takes in all lists; one may use another, wherever that stands.
func (c *compiler) declareLists(files []*File) (order []string) {
	for _, f := range files {
		for _, b := range f.Lists {
			frag := b.value
			if other, ok := c.lists[b.Name]; ok {
				c.error(frag.src, b.offset, "there is another list "+b.Name, "give one of them another name", Related{other.block.Pos, "the first is here"})
				continue
			}
			if c.taken(b.Name) {
				c.error(frag.src, b.offset, "the name "+b.Name+" is taken", "choose another")
				continue
			}
			c.lists[b.Name] = &listValue{block: b, value: []string{}}
			order = append(order, b.Name)
		}
	}
	c.listNames = slices.Sorted(slices.Values(order))
	return order
}

// listBudget is what all lists of a set may cost together, apart from reading files.
var listBudget = Budget{Steps: 5_000_000, Time: 5 * time.Second, Bytes: 128 << 20}

// taken says whether a name means something already.
func (c *compiler) taken(name string) bool {
	for _, n := range everyName {
		if n == name {
			return true
		}
	}
	return c.functions[name] != nil || builtinNamed(name) || name == "file" || name == "true" || name == "false" || name == "nil" || strings.HasPrefix(name, "$")
}

// compute evaluates what is constant: lists, and what tests are given. It all shares one budget, of which reading files and compiling
// take no time.
func (c *compiler) compute(e *expression) (any, error) {
	c.listRun.Away(time.Since(c.computed))
	defer func() { c.computed = time.Now() }()
	return e.run(c.listRun)
}

func (c *compiler) computeList(l *listValue) {
	if l.state != listNew {
		return
	}
	l.state = listOpen
	defer func() { l.state = listDone }()
	l.failed = true
	frag := l.block.value
	for name := range c.namesIn(frag.text) {
		other := c.lists[name]
		if other == nil {
			continue
		}
		if other.state == listOpen {
			c.error(frag.src, frag.start, "the list "+l.block.Name+" needs itself", "")
			return
		}
		other.used = true
		if c.computeList(other); other.failed {
			return // reported
		}
	}
	e := c.compile(frag, scope{what: "a list", constant: true, list: l}, nil)
	if e == nil {
		return
	}
	v, err := c.compute(e)
	if errors.Is(err, ErrBudget) {
		c.error(frag.src, frag.start, "the lists cost too much to compute, up to this one", `keep what is long in a file: list banned = file("lists/banned.txt")`)
		return
	}
	if err != nil {
		c.failed(err, &frag)
		return
	}
	value, err := v, error(nil)
	if texts, ok := v.([]string); !ok || c.listOf(texts) == nil { // else it is another list's, which was looked at
		value, err = listEntries(v)
	}
	if err != nil {
		c.error(frag.src, frag.start, err.Error(), `write it as: list NAME = ["one", "two"]`)
		return
	}
	l.value, l.failed = value, false
	if texts, ok := value.([]string); ok && len(texts) > 0 {
		c.bySlice[&texts[0]] = l
	}
}

// namesIn are the names that an expression uses; nil when it cannot be parsed, which is reported later.
func (c *compiler) namesIn(text string) map[string]bool {
	c.cfg.MaxNodes = mostListNodes
	tree, err := parser.ParseWithConfig(text, c.cfg)
	if err != nil {
		return nil
	}
	names := nameCollector{}
	ast.Walk(&tree.Node, names)
	return names
}

type nameCollector map[string]bool

// Visit is called by ast.Walk.
func (c nameCollector) Visit(n *ast.Node) {
	if id, ok := (*n).(*ast.IdentifierNode); ok {
		c[id.Value] = true
	}
}

// failed reports an evaluation that failed while rules were loaded.
func (c *compiler) failed(err error, f *fragment) {
	c.errors++
	var re *RuleError
	if !errors.As(err, &re) {
		message := err.Error()
		if errors.Is(err, ErrBudget) {
			message = "this costs too much to compute"
		}
		re = &RuleError{Diagnostic: f.src.diagnostic(f.start, SeverityError, message, "")}
	}
	c.diags = append(c.diags, re.Diagnostic)
}

// listEntries makes the value of a list's expression a list of texts, of whole numbers, or of scalars.
func listEntries(v any) (any, error) {
	if texts, ok := v.([]string); ok { // of a file, perhaps a million: not looked at one by one through any
		return lowerAll(texts), nil
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		return nil, fmt.Errorf("a list is needed, not %s", typeName(reflect.TypeOf(v)))
	}
	texts, ints, all := []string{}, []int{}, []any{}
	for i := range list.Len() {
		e := list.Index(i).Interface()
		switch v := e.(type) {
		case string:
			v = strings.ToLower(v)
			e, texts = v, append(texts, v)
		case int:
			ints = append(ints, v)
		}
		if e == nil || !isScalar(reflect.TypeOf(e)) {
			return nil, fmt.Errorf("entry %d of a list must be a text or a number, not %s", i+1, typeName(reflect.TypeOf(e)))
		}
		all = append(all, e)
	}
	switch list.Len() {
	case len(texts):
		return texts, nil
	case len(ints):
		return ints, nil
	}
	return all, nil
}

// lowerAll makes texts lower case, in place where they are already.
func lowerAll(texts []string) []string {
	own := false
	for i, s := range texts {
		if lower := strings.ToLower(s); lower != s {
			if !own {
				texts, own = slices.Clone(texts), true
			}
			texts[i] = lower
		}
	}
	return texts
}
