package dsl

import (
	"strings"
)

// A Reference is what there is to say of one thing that a rule can call: documentation, completion and hover are made of it.
type Reference struct {
	Name      string   `json:"name"`
	Kind      string   `json:"kind"`             // "function", "method", "action"
	Group     string   `json:"group"`            // what it is about: "text", "time", …
	Signature string   `json:"signature"`        // how it is written
	Params    []string `json:"params"`           // what each argument is, in words
	Result    string   `json:"result,omitempty"` // in words, "" where it depends
	Doc       string   `json:"doc"`              // one or two sentences
	Example   string   `json:"example"`          // a condition that is true of the documentation's mail, or a statement
}

// fileReference is file, which stands in lists and behind mail alone.
var fileReference = Reference{Name: "file", Kind: "function", Signature: "file(name[, options])", Doc: "what a file below the rules folder holds: the entries of a list, or the mail of a test", Example: `file("lists/customers.csv", {column: "domain"})`}

// References are all functions, methods and actions, by group and in the order of the documentation.
func References() []Reference {
	byName := map[string]*function{}
	for _, f := range append(functions(), actions()...) {
		byName[f.name] = f
	}
	var out []Reference
	for _, e := range referenceTable {
		r := Reference{Name: e.name, Kind: "function", Group: e.group, Doc: e.doc, Example: e.example, Signature: e.signature}
		if f := byName[e.name]; f != nil {
			r.describe(f)
		}
		out = append(out, r)
	}
	return out
}

func (r *Reference) describe(f *function) {
	r.Signature = f.written()
	params := f.params
	switch {
	case f.action:
		r.Kind = "action"
	case f.method:
		r.Kind = "method"
		params = params[1:]
	}
	for _, p := range params {
		r.Params = append(r.Params, p.name+": "+p.kind.String())
	}
	if f.result != nil && !f.action {
		r.Result = typeName(f.result)
	}
}

// written is the signature with what may be left out in brackets.
func (f *function) written() string {
	params := f.params
	var b strings.Builder
	if f.method {
		b.WriteString(params[0].kind.String() + ".")
		params = params[1:]
	}
	b.WriteString(f.name + "(")
	for i, p := range params {
		left := i >= len(params)-f.optional
		if left {
			b.WriteString("[")
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.name)
		if left {
			b.WriteString("]")
		}
	}
	if f.rest {
		b.WriteString(", …")
	}
	return b.String() + ")"
}
