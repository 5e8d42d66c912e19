package dsl

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// A Completion is one thing that could stand at a place.
type Completion struct {
	Label   string `json:"label"`
	Kind    string `json:"kind"`           // see the constants
	Type    string `json:"type,omitempty"` // in words; of what is called, how it is written
	Doc     string `json:"doc,omitempty"`  // Markdown
	Example string `json:"example,omitempty"`
	Insert  string `json:"insert"`            // instead of what was typed
	Snippet bool   `json:"snippet,omitempty"` // Insert has places to fill, as the Language Server Protocol writes them: $1, ${2:name}, $0
}

// What a completion is.
const (
	KindKeyword  = "keyword"
	KindOperator = "operator"
	KindConstant = "constant"
	KindName     = "name" // of what a rule sees: mail, sender, …
	KindMember   = "member"
	KindMethod   = "method"
	KindFunction = "function"
	KindAction   = "action"
	KindList     = "list"
	KindDefine   = "define"
	KindLet      = "let"
	KindValue    = "value" // a text, such as the name of a priority
	KindMailbox  = "mailbox"
	KindFile     = "file"
	KindRule     = "rule"
	KindToken    = "token"
	KindTest     = "test"
)

// Completions are what could stand at a place, instead of the piece that is there.
type Completions struct {
	Span
	Items []Completion
	More  bool // there are more: ask again when more is typed
}

// mostCompletions are given at once; of more only those that begin with what was typed.
const mostCompletions = 500

// Complete says what could stand at a byte of a file.
func (w *Workspace) Complete(file string, offset int) Completions {
	c := w.caret(file, offset)
	if c == nil {
		offset = max(0, min(offset, len(w.Text(file))))
		return Completions{Span: Span{offset, offset}}
	}
	out := Completions{Span: Span{c.start, c.end}, Items: c.completions()}
	if len(out.Items) > mostCompletions {
		typed := strings.ToLower(c.typed())
		out.Items = slices.DeleteFunc(out.Items, func(i Completion) bool { return !strings.HasPrefix(strings.ToLower(i.Label), typed) })
		out.More = true
		out.Items = out.Items[:min(len(out.Items), mostCompletions)]
	}
	return out
}

func (c *caret) completions() []Completion {
	switch c.spot.kind {
	case spotFile:
		return c.blocks()
	case spotItem:
		return c.items()
	case spotMailbox:
		return values(KindMailbox, c.w.opts.Vocabulary.Mailboxes, "a mailbox of the configuration")
	case spotStage:
		return c.words(stageWordTable, nil)
	case spotGiven:
		return c.words(givenWordTable, c.givenAlready())
	case spotMail:
		return []Completion{
			{Label: `"""`, Kind: KindKeyword, Doc: "the mail as a text", Insert: "\"\"\"\n    From: ${1:ann@example.org}\n    To: ${2:support@example.com}\n    Subject: $3\n\n    ${4:Hello}\n\"\"\"", Snippet: true},
			{Label: "file", Kind: KindKeyword, Type: `file("x.eml")`, Doc: "the mail in a file below the rules folder", Insert: `file("$1")`, Snippet: true},
		}
	case spotMailFile:
		return c.fileNames(false)
	case spotExpression:
		return c.typer().complete()
	}
	return nil
}

func (c *caret) words(table []wordEntry, without []string) []Completion {
	var out []Completion
	if c.text != nil {
		return nil
	}
	for _, e := range table {
		if !slices.Contains(without, e.name) {
			out = append(out, Completion{Label: e.name, Kind: KindKeyword, Doc: e.doc, Insert: cmp.Or(e.snippet, e.name), Snippet: e.snippet != ""})
		}
	}
	return out
}

// blocks begin a line; disabled and shadow stand before rule and token.
func (c *caret) blocks() []Completion {
	line := strings.TrimSpace(c.lineBefore())
	switch line {
	case "":
		return c.words(fileWordTable, nil)
	case "disabled":
		return c.words(fileWordTable, []string{"list", "define", "test", "disabled"})
	case "shadow", "disabled shadow":
		return c.words(fileWordTable, []string{"list", "define", "test", "disabled", "shadow", "token"})
	}
	return nil
}

func (c *caret) lineBefore() string {
	before := c.file.src.text[:c.start]
	return before[strings.LastIndexByte(before, '\n')+1:]
}

// items are those that the block does not have yet.
func (c *caret) items() []Completion {
	b := c.spot.block
	switch c.spot.what {
	case "for":
		return c.words(testWordTable, []string{"for"})
	case "test":
		return c.words(testWordTable, nil)
	}
	var without []string
	for word := range b.seen {
		if word != "let" {
			without = append(without, word)
		}
	}
	if c.spot.what == "token" {
		without = append(without, "in", "on")
	}
	if !b.seen["then"] || !b.seen["when"] {
		without = append(without, "else")
	}
	if b.seen["then"] {
		without = append(without, "when")
	}
	if b.seen["when"] {
		without = append(without, "let")
	}
	return c.words(ruleWordTable, without)
}

func (c *caret) givenAlready() []string {
	var kinds []string
	if t := c.spot.block.test; t != nil {
		for _, g := range t.given {
			kinds = append(kinds, g.kind.text)
		}
	}
	return kinds
}

func (c *caret) fileNames(lists bool) []Completion {
	if c.w.names == nil || c.text == nil {
		return nil
	}
	names := c.w.names()
	if !lists {
		names = slices.DeleteFunc(slices.Clone(names), func(s string) bool { return !strings.HasSuffix(s, ".eml") })
	}
	return values(KindFile, names, "")
}

func values(kind string, names []string, what string) []Completion {
	var out []Completion
	for _, n := range names {
		out = append(out, Completion{Label: n, Kind: kind, Type: what, Insert: n})
	}
	return out
}

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
