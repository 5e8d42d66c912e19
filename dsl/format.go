package dsl

import (
	"bytes"
	"strings"
)

// Format lays a file of rules out in the one way: four columns for each open bracket, what goes on from one line to the next one
// step further, no white space at line ends, one space where the words of a block or an item stand apart, one blank line at most and
// none behind an opening or before a closing bracket, one line break at the end. Comments, texts and expressions within a line
// remain as they are, and no line is joined or cut, so the meaning does too. Formatting twice changes nothing. A file
// with errors of syntax is not touched: the error is its Diagnostics.
func Format(name string, src []byte) ([]byte, error) {
	p, diags := parseFile(name, src)
	if diags.HasErrors() {
		return nil, diags
	}
	f := newFormatter(p.spaced(), p.layout.items)
	for line := range strings.SplitSeq(f.text, "\n") {
		f.line(line)
	}
	out := bytes.TrimRight(f.out.Bytes(), "\n")
	if len(out) == 0 {
		return nil, nil
	}
	return append(out, '\n'), nil
}

// spaced is the file's text with one space between the words of items and blocks that stand on one line.
func (p *fileParser) spaced() string {
	gaps := map[int]bool{} // before which tokens
	for _, it := range p.layout.items {
		gaps[it.from] = true
		for i := it.from + 1; i < p.headEnd(it); i++ {
			gaps[i] = true
		}
		if p.isAt(it.to, "{") { // of a block, or of then
			gaps[it.to] = true
		}
	}
	for _, i := range p.layout.braces {
		if p.isAt(i, "{") {
			gaps[i+1] = true
		} else {
			gaps[i] = true
		}
	}
	var b strings.Builder
	done := 0
	for i := 1; i < len(p.tokens); i++ {
		before, t := p.tokens[i-1], p.tokens[i]
		between := p.src.text[before.end:t.start]
		if !gaps[i] || before.kind == tokenNewline || t.kind == tokenNewline || t.kind == tokenEOF || strings.Trim(between, " \t\r") != "" {
			continue
		}
		b.WriteString(p.src.text[done:before.end])
		if p.apart(i, between) {
			b.WriteByte(' ')
		}
		done = t.start
	}
	b.WriteString(p.src.text[done:])
	return b.String()
}

// apart says whether a space belongs before token i. What touches is one name or date, where nothing else says that it is not.
func (p *fileParser) apart(i int, between string) bool {
	if p.isAt(i, ",") || p.isAt(i, ";") {
		return false
	}
	if between != "" {
		return true
	}
	for _, s := range []string{"{", "}", "=", ",", ";"} {
		if p.isAt(i-1, s) || p.isAt(i, s) {
			return true
		}
	}
	text := func(i int) bool { return p.isKind(i, tokenString) || p.isKind(i, tokenText) }
	return text(i-1) || text(i)
}

// headEnd is behind the last token of an item whose distance to the one before it is ours to choose.
func (p *fileParser) headEnd(it item) int {
	words := 0 // after the first
	switch p.text(p.tokens[it.from]) {
	case "when", "expect":
		words = 1
	case "mail", "given":
		words = 2
		if p.isAt(it.from+1, "mailbox") {
			return it.to
		}
		if p.isAt(it.from+1, "file") {
			words = 1
		}
	case "let", "list", "define", "for":
		words = 3
	default: // in, on, until, …, then and else, and the heads of blocks
		return it.to
	}
	return min(it.from+words+1, it.to)
}
