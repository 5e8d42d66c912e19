package dsl

import "maps"

// An editor asks about a place in a file that is being written, and is mostly broken. The parser reads the file up to there, and
// knows where it was when the text ended: that is the spot. What stands behind does not matter.

// A spotKind is what belongs at a place of a file.
type spotKind uint8

const (
	spotNew        spotKind = iota // what only the author knows: a name, a date
	spotFile                       // a block
	spotItem                       // an item of a block
	spotExpression                 // an expression, or a piece of one
	spotMailbox
	spotStage
	spotGiven    // what is given
	spotMail     // a mail's text or file
	spotMailFile // the name of that file
)

// A spot is a place, with what was read of the block that it stands in.
type spot struct {
	kind  spotKind
	what  string // of an item: its block; of an expression: what it is for
	first int    // the first token of the expression
	block spotBlock
}

// A spotBlock is a block as far as it was read.
type spotBlock struct {
	rule *RuleBlock
	seen map[string]bool // the items of the rule
	test *TestBlock
	loop *forLine
}

// A cursor follows the parser until the text ends.
type cursor struct {
	spot  spot
	block spotBlock
	ended bool
}

// expects notes what belongs here.
func (p *fileParser) expects(kind spotKind) { p.note(spot{kind: kind}) }

func (p *fileParser) expectsItem(what string) { p.note(spot{kind: spotItem, what: what}) }

func (p *fileParser) expectsExpression(what string) {
	p.note(spot{kind: spotExpression, what: what, first: p.at})
}

// expectsRest notes what the rest of the line is.
func (p *fileParser) expectsRest(kind spotKind) {
	p.expects(kind)
	p.skipLine()
	p.unfinished()
}

func (p *fileParser) note(s spot) {
	if p.cursor.ended {
		return
	}
	if s.kind == spotFile {
		p.cursor.block = spotBlock{}
	}
	p.cursor.spot = s
	p.cursor.spot.block = p.cursor.block
	p.unfinished()
}

// unfinished says that what is being read goes on where the text ends.
func (p *fileParser) unfinished() {
	if p.cursor.ended || p.peek().kind != tokenEOF {
		return
	}
	p.cursor.ended = true
	if b := &p.cursor.spot.block; b.seen != nil {
		b.seen = maps.Clone(b.seen) // as it is now
	}
}

func (p *fileParser) inRule(r *RuleBlock, seen map[string]bool) {
	p.cursor.block = spotBlock{rule: r, seen: seen}
}
func (p *fileParser) inTest(t *TestBlock) { p.cursor.block = spotBlock{test: t} }
func (p *fileParser) inLoop(l *forLine)   { p.cursor.block.loop = l }

// lastEnd is where what was read last ends.
func (p *fileParser) lastEnd() int {
	at := p.at
	for at > 0 && (p.tokens[at-1].kind == tokenNewline) {
		at--
	}
	if at == 0 {
		return 0
	}
	return p.tokens[at-1].end
}

// spotAt reads a file up to a byte.
func spotAt(name, text string, offset int) (*fileParser, spot) {
	p, _ := parseFile(name, []byte(text[:offset]))
	return p, p.cursor.spot
}
