package dsl

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// complete says what could stand in an expression.
func (t *typer) complete() []Completion {
	if t.text != nil {
		return t.completeText()
	}
	if word := t.word(); word != "" && (word[0] >= '0' && word[0] <= '9') {
		return nil
	}
	if receiver, ok := t.receiver(); ok {
		return t.membersOf(receiver)
	}
	if keys := t.keys(); keys != nil {
		return keys
	}
	if t.back(1) == "let" || t.back(2) == "let" && t.back(1) != "=" {
		return nil
	}
	last := t.trimmed(len(t.tokens)) - 1
	if last > 0 && t.of(t.tokens[last]) == "not" && t.endsOperand(t.tokens[last-1]) {
		return t.negated()
	}
	lineEnded := last+1 < len(t.tokens)
	inBlock := t.innermost() != nil && t.innermost().sign == "{"
	if last >= 0 && t.endsOperand(t.tokens[last]) && !(lineEnded && inBlock) {
		return t.operators(lineEnded)
	}
	if last >= 0 && t.of(t.tokens[last]) == "}" && t.scope.actions { // of an if, or of a map
		at := slices.IndexFunc(ruleWordTable, func(e wordEntry) bool { return e.name == "else" })
		return append(t.words(ruleWordTable[at:at+1], nil), t.operands()...)
	}
	return t.operands()
}

// negated are the operators that may follow not.
func (t *typer) negated() []Completion {
	return slices.DeleteFunc(t.operators(false), func(c Completion) bool {
		return !slices.Contains([]string{"in", "contains", "startsWith", "endsWith", "matches"}, c.Label)
	})
}

// operators may stand behind a value.
func (t *typer) operators(lineEnded bool) []Completion {
	var out []Completion
	for _, e := range operatorTable {
		out = append(out, Completion{Label: e.name, Kind: KindOperator, Doc: e.doc, Insert: e.name})
	}
	if t.spot.what == "when" && len(t.open) == 0 {
		then := t.words(ruleWordTable[slices.IndexFunc(ruleWordTable, func(e wordEntry) bool { return e.name == "then" }):][:1], nil)
		if out = append(then, out...); lineEnded {
			return out
		}
	}
	return out
}

// operands are all names that have a value here, and what can be called.
func (t *typer) operands() []Completion {
	var out []Completion
	for _, l := range t.scope.lets {
		out = append(out, Completion{Label: l.name, Kind: KindLet, Type: describeType(l.typ), Insert: l.name})
	}
	root := membersByType[reflect.TypeFor[env]()]
	for _, name := range t.scope.names {
		if e, ok := root[name]; ok {
			out = append(out, Completion{Label: name, Kind: KindName, Doc: e.doc, Insert: name})
		}
	}
	if l := t.spot.block.loop; l != nil {
		out = append(out, Completion{Label: l.name.text, Kind: KindLet, Type: "a case of the table", Insert: l.name.text})
	}
	if !t.scope.constant {
		for _, d := range t.c.defined {
			out = append(out, Completion{Label: d.Name, Kind: KindDefine, Type: oneLine(cut(d.Source, 80)), Doc: t.w.remark(d.Pos.File, d.block.start), Insert: d.Name})
		}
	}
	for _, name := range t.c.listNames {
		b := t.c.lists[name].block
		out = append(out, Completion{Label: name, Kind: KindList, Type: oneLine(cut(b.value.original(), 80)), Doc: t.w.remark(b.Pos.File, b.start), Insert: name})
	}
	for _, ref := range references() {
		if t.callable(ref) {
			out = append(out, t.callOf(ref))
		}
	}
	if t.scope.constant && strings.HasPrefix(t.spot.what, "the list ") {
		out = append(out, Completion{Label: "file", Kind: KindFunction, Type: fileReference.Signature, Doc: fileReference.Doc, Example: fileReference.Example, Insert: `file("$1")`, Snippet: true})
	}
	for _, e := range constantTable {
		if (e.name == "if" || e.name == "let") && !t.scope.actions {
			continue
		}
		out = append(out, Completion{Label: e.name, Kind: KindConstant, Doc: e.doc, Insert: cmp.Or(e.snippet, e.name), Snippet: e.snippet != ""})
	}
	return out
}

// callable says whether a function or action may be called here.
func (t *typer) callable(ref Reference) bool {
	f := t.c.functions[ref.Name]
	switch {
	case ref.Kind == "method":
		return false
	case ref.Kind == "action":
		return t.scope.actions && !t.piece && (t.scope.stage != StageEnvelope || f.envelope)
	case f != nil && t.scope.constant:
		return f.constant
	}
	return true
}

// callOf completes a call, with places for its arguments where none stand there already.
func (t *typer) callOf(ref Reference) Completion {
	out := Completion{Label: ref.Name, Kind: ref.Kind, Type: ref.Signature, Doc: ref.Doc, Example: ref.Example, Insert: ref.Name}
	if rest := t.file.src.text[t.end:]; strings.HasPrefix(rest, "(") {
		return out
	}
	_, params, _ := strings.Cut(strings.TrimSuffix(ref.Signature, ")"), ref.Name+"(")
	params, _, _ = strings.Cut(params, "[")
	var b strings.Builder
	b.WriteString(ref.Name + "(")
	f := t.c.functions[ref.Name]
	if f == nil {
		f = t.c.methods[ref.Name]
	}
	n := 0
	for p := range strings.SplitSeq(params, ", ") {
		if p = strings.Trim(p, `"`); p == "" || p == "…" {
			continue
		}
		if n++; n > 1 {
			b.WriteString(", ")
		}
		b.WriteString(hole(n, p, quotesOf(f, n-1)))
	}
	out.Insert, out.Snippet = b.String()+")", n > 0
	return out
}

// hole is a place to fill in a snippet.
func hole(n int, name, quote string) string {
	escaped := strings.NewReplacer("\\", "\\\\", "}", "\\}", "$", "\\$").Replace(name)
	return quote + "${" + string(rune('0'+n%10)) + ":" + escaped + "}" + quote
}

// quotesOf are those in which an argument is mostly written.
func quotesOf(f *function, i int) string {
	if f == nil || i >= len(f.params) {
		return ""
	}
	if f.method {
		i++
	}
	switch p := f.param(i); {
	case p.kind.compiled() && p.kind == kindRegex:
		return "`"
	case p.names != "", p.kind == kindZone, p.kind == kindHours, p.kind == kindDuration, f.action && (p.kind == kindText || p.kind == kindTexts):
		return `"`
	}
	return ""
}

func cut(s string, n int) string {
	if runes := []rune(s[:min(len(s), 4*n)]); len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return s
}
