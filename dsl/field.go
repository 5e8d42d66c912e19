package dsl

import (
	"reflect"
	"strconv"
	"strings"
)

// A Field is a text, a truth, or a list of texts that a rule can see of a message and that no rule changes, like
// mail.from.domain, mail.to[].email or mail.header.x-priority.
type Field struct {
	path   string
	root   root
	steps  []int // indexes of struct fields; -1 is each element of a slice
	header string
	all    bool // all fields of that name, not the first
	flag   bool
}

type root uint8

const (
	rootMail root = iota
	rootEnvelope
	rootSender
	rootMailbox
)

// String is the field as rules write it.
func (f Field) String() string { return f.path }

// Each calls yield for each value that the field has in a message: one for a text or a truth ("true", "false").
func (f Field) Each(v *View, yield func(string)) {
	var at reflect.Value
	switch f.root {
	case rootMail:
		if v.Mail == nil {
			v = &View{Mail: &Mail{}}
		}
		if f.header != "" {
			f.headers(v.Mail, yield)
			return
		}
		at = reflect.ValueOf(v.Mail)
	case rootEnvelope:
		at = orZero(v.Envelope)
	case rootSender:
		at = orZero(v.Sender)
	case rootMailbox:
		at = orZero(v.Mailbox)
	}
	walkField(at.Elem(), f.steps, yield)
}

func orZero[T any](p *T) reflect.Value {
	if p == nil {
		p = new(T)
	}
	return reflect.ValueOf(p)
}

func walkField(at reflect.Value, steps []int, yield func(string)) {
	for i, s := range steps {
		if s < 0 {
			for j := range at.Len() {
				walkField(at.Index(j), steps[i+1:], yield)
			}
			return
		}
		at = at.Field(s)
	}
	if at.Kind() == reflect.Bool {
		yield(strconv.FormatBool(at.Bool()))
	} else {
		yield(at.String())
	}
}

func (f Field) headers(m *Mail, yield func(string)) {
	found := false
	for i := range m.Fields {
		if strings.EqualFold(m.Fields[i].Name, f.header) {
			found = true
			yield(m.Fields[i].Value)
			if !f.all {
				return
			}
		}
	}
	if !found && !f.all {
		yield("")
	}
}

var roots = map[string]struct {
	root root
	typ  reflect.Type
}{
	"mail":     {rootMail, reflect.TypeFor[Mail]()},
	"envelope": {rootEnvelope, reflect.TypeFor[Envelope]()},
	"sender":   {rootSender, reflect.TypeFor[Sender]()},
	"mailbox":  {rootMailbox, reflect.TypeFor[Mailbox]()},
}

// fieldTerm is the term of a path. A truth is its own condition.
func fieldTerm(path string) term {
	f, typ := parseField(path)
	switch {
	case typ == nil:
		return term{}
	case typ.Kind() == reflect.String:
		return term{field: &f}
	case typ.Kind() == reflect.Bool:
		f.flag = true
		is := func(s string) needs { return needs{true, []Need{{Field: f, Op: NeedEqual, Text: s}}} }
		return term{yes: is("true"), no: is("false")}
	case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.String:
		f, _ = parseField(path + "[]")
		return term{field: &f, path: path + "[]"}
	case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct:
		return term{path: path + "[]"}
	case typ.Kind() == reflect.Struct:
		return term{path: path}
	}
	return term{}
}

// parseField finds a path in the view, and the type of what is there; nil when it is nothing that rules can see.
func parseField(path string) (Field, reflect.Type) {
	name, rest, _ := strings.Cut(path, ".")
	r, ok := roots[name]
	if !ok {
		return Field{}, nil
	}
	f := Field{path: path, root: r.root}
	if h, ok := strings.CutPrefix(path, "mail.header."); ok {
		f.header = h
		return f, typeString
	}
	if h, ok := strings.CutPrefix(path, "mail.headers."); ok {
		f.header, f.all = h, true
		return f, typeString
	}
	typ := r.typ
	for step := range strings.SplitSeq(rest, ".") {
		step, each := strings.CutSuffix(step, "[]")
		if typ.Kind() != reflect.Struct {
			return Field{}, nil
		}
		i := fieldTagged(typ, step)
		if i < 0 {
			return Field{}, nil
		}
		f.steps = append(f.steps, i)
		typ = typ.Field(i).Type
		if each {
			if typ.Kind() != reflect.Slice {
				return Field{}, nil
			}
			f.steps = append(f.steps, -1)
			typ = typ.Elem()
		}
	}
	return f, typ
}

func fieldTagged(t reflect.Type, name string) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("expr") == name {
			return i
		}
	}
	return -1
}

// Domains calls yield with a domain as NeedUnder has it, and with each domain above it.
func Domains(domain string, yield func(string)) {
	for d := plainDomain(domain); d != ""; {
		yield(d)
		_, d, _ = strings.Cut(d, ".")
	}
}
