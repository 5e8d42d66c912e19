package dsl

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// vocabulary says which names of the configuration an argument is one of.
type vocabulary string

const (
	vocabularyType       vocabulary = "type"
	vocabularyClass      vocabulary = "class"
	vocabularyPriority   vocabulary = "priority"
	vocabularyStatus     vocabulary = "status"
	vocabularyTeam       vocabulary = "team"
	vocabularyAssignee   vocabulary = "assignee" // a team, or a person's address
	vocabularyField      vocabulary = "field"
	vocabularyMailbox    vocabulary = "mailbox"
	vocabularyVisibility vocabulary = "visibility"
	vocabularyTrust      vocabulary = "trust"
)

// plural is what messages call all of them.
func (v vocabulary) plural() string {
	switch v {
	case vocabularyPriority:
		return "priorities"
	case vocabularyStatus:
		return "statuses"
	case vocabularyClass:
		return "classes"
	case vocabularyMailbox:
		return "mailboxes"
	case vocabularyVisibility, vocabularyTrust:
		return "values"
	}
	return string(v) + "s"
}

// of are the names there are; nil lets every name pass.
func (v *Vocabulary) of(what vocabulary) []string {
	switch what {
	case vocabularyType:
		return v.Types
	case vocabularyClass:
		return v.Classes
	case vocabularyPriority:
		return v.Priorities
	case vocabularyStatus:
		return v.Statuses
	case vocabularyTeam, vocabularyAssignee:
		return v.Teams
	case vocabularyMailbox:
		return v.Mailboxes
	case vocabularyField:
		if v.Fields == nil {
			return nil
		}
		names := slices.Clone(v.Fields)
		for name := range settable {
			names = append(names, name)
		}
		slices.Sort(names)
		return slices.Compact(names)
	case vocabularyVisibility:
		return []string{"internal", "public"}
	case vocabularyTrust:
		return trusts
	}
	return nil
}

// has says whether a name is one of any kind.
func (v *Vocabulary) has(name string) bool {
	for _, names := range [][]string{v.Mailboxes, v.Types, v.Classes, v.Priorities, v.Statuses, v.Teams, v.Fields} {
		if slices.Contains(names, name) {
			return true
		}
	}
	return slices.Contains(authResults, name) || slices.Contains(membersByType[reflect.TypeFor[Mail]()]["kind"].values, name)
}

// unknown is the message about a name that is none of them, and a hint; "" when it is one.
func (v *Vocabulary) unknown(what vocabulary, name string) (message, hint string) {
	if what == "" {
		return "", ""
	}
	if what == vocabularyAssignee {
		if strings.Contains(name, "@") {
			return "", ""
		}
		what = vocabularyTeam
	}
	known := v.of(what)
	if known == nil || slices.Contains(known, name) {
		return "", ""
	}
	message = fmt.Sprintf("unknown %s %s%s", what, quoteShort(name), didYouMean(name, known))
	if len(known) == 0 {
		return message, "the configuration has no " + what.plural()
	}
	return message, "the " + what.plural() + " are: " + enumerate(known)
}

// enumerate joins names for a message, not all of very many.
func enumerate(names []string) string {
	if len(names) > 20 {
		return strings.Join(names[:20], ", ") + fmt.Sprintf(" and %d more", len(names)-20)
	}
	return strings.Join(names, ", ")
}

// literals are the constant texts that an argument may turn out to be: also both sides of a ternary
// and of ??, and the elements of a list.
func literals(n ast.Node) []*ast.StringNode {
	switch n := n.(type) {
	case *ast.StringNode:
		return []*ast.StringNode{n}
	case *ast.ConditionalNode:
		return append(literals(n.Exp1), literals(n.Exp2)...)
	case *ast.BinaryNode:
		if n.Operator == "??" {
			return append(literals(n.Left), literals(n.Right)...)
		}
	case *ast.SequenceNode:
		if len(n.Nodes) > 0 {
			return literals(n.Nodes[len(n.Nodes)-1])
		}
	case *ast.VariableDeclaratorNode:
		return literals(n.Expr)
	case *ast.ArrayNode:
		var all []*ast.StringNode
		for _, e := range n.Nodes {
			all = append(all, literals(e)...)
		}
		return all
	}
	return nil
}
