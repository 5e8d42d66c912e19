package dsl

import (
	"slices"
	"strconv"
	"strings"
)

// A fileParser finds the blocks of a file and the pieces of text that are expressions.
type fileParser struct {
	src    *source
	tokens []token
	at     int
	file   *File
	diags  Diagnostics
	bad    bool // a text of this block is not closed
	layout layout
	cursor cursor
}

// A layout is what a formatter wants to know of a file: by the numbers of tokens, which white space does not change.
type layout struct {
	items  []item // list, define, and what stands in blocks; of blocks their heads
	braces []int  // those of blocks, then and else, opening and closing
}

// An item is the tokens from one up to another, without it. Its head is what is not expression.
type item struct{ from, to int }

func (p *fileParser) item(from int) {
	to := p.at
	for to > from && p.tokens[to-1].kind == tokenNewline {
		to--
	}
	p.layout.items = append(p.layout.items, item{from, to})
}

func (p *fileParser) brace() {
	p.layout.braces = append(p.layout.braces, p.at)
	p.at++
}

// blockWords begin a block, the others an item of one.
var (
	blockWords = []string{"list", "define", "rule", "shadow", "token", "test", "disabled"}
	ruleWords  = []string{"in", "on", "let", "when", "then", "else", "until", "sample", "owner", "doc"}
	testWords  = []string{"given", "mail", "expect", "for"}
)

const holdsBlocks = "a file holds these blocks: list, define, rule, shadow rule, token, test"

func (p *fileParser) error(offset int, message, hint string) {
	if len(p.diags) < mostDiagnostics {
		p.diags = append(p.diags, p.src.diagnostic(offset, SeverityError, message, hint))
	}
}

func (p *fileParser) warn(offset int, code, message, hint string) {
	if len(p.diags) < mostDiagnostics {
		d := p.src.diagnostic(offset, SeverityWarning, message, hint)
		d.Code = code
		p.diags = append(p.diags, d)
	}
}

func (p *fileParser) peek() token         { return p.tokens[p.at] }
func (p *fileParser) text(t token) string { return p.src.text[t.start:t.end] }
func (p *fileParser) is(text string) bool { return p.isAt(p.at, text) }
func (p *fileParser) skipLine()           { p.skipTo(func() bool { return p.peek().kind == tokenNewline }) }
func (p *fileParser) isKind(i int, k tokenKind) bool {
	return i < len(p.tokens) && p.tokens[i].kind == k
}

func (p *fileParser) isAt(i int, text string) bool {
	return i < len(p.tokens) && p.tokens[i].kind != tokenString && p.tokens[i].kind != tokenText && p.text(p.tokens[i]) == text
}

func (p *fileParser) skipTo(stop func() bool) {
	for p.peek().kind != tokenEOF && !stop() {
		p.at++
	}
}

// skipBreaks passes over line ends, and over semicolons between the items of a block.
func (p *fileParser) skipBreaks() {
	for p.peek().kind == tokenNewline || p.is(";") {
		p.at++
	}
}

func (p *fileParser) skipNewlines() {
	for p.peek().kind == tokenNewline {
		p.at++
	}
}

// startsBlock says whether token i begins a block: a block word first on its line, followed by what
// follows no such word within an expression. So a block that is not closed ends where the next begins.
func (p *fileParser) startsBlock(i int) bool {
	if !p.isKind(i, tokenName) || i > 0 && !p.isKind(i-1, tokenNewline) {
		return false
	}
	switch p.text(p.tokens[i]) {
	case "rule", "token", "test":
		return p.isKind(i+1, tokenString)
	case "shadow":
		return p.isAt(i+1, "rule")
	case "disabled":
		return p.isAt(i+1, "rule") || p.isAt(i+1, "token") || p.isAt(i+1, "shadow")
	case "list", "define":
		return p.isKind(i+1, tokenName) && p.isAt(i+2, "=")
	}
	return false
}

