package dsl

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// A deed is what a rule does and looks at, as far as other rules may make it of no use.
type deed struct {
	rule *Rule
	file *File
	at   int // byte of its name

	cond      cond  // without a node where there is none, or it is not known
	ways      []way // in which its condition is true
	known     bool  // these are all
	never     bool  // it was told that the condition is never true
	sure      bool  // neither its lets nor its condition can fail
	asks      []string
	then      branch
	otherwise branch // of else
}

// A branch is what then or else does.
type branch struct {
	events []event
	fails  bool // something in it can fail
}

// An event is something that happens while statements are evaluated, in order.
type event struct {
	kind   eventKind
	field  string // what is set, or looked at; "" for all of the issue
	always bool   // nothing that stands there can keep it from happening
	fixed  bool   // that can never fail
	after  bool   // something before it can fail
	src    *source
	from   int // bytes of what sets
	to     int
}

type eventKind uint8

const (
	eventSet eventKind = iota
	eventLook
	eventEnd
)

// everything is the issue as a whole.
const everything = ""

// setters are the actions that give a field one value.
var setters = map[string]string{"subject": "subject", "type": "type", "class": "class", "priority": "priority", "status": "status",
	"assign": "assignee", "visibility": "visibility", "due": "due", "close": "status"}

// enders are the actions that end the stage.
var enders = map[string]bool{"stop": true, "reject": true, "bounce": true, "discard": true, "quarantine": true, "tryLater": true}

// A deedWalk follows the evaluation of one expression.
type deedWalk struct {
	u      *unit
	events []event
	sure   bool // nothing so far can fail
	maybe  bool // what comes may be left out
}

// deeds are the events of a checked statement that guard has not changed yet.
func (u *unit) deeds(root ast.Node) branch {
	w := &deedWalk{u: u, sure: true}
	w.walk(root)
	return branch{w.events, !w.sure}
}

// add is what happens after all before it.
func (b *branch) add(e *expression) {
	if e == nil || e.meaning == nil {
		return
	}
	does := e.meaning.does
	for _, ev := range does.events {
		ev.after = ev.after || b.fails
		ev.src, ev.from, ev.to = e.frag.src, ev.from+e.frag.start, ev.to+e.frag.start
		b.events = append(b.events, ev)
	}
	b.fails = b.fails || does.fails
	e.meaning = nil
}

func (w *deedWalk) walk(n ast.Node) {
	switch n := n.(type) {
	case *ast.CallNode:
		w.call(n)
	case *ast.ConditionalNode:
		w.look(n.Cond)
		w.sure = w.sure && natureType(n.Cond) == typeBool && w.u.sure(n.Cond)
		w.either(n)
	case *ast.SequenceNode:
		w.all(n.Nodes)
	case *ast.ArrayNode:
		w.all(n.Nodes)
	case *ast.NilNode:
	default: // what is acted in it may be, and may fail
		w.whatever(n)
	}
}

func (w *deedWalk) all(nodes []ast.Node) {
	for _, n := range nodes {
		w.walk(n)
	}
}

// either walks both branches of a condition: what both do always is always done.
func (w *deedWalk) either(n *ast.ConditionalNode) {
	maybe, from, sure := w.maybe, len(w.events), w.sure
	w.maybe = true
	w.walk(n.Exp1)
	middle, first := len(w.events), w.sure
	w.sure = sure
	w.walk(n.Exp2)
	w.maybe, w.sure = maybe, first && w.sure
	if w.ends(from, middle) && w.ends(middle, len(w.events)) {
		w.events = append(w.events, event{kind: eventEnd, always: !maybe, fixed: true, after: !sure})
	}
}

// ends says whether a branch ends with what ends the stage, and cannot fail before.
func (w *deedWalk) ends(from, to int) bool {
	if to == from {
		return false
	}
	e := w.events[to-1]
	return e.kind == eventEnd && e.fixed && !e.after
}

