package dsl

import (
	"bytes"
	"strings"
)

// Format lays a file of rules out in the one way: four columns for each open bracket, conditions that run over several
// lines one step further, no white space at line ends, never two blank lines in a row, one line break at the end. Comments, texts and all
// that stands inside a line remain as they are, so the meaning does too. Formatting twice changes nothing. A file
// with errors of syntax is not touched: the error is its Diagnostics.
func Format(name string, src []byte) ([]byte, error) {
	if _, diags := Parse(name, src); diags.HasErrors() {
		return nil, diags
	}
	f := formatter{}
	for line := range strings.SplitSeq(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n") {
		f.line(line)
	}
	out := bytes.TrimRight(f.out.Bytes(), "\n")
	if len(out) == 0 {
		return nil, nil
	}
	return append(out, '\n'), nil
}

// A formatter goes through a file line by line and knows what the next line begins in.
type formatter struct {
	out    bytes.Buffer
	inside string // the end of the text or comment that a line begins in: "\"\"\"", "`", "*/"; "" for none
	opened []int  // for each open bracket, the line it stands in
	number int
	blank  bool // the last line written is blank
	when   int  // brackets that were open where a `when` began whose `then` has not come; 0 for none
}

func (f *formatter) line(s string) {
	f.number++
	if f.inside != "" { // what is inside a text is not ours to move
		f.out.WriteString(s)
		f.out.WriteByte('\n')
		f.scan(s)
		f.blank = false
		return
	}
	s = strings.TrimSpace(s)
	if s == "" {
		if !f.blank && f.out.Len() > 0 {
			f.out.WriteByte('\n')
			f.blank = true
		}
		return
	}
	f.blank = false
	closing := 0
	for closing < len(s) && strings.IndexByte(")]}", s[closing]) >= 0 {
		closing++
	}
	word, _, _ := strings.Cut(s, " ")
	if f.when > 0 && (word == "then" || strings.HasPrefix(s, "then{")) && len(f.opened) == f.when {
		f.when = 0
	}
	step := f.depth(len(f.opened) - closing)
	if f.when > 0 && closing == 0 {
		step++
	}
	f.out.WriteString(strings.Repeat("    ", step))
	f.out.WriteString(s)
	f.out.WriteByte('\n')
	open := len(f.opened)
	f.scan(s)
	if word == "when" && open > 0 && len(f.opened) >= open && !holdsThen(s) {
		f.when = open
	}
}

// holdsThen reports whether a line that begins a condition also ends it.
func holdsThen(s string) bool {
	for _, w := range strings.Fields(s) {
		if w == "then" || w == "then{" {
			return true
		}
	}
	return false
}

// depth is how far a line is indented with n brackets open: those opened in one line count once.
func (f *formatter) depth(n int) int {
	d, last := 0, -1
	for _, line := range f.opened[:max(0, min(n, len(f.opened)))] {
		if line != last {
			d++
		}
		last = line
	}
	return d
}

// scan follows brackets, texts and comments through a line.
func (f *formatter) scan(s string) {
	for i := 0; i < len(s); {
		if f.inside != "" {
			end := strings.Index(s[i:], f.inside)
			if end < 0 {
				return
			}
			i += end + len(f.inside)
			f.inside = ""
			continue
		}
		switch rest := s[i:]; {
		case strings.HasPrefix(rest, "//"):
			return
		case strings.HasPrefix(rest, "/*"):
			f.inside = "*/"
			i += 2
		case strings.HasPrefix(rest, `"""`):
			f.inside = `"""`
			i += 3
		case rest[0] == '`':
			f.inside = "`"
			i++
		case rest[0] == '"', rest[0] == '\'':
			i += quotedLength(rest)
		case strings.IndexByte("([{", rest[0]) >= 0:
			f.opened = append(f.opened, f.number)
			i++
		case strings.IndexByte(")]}", rest[0]) >= 0:
			if len(f.opened) > 0 {
				f.opened = f.opened[:len(f.opened)-1]
			}
			i++
		default:
			i++
		}
	}
}

// quotedLength is the length of the quoted text at the start of s, with its quotes.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return len(s)
}
