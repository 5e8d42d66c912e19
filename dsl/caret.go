package dsl

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// A caret is a place in a file, with what stands before it.
type caret struct {
	w    *Workspace
	file *File // as it is
	spot spot
	read *fileParser // what was read before

	offset     int
	start, end int    // the word, or what is between the quotes of the text, that it stands in or at
	text       *token // that text
	piece      bool   // it is in the braces of an action's text

	tokens []token   // the expression's, up to the word or text
	open   []opening // its brackets that are not closed
	lets   []int     // the tokens `let` outside of brackets
}

// An opening is a bracket that is not closed.
type opening struct {
	at     int    // its token
	sign   string // ( [ {
	call   string // the name before a round one: what is called
	method bool   // it follows a dot
	args   []int  // at which tokens its pieces between commas begin
	lets   []int  // the tokens `let` in it, as statements of a block
}

// mostPhrase bounds the tokens of an expression that is looked at.
const mostPhrase = 4000

// caret looks at a place, with what stands before it; nil where there is nothing to say: in a comment, or in a mail.
func (w *Workspace) caret(name string, offset int) *caret {
	f := w.file(name)
	if f == nil || offset < 0 || offset > len(f.src.text) {
		return nil
	}
	for offset > 0 && offset < len(f.src.text) && !utf8.RuneStart(f.src.text[offset]) {
		offset--
	}
	c := &caret{w: w, file: f, offset: offset, start: offset, end: offset}
	if c.inComment() || !c.findWord() {
		return nil
	}
	before := c.start
	if c.text != nil {
		before = c.text.start
	}
	c.look(before)
	if c.text == nil {
		c.widen()
	}
	if c.spot.kind != spotExpression {
		return c
	}
	c.tokens = c.read.tokens[min(c.spot.first, len(c.read.tokens)-1) : len(c.read.tokens)-1]
	if len(c.tokens) > mostPhrase {
		return nil
	}
	c.openings()
	if c.text != nil {
		c.findPiece()
	}
	return c
}

func (c *caret) look(before int) { c.read, c.spot = spotAt(c.file.Name, c.file.src.text, before) }

func (c *caret) inComment() bool {
	for _, m := range c.w.lex(c.file).comments {
		text := c.file.src.text[m.start:m.end]
		closed := strings.HasPrefix(text, "/*") && len(text) >= 4 && strings.HasSuffix(text, "*/")
		if m.start < c.offset && (c.offset < m.end || c.offset == m.end && !closed) {
			return true
		}
	}
	return false
}

// findWord sets the word or text that the caret is in or at; false in the text of a mail.
func (c *caret) findWord() bool {
	tokens := c.w.lex(c.file).tokens
	first := sort.Search(len(tokens), func(i int) bool { return tokens[i].end >= c.offset })
	for _, t := range tokens[first:] {
		if t.start > c.offset {
			break
		}
		inside := t.start < c.offset && c.offset < t.end
		switch {
		case t.kind == tokenText && inside:
			return false
		case t.kind == tokenString && (inside || t.bad && t.start < c.offset && c.offset <= t.end):
			c.text, c.start, c.end = &t, t.start+1, t.end-1
			if t.bad {
				c.end = c.offset
			}
			return true
		case (t.kind == tokenName || t.kind == tokenNumber) && t.start <= c.offset && c.offset <= t.end:
			c.start, c.end = t.start, t.end
			return true
		}
	}
	return true
}

// widen takes the name of a mailbox as a whole: it may hold - . @ + too.
func (c *caret) widen() {
	text := c.file.src.text
	part := func(b byte) bool { return b >= utf8.RuneSelf || isWord(rune(b)) || strings.IndexByte("-.@+", b) >= 0 }
	start, end := c.start, c.end
	for start > 0 && part(text[start-1]) {
		start--
	}
	for end < len(text) && part(text[end]) {
		end++
	}
	if start == c.start && c.spot.kind != spotMailbox {
		return
	}
	read, s := spotAt(c.file.Name, text, start)
	if s.kind == spotMailbox {
		c.read, c.spot, c.start, c.end = read, s, start, end
	}
}

// typed is what was written of the word.
func (c *caret) typed() string { return c.file.src.text[c.start:c.offset] }

