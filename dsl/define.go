package dsl

import (
	"slices"
	"strconv"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// A Define is a condition, or another value, that has a name for the whole set.
type Define struct {
	Name   string
	Pos    Pos    // of the name
	Source string // the expression as written

	value *expression
	index int
	uses  map[string]bool // what it looks at, also through other defines: "mail", "sender.role", …
	keeps bool            // it is the same for the whole of a message: nothing in it is changed by rules
	depth int             // how many defines lie in each other below it
	state listState
	used  bool // something names it
	block *DefineBlock
}

// Condition is the expression as it was parsed, before anything was resolved or patched. It is parsed anew at each call.
func (d *Define) Condition() ast.Node { return parsed(d.value) }

// parsed is an expression's tree as it was written.
func parsed(e *expression) ast.Node {
	if e == nil {
		return nil
	}
	tree, err := parser.Parse(e.frag.text)
	if err != nil {
		return nil
	}
	return tree.Node
}

// deepestDefines bounds defines that use each other, since each runs within the one that uses it.
const deepestDefines = 100

// declareDefines takes in all defines; one may use another, wherever that stands.
func (c *compiler) declareDefines(files []*File) {
	for _, f := range files {
		for _, b := range f.Defines {
			if other, ok := c.defines[b.Name]; ok {
				c.error(f.src, b.offset, "there is another define "+b.Name, "give one of them another name", Related{other.Pos, "the first is here"})
				continue
			}
			if list, ok := c.lists[b.Name]; ok {
				c.error(f.src, b.offset, "the name "+b.Name+" is taken", "choose another", Related{list.block.Pos, "the list " + b.Name + " is here"})
				continue
			}
			if c.taken(b.Name) {
				c.error(f.src, b.offset, "the name "+b.Name+" is taken", "choose another")
				continue
			}
			d := &Define{Name: b.Name, Pos: b.Pos, Source: b.value.original(), index: len(c.defined), uses: map[string]bool{}, block: b}
			c.defines[b.Name] = d
			c.defineNames = append(c.defineNames, b.Name)
			c.defined = append(c.defined, d)
		}
	}
	slices.Sort(c.defineNames)
}

// computeDefine compiles a define, and before it those that it names.
func (c *compiler) computeDefine(d *Define) {
	if d.state != listNew {
		return
	}
	d.state = listOpen
	c.defining = append(c.defining, d)
	defer func() {
		d.state = listDone
		c.defining = c.defining[:len(c.defining)-1]
	}()
	frag := d.block.value
	if len(c.defining) > deepestDefines {
		c.tooDeep(d)
		return
	}
	d.value = c.compile(frag, scope{what: "a define", names: mailNames, stage: StageMail, define: d, watch: "define " + d.Name}, nil)
	d.keeps = !d.uses["issue"]
	if d.depth > deepestDefines && d.value != nil {
		c.tooDeep(d)
		d.value = nil
	}
}

func (c *compiler) tooDeep(d *Define) {
	c.error(d.block.value.src, d.block.offset, "too many defines use one another", "at most "+strconv.Itoa(deepestDefines)+" may lie in each other")
}

// circle names the defines that lead from d back to itself.
func (c *compiler) circle(d *Define) string {
	names := ""
	for i := slices.Index(c.defining, d); i < len(c.defining); i++ {
		names += c.defining[i].Name + " → "
	}
	return names + d.Name
}

// resolveDefine replaces the name of a define by a call that evaluates it.
func (u *unit) resolveDefine(node *ast.Node, n *ast.IdentifierNode, d *Define) {
	unknown := func() { ast.Patch(node, call("$unknown", n)) }
	switch {
	case u.scope.constant:
		u.error(n, n.Value+" is not known in "+u.scope.what, "it is computed once, when the rules are loaded, without any mail")
		unknown()
		return
	case d.state == listOpen:
		if u.scope.define == d {
			u.error(n, "the define "+d.Name+" needs itself", "")
		} else {
			u.error(n, "the define "+d.Name+" needs itself: "+u.c.circle(d), "")
		}
		unknown()
		return
	}
	d.used = true
	if u.c.computeDefine(d); d.value == nil { // reported
		unknown()
		return
	}
	if outer := u.scope.define; outer != nil {
		outer.depth = max(outer.depth, d.depth+1)
	}
	for use := range d.uses {
		u.use(use)
	}
	if u.scope.stage == StageEnvelope {
		u.definedAtEnvelope(n, d)
	}
	ast.Patch(node, call("$define"+strconv.Itoa(d.index), n))
	u.c.cfg.Functions["$define"+strconv.Itoa(d.index)] = d.function()
}

// definedAtEnvelope reports a define that looks at what is not there before the body.
func (u *unit) definedAtEnvelope(n ast.Node, d *Define) {
	for _, name := range mailNames {
		if d.uses[name] && !slices.Contains(envelopeNames, name) {
			u.error(n, d.Name+" uses "+name+", which is not known at stage envelope: that comes before the body", "decide in a mail rule", Related{d.Pos, d.Name + " is defined here"})
			return
		}
	}
	for use := range d.uses {
		if field, ok := cutSender(use); ok {
			u.warn(n, "nobody-yet", d.Name+" uses sender."+field+", which is always false or empty at stage envelope", nobodyYet)
			return
		}
	}
}

func cutSender(use string) (field string, ok bool) {
	const prefix = "sender."
	if len(use) > len(prefix) && use[:len(prefix)] == prefix && use != "sender.email" {
		return use[len(prefix):], true
	}
	return "", false
}

// use remembers what a define looks at.
func (u *unit) use(name string) {
	if d := u.scope.define; d != nil {
		d.uses[name] = true
	}
}

// function evaluates the define, once for a message where no rule can change what it says.
func (d *Define) function() *builtin.Function {
	result := d.value.typ
	if result == nil {
		result = typeAny
	}
	f := &function{name: d.Name, result: result, call: func(r *Run, _ []any) (any, error) { return r.defined(d) }}
	return f.builtin()
}

// A kept value is what a define said of this message.
type kept struct {
	is    bool
	value any
}

func (r *Run) defined(d *Define) (any, error) {
	if r.instead != nil && r.instead.index == d.index {
		d = r.instead
	}
	if d.index < len(r.kept) && r.kept[d.index].is {
		return r.kept[d.index].value, nil
	}
	if err := r.step(); err != nil {
		return nil, err
	}
	r.depth++
	defer func() { r.depth-- }()
	v, err := d.value.runOn(r.beside(), r)
	if err == nil && d.keeps {
		for len(r.kept) <= d.index {
			r.kept = append(r.kept, kept{})
		}
		r.kept[d.index] = kept{true, v}
	}
	return v, err
}

// beside is a machine for what is evaluated within something else, at the depth of now.
func (r *Run) beside() *vm.VM {
	for len(r.inner) < r.depth {
		r.inner = append(r.inner, new(vm.VM))
	}
	return r.inner[r.depth-1]
}

// defineOf is the define that a call that resolve put in evaluates, or nil.
func (c *compiler) defineOf(callee string) *Define {
	const prefix = "$define"
	if len(callee) <= len(prefix) || callee[:len(prefix)] != prefix {
		return nil
	}
	i, err := strconv.Atoi(callee[len(prefix):])
	if err != nil || i >= len(c.defined) {
		return nil
	}
	return c.defined[i]
}
