package lsp

import (
	"net/url"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"

	"postern/dsl"
)

// A text knows its places in UTF-16, as LSP counts them: lines end with \n, \r\n or \r.
type text struct {
	s     string
	lines []int // byte offset of each line's start
}

func newText(s string) *text {
	t := &text{s: s, lines: []int{len(s) - len(strings.TrimPrefix(s, "\uFEFF"))}} // no editor counts a byte order mark
	for i := range len(s) {
		if s[i] == '\n' || s[i] == '\r' && (i+1 == len(s) || s[i+1] != '\n') {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

// offset is the byte of a position; one beyond its line is the line's end, and one beyond the text the text's.
func (t *text) offset(p position) int {
	switch {
	case p.Line < 0:
		return 0
	case p.Line >= len(t.lines):
		return len(t.s)
	}
	at := t.lines[p.Line]
	for units := 0; at < len(t.s) && t.s[at] != '\n' && t.s[at] != '\r'; {
		r, size := utf8.DecodeRuneInString(t.s[at:])
		if units += width(r); units > p.Character {
			break
		}
		at += size
	}
	return at
}

// position is that of a byte.
func (t *text) position(offset int) position {
	offset = max(t.lines[0], min(offset, len(t.s)))
	line := sort.SearchInts(t.lines, offset+1) - 1
	units := 0
	for at := t.lines[line]; at < offset; {
		r, size := utf8.DecodeRuneInString(t.s[at:])
		units += width(r)
		at += size
	}
	return position{line, units}
}

// width is how many UTF-16 code units a character takes. A byte that is no UTF-8 reaches an editor as U+FFFD, which is one.
func width(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

func (t *text) span(s dsl.Span) span { return span{t.position(s.Start), t.position(s.End)} }

// filePath is the file that a URI names; false for what is none.
func filePath(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Path == "" {
		return "", false
	}
	path := u.Path
	if len(path) > 2 && path[0] == '/' && path[2] == ':' { // file:///c:/rules
		path = path[1:]
	}
	return filepath.Clean(filepath.FromSlash(path)), true
}

// fileURI names a file.
func fileURI(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}
