package main

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"postern/internal/issue"
)

// safe keeps what strangers wrote from steering a terminal, and on one line.
func safe(s string) string { return plain(s, false) }

// plain is safe, with line breaks and tabs left where they are.
func plain(s string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case lines && (r == '\n' || r == '\t'):
			return r
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0, r == 0x2028, r == 0x2029, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return ' '
		}
		return r
	}, s)
}

// indented is a text of several lines, for people.
func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(plain(strings.ReplaceAll(text, "\r\n", "\n"), true), "\n ")) {
		if line != "\n" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// at is a time for people.
func at(t time.Time) string { return t.UTC().Format(time.DateTime) + "Z" }

func person(who issue.Person) string {
	if who.Name == "" {
		return safe(who.Email)
	}
	return safe(who.Name) + " <" + safe(who.Email) + ">"
}

func fileLine(name, kind string, size int64) string {
	return fmt.Sprintf("%s (%s, %d bytes)", safe(name), safe(kind), size)
}

// count is a number and what is counted.
func count(n int, what string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(what, "x"):
		what += "es"
	default:
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

// sorted goes through a map in the order of its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
