package dsl

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"golang.org/x/text/width"
)

// A source is a file's text with the means to say where in it something is.
type source struct {
	name  string
	text  string
	lines []int // byte offset of each line's start
	miles []milestone
}

func newSource(name, text string) *source {
	s := &source{name: name, text: text, lines: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	s.miles = milestones(text)
	return s
}

// pos turns a byte offset into line and column.
func (s *source) pos(offset int) Pos {
	offset = max(0, min(offset, len(s.text)))
	line := sort.SearchInts(s.lines, offset+1) - 1
	start := min(s.lines[line]+s.mark(line), offset)
	return Pos{File: s.name, Line: line + 1, Column: s.runesTo(offset) - s.runesTo(start) + 1}
}

// mark is the length of the byte order mark before a line, which no editor shows or counts.
func (s *source) mark(line int) int {
	if line == 0 && strings.HasPrefix(s.text, byteOrderMark) {
		return len(byteOrderMark)
	}
	return 0
}

const byteOrderMark = "\uFEFF"

const longestSnippet = 160 // characters of a line that a snippet shows

// snippet is the line of p with a caret below its column. A long line is cut to what is near.
func (s *source) snippet(p Pos) string {
	if p.Line < 1 || p.Line > len(s.lines) {
		return ""
	}
	line := s.text[s.lines[p.Line-1]+s.mark(p.Line-1):]
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
	return "    " + oneLine(string(runes)) + "\n    " + strings.Repeat(" ", columns(runes[:caret])) + "^"
}

// columns is how wide a terminal shows the characters (Unicode, UAX 11): those of East Asia take two columns, and those that are set
// onto the one before them none.
func columns(runes []rune) int {
	n := 0
	for _, r := range runes {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case width.LookupRune(r).Kind() == width.EastAsianWide, width.LookupRune(r).Kind() == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// diagnostic is about the word, text or sign at a byte of the file.
func (s *source) diagnostic(offset int, severity Severity, message, hint string) Diagnostic {
	return s.between(offset, s.wordEnd(offset), severity, message, hint)
}

// between is about all from one byte of the file up to another.
func (s *source) between(from, to int, severity Severity, message, hint string) Diagnostic {
	p := s.pos(from)
	return Diagnostic{Pos: p, End: s.pos(max(from, to)), Severity: severity, Message: oneLine(message), Hint: hint, Snippet: s.snippet(p)}
}

// wordEnd is where the word, the text on one line or the sign ends that begins at a byte.
func (s *source) wordEnd(offset int) int {
	if offset < 0 || offset >= len(s.text) {
		return len(s.text)
	}
	line := s.text[offset:]
	if end := strings.IndexByte(line, '\n'); end >= 0 {
		line = strings.TrimSuffix(line[:end], "\r")
	}
	if line == "" {
		return offset
	}
	if n := wordLength(line); n > 0 {
		return offset + n
	}
	if quote := line[0]; quote == '"' || quote == '\'' || quote == '`' {
		for i := 1; i < len(line); i++ {
			if line[i] == '\\' && quote != '`' {
				i++
			} else if line[i] == quote {
				return offset + i + 1
			}
		}
		return offset + len(line)
	}
	_, size := utf8.DecodeRuneInString(line)
	return offset + size
}

// closed is where what begins at a byte ends when it goes to another one at least: at the bracket that closes the last it opened.
func (s *source) closed(from, to, end int) int {
	l := &lexer{src: s, text: s.text[:end], at: from}
	depth := 0
	for l.at < end && (l.at < to || depth > 0) {
		if l.at-from > longestExtent {
			return to
		}
		seen := len(l.tokens)
		l.next()
		if len(l.tokens) == seen || l.tokens[seen].kind != tokenPunct {
			continue
		}
		switch l.text[l.tokens[seen].start] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		if depth < 0 {
			return to
		}
	}
	return max(l.at, to)
}

const longestExtent = 16 << 10 // bytes within which a closing bracket is looked for

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
	return min(f.src.byteOf(f.src.runesTo(f.start)+max(0, original)), f.end)
}

// original is the expression as written.
func (f *fragment) original() string { return f.src.text[f.start:f.end] }