func (w *deedWalk) call(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	f := (*function)(nil)
	if ok {
		f = w.u.c.functions[callee.Value]
	}
	if f == nil || !f.action {
		w.whatever(n)
		return
	}
	args := n.Arguments[min(2, len(n.Arguments)):] // $run and the place
	for _, a := range args {
		w.look(a)
	}
	fixed := w.u.sureAction(f, args)
	e := event{always: !w.maybe, fixed: fixed, after: !w.sure}
	w.sure = w.sure && fixed
	switch {
	case enders[f.name]:
		e.kind = eventEnd
		w.events = append(w.events, e)
		return
	case f.name == "reopen":
		w.events = append(w.events, event{kind: eventLook, field: "status"})
		return
	case f.name == "thread", f.name == "attachTo", f.name == "newIssue":
		w.events = append(w.events, event{kind: eventLook, field: everything}) // the issue is another from here on
		return
	}
	if e.field = setters[f.name]; f.name == "set" {
		e.field = w.u.fieldSet(args)
	}
	if e.field != "" {
		e.from, e.to = w.u.extent(n)
		e.from, e.to = e.from-w.u.frag.start, e.to-w.u.frag.start
		w.events = append(w.events, e)
	}
}

// fieldSet is the field that set("x", …) sets, "" where that is not written out.
func (u *unit) fieldSet(args []ast.Node) string {
	if len(args) != 2 {
		return ""
	}
	name, ok := args[0].(*ast.StringNode)
	switch {
	case !ok:
		return ""
	case settable[name.Value] != "" && !slices.Contains(u.c.opts.Vocabulary.Fields, name.Value):
		return name.Value
	}
	return "fields." + name.Value
}

// whatever walks what is not followed in detail: each action in it may be done, and it may fail.
func (w *deedWalk) whatever(n ast.Node) {
	w.look(n)
	ast.Walk(&n, &actionFinder{w})
	w.sure = false
}

type actionFinder struct{ w *deedWalk }

// Visit is called by ast.Walk.
func (f *actionFinder) Visit(n *ast.Node) {
	c, ok := (*n).(*ast.CallNode)
	if !ok {
		return
	}
	callee, ok := c.Callee.(*ast.IdentifierNode)
	if !ok {
		return
	}
	w := f.w
	switch {
	case enders[callee.Value]:
		w.events = append(w.events, event{kind: eventEnd, after: true})
	case callee.Value == "reopen":
		w.events = append(w.events, event{kind: eventLook, field: "status"})
	case callee.Value == "thread", callee.Value == "attachTo", callee.Value == "newIssue":
		w.events = append(w.events, event{kind: eventLook, field: everything})
	}
}

// look notes which fields of the issue an expression looks at.
func (w *deedWalk) look(n ast.Node) {
	for _, field := range w.u.asks(n) {
		w.events = append(w.events, event{kind: eventLook, field: field})
	}
}

// asks are the fields of the issue that an expression looks at, everything among them where that is not clear.
func (u *unit) asks(n ast.Node) []string {
	if !u.issues {
		return nil
	}
	return u.asked(n)
}

func (u *unit) asked(n ast.Node) []string {
	f := &askFinder{u: u}
	ast.Walk(&n, f)
	if f.issues > 0 { // not as issue.x
		f.fields = append(f.fields, everything)
	}
	slices.Sort(f.fields)
	return slices.Compact(f.fields)
}

type askFinder struct {
	u      *unit
	fields []string
	issues int
}

// Visit is called by ast.Walk, children first.
func (f *askFinder) Visit(n *ast.Node) {
	switch n := (*n).(type) {
	case *ast.IdentifierNode:
		if n.Value == "issue" {
			f.issues++
		}
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if !ok {
			return
		}
		switch of := n.Node.(type) {
		case *ast.IdentifierNode:
			if of.Value == "issue" && name.Value != "fields" {
				f.issues--
				f.fields = append(f.fields, name.Value)
			}
		case *ast.MemberNode:
			if id, ok := of.Node.(*ast.IdentifierNode); ok && id.Value == "issue" && isNamed(of.Property, "fields") {
				f.issues--
				f.fields = append(f.fields, "fields."+name.Value)
			}
		}
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			if d := f.u.c.defineOf(callee.Value); d != nil && d.uses["issue"] {
				f.fields = append(f.fields, everything)
			}
		}
	}
}
