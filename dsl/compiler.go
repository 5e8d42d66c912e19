package dsl

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	exprcompiler "github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// A compiler turns the expressions of a set of files into programs. Its steps for each: expr parses;
// resolve settles names (resolve.go); expr checks the types; explain says more about what is wrong
// (explain.go); guard makes it safe to run (guard.go); expr compiles. expr's optimizer is left out:
// it folds `x and false` to false, which would lose an action in x.
type compiler struct {
	opts          Options
	cfg           *conf.Config
	checker       checker.Checker
	functions     map[string]*function
	methods       map[string]*function
	known         []string // names of functions and actions, for suggestions
	lists         map[string]*listValue
	listNames     []string         // sorted
	listRun       *Run             // computes what is constant: all of it shares one budget
	computed      time.Time        // when it last did
	files         map[listFile]any // read for lists
	held          int              // bytes that they take
	compiled      int              // expressions
	filled        int              // bytes of mails that tables of tests fill
	defines       map[string]*Define
	defined       []*Define              // by their index
	defining      []*Define              // being compiled, each used by the one before it
	defineNames   []string               // sorted
	bySlice       map[*string]*listValue // the same, by their first entry's place in memory
	patterns      map[string]*pattern
	wrongPatterns map[string]error
	mails         map[string][]byte // of tests, by file
	weight        int               // of all patterns together
	points        []*Point          // that a watcher is told of
	fields        map[string]term   // by their paths
	again         *again            // for what is asked of its rules later
	row           *row              // the case of a test that is being compiled, or nil
	copied        int               // needs
	diags         Diagnostics
	errors        int                          // also those that were too many to be kept
	reports       int                          // all of them
	programs      map[programKey]sharedProgram // while a set is compiled
	spare         []*unit

	knowledge
}

func newCompiler(opts Options) *compiler {
	c := &compiler{
		opts:          opts,
		functions:     map[string]*function{},
		methods:       map[string]*function{},
		lists:         map[string]*listValue{},
		defines:       map[string]*Define{},
		bySlice:       map[*string]*listValue{},
		patterns:      map[string]*pattern{},
		mails:         map[string][]byte{},
		files:         map[listFile]any{},
		wrongPatterns: map[string]error{},
		fields:        map[string]term{},
		knowledge:     knowledge{factAt: map[string]int32{}, quiet: opts.Watch},
	}
	c.again = &again{c: c}
	c.listRun = newRun(background(), nil, listBudget)
	c.listRun.lists, c.computed = true, time.Now()
	c.cfg = conf.CreateNew()
	c.cfg.WithEnv(env{})  // by value: of a pointer, the code would look names up again at each run
	c.cfg.Optimize = true // only the jumps of the byte code: optimizer.Optimize is never called
	for _, f := range append(functions(), actions()...) {
		if f.method {
			c.methods[f.name] = f
			c.cfg.Functions["$"+f.name] = f.builtin()
			continue
		}
		c.functions[f.name] = f
		c.cfg.Functions[f.name] = f.builtin()
		if f.name[0] != '$' {
			c.known = append(c.known, f.name)
		}
	}
	for _, f := range guardFunctions() {
		c.cfg.Functions[f.name] = f.builtin()
	}
	c.cfg.Functions["$saw"] = c.sawFunction().builtin()
	for name := range allowedBuiltins {
		c.known = append(c.known, name)
	}
	slices.Sort(c.known)
	return c
}

// report takes one in, unless there are too many.
func (c *compiler) report(d Diagnostic) {
	c.reports++
	if d.Severity == SeverityError {
		c.errors++
	}
	if len(c.diags) < mostDiagnostics || d.Severity == SeverityError && c.errors == 1 { // an error shows behind any number of warnings
		c.diags = append(c.diags, d)
	}
}

func (c *compiler) error(src *source, offset int, message, hint string, related ...Related) {
	d := src.diagnostic(offset, SeverityError, message, hint)
	d.Related = related
	c.report(d)
}

func (c *compiler) warn(src *source, offset int, code, message, hint string, related ...Related) {
	d := src.diagnostic(offset, SeverityWarning, message, hint)
	d.Code, d.Related = code, related
	c.report(d)
}

var errPatterns = errors.New("all regular expressions together are too large; look for words with has, which takes a list")

// pattern compiles a regular expression, once however often it is asked for.
func (c *compiler) pattern(s string) (*pattern, error) {
	if p, ok := c.patterns[s]; ok {
		return p, nil
	}
	if err, ok := c.wrongPatterns[s]; ok {
		return nil, err
	}
	if c.weight > mostInstructions { // no more is tried, which would take its time too
		return nil, errPatterns
	}
	p, err := newPattern(s)
	if err == nil {
		if c.weight += p.weight(); c.weight > mostInstructions {
			err = errPatterns
		}
	}
	if err != nil {
		c.wrongPatterns[s] = err
		return nil, err
	}
	c.patterns[s] = p
	return p, nil
}

