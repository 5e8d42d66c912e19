package dsl

import (
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// A source is a file's text with the means to say where in it something is.
type source struct {
	name  string
	text  string
	lines []int // byte offset of each line's start
}

func newSource(name, text string) *source {
	s := &source{name: name, text: text, lines: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// pos turns a byte offset into line and column.
func (s *source) pos(offset int) Pos {
	offset = max(0, min(offset, len(s.text)))
	line := sort.SearchInts(s.lines, offset+1) - 1
	column := utf8.RuneCountInString(s.text[s.lines[line]:offset]) + 1
	return Pos{File: s.name, Line: line + 1, Column: column}
}

const longestSnippet = 160 // characters of a line that a snippet shows

// snippet is the line of p with a caret below its column. A long line is cut to what is near.
func (s *source) snippet(p Pos) string {
	if p.Line < 1 || p.Line > len(s.lines) {
		return ""
	}
	line := s.text[s.lines[p.Line-1]:]
	if end := strings.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	runes := []rune(strings.ReplaceAll(strings.TrimRight(line, "\r"), "\t", " "))
	caret := min(p.Column-1, len(runes))
	if from := caret - longestSnippet/2; from > 0 {
		runes, caret = runes[from:], longestSnippet/2
	}
	if len(runes) > longestSnippet {
		runes = runes[:longestSnippet]
	}
	return "    " + oneLine(string(runes)) + "\n    " + strings.Repeat(" ", caret) + "^"
}

func (s *source) diagnostic(offset int, severity Severity, message, hint string) Diagnostic {
	p := s.pos(offset)
	return Diagnostic{Pos: p, Severity: severity, Message: oneLine(message), Hint: hint, Snippet: s.snippet(p)}
}

// A fragment is an expression within a file. What expr reads is the text with small insertions (see
// rewrite.go); at knows how to get back from there to the file.
type fragment struct {
	src        *source
	start, end int // bytes of the file
	text       string
	inserted   []insertion
	change     func(root *ast.Node) // of a mutant
}

// An insertion is text that is not in the file.
type insertion struct {
	at      int // rune offset in fragment.text
	size    int // runes
	instead int // of so many runes of the file
}

// offset turns a rune offset in the fragment's text into a byte offset in the file.
func (f *fragment) offset(rune int) int {
	original := rune
	for _, in := range f.inserted {
		if rune >= in.at+in.size {
			original += in.instead - in.size
		} else if rune > in.at {
			original -= rune - in.at
		}
	}
	at := f.start
	for ; original > 0 && at < f.end; original-- {
		_, size := utf8.DecodeRuneInString(f.src.text[at:f.end])
		at += size
	}
	return at
}

// original is the expression as written.
func (f *fragment) original() string { return f.src.text[f.start:f.end] }
