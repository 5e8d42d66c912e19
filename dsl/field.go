package dsl

import (
	"iter"
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
func (f *Field) String() string { return f.path }

// Values are the values that the field has in a message: one of a text or a truth ("true", "false"), which a nil of the view has too.
func (f *Field) Values(v *View) iter.Seq[string] {
	return func(yield func(string) bool) {
		var at reflect.Value
		switch f.root {
		case rootMail:
			m := v.Mail
			if m == nil {
				m = &emptyView.mail
			}
			if f.header != "" {
				f.headers(m, yield)
				return
			}
			at = reflect.ValueOf(m)
		case rootEnvelope:
			at = orEmpty(v.Envelope, &emptyView.envelope)
		case rootSender:
			at = orEmpty(v.Sender, &emptyView.sender)
		case rootMailbox:
			at = orEmpty(v.Mailbox, &emptyView.mailbox)
		}
		walkField(at.Elem(), f.steps, yield)
	}
}

// emptyView is what stands for what a view lacks. Nobody writes to it.
var emptyView struct {
	mail     Mail
	envelope Envelope
	sender   Sender
	mailbox  Mailbox
}

func orEmpty[T any](p, empty *T) reflect.Value {
	if p == nil {
		p = empty
	}
	return reflect.ValueOf(p)
}

func walkField(at reflect.Value, steps []int, yield func(string) bool) bool {
	for i, s := range steps {
		if s < 0 {
			for j := range at.Len() {
				if !walkField(at.Index(j), steps[i+1:], yield) {
					return false
				}
			}
			return true
		}
		at = at.Field(s)
	}
	if at.Kind() == reflect.Bool {
		return yield(strconv.FormatBool(at.Bool()))
	}
	return yield(at.String())
}

func (f *Field) headers(m *Mail, yield func(string) bool) {
	found := false
	for i := range m.Fields {
		if strings.EqualFold(m.Fields[i].Name, f.header) {
			found = true
			if !yield(m.Fields[i].Value) || !f.all {
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
func (c *compiler) fieldTerm(path string) term {
	t, ok := c.fields[path]
	if !ok {
		t = newFieldTerm(path)
		c.fields[path] = t
	}
	return t
}

func newFieldTerm(path string) term {
	f, typ := parseField(path)
	switch {
	case typ == nil:
		return term{}
	case typ.Kind() == reflect.String:
		return term{text: &textTerm{pieces: []piece{{&f, true}}, front: true, back: true}}
	case typ.Kind() == reflect.Bool:
		f.flag = true
		is := func(s string) needs { return needs{{{Field: &f, Op: NeedEqual, Text: s}}} }
		return term{yes: is("true"), no: is("false")}
	case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.String:
		f, _ = parseField(path + "[]")
		return term{text: &textTerm{pieces: []piece{{&f, true}}, front: true, back: true}}
	case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct:
		return term{paths: []string{path + "[]"}}
	case typ.Kind() == reflect.Struct:
		return term{paths: []string{path}}
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

// Domains are a domain as NeedUnder has it, and each domain above it.
func Domains(domain string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for d := plainDomain(domain); d != "" && yield(d); {
			_, d, _ = strings.Cut(d, ".")
		}
	}
}