// An expression is a compiled fragment.
type expression struct {
	frag    fragment
	program *vm.Program
	typ     reflect.Type
	pattern *pattern // where it is a find
	lower   bool     // where it is known to be lower case
	term    *term    // what is known of its value, while other expressions are compiled
	meaning *meaning // until the rules were compared
}

// A meaning is what warnings are made of.
type meaning struct {
	cond  cond     // where it is true or false; else without a node
	key   string   // what it says in one form; "" where there is none
	issue bool     // it looks at the issue
	asks  []string // at these fields of it
	sure  bool     // it cannot fail
	never bool     // it was told that it is never true
	does  branch   // where it is a statement: as if it stood at the beginning of its file, alone
}

// mostExpressions bounds conditions, statements, lets and expectations of a set together, also those that tables of tests make: each takes
// a KiB and more.
const mostExpressions = 200_000

// compile makes a program of a fragment, or reports what is wrong with it.
func (c *compiler) compile(f fragment, s scope, expect func(*unit)) (e *expression) {
	if c.compiled++; c.compiled > mostExpressions {
		if c.compiled == mostExpressions+1 {
			c.error(f.src, f.start, "this set is too large: it has more than "+strconv.Itoa(mostExpressions)+" conditions, statements and expectations", "rules that differ in a name alone can be one, with a list")
		}
		c.errors++
		return nil
	}
	key := programKey{f.text, s.what, s.stage, len(s.names)}
	shared := c.programs != nil && s.what != "when" && len(s.lets) == 0 && s.define == nil && !s.constant && f.change == nil && c.row == nil && !c.opts.Watch
	if shared {
		if known := c.programs[key]; known.e != nil {
			same := *known.e
			same.frag, same.term, same.meaning = f, known.term, known.meaning
			return &same
		}
	}
	before := c.reports
	u := c.newUnit(f, s)
	defer c.release(u)
	defer u.understood(&e)
	e, tree := u.checked(expect)
	if e == nil {
		return nil
	}
	var err error
	if e.program, err = exprcompiler.Compile(tree, c.cfg); err != nil {
		message, _, _ := strings.Cut(err.Error(), "\n")
		u.at(f.start, message, "")
		return nil
	}
	forget(tree.Node)
	if shared && c.reports == before { // what is said is said of its place
		c.programs[key] = sharedProgram{e, e.term, e.meaning}
	}
	return e
}

// A sharedProgram is an expression that others may be the same as, with what was known of it, which it forgets.
type sharedProgram struct {
	e       *expression
	term    *term
	meaning *meaning
}

// A programKey tells expressions apart that mean the same wherever they stand.
type programKey struct {
	text  string
	what  string
	stage Stage
	names int // how many, which tells a token from a rule
}

func (c *compiler) newUnit(f fragment, s scope) *unit {
	var u *unit
	if n := len(c.spare); n > 0 {
		u, c.spare = c.spare[n-1], c.spare[:n-1]
	} else {
		u = new(unit)
	}
	u.c, u.own, u.scope = c, f, s
	u.frag = &u.own
	return u
}

// release lets a unit be used again: there are as many as expressions in all rules.
func (c *compiler) release(u *unit) {
	*u = unit{}
	c.spare = append(c.spare, u)
}

// understood is deferred: a bug of expr's or ours must not keep a good ruleset from being served.
func (u *unit) understood(e **expression) {
	if r := recover(); r != nil {
		u.at(u.frag.start, fmt.Sprintf("this expression cannot be understood: %v", r), "")
		*e = nil
	}
}

// checked parses and checks the fragment, and makes its tree ready to be compiled.
func (u *unit) checked(expect func(*unit)) (*expression, *parser.Tree) {
	c := u.c
	before := c.errors
	c.cfg.MaxNodes = 10_000
	if u.scope.constant {
		c.cfg.MaxNodes = mostListNodes
	}
	tree, err := parser.ParseWithConfig(u.frag.text, c.cfg)
	if err != nil {
		u.syntaxError(err)
		return nil, nil
	}
	if u.frag.change != nil {
		u.frag.change(&tree.Node)
	}
	sites := u.sites(&tree.Node)
	u.resolve(&tree.Node)
	err = c.check(tree)
	u.explain(tree.Node)
	if c.errors > before {
		return nil, nil
	}
	if err != nil {
		u.checkError(err)
		return nil, nil
	}
	e := &expression{frag: *u.frag, typ: natureType(tree.Node), pattern: u.patternOf(tree.Node), lower: u.isLower(tree.Node)}
	if !u.scope.actions && !u.scope.constant {
		t := u.term(tree.Node)
		e.term = &t
	}
	if !c.quiet {
		e.meaning = u.means(tree.Node)
	}
	if expect != nil {
		u.root, u.typ = tree.Node, e.typ
		expect(u)
		if c.errors > before {
			return nil, nil
		}
	}
	u.guard(&tree.Node)
	u.watch(sites)
	if _, err = c.checker.Check(tree, c.cfg); err != nil {
		u.checkError(err)
		return nil, nil
	}
	return e, tree
}

