package dsl

import (
	"reflect"
	"sync"
)

// A Member is what there is to say of a name that a rule sees, or of a member of what one is.
type Member struct {
	Of     string // how a rule comes to what has it: "mail.", "mail.from.", …; "" for names
	Title  string // what that is
	Name   string
	Type   string // in words
	Doc    string
	Values []string // that it can have, where they are ours to choose
}

// Members are all of them, by what has them, in the order of the documentation.
func Members() []Member {
	var out []Member
	for _, table := range memberTables {
		for _, e := range table.members {
			out = append(out, Member{table.prefix, table.title, e.name, describeType(fieldType(table.typ, e.name)), e.doc, e.values})
		}
	}
	return out
}

// membersByType finds what is said of a member.
var membersByType = func() map[reflect.Type]map[string]memberEntry {
	out := map[reflect.Type]map[string]memberEntry{}
	for _, table := range memberTables {
		m := map[string]memberEntry{}
		for _, e := range table.members {
			m[e.name] = e
		}
		out[table.typ] = m
	}
	return out
}()

func fieldType(t reflect.Type, name string) reflect.Type {
	if i := fieldIndex(t, name); i >= 0 {
		return t.Field(i).Type
	}
	return typeAny
}

// describeType is typeName, with what a list is of.
func describeType(t reflect.Type) string {
	if t == nil || t.Kind() != reflect.Slice || t.Elem() == typeAny {
		return typeName(t)
	}
	switch e := t.Elem(); {
	case e == typeString:
		return "a list of texts"
	case e == typeInt:
		return "a list of whole numbers"
	case e == typeAction:
		return "a list of actions"
	case e == typeAddress:
		return "a list of addresses"
	case e == reflect.TypeFor[Attachment]():
		return "a list of attachments"
	case e.Kind() == reflect.Struct && e != typeTime:
		return "a list"
	default:
		return "a list, each " + typeName(e)
	}
}

// references are made once: they do not change.
var references = sync.OnceValue(References)
