package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postern/internal/fault"
)

// A Position is where something was written: a place in a file, or the name of an environment variable.
type Position struct {
	File         string
	Line, Column int // from 1, columns in characters; 0 where the whole file is meant
}

// String writes file:line:col.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Where finds the place of a key, or of the nearest section around it that was written down.
func (c *Config) Where(path string) Position { return (&checker{c: c}).where(path) }

// A Problem is one thing that is wrong with the configuration.
type Problem struct {
	Position
	Message string
	Warning bool // odd, and no reason to refuse it
}

// String writes file:line:col: message.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.Position.String() + ": ")
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems are all that is wrong, in the order of the file.
type Problems []Problem

// Err is nil when there are only warnings; else an Invalid fault with a line for each error.
func (p Problems) Err() error {
	var lines []string
	for _, problem := range p {
		if !problem.Warning {
			lines = append(lines, problem.String())
		}
	}
	if lines == nil {
		return nil
	}
	return fault.Errorf(fault.Invalid, "%s", strings.Join(lines, "\n"))
}

// String is all problems, warnings too, a line each.
func (p Problems) String() string {
	var b strings.Builder
	for _, problem := range p {
		b.WriteString(problem.String() + "\n")
	}
	return b.String()
}

// sorted puts problems into the order of the file, once each: an alias brings its problems along wherever it is used.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(min(a.Line, 1), min(b.Line, 1)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(p)
}

// suggest returns " (did you mean …?)" for the nearest of the known words, "" where none is near.
func suggest(word string, known []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// distance counts the letters to insert, drop, change or swap with the next to get from a to b.
func distance(a, b string) int {
	r, s := []rune(a), []rune(b)
	rows := [3][]int{make([]int, len(s)+1), make([]int, len(s)+1), make([]int, len(s)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(r); i++ {
		before, last, row := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(s); j++ {
			cost := 1
			if r[i-1] == s[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && r[i-1] == s[j-2] && r[i-2] == s[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(r)+1)%3][len(s)]
}
