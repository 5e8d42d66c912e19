package dsl

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// membersOf are what may follow the dot behind a value.
func (t *typer) membersOf(receiver string) []Completion {
	if l := t.spot.block.loop; l != nil && receiver == l.name.text {
		return t.caseFields()
	}
	typ, p := t.typeOf(receiver, t.open)
	if typ == nil {
		return nil
	}
	if p != nil {
		return groups(p)
	}
	if typ.Kind() == reflect.Map && receiver == "issue.fields" {
		return values(KindMember, t.w.opts.Vocabulary.Fields, "a field of the configuration")
	}
	var out []Completion
	if typ == typeTime || typ == typeDuration {
		for _, name := range allowedMethods {
			if _, ok := typ.MethodByName(name); ok {
				out = append(out, Completion{Label: name, Kind: KindMethod, Type: methodType(typ, name), Insert: name + "()"})
			}
		}
		return out
	}
	plain := typ
	if plain.Kind() == reflect.Pointer {
		plain = plain.Elem()
	}
	if plain.Kind() != reflect.Struct {
		return nil
	}
	for _, name := range fieldNames(plain) {
		e := membersByType[plain][name]
		out = append(out, Completion{Label: name, Kind: KindMember, Type: describeType(fieldType(plain, name)), Doc: e.about(), Insert: name})
	}
	for _, ref := range references() {
		if f := t.c.methods[ref.Name]; ref.Kind == "method" && f != nil && f.params[0].kind.takes(typ) {
			out = append(out, t.callOf(ref))
		}
	}
	return out
}

// about is what is said of a member, with the values that it can have.
func (e memberEntry) about() string {
	if len(e.values) == 0 {
		return e.doc
	}
	return e.doc + ": " + quotedList(e.values)
}

func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = strconv.Quote(n)
	}
	return strings.Join(quoted, ", ")
}

// methodType says how a method of a time or a duration is called, and what it gives.
func methodType(t reflect.Type, name string) string {
	m, _ := t.MethodByName(name)
	var params []string
	for i := 1; i < m.Type.NumIn(); i++ {
		params = append(params, typeName(m.Type.In(i)))
	}
	var results []string
	for i := range m.Type.NumOut() {
		results = append(results, readable.Replace(typeName(m.Type.Out(i))))
	}
	return name + "(" + strings.Join(params, ", ") + "): " + strings.Join(results, ", ")
}

// groups are those of a regular expression that have names, and whether it matched.
func groups(p *pattern) []Completion {
	out := []Completion{{Label: "found", Kind: KindMember, Type: typeName(typeBool), Doc: membersByType[typeFound.Elem()]["found"].doc, Insert: "found"}}
	for _, name := range p.groups {
		if name != "" {
			out = append(out, Completion{Label: name, Kind: KindMember, Type: typeName(typeString), Doc: groupDoc(p, name), Insert: name})
		}
	}
	return out
}

func groupDoc(p *pattern, name string) string {
	return "the group " + name + " of `" + cut(p.source, 80) + "`; \"\" where it did not match"
}

// caseFields are the names that cases of a table have.
func (t *typer) caseFields() []Completion {
	seen := map[string]any{}
	for _, v := range t.cases {
		if m, ok := v.(map[string]any); ok {
			for k, v := range m {
				if _, has := seen[k]; !has {
					seen[k] = v
				}
			}
		}
	}
	var out []Completion
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		out = append(out, Completion{Label: k, Kind: KindMember, Type: "such as " + shownValue(seen[k]), Insert: k})
	}
	return out
}

// completeText says what a text could be: a name of the configuration, a value that a member can have, or a file.
func (t *typer) completeText() []Completion {
	if o := t.innermost(); o != nil && o.call == "file" && !o.method {
		return t.fileNames(true)
	}
	names, what := t.textNames()
	return values(KindValue, names, what)
}

// textNames are the texts that make sense at the caret, and what they are.
func (t *typer) textNames() (names []string, what string) {
	of := func(v vocabulary) ([]string, string) {
		if v == "" {
			return nil, ""
		}
		return t.w.opts.Vocabulary.of(v), "a " + string(v)
	}
	if o := t.innermost(); o != nil && o.sign == "{" && !t.piece {
		if key := t.keyOf(o); key != "" {
			return t.givenValues(key)
		}
	}
	if o := t.innermost(); o != nil && o.sign == "[" {
		if start := t.operand(o.at); start < o.at && t.file.src.text[t.tokens[start].start:t.tokens[o.at-1].end] == "issue.fields" {
			return t.w.opts.Vocabulary.Fields, "a field of the configuration"
		}
	}
	if side, ok := t.compared(); ok {
		return t.valuesOf(side)
	}
	o := t.call()
	if o == nil {
		return nil, ""
	}
	f := t.c.functions[o.call]
	i := len(o.args) - 1
	if o.method {
		if f = t.c.methods[o.call]; f != nil {
			i++
		}
	}
	if f == nil || len(f.params) == 0 {
		return nil, ""
	}
	if f.name == "set" && i == 1 {
		return of(settable[t.argument(o, 0)])
	}
	return of(f.param(i).names)
}

// argument is a text that was handed to an open call.
func (c *caret) argument(o *opening, i int) string {
	if i >= len(o.args) || o.args[i] >= len(c.tokens) {
		return ""
	}
	s, _ := unquote(c.of(c.tokens[o.args[i]]))
	return s
}

// compared is the value that the text at the caret is compared with, also as an element of a list behind in.
func (c *caret) compared() (string, bool) {
	end := len(c.tokens)
	if o := c.innermost(); o != nil && o.sign == "[" {
		end = o.at
	}
	end = c.trimmed(end)
	signs := 0
	for end > 0 && signs < 2 && (c.of(c.tokens[end-1]) == "=" || c.of(c.tokens[end-1]) == "!") {
		end--
		signs++
	}
	if signs == 0 {
		if end == 0 || c.of(c.tokens[end-1]) != "in" {
			return "", false
		}
		if end--; end > 0 && c.of(c.tokens[end-1]) == "not" {
			end--
		}
	}
	start := c.operand(end)
	if start == end || signs == 1 {
		return "", false
	}
	text := c.file.src.text[c.tokens[start].start:c.tokens[end-1].end]
	if c.of(c.tokens[start]) == "." {
		text = "#" + text
	}
	return text, true
}

// valuesOf are those that a member can have.
func (t *typer) valuesOf(side string) ([]string, string) {
	at := strings.LastIndexByte(side, '.')
	if at < 0 {
		return membersByType[reflect.TypeFor[env]()][side].values, ""
	}
	typ, _ := t.typeOf(strings.TrimSuffix(side[:at], "?"), t.open)
	if typ == nil {
		return nil, ""
	}
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	name := side[at+1:]
	if v := nameFields[typ][name]; v != "" {
		return t.w.opts.Vocabulary.of(v), "a " + string(v)
	}
	return membersByType[typ][name].values, ""
}

// givenValues are those of a key of what is given.
func (t *typer) givenValues(key string) ([]string, string) {
	v := givenVocabulary(strings.TrimPrefix(t.spot.what, "given "), key)
	if v != "" {
		return t.w.opts.Vocabulary.of(v), "a " + string(v)
	}
	if t.spot.what == "given auth" {
		return membersByType[reflect.TypeFor[Auth]()][key].values, ""
	}
	return nil, ""
}