func (p *fileParser) parse() {
	for {
		p.skipBreaks()
		p.expects(spotFile)
		t := p.peek()
		if t.kind == tokenEOF {
			return
		}
		from := p.at
		switch text := p.text(t); {
		case t.kind == tokenName && (text == "list" || text == "define"):
			p.named(text)
			p.item(from)
		case t.kind == tokenName && p.ruleAhead() > 0:
			p.rule(p.ruleAhead())
		case t.kind == tokenName && text == "test":
			p.at++
			p.test(from)
		default:
			p.unexpectedBlock(t, text)
		}
	}
}

func (p *fileParser) unexpectedBlock(t token, text string) {
	switch {
	case text == "for":
		p.error(t.start, "for stands only within a test", `write it as: test "NAME" { for case in […] { … } }`)
	case text == "shadow":
		p.error(t.start, "shadow is not followed by rule", `write it as: shadow rule "NAME" { … }`)
	case text == "disabled":
		p.error(t.start, "disabled is not followed by rule or token", `write it as: disabled rule "NAME" { … }`)
	case t.kind == tokenName && p.isAt(p.at+1, "="):
		p.error(t.start, "unknown block "+strconv.Quote(text), "write: list "+text+" = […], or for a condition: define "+text+" = …")
	case t.kind == tokenName && habit("file", text) != "":
		p.error(t.start, "unknown block "+strconv.Quote(text), "write: "+habit("file", text))
	case t.kind == tokenName:
		p.error(t.start, "unknown block "+strconv.Quote(text)+didYouMean(text, blockWords), holdsBlocks)
	case text == "#":
		p.error(t.start, "a block is expected here, not \"#\"", "a comment begins with //")
	case text == "}":
		p.error(t.start, "} closes nothing", "remove it")
	case text == "-" && p.isAt(p.at+1, "-"):
		p.error(t.start, "a block is expected here, not \"--\"", "a comment begins with //")
	default:
		p.error(t.start, "a block is expected here, not "+shown(text), holdsBlocks)
	}
	p.at++
	p.skipTo(func() bool { return p.startsBlock(p.at) || p.looksLikeBlock() })
}

// looksLikeBlock says whether a word of a block stands at the very beginning of a line.
func (p *fileParser) looksLikeBlock() bool {
	t := p.peek()
	return t.kind == tokenName && (t.start == 0 || p.src.text[t.start-1] == '\n') && slices.Contains(blockWords, p.text(t))
}

// named reads `list NAME = EXPR` and `define NAME = EXPR`.
func (p *fileParser) named(what string) {
	hint := `write it as: list NAME = ["one", "two"]`
	if what == "define" {
		hint = "write it as: define NAME = CONDITION"
	}
	start := p.peek().start
	p.at++
	p.expects(spotNew)
	name := p.peek()
	if name.kind != tokenName {
		p.error(name.start, "a "+what+" needs a name", hint)
		p.skipLine()
		return
	}
	p.at++
	p.expects(spotNew)
	if !p.is("=") || p.isAt(p.at+1, "=") {
		p.error(p.peek().start, "= is missing after the "+what+"'s name", hint)
		p.skipLine()
		return
	}
	p.at++
	p.skipNewlines()
	value, ok := p.line("the " + what + " " + p.text(name))
	switch {
	case !ok:
	case what == "define":
		p.file.Defines = append(p.file.Defines, &DefineBlock{Name: p.text(name), Pos: p.src.pos(name.start), start: start, offset: name.start, value: value})
	default:
		p.file.Lists = append(p.file.Lists, &ListBlock{Name: p.text(name), Pos: p.src.pos(name.start), start: start, offset: name.start, value: value})
	}
}

