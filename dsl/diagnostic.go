package dsl

import (
	"fmt"
	"slices"
	"strings"
)

// A Pos is a place in a rules file. Line and Column count from 1, columns in characters (runes).
type Pos struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String is "file:line:column".
func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// compare orders positions by file, line and column.
func (p Pos) compare(q Pos) int {
	if c := strings.Compare(p.File, q.File); c != 0 {
		return c
	}
	if p.Line != q.Line {
		return p.Line - q.Line
	}
	return p.Column - q.Column
}

// Severity says whether a diagnostic keeps rules from being served.
type Severity int

const (
	SeverityError   Severity = iota // not served
	SeverityWarning                 // served, and probably not what was meant
)

// String is "error" or "warning".
func (s Severity) String() string {
	if s == SeverityWarning {
		return "warning"
	}
	return "error"
}

// A Diagnostic is one thing that is wrong, or odd, in a rules file.
type Diagnostic struct {
	Pos
	End      Pos // just behind what it is about
	Severity Severity
	Code     string    // what kind of warning it is, for programs: "never", "shadowed", …; "" for an error
	Message  string    // what is wrong, in one line
	Hint     string    // what to do about it; may be ""
	Snippet  string    // the line, and below it a caret under the column
	Related  []Related // other places that it is about
}

// A Related place is another one that a diagnostic is about, and what stands there.
type Related struct {
	Pos
	Message string `json:"message"`
}

// String is "file:line:col: message", with "warning: " before the message of a warning.
func (d Diagnostic) String() string {
	if d.Severity == SeverityWarning {
		return d.Pos.String() + ": warning: " + d.Message
	}
	return d.Pos.String() + ": " + d.Message
}

// Text is all there is to say: String, the snippet, the other places and the hint.
func (d Diagnostic) Text() string {
	var b strings.Builder
	b.WriteString(d.String())
	b.WriteByte('\n')
	if d.Snippet != "" {
		b.WriteString(d.Snippet)
		b.WriteByte('\n')
	}
	for _, r := range d.Related {
		b.WriteString("    " + r.Pos.String() + ": " + r.Message + "\n")
	}
	if d.Hint != "" {
		b.WriteString("    " + d.Hint + "\n")
	}
	return b.String()
}

// Diagnostics are what was found in one or more files, in the order of their positions.
type Diagnostics []Diagnostic

// HasErrors says whether any of them is an error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

// Error is one line a diagnostic, so that Diagnostics with errors in them can be returned as an error.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// Text is the Text of all of them.
func (ds Diagnostics) Text() string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.Text())
	}
	return b.String()
}

// mostDiagnostics are found in a file, and in a compilation: one who made more mistakes begins with these.
const mostDiagnostics = 100

// Sorted orders by position and drops what was said twice of one place.
func (ds Diagnostics) Sorted() Diagnostics {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int { return a.compare(b.Pos) })
	return slices.CompactFunc(ds, func(a, b Diagnostic) bool {
		return a.Pos == b.Pos && a.Message == b.Message
	})
}
