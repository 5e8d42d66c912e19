package dsl

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// named says what the word or text at the caret is.
func (c *caret) named() *Hover {
	word := c.word()
	switch c.spot.kind {
	case spotNew:
		return c.declared()
	case spotFile:
		return wordIn(fileWordTable, word)
	case spotItem:
		if c.spot.what == "test" || c.spot.what == "for" {
			return wordIn(testWordTable, word)
		}
		return wordIn(ruleWordTable, word)
	case spotStage:
		return wordIn(stageWordTable, word)
	case spotGiven:
		return wordIn(givenWordTable, word)
	case spotMailbox:
		h := &Hover{Name: word, Kind: KindMailbox, Doc: "a mailbox of the configuration"}
		if known := c.w.opts.Vocabulary.Mailboxes; known != nil && !slices.Contains(known, word) {
			h.Doc = "no mailbox of the configuration"
		}
		return h
	case spotMail:
		if word == "file" {
			return callHover(fileReference)
		}
	case spotMailFile:
		return c.fileNamed()
	case spotExpression:
		t := c.typer()
		if c.text != nil {
			return t.namedText()
		}
		return t.namedWord()
	}
	return nil
}

func wordIn(table []wordEntry, word string) *Hover {
	for _, e := range table {
		if e.name == word {
			return &Hover{Name: word, Kind: KindKeyword, Doc: e.doc}
		}
	}
	return nil
}

// declared is the list, define, let or case whose name stands at the caret.
func (c *caret) declared() *Hover {
	for _, b := range c.file.Lists {
		if b.offset == c.start {
			return c.plain().listHover(b.Name)
		}
	}
	for _, b := range c.file.Defines {
		if b.offset == c.start {
			return c.plain().defineHover(b.Name)
		}
	}
	for _, b := range c.file.Rules {
		for _, l := range b.lets {
			if l.name.offset == c.start {
				t := c.plain()
				s := b.scope()
				for _, l := range b.lets {
					t.c.let(c.file, &s, l)
				}
				t.scope = s
				return t.letHover(l.name)
			}
		}
	}
	for _, b := range c.file.Tests {
		if b.loop != nil && b.loop.name.offset == c.start {
			return c.caseHover(b.loop)
		}
	}
	return nil
}

// plain is a typer outside of all expressions.
func (c *caret) plain() *typer { return &typer{caret: c, c: c.w.compiler()} }

func (c *caret) here(offset, length int) *Location {
	return &Location{c.file.Name, Span{offset, offset + length}}
}

func (c *caret) caseHover(l *forLine) *Hover {
	return &Hover{Name: l.name.text, Kind: KindLet, Type: "a case of the table", at: c.here(l.name.offset, len(l.name.text))}
}

func (t *typer) letHover(name word) *Hover {
	h := &Hover{Name: name.text, Kind: KindLet, at: t.here(name.offset, len(name.text))}
	if i, ok := t.scope.let(name.text); ok {
		h.Type = describeType(t.scope.lets[i].typ)
	}
	return h
}

func (t *typer) listHover(name string) *Hover {
	l := t.c.lists[name]
	if l == nil {
		return nil
	}
	t.c.computeList(l)
	b := l.block
	h := &Hover{Name: name, Kind: KindList, Type: "list " + name + " = " + cut(b.value.original(), 400), at: &Location{b.Pos.File, Span{b.offset, b.offset + len(name)}}}
	switch {
	case l.failed:
		h.Doc = "It cannot be computed: see what is wrong with it."
	default:
		h.Doc = entriesOf(l.value)
	}
	h.Doc = joined(t.w.remark(b.Pos.File, b.start), h.Doc)
	return h
}

func entriesOf(v any) string {
	n, what := reflect.ValueOf(v).Len(), "entries"
	switch v.(type) {
	case []string:
		what = "texts"
	case []int:
		what = "numbers"
	}
	switch {
	case n == 0:
		return "It is empty."
	case n == 1:
		return "1 " + strings.Replace(strings.TrimSuffix(what, "s"), "entrie", "entry", 1)
	}
	return strconv.Itoa(n) + " " + what
}

