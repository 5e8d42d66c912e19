package dsl

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// fragment makes an expression of tokens [first, last), with what our statements have and expr's
// have not put in: an if may go without else, lines in its braces are statements, and the condition
// of dropAttachments is asked of each attachment, and texts of actions may hold values in braces. All of it is done by
// small changes to the text, so that every place can be traced back to the file.
func (p *fileParser) fragment(first, last int, acts bool) fragment {
	r := rewriter{p: p, first: first, last: last, acts: acts}
	r.run()
	start, end := p.tokens[first].start, p.tokens[last-1].end
	f := fragment{src: p.src, start: start, end: end, text: p.src.text[start:end]}
	if len(r.edits) == 0 {
		return f
	}
	sort.SliceStable(r.edits, func(i, j int) bool { return r.edits[i].offset < r.edits[j].offset })
	var b strings.Builder
	runes, done := 0, start
	for _, e := range r.edits {
		piece := p.src.text[done:e.offset]
		b.WriteString(piece)
		runes += utf8.RuneCountInString(piece)
		done = e.offset + e.length
		f.inserted = append(f.inserted, insertion{at: runes, size: utf8.RuneCountInString(e.text), instead: utf8.RuneCountInString(p.src.text[e.offset:done])})
		b.WriteString(e.text)
		runes += utf8.RuneCountInString(e.text)
	}
	b.WriteString(p.src.text[done:end])
	f.text = b.String()
	return f
}

// An edit is text to be put at a byte of the file, instead of so many bytes there.
type edit struct {
	offset int
	length int
	text   string
}

// A rewriter walks the tokens of one expression once, with a stack of its open brackets.
type rewriter struct {
	p           *fileParser
	first, last int
	acts        bool // it is a statement
	edits       []edit
	open        []bracket
	wants       []int // how many brackets were open at each if whose braces have not come yet
}

type bracket struct {
	block bool   // the braces of an if or else
	other bool   // of the else
	close string // to be inserted before the bracket closes

	call   string // the name before it
	groups bool   // it is round or square, and nothing is called or indexed
}

func (r *rewriter) insert(offset int, text string) { r.replace(offset, 0, text) }

func (r *rewriter) replace(offset, length int, text string) {
	r.edits = append(r.edits, edit{offset, length, text})
}

func (r *rewriter) run() {
	p := r.p
	for i := r.first; i < r.last; i++ {
		t := p.tokens[i]
		switch {
		case t.kind == tokenName && p.text(t) == "if" && !p.isAt(i-1, "."):
			r.wants = append(r.wants, len(r.open))
		case p.isAt(i, "{"):
			wanted := len(r.wants) > 0 && r.wants[len(r.wants)-1] == len(r.open)
			if wanted {
				r.wants = r.wants[:len(r.wants)-1]
			}
			other := r.follows(i, "else")
			r.open = append(r.open, bracket{block: wanted || other, other: other})
		case t.kind == tokenString && r.acts:
			r.template(i)
		case p.isAt(i, "("):
			b := bracket{call: r.called(i)}
			b.groups = b.call == "" && !r.afterValue(i)
			if r.follows(i, "dropAttachments") && !p.isAt(i+1, ")") {
				r.insert(t.end, "map(mail.attachments, ")
				b.close = ")"
			}
			r.open = append(r.open, b)
		case p.isAt(i, "["):
			r.open = append(r.open, bracket{groups: !r.afterValue(i)})
		case p.isAt(i, ")"), p.isAt(i, "]"), p.isAt(i, "}"):
			r.close(i)
		case p.isAt(i, ";") && len(r.open) > 0 && r.open[len(r.open)-1].block && p.isAt(r.significant(i+1), "}"):
			r.replace(t.start, t.end-t.start, " ") // an end that nothing follows, as it may stand behind every statement
		case t.kind == tokenNewline && len(r.open) > 0 && r.open[len(r.open)-1].block:
			r.newline(i)
		}
	}
}

// called is the name of the function whose brackets open at i, "" where they only group.
func (r *rewriter) called(i int) string {
	if i-1 < r.first || r.p.tokens[i-1].kind != tokenName || r.p.isAt(i-2, ".") {
		return ""
	}
	name := r.p.text(r.p.tokens[i-1])
	if isOperatorWord(name) {
		return ""
	}
	return name
}

// afterValue says whether what stands before i is something that can be called or indexed.
func (r *rewriter) afterValue(i int) bool {
	if i-1 < r.first {
		return false
	}
	switch t := r.p.tokens[i-1]; t.kind {
	case tokenName:
		return r.called(i) != "" || r.p.isAt(i-2, ".")
	case tokenString, tokenNumber:
		return true
	default:
		return r.p.isAt(i-1, ")") || r.p.isAt(i-1, "]") || r.p.isAt(i-1, "}")
	}
}

// follows says whether the token before i is the word, as a word of its own.
func (r *rewriter) follows(i int, text string) bool {
	i--
	for i >= r.first && r.p.isKind(i, tokenNewline) {
		i--
	}
	return i >= r.first && r.p.tokens[i].kind == tokenName && r.p.isAt(i, text) && !r.p.isAt(i-1, ".")
}

func (r *rewriter) close(i int) {
	if len(r.open) == 0 {
		return
	}
	b := r.open[len(r.open)-1]
	r.open = r.open[:len(r.open)-1]
	if b.close != "" {
		r.insert(r.p.tokens[i].start, b.close)
	}
	for len(r.wants) > 0 && r.wants[len(r.wants)-1] > len(r.open) {
		r.wants = r.wants[:len(r.wants)-1]
	}
	if b.block && !b.other && !r.p.isAt(r.significant(i+1), "else") {
		r.insert(r.p.tokens[i].end, " else {nil}")
	}
}

// newline puts a semicolon where a line of a block ends a statement.
func (r *rewriter) newline(i int) {
	p := r.p
	if i == r.first || p.isKind(i-1, tokenNewline) || p.isAt(i-1, "{") || p.isAt(i-1, ";") {
		return
	}
	next := r.significant(i)
	if next >= r.last || p.isAt(next, "}") || p.isAt(next, "else") || p.isAt(next, ";") {
		return
	}
	r.insert(p.tokens[i-1].end, ";")
}

// significant is the next token that is not a line end.
func (r *rewriter) significant(i int) int {
	for i < r.last && r.p.isKind(i, tokenNewline) {
		i++
	}
	return i
}
