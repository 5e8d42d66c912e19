package dsl

import (
	"context"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// A program that is compiled with Options.Watch tells, while it runs, what its conditions and their parts say. It decides as any other,
// without the help of an index.

// A Point is a condition, or a part of one, that a watched program tells about.
type Point struct {
	Pos  Pos
	Rule string // or "define NAME"
	Kind PointKind
	Text string // as it was parsed; "" for a rule without a condition
	Else bool   // of a condition: the rule has an else

	index int
}

// PointKind says what a point is.
type PointKind string

const (
	PointWhen    PointKind = "when"    // the condition of a rule
	PointOperand PointKind = "operand" // what stands beside and, or
	PointBranch  PointKind = "branch"  // what stands before ?: or after if
)

// A Watcher is told what a point said.
type Watcher func(p *Point, said bool)

type watchKey struct{}

// Watching gives a watcher to the runs of watched programs that are begun with the context.
func Watching(ctx context.Context, w Watcher) context.Context {
	return context.WithValue(ctx, watchKey{}, w)
}

// sites are the slots in a fresh tree whose values a watcher is told.
func (u *unit) sites(root *ast.Node) []site {
	if !u.c.opts.Watch || u.scope.watch == "" {
		return nil
	}
	return sitesOf(root, u.scope.what == "when")
}

type site struct {
	slot *ast.Node
	kind PointKind
	text string
	at   int // rune of the fragment
}

type siter struct{ sites []site }

func (s *siter) add(slot *ast.Node, kind PointKind) {
	s.sites = append(s.sites, site{slot, kind, (*slot).String(), startOf(*slot)})
}

// Visit is called by ast.Walk, children first.
func (s *siter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		if isJunction(n) {
			for _, slot := range []*ast.Node{&n.Left, &n.Right} {
				if b, ok := (*slot).(*ast.BinaryNode); !ok || !isJunction(b) {
					s.add(slot, PointOperand)
				}
			}
		}
	case *ast.ConditionalNode:
		s.add(&n.Cond, PointBranch)
	}
}

func sitesOf(root *ast.Node, when bool) []site {
	s := &siter{}
	ast.Walk(root, s)
	if when {
		s.add(root, PointWhen)
	}
	return s.sites
}

func isJunction(n *ast.BinaryNode) bool {
	return slices.Contains([]string{"and", "or", "&&", "||"}, n.Operator)
}

// watch wraps the sites of a tree that is ready to be compiled. Those within a site are wrapped first.
func (u *unit) watch(sites []site) {
	if len(sites) == 0 {
		return
	}
	for _, s := range sites {
		p := &Point{Pos: u.frag.src.pos(u.frag.offset(s.at)), Rule: u.scope.watch, Kind: s.kind, Text: oneLine(s.text), Else: u.scope.hasElse && s.kind == PointWhen, index: len(u.c.points)}
		u.c.points = append(u.c.points, p)
		index := &ast.IntegerNode{Value: p.index}
		index.SetLocation((*s.slot).Location())
		*s.slot = call("$saw", *s.slot, *s.slot, index)
	}
}

// sawFunction tells a watcher.
func (c *compiler) sawFunction() *function {
	same := guardFunctions()[len(guardFunctions())-1].resultOf // that of $weigh
	return &function{name: "$saw", resultOf: same, call: func(r *Run, args []any) (any, error) {
		said, isBool := args[0].(bool)
		i, _ := args[1].(int)
		if isBool && i < len(c.points) {
			r.saw(c.points[i], said)
		}
		return args[0], nil
	}}
}

func (r *Run) saw(p *Point, said bool) {
	if r.watcher != nil && p != nil {
		r.watcher(p, said)
	}
}

// Sets are the fields that the rule's actions may set, as a trace names them.
func (rule *Rule) Sets() []string {
	fields := setter{}
	for _, e := range slices.Concat(rule.statements, rule.otherwise) {
		if n := parsed(e); n != nil {
			ast.Walk(&n, &fields)
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

type setter []string

// Visit is called by ast.Walk, children first.
func (s *setter) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.CallNode)
	if !ok {
		return
	}
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return
	}
	switch id.Value {
	case "tag", "untag":
		*s = append(*s, "tags")
	case "watch", "unwatch":
		*s = append(*s, "watchers")
	case "assign":
		*s = append(*s, "assignee")
	case "close", "reopen":
		*s = append(*s, "status")
	case "note":
		*s = append(*s, "notes")
	case "dropAttachments":
		*s = append(*s, "attachments")
	case "reject", "bounce", "discard", "quarantine", "tryLater":
		*s = append(*s, "verdict")
	case "set":
		if len(n.Arguments) > 0 {
			if f, ok := n.Arguments[0].(*ast.StringNode); ok {
				*s = append(*s, f.Value, "fields."+f.Value)
			}
		}
	default:
		*s = append(*s, id.Value)
	}
}