// header reads the name of a block and its opening brace.
func (p *fileParser) header(what string, from int) (word, bool) {
	hint := "write it as: " + what + ` "NAME" { … }`
	p.expects(spotNew)
	t := p.peek()
	name, err := unquote(p.text(t))
	switch {
	case t.bad: // reported
		p.skipTo(func() bool { return p.startsBlock(p.at) })
		return word{}, false
	case t.kind == tokenName:
		p.error(t.start, "a "+what+" needs a name in quotes", "write it as: "+what+" "+strconv.Quote(p.lineUpTo("{"))+" { … }")
	case t.kind != tokenString || err != nil:
		p.error(t.start, "a "+what+" needs a name in quotes", hint)
	case strings.TrimSpace(name) == "":
		p.error(t.start, "the name of a "+what+" must not be empty", hint)
	}
	if t.kind == tokenString {
		p.at++
	} else {
		p.skipTo(func() bool { return p.is("{") || p.peek().kind == tokenNewline })
	}
	p.skipNewlines()
	p.expects(spotNew)
	if !p.is("{") {
		p.error(p.peek().start, "{ is missing after the name of the "+what, hint)
		p.skipTo(func() bool { return p.startsBlock(p.at) })
		return word{}, false
	}
	p.item(from)
	p.brace()
	p.bad = false
	return word{oneLine(name), t.start}, true
}

// closed says whether the block ends here, and reports one that never does.
func (p *fileParser) closed(what string, name word) bool {
	p.skipBreaks()
	p.expectsItem(what)
	switch {
	case p.is("}"):
		p.brace()
		return true
	case p.peek().kind == tokenEOF || p.startsBlock(p.at):
		if !p.bad { // else a text that is not closed swallowed the end
			p.error(name.offset, "this "+what+" is not closed", "end it with } on a line of its own")
		}
		return true
	}
	return false
}

// unexpected reports a word that no item of a block begins with, and goes on with the next line.
func (p *fileParser) unexpected(what string, allowed []string) {
	t := p.peek()
	text := p.text(t)
	hint := "a " + what + " holds: " + strings.Join(allowed, ", ")
	near := didYouMean(text, slices.Concat(allowed, blockWords))
	if other := habitOfWord(text); other != "" && what != "test" {
		near, hint = "", other
	} else if other := habit("test", text); other != "" && what == "test" {
		near, hint = "", "write: "+other
	}
	switch {
	case t.kind == tokenName:
		p.error(t.start, "unknown word "+strconv.Quote(text)+" in a "+what+near, hint)
	case text == "#":
		p.error(t.start, "unexpected \"#\" in a "+what, "a comment begins with //")
		p.skipLine()
		return
	default:
		p.error(t.start, "unexpected "+shown(text)+" in a "+what, hint)
	}
	if !p.is("[") && !p.is("(") && !p.is("{") { // which are passed over with what closes them
		p.at++
	}
	p.skipItem()
}

// skipItem passes over the rest of an item, with its braces.
func (p *fileParser) skipItem() {
	depth := 0
	p.skipTo(func() bool {
		switch {
		case p.is("{"), p.is("("), p.is("["):
			depth++
		case p.is("}") && depth == 0, p.startsBlock(p.at):
			return true
		case p.is("}"), p.is(")"), p.is("]"):
			depth--
		}
		return depth <= 0 && p.peek().kind == tokenNewline
	})
}

// unquote reads a text in any of expr's quotes.
func unquote(s string) (string, error) {
	if len(s) < 2 {
		return "", strconv.ErrSyntax
	}
	switch s[0] {
	case '`':
		return strings.ReplaceAll(s[1:len(s)-1], "``", "`"), nil
	case '\'':
		inner := strings.ReplaceAll(s[1:len(s)-1], `\'`, `'`)
		s = `"` + strings.ReplaceAll(inner, `"`, `\"`) + `"`
	}
	return strconv.Unquote(s)
}

// shown is a piece of the file for a message.
func shown(text string) string {
	if text == "" {
		return "the end of the file"
	}
	return quoteShort(text)
}

// lineUpTo is the rest of the line, up to a sign.
func (p *fileParser) lineUpTo(sign string) string {
	from, to := p.peek().start, p.peek().end
	for i := p.at; !p.isAt(i, sign) && p.tokens[i].kind != tokenNewline && p.tokens[i].kind != tokenEOF; i++ {
		to = p.tokens[i].end
	}
	return p.src.text[from:to]
}