// word is all of it.
func (c *caret) word() string { return c.file.src.text[c.start:c.end] }

func (c *caret) of(t token) string { return c.file.src.text[t.start:t.end] }

// back is the token so many before the caret, not counting line ends; "" where there is none.
func (c *caret) back(n int) string {
	for i := len(c.tokens) - 1; i >= 0; i-- {
		if c.tokens[i].kind == tokenNewline {
			continue
		}
		if n--; n == 0 {
			return c.of(c.tokens[i])
		}
	}
	return ""
}

// openings finds the brackets that are not closed.
func (c *caret) openings() {
	c.open, c.lets = nil, nil
	for i, t := range c.tokens {
		text := c.of(t)
		if t.kind == tokenName && text == "let" && (i == 0 || c.of(c.tokens[i-1]) != ".") {
			if o := c.innermost(); o != nil {
				o.lets = append(o.lets, i)
			} else {
				c.lets = append(c.lets, i)
			}
			continue
		}
		if t.kind != tokenPunct {
			continue
		}
		switch text {
		case "(", "[", "{":
			o := opening{at: i, sign: text, args: []int{i + 1}}
			if text == "(" && i > 0 && c.tokens[i-1].kind == tokenName && !isOperatorWord(c.of(c.tokens[i-1])) {
				o.call = c.of(c.tokens[i-1])
				o.method = i > 1 && c.of(c.tokens[i-2]) == "."
			}
			c.open = append(c.open, o)
		case ")", "]", "}":
			for n := len(c.open) - 1; n >= 0; n-- { // one that does not fit closes what it can
				if closing(c.open[n].sign) == text {
					c.open = c.open[:n]
					break
				}
			}
		case ",":
			if o := c.innermost(); o != nil {
				o.args = append(o.args, i+1)
			}
		}
	}
}

// innermost is the bracket that was opened last, or nil.
func (c *caret) innermost() *opening {
	if len(c.open) == 0 {
		return nil
	}
	return &c.open[len(c.open)-1]
}

// call is the innermost call whose brackets are open, through lists and brackets that only group, or nil.
func (c *caret) call() *opening {
	for i := len(c.open) - 1; i >= 0; i-- {
		switch o := &c.open[i]; {
		case o.call != "":
			return o
		case o.sign == "{":
			return nil
		}
	}
	return nil
}

// findPiece goes into the braces of an action's text, where the caret is within some.
func (c *caret) findPiece() {
	o := c.call()
	if o == nil || !templated()[o.call] || c.spot.what != aStatement {
		return
	}
	quote, from := c.file.src.text[c.text.start], -1
	for at := c.start; at < c.offset; at++ {
		switch b := c.file.src.text[at]; {
		case from < 0 && b == '\\' && quote != '`':
			at++
		case (b == '{' || b == '}') && at+1 < c.offset && c.file.src.text[at+1] == b:
			at++
		case b == '{' && from < 0:
			from = at
		case b == '}':
			from = -1
		}
	}
	if from < 0 {
		return
	}
	c.piece = true
	c.tokens = append(slices.Clone(c.tokens), token{kind: tokenPunct, start: from, end: from + 1})
	end := c.text.end
	if !c.text.bad {
		end--
	}
	l := lex(newSource(c.file.Name, c.file.src.text[from+1:end]))
	c.text, c.start, c.end = nil, c.offset, c.offset
	for _, t := range l.tokens[:len(l.tokens)-1] {
		t.start, t.end = t.start+from+1, t.end+from+1
		switch {
		case t.end < c.offset || t.end == c.offset && t.kind != tokenName && t.kind != tokenNumber:
			c.tokens = append(c.tokens, t)
			continue
		case t.kind == tokenString && t.start < c.offset:
			c.text, c.start, c.end = &t, t.start+1, max(t.end-1, c.offset)
		case t.kind == tokenName && t.start <= c.offset:
			c.start, c.end = t.start, t.end
		}
		break
	}
	c.openings()
}

// isOperatorWord says whether a name stands between values, and is called by nobody.
func isOperatorWord(s string) bool {
	switch s {
	case "and", "or", "not", "in", "contains", "startsWith", "endsWith", "matches", "if", "else", "let":
		return true
	}
	return false
}
