package dsl

import (
	"reflect"
	"slices"
	"strings"
)

// keys are those of the map that the caret is in, where one may stand here; nil elsewhere.
func (t *typer) keys() []Completion {
	o := t.innermost()
	if o == nil || o.sign != "{" || t.piece || t.back(1) != "{" && t.back(1) != "," {
		return nil
	}
	var out []Completion
	typ, extra := t.mapped(o)
	if typ == nil && extra == nil {
		return nil
	}
	names := extra
	if typ != nil {
		names = append(fieldNames(typ), extra...)
	}
	for _, name := range names {
		item := Completion{Label: name, Kind: KindMember, Insert: name + ": "}
		if e, ok := membersByType[typ][name]; ok {
			item.Doc = e.doc
			item.Type = describeType(fieldType(typ, name))
		}
		out = append(out, item)
	}
	return out
}

// mapped says what a map's keys are: the fields of a type, and some more.
func (t *typer) mapped(o *opening) (reflect.Type, []string) {
	switch {
	case givenTypes[t.spot.what] != nil && len(t.open) == 1:
		return givenTypes[t.spot.what], givenKeys[t.spot.what]
	case t.spot.what == "given issue" && len(t.open) == 2 && t.keyOf(&t.open[0]) == "fields":
		return nil, t.w.opts.Vocabulary.Fields
	case t.spot.what == "given people" && len(t.open) == 2:
		return reflect.TypeFor[Person](), nil
	case t.spot.what == "for" && len(t.open) == 2:
		return nil, t.earlierKeys()
	}
	if outer := givenTypes[t.spot.what]; outer != nil && len(t.open) == 2 { // {claimed: {role: …}}
		if inner := fieldType(outer, t.keyOf(&t.open[0])); inner.Kind() == reflect.Struct && inner != typeTime {
			return inner, nil
		}
	}
	for i := range t.open {
		if &t.open[i] == o && i > 0 && t.open[i-1].call == "file" {
			return nil, fileOptions
		}
	}
	return nil, nil
}

// givenTypes are those whose fields can be given, and givenKeys what can be given beside them.
var (
	givenTypes = map[string]reflect.Type{
		"given sender": reflect.TypeFor[Sender](), "given issue": reflect.TypeFor[Issue](),
		"given auth": reflect.TypeFor[Auth](), "given envelope": reflect.TypeFor[Envelope](),
	}
	givenKeys = map[string][]string{"given sender": givenSenderKeys, "given issue": givenIssueKeys}
)

// earlierKeys are those of the cases of a table that stand before the caret.
func (t *typer) earlierKeys() []string {
	var keys []string
	for i := 1; i < len(t.tokens); i++ {
		if key := t.tokens[i-1]; t.of(t.tokens[i]) == ":" && key.kind == tokenName && !slices.Contains(keys, t.of(key)) {
			keys = append(keys, t.of(key))
		}
	}
	return keys
}

// keyOf is the key of the pair of a map that the caret is in the value of.
func (c *caret) keyOf(o *opening) string {
	at := o.args[len(o.args)-1]
	for at < len(c.tokens) && c.tokens[at].kind == tokenNewline {
		at++
	}
	if at+1 >= len(c.tokens) || c.of(c.tokens[at+1]) != ":" {
		return ""
	}
	return strings.Trim(c.of(c.tokens[at]), `"'`)
}
