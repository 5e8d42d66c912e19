package dsl

import (
	"reflect"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// What is written by habit, is right as an expression, and can never be what was meant.

// warnArguments warns of arguments of our functions.
func (u *unit) warnArguments(n *ast.CallNode, f *function, args []ast.Node) {
	switch f.name {
	case "has", "hasAll":
		if s, ok := args[0].(*ast.StringNode); ok && len(args) == 2 && natureType(args[1]) == typeString && !isLiteral(args[1]) {
			u.warn(s, "swapped", "the text that is looked in is always the same", "write "+f.name+"("+textOf(args[1])+", "+quoteShort(s.Value)+")")
		}
	case "under", "orgDomain":
		if m, ok := args[0].(*ast.MemberNode); ok && isNamed(m.Property, "email") {
			of := textOf(m.Node)
			if natureType(m.Node) == typeSender {
				of = "mail.from"
			}
			u.warn(m, "no-domain", f.name+" asks about a domain, and this is an address", "write "+of+".domain")
		}
	case "hasAttachment":
		for _, arg := range args[1:] {
			for _, s := range literals(arg) {
				if !strings.ContainsAny(s.Value, "./*") && s.Value != "" {
					u.warn(s, "no-type", quoteShort(s.Value)+" is neither an ending nor a type", "write "+quoteShort("."+s.Value)+`, or a type such as "image/*"`)
				}
			}
		}
	}
}

// warnPattern warns of patterns and networks that are compared as if they were texts.
func (u *unit) warnPattern(side, literal ast.Node) {
	m, ok := side.(*ast.MemberNode)
	t := natureType(side)
	if !ok || t != typeString {
		return
	}
	base := natureType(m.Node)
	if base != nil && base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	for _, s := range literals(literal) {
		switch {
		case base == reflect.TypeFor[Envelope]() && isNamed(m.Property, "ip") && strings.Contains(s.Value, "/"):
			u.warn(s, "pattern", "a network is no address: this is never so", "write inNetwork("+textOf(side)+", "+quoteShort(s.Value)+")")
		case base != reflect.TypeFor[Address](): // a file may be called anything
		case strings.ContainsAny(s.Value, "*?%"):
			u.warn(s, "pattern", "this is compared letter by letter", "a pattern is asked about with glob("+textOf(side)+", "+quoteShort(strings.ReplaceAll(s.Value, "%", "*"))+")")
		case isNamed(m.Property, "domain") && strings.HasPrefix(s.Value, "@"):
			u.warn(s, "pattern", "a domain has no @", "write "+quoteShort(s.Value[1:]))
		}
	}
}