func (t *typer) defineHover(name string) *Hover {
	d := t.c.defines[name]
	if d == nil {
		return nil
	}
	t.c.computeDefine(d)
	h := &Hover{Name: name, Kind: KindDefine, Type: "define " + name + " = " + cut(d.Source, 400), at: &Location{d.Pos.File, Span{d.block.offset, d.block.offset + len(name)}}}
	if d.value != nil {
		h.Doc = describeType(d.value.typ)
	}
	h.Doc = joined(t.w.remark(d.Pos.File, d.block.start), h.Doc)
	return h
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n\n")
}

// namedText is a file, or a name of the configuration.
func (t *typer) namedText() *Hover {
	if o := t.innermost(); o != nil && o.call == "file" && !o.method && len(o.args) == 1 {
		return t.fileNamed()
	}
	names, what := t.textNames()
	if word := t.word(); slices.Contains(names, word) {
		return &Hover{Name: word, Kind: KindValue, Type: what}
	}
	return nil
}

func (c *caret) fileNamed() *Hover {
	if c.text == nil {
		return nil
	}
	name, err := unquote(c.of(*c.text))
	if err != nil || !localPath(name) {
		return nil
	}
	return &Hover{Name: name, Kind: KindFile, Doc: "a file below the rules folder", at: &Location{File: name}}
}

// namedWord is what a word in an expression means.
func (t *typer) namedWord() *Hover {
	word := t.word()
	if receiver, ok := t.receiver(); ok {
		return t.memberHover(receiver, word)
	}
	if t.back(1) == "let" {
		return t.ownLet(word)
	}
	if following := strings.TrimLeft(t.file.src.text[t.end:], " \t"); strings.HasPrefix(following, ":") {
		for _, k := range t.keys() {
			if k.Label == word {
				return &Hover{Name: word, Kind: k.Kind, Type: k.Type, Doc: k.Doc}
			}
		}
	}
	if l := t.spot.block.loop; l != nil && l.name.text == word {
		return t.caseHover(l)
	}
	if r := t.spot.block.rule; r != nil {
		for _, l := range r.lets {
			if l.name.text == word {
				return t.letHover(l.name)
			}
		}
	}
	if h := t.ownLet(word); h != nil {
		return h
	}
	if h := t.defineHover(word); h != nil {
		return h
	}
	if h := t.listHover(word); h != nil {
		return h
	}
	if e, ok := membersByType[reflect.TypeFor[env]()][word]; ok && !strings.HasPrefix(t.file.src.text[t.end:], "(") {
		return &Hover{Name: word, Kind: KindName, Doc: e.about()}
	}
	for _, ref := range append(slices.Clone(references()), fileReference) {
		if ref.Name == word && ref.Kind != "method" {
			return callHover(ref)
		}
	}
	for _, table := range [][]wordEntry{operatorTable, constantTable, ruleWordTable} {
		if h := wordIn(table, word); h != nil && h.Doc != "" {
			return h
		}
	}
	return nil
}

// ownLet is a let of the statement that the caret is in, also the one whose name it is at.
func (t *typer) ownLet(name string) *Hover {
	lets := slices.Clone(t.lets)
	for _, o := range t.open {
		lets = append(lets, o.lets...)
	}
	for _, at := range slices.Backward(lets) {
		if at+1 < len(t.tokens) && t.of(t.tokens[at+1]) == name {
			return t.letHover(word{name, t.tokens[at+1].start})
		}
		if at+1 == len(t.tokens) {
			return t.letHover(word{name, t.start})
		}
	}
	return nil
}

func callHover(ref Reference) *Hover {
	h := &Hover{Name: ref.Name, Kind: ref.Kind, Type: ref.Signature, Doc: ref.Doc, Example: ref.Example}
	if ref.Result != "" {
		h.Type += ": " + ref.Result
	}
	return h
}

// memberHover is what stands behind a dot.
func (t *typer) memberHover(receiver, word string) *Hover {
	for _, ref := range references() {
		if ref.Kind == "method" && ref.Name == word {
			return callHover(ref)
		}
	}
	for _, m := range t.membersOf(receiver) {
		if m.Label == word {
			return &Hover{Name: strings.TrimPrefix(receiver+"."+word, "#"), Kind: m.Kind, Type: m.Type, Doc: m.Doc}
		}
	}
	return nil
}
