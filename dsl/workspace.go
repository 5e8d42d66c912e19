package dsl

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A Workspace is a set of rules files that somebody is writing. It answers what an editor asks about a place in one of them, also
// where the files are broken, as they mostly are at that moment. Places are bytes of a file. It is not for several goroutines.
type Workspace struct {
	opts  Options
	names func() []string // of the files below the rules folder
	files []*File
	lexed map[*File]*lexer
}

// NewWorkspace makes one of files as [Parse] reads them. names, which may be nil, are the files below the rules folder that a list or a
// test may name.
func NewWorkspace(files []*File, opts Options, names func() []string) *Workspace {
	opts.Watch = false
	files = slices.SortedStableFunc(slices.Values(files), func(a, b *File) int { return strings.Compare(a.Name, b.Name) })
	return &Workspace{opts: opts, names: names, files: files, lexed: map[*File]*lexer{}}
}

// With is the workspace with another text of one file, which may be new. What is not changed is not read again.
func (w *Workspace) With(name string, text []byte) *Workspace {
	out := NewWorkspace(w.files, w.opts, w.names)
	f, _ := Parse(name, text)
	at, found := slices.BinarySearchFunc(out.files, name, func(f *File, name string) int { return strings.Compare(f.Name, name) })
	if found {
		out.files[at] = f
	} else {
		out.files = slices.Insert(out.files, at, f)
	}
	return out
}

// A Span is a piece of a file, in bytes.
type Span struct{ Start, End int }

// A Location is a piece of one of the files.
type Location struct {
	File string
	Span
}

// Text is a file's text, "" of one that is not there.
func (w *Workspace) Text(name string) string {
	if f := w.file(name); f != nil {
		return f.src.text
	}
	return ""
}

// Names are the rules files of the set, in order.
func (w *Workspace) Names() []string {
	var names []string
	for _, f := range w.files {
		names = append(names, f.Name)
	}
	return names
}

func (w *Workspace) file(name string) *File {
	for _, f := range w.files {
		if f.Name == name {
			return f
		}
	}
	return nil
}

func (w *Workspace) lex(f *File) *lexer {
	l := w.lexed[f]
	if l == nil {
		l = lex(f.src)
		w.lexed[f] = l
	}
	return l
}

// Offset is the byte of a line and a column as diagnostics count them; one that is beyond is the end of the line, or of the file.
func (w *Workspace) Offset(file string, line, column int) int {
	f := w.file(file)
	if f == nil || line < 1 {
		return 0
	}
	if line > len(f.src.lines) {
		return len(f.src.text)
	}
	at := f.src.lines[line-1] + f.src.mark(line-1)
	for ; column > 1 && at < len(f.src.text) && f.src.text[at] != '\n'; column-- {
		_, size := utf8.DecodeRuneInString(f.src.text[at:])
		at += size
	}
	return at
}

// Pos is the line and column of a byte.
func (w *Workspace) Pos(file string, offset int) Pos {
	if f := w.file(file); f != nil {
		return f.src.pos(offset)
	}
	return Pos{File: file, Line: 1, Column: 1}
}

// Marked is the piece of its file that a diagnostic is about.
func (w *Workspace) Marked(d Diagnostic) Span {
	f := w.file(d.File)
	if f == nil {
		return Span{}
	}
	from := w.Offset(d.File, d.Line, d.Column)
	to := f.src.wordEnd(from)
	if d.End.Line > 0 {
		to = w.Offset(d.File, d.End.Line, d.End.Column)
	}
	return Span{from, max(from, to)}
}

// tokenAt is the token that a byte is in.
func tokenAt(tokens []token, at int) (int, bool) {
	i, found := slices.BinarySearchFunc(tokens, at, func(t token, at int) int {
		switch {
		case t.end <= at:
			return -1
		case t.start > at:
			return 1
		}
		return 0
	})
	return i, found
}
