package dsl

import (
	_ "embed"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"
)

// habitsText is what people write who know other languages, with what it is here.
//
//go:embed habits.txt
var habitsText string

// habits are its lines: what to write, by kind and what was written.
var habits = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(habitsText) {
		if part := strings.SplitN(strings.TrimSpace(line), " ", 3); len(part) == 3 && !strings.HasPrefix(line, "#") {
			m[part[0]+" "+part[1]] = part[2]
		}
	}
	return m
})

// habit is what to write instead of a word, "" where nothing is known.
func habit(kind, word string) string {
	word = strings.ToLower(word)
	if advice := habits()[kind+" "+word]; advice != "" {
		return advice
	}
	return habits()[kind+" "+strings.ReplaceAll(word, "_", "")]
}

// habitOfCall is a hint about a function that there is not.
func (u *unit) habitOfCall(name string) string {
	if later := habit("later", name); later != "" {
		return "that will be " + later + ", which is not available in this version"
	}
	if advice := habit("action", name); advice != "" && u.scope.actions {
		return "write: " + advice
	}
	if advice := habit("value", name); advice != "" {
		return "write: " + advice
	}
	return ""
}

// habitOfMethod is a hint about a method that there is not, with what it is called of and its constant argument.
func habitOfMethod(n *ast.CallNode, callee *ast.MemberNode, name string) string {
	advice := habit("method", name)
	if advice == "" {
		return ""
	}
	if of := plainText(callee.Node); of != "" {
		advice = strings.NewReplacer("mail.subject", of, "mail.to", of).Replace(advice)
	}
	if len(n.Arguments) == 1 {
		if s, ok := n.Arguments[0].(*ast.StringNode); ok && !strings.Contains(s.Value, "`") {
			advice = strings.NewReplacer(`"x"`, quoteShort(s.Value), "`x`", "`"+s.Value+"`").Replace(advice)
		}
	}
	return "write: " + advice
}

// plainText is a path of names as it stands in a rule, "" for what is none.
func plainText(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.PointerNode:
		return "#"
	case *ast.MemberNode:
		if of, name := plainText(n.Node), literalName(n.Property); of != "" && name != "" {
			return strings.TrimPrefix(of+"."+name, "#")
		}
	}
	return ""
}

func literalName(n ast.Node) string {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value
	}
	return ""
}

// memberKinds are what habits.txt calls the things that rules see.
var memberKinds = map[reflect.Type]string{
	reflect.TypeFor[Mail](): "mail", reflect.TypeFor[Sender](): "sender", reflect.TypeFor[Issue](): "issue",
	reflect.TypeFor[Envelope](): "envelope", reflect.TypeFor[Mailbox](): "mailbox",
	reflect.TypeFor[Address](): "address", reflect.TypeFor[Attachment](): "attachment",
}

// habitOfMember is a hint about a member that there is not.
func habitOfMember(base reflect.Type, of ast.Node, name string) string {
	kind := memberKinds[base]
	if base.Kind() == reflect.Slice {
		kind = "list"
	}
	advice := habit(kind, name)
	if advice == "" {
		return ""
	}
	if text := plainText(of); text != "" && kind == "address" {
		advice = strings.ReplaceAll(advice, "mail.from", strings.TrimPrefix(text, "#"))
	} else if text != "" && kind == "list" {
		advice = strings.ReplaceAll(advice, "mail.to", text)
	}
	return "write: " + advice
}

// whereItIs is a hint about a name that is a member of something that is known here.
func (u *unit) whereItIs(name string) string {
	if u.elements > 0 {
		for _, typ := range []reflect.Type{reflect.TypeFor[Attachment](), reflect.TypeFor[Address]()} {
			if slices.Contains(fieldNames(typ), name) {
				return "of the element write ." + name
			}
		}
	}
	if slices.Contains(u.scope.names, "verdict") && slices.Contains(membersByType[reflect.TypeFor[env]()]["verdict"].values, name) {
		return "write: verdict == " + quoteShort(name)
	}
	for _, part := range []struct {
		of  string
		typ reflect.Type
	}{
		{"mail", reflect.TypeFor[Mail]()}, {"issue", reflect.TypeFor[Issue]()}, {"envelope", reflect.TypeFor[Envelope]()}, {"sender", reflect.TypeFor[Sender]()},
	} {
		if !slices.Contains(u.scope.names, part.of) {
			continue
		}
		if slices.Contains(fieldNames(part.typ), name) {
			return "write " + part.of + "." + name
		}
		if advice := habit(part.of, name); advice != "" {
			return "write: " + advice
		}
	}
	return ""
}

// habitOfSign is a hint about a sign or a word between two values that is none of ours, and what it is as it stands there.
func habitOfSign(text string, at int) (sign, hint string) {
	const signs = "=<>!~^$*&|:/"
	start, end := at, at
	for start > 0 && strings.IndexByte(signs, text[start-1]) >= 0 {
		start--
	}
	for end < len(text) && strings.IndexByte(signs, text[end]) >= 0 {
		end++
	}
	if start == end {
		for end < len(text) && (text[end] >= 'a' && text[end] <= 'z' || text[end] >= 'A' && text[end] <= 'Z') {
			end++
		}
	}
	sign = text[start:end]
	if lower := strings.ToLower(sign); lower != sign && slices.Contains([]string{"and", "or", "not", "in", "contains", "matches"}, lower) {
		return sign, "write it in lower case: " + lower
	}
	if advice := habit("operator", sign); advice != "" {
		return sign, "write: " + advice
	}
	return sign, ""
}

// isActionName says whether a word is one of the actions.
var isActionName = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, a := range actions() {
		m[a.name] = true
	}
	return m
})

// habitOfWord is a hint about a word that does not begin anything in a rule.
func habitOfWord(word string) string {
	switch {
	case isActionName()[word]:
		return "what a rule does stands in braces: then { " + word + "(…) }"
	case habit("word", word) != "":
		return "write: " + habit("word", word)
	case habit("action", word) != "":
		return "what a rule does stands in braces: then { " + habit("action", word) + " }"
	}
	return ""
}
