package dsl

import (
	"bytes"
	"slices"
	"sync"
)

// A File is one parsed rules file: its blocks, and the expressions in them as pieces of text.
// Compile checks what the expressions say.
type File struct {
	Name    string
	Source  []byte
	Lists   []*ListBlock
	Defines []*DefineBlock
	Rules   []*RuleBlock // rules, shadow rules and tokens, in order
	Tests   []*TestBlock

	src      *source
	comments []comment
	broken   bool // there are errors of syntax: something may be missing
}

// A ListBlock is `list NAME = EXPR`.
type ListBlock struct {
	Name string
	Pos  Pos

	start  int // of the block
	offset int // of the name
	value  fragment
}

// A DefineBlock is `define NAME = EXPR`.
type DefineBlock struct {
	Name string
	Pos  Pos

	start  int // of the block
	offset int // of the name
	value  fragment
}

// A RuleBlock is a rule, shadow rule or token.
type RuleBlock struct {
	Name      string
	Pos       Pos // of the name
	Shadow    bool
	Token     bool
	Mailboxes []string
	Stage     Stage
	Attributes

	start, end int    // bytes: of the block
	offset     int    // of the name
	mailboxes  []word // with their places
	stage      word
	lets       []letLine
	when       *fragment
	statements []fragment
	otherwise  []fragment // of else
	until      word
	sample     word
}

// A TestBlock is a test.
type TestBlock struct {
	Name string
	Pos  Pos // of the name

	start, end int // bytes: of the block
	offset     int // of the name
	given      []givenLine
	mail       []byte // inline
	mailAt     int    // where the mail's text or the name of its file stands
	mailFile   *word  // the path in file("x.eml")
	hasMail    bool
	expects    []fragment
	loop       *forLine
}

// A forLine is `for NAME in LIST { … }` in a test.
type forLine struct {
	name       word
	list       fragment
	start, end int // bytes: within the braces
}

// A word is a name with its place in the file.
type word struct {
	text   string
	offset int
}

// A letLine is `let NAME = EXPR`.
type letLine struct {
	name  word
	value fragment
}

// A givenLine is `given KIND VALUE`; the value of `given mailbox` is a word.
type givenLine struct {
	kind    word
	value   fragment
	mailbox word
}

const largestFile = 8 << 20 // bytes; larger lists belong in files of their own

// Parse reads one file and finds all of its errors. It never panics, and returns what it understood
// also when there are errors.
func Parse(name string, src []byte) (*File, Diagnostics) {
	if len(src) > largestFile {
		f := &File{Name: name, Source: src, src: newSource(name, "")}
		return f, Diagnostics{{
			Pos:     Pos{File: name, Line: 1, Column: 1},
			Message: "this file is larger than 8 MiB",
			Hint:    `put large lists into files of their own: list banned = file("lists/banned.txt")`,
		}}
	}
	if bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) {
		f := &File{Name: name, Source: src, src: newSource(name, ""), broken: true}
		return f, Diagnostics{{Pos: Pos{File: name, Line: 1, Column: 1}, End: Pos{File: name, Line: 1, Column: 1}, Message: "this file is UTF-16", Hint: "save it as UTF-8"}}
	}
	p, diags := parseFile(name, src)
	p.file.Source = src
	if cap(p.tokens) <= mostKeptTokens {
		spareTokens.Put(&p.tokens)
	}
	return p.file, diags
}

// spareTokens are used again: those of a large file take more memory than what is made of it.
var spareTokens sync.Pool

const mostKeptTokens = 1 << 20

// parseFile is Parse, with all that the parser knows.
func parseFile(name string, src []byte) (*fileParser, Diagnostics) {
	text := newSource(name, string(src))
	l := lex(text)
	p := &fileParser{src: text, tokens: l.tokens, file: &File{Name: name, src: text, comments: l.comments}, diags: l.diags}
	if !slices.ContainsFunc(l.diags, func(d Diagnostic) bool { return d.Message == tooDeep }) {
		p.parse()
	}
	p.file.broken = len(p.diags) > 0
	return p, p.diags.Sorted()
}
