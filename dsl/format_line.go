package dsl

import (
	"bytes"
	"sort"
	"strings"
)

// A formatter goes through a file line by line and knows what each begins in.
type formatter struct {
	text   string
	tokens []token
	long   []stretch // texts and comments that go over several lines
	items  []item    // by their first token
	open   []int     // how many brackets were open where each item begins
	out    bytes.Buffer
	at     int   // where the line begins
	next   int   // the first token of the line, or behind it
	step   int   // how far the line is indented
	opened []int // for each open bracket, the step of the line it stands in
	blank  bool  // blank lines stand before this one
	tight  bool  // the last line written ends with an opening bracket
}

// A stretch is a text or comment with line ends in it.
type stretch struct {
	start, end int
	comment    bool
}

func newFormatter(text string, items []item) *formatter {
	l := lex(newSource("", text))
	f := &formatter{text: text, tokens: l.tokens, items: items, open: make([]int, len(items))}
	sort.Slice(f.items, func(i, j int) bool { return f.items[i].from < f.items[j].from })
	add := func(start, end int, comment bool) {
		if strings.Contains(text[start:end], "\n") {
			f.long = append(f.long, stretch{start, end, comment})
		}
	}
	for _, t := range l.tokens {
		if t.kind == tokenString || t.kind == tokenText {
			add(t.start, t.end, false)
		}
	}
	for _, c := range l.comments {
		add(c.start, c.end, true)
	}
	sort.Slice(f.long, func(i, j int) bool { return f.long[i].start < f.long[j].start })
	return f
}

// within is the text or comment that the place before offset and the one at it both lie in, or nil.
func (f *formatter) within(offset int) *stretch {
	i := sort.Search(len(f.long), func(i int) bool { return f.long[i].start >= offset }) - 1
	if i >= 0 && offset < f.long[i].end {
		return &f.long[i]
	}
	return nil
}

// line writes one, which is without its line end.
func (f *formatter) line(s string) {
	for f.tokens[f.next].kind == tokenNewline && f.tokens[f.next].start < f.at {
		f.next++
	}
	begins, ends := f.within(f.at), f.within(f.at+len(s))
	if ends == nil || ends.comment { // else the blanks at its end are a text's
		s = strings.TrimRightFunc(s, isBlank)
	}
	end := f.at + len(s)
	defer func() {
		if at := strings.IndexByte(f.text[end:], '\n'); at >= 0 {
			f.at = end + at + 1
		}
	}()
	if begins != nil { // what is inside a text or comment is not ours to move
		f.gap(0)
		f.write(s, end)
		return
	}
	if s = strings.TrimLeftFunc(s, isBlank); s == "" {
		f.blank = true
		return
	}
	closing := 0
	for i := f.next; f.tokens[i].kind == tokenPunct && f.tokens[i].start < end && strings.Contains(")]}", f.textOf(i)); i++ {
		closing++
	}
	if end-len(s) < f.tokens[f.next].start { // a comment stands first
		closing = 0
	}
	f.gap(closing)
	f.step = f.indent(closing)
	f.out.WriteString(strings.Repeat("    ", f.step))
	f.write(s, end)
}

func isBlank(r rune) bool { return r != '\n' && strings.ContainsRune(" \t\r\v\f", r) }

func (f *formatter) textOf(i int) string { return f.text[f.tokens[i].start:f.tokens[i].end] }

// gap writes the blank line that stands before this one, where it may.
func (f *formatter) gap(closing int) {
	if f.blank && !f.tight && closing == 0 && f.out.Len() > 0 {
		f.out.WriteByte('\n')
	}
	f.blank = false
}

// goesOn says whether the line belongs to an item that began above, in no bracket that it opened.
func (f *formatter) goesOn() bool {
	i := sort.Search(len(f.items), func(i int) bool { return f.items[i].from >= f.next }) - 1
	return i >= 0 && f.next < f.items[i].to && f.open[i] == len(f.opened)
}

// indent is the step of a line that begins with so many closing brackets: that of the line where the outermost of them was opened.
func (f *formatter) indent(closing int) int {
	if n := len(f.opened) - closing; closing > 0 && n >= 0 {
		return f.opened[n]
	}
	step := 0
	if n := len(f.opened); n > 0 {
		step = f.opened[n-1] + 1
	}
	if f.goesOn() {
		step++
	}
	return step
}

// write puts a line out and follows its tokens.
func (f *formatter) write(s string, end int) {
	f.out.WriteString(s)
	f.out.WriteByte('\n')
	for f.tokens[f.next].start < end {
		t := f.tokens[f.next]
		if i := sort.Search(len(f.items), func(i int) bool { return f.items[i].from >= f.next }); i < len(f.items) && f.items[i].from == f.next {
			f.open[i] = len(f.opened)
		}
		f.tight = false
		if t.kind == tokenPunct {
			switch f.textOf(f.next) {
			case "(", "[", "{":
				f.opened = append(f.opened, f.step)
				f.tight = true
			case ")", "]", "}":
				f.opened = f.opened[:max(0, len(f.opened)-1)]
			}
		}
		f.next++
	}
}