// forget empties a tree, which the program keeps for printing alone: trees take more memory than all else.
func forget(root ast.Node) {
	switch n := root.(type) {
	case *ast.UnaryNode:
		n.Node = nil
	case *ast.BinaryNode:
		n.Left, n.Right = nil, nil
	case *ast.MemberNode:
		n.Node, n.Property = nil, nil
	case *ast.ChainNode:
		n.Node = nil
	case *ast.CallNode:
		n.Callee, n.Arguments = nil, nil
	case *ast.BuiltinNode:
		n.Arguments = nil
	case *ast.ConditionalNode:
		n.Cond, n.Exp1, n.Exp2 = nil, nil, nil
	case *ast.VariableDeclaratorNode:
		n.Value, n.Expr = nil, nil
	case *ast.SequenceNode:
		n.Nodes = nil
	case *ast.ArrayNode:
		n.Nodes = nil
	case *ast.MapNode:
		n.Pairs = nil
	}
}

// A unit is one expression on its way through the compiler.
type unit struct {
	c        *compiler
	frag     *fragment
	own      fragment // that frag is, mostly
	scope    scope
	inner    []boundLet // expr's own lets, innermost last
	heavy    int        // operations that walk over text
	element  *term      // for term: what a predicate's # is
	elements int        // predicates that are being resolved
	root     ast.Node
	typ      reflect.Type

	looking
}

// at reports an error at a byte of the file.
func (u *unit) at(offset int, message, hint string) {
	u.c.error(u.frag.src, offset, message, hint)
}

// error reports an error about a node.
func (u *unit) error(n ast.Node, message, hint string, related ...Related) {
	if u.full() {
		u.c.errors++ // without looking for a place that nobody will read
		return
	}
	u.report(n, SeverityError, "", message, hint, related)
}

// full says whether so much was reported that one more error is only counted.
func (u *unit) full() bool { return len(u.c.diags) >= mostDiagnostics && u.c.errors > 0 }

func (u *unit) errorAt(loc file.Location, message, hint string) {
	if u.full() {
		u.c.errors++
		return
	}
	u.c.report(u.frag.src.between(u.frag.offset(loc.From), u.frag.offset(loc.To), SeverityError, message, hint))
}

// warn reports a warning about a node; its code says what kind of warning it is.
func (u *unit) warn(n ast.Node, code, message, hint string, related ...Related) {
	if len(u.c.diags) < mostDiagnostics {
		u.report(n, SeverityWarning, code, message, hint, related)
	}
}

func (u *unit) warnAt(loc file.Location, code, message, hint string) {
	if len(u.c.diags) < mostDiagnostics {
		d := u.frag.src.between(u.frag.offset(loc.From), u.frag.offset(loc.To), SeverityWarning, message, hint)
		d.Code = code
		u.c.report(d)
	}
}

func (u *unit) report(n ast.Node, severity Severity, code, message, hint string, related []Related) {
	from, to := u.extent(n)
	d := u.frag.src.between(from, to, severity, message, hint)
	d.Code, d.Related = code, related
	u.c.report(d)
}

// extent is where in the file a node begins and ends.
func (u *unit) extent(n ast.Node) (from, to int) {
	last := lastRune(0)
	ast.Walk(&n, &last)
	from, to = u.frag.offset(startOf(n)), u.frag.offset(int(last))
	if _, isCall := n.(*ast.CallNode); isCall && strings.HasPrefix(u.frag.src.text[to:u.frag.end], "(") {
		to++ // of a call without arguments
	}
	return from, u.frag.src.closed(from, to, u.frag.end)
}

// lastRune is where the last word of a tree ends.
type lastRune int

// Visit is called by ast.Walk.
func (l *lastRune) Visit(n *ast.Node) { *l = max(*l, lastRune((*n).Location().To)) }

// startOf is the rune at which a node's text begins; expr's location of an operator or a member is
// that of the sign or the name.
func startOf(n ast.Node) int {
	switch v := n.(type) {
	case *ast.UnaryNode: // a not in b
		return min(v.Location().From, startOf(v.Node))
	case *ast.BinaryNode:
		return startOf(v.Left)
	case *ast.MemberNode:
		return startOf(v.Node)
	case *ast.SliceNode:
		return startOf(v.Node)
	case *ast.ChainNode:
		return startOf(v.Node)
	case *ast.ConditionalNode:
		return startOf(v.Cond)
	case *ast.SequenceNode:
		if len(v.Nodes) > 0 {
			return startOf(v.Nodes[0])
		}
	case *ast.CallNode:
		switch callee := v.Callee.(type) {
		case *ast.MemberNode:
			return startOf(callee)
		case *ast.IdentifierNode: // a method, or a group of a find, that resolve put in: behind what it is asked of
			if strings.HasPrefix(callee.Value, "$") && len(v.Arguments) > 1 {
				return startOf(v.Arguments[1])
			}
		}
	}
	return n.Location().From
}

// natureType is the type that expr's checker found, nil for nil and any for unknown.
func natureType(n ast.Node) reflect.Type {
	if n.Nature().Nil {
		return nil
	}
	return n.Type()
}

// builtinNamed makes sure that expr's own functions of a name are meant.
func builtinNamed(name string) bool {
	_, ok := builtin.Index[name]
	return ok
}
