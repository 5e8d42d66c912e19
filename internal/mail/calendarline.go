package mail

import "strings"

// property5545 is a content line of a calendar (RFC 5545 section 3.1).
type property5545 struct {
	name   string // upper case
	params string // as they came, with the semicolon before them
	value  string
}

// parseProperty reads a line: NAME;PARAM=VALUE;PARAM="VALUE":value.
func parseProperty(ln string) (property5545, bool) {
	n := strings.IndexAny(ln, ":;")
	if n <= 0 || n > 64 {
		return property5545{}, false
	}
	prop := property5545{name: strings.ToUpper(trimSpace(ln[:n]))}
	rest := ln[n:]
	colon := unquoted(rest, ':')
	if colon < 0 { // a quote that is never closed
		if colon = strings.IndexByte(rest, ':'); colon < 0 {
			return property5545{}, false
		}
	}
	prop.params, prop.value = rest[:colon], rest[colon+1:]
	return prop, true
}

// unquoted finds the first c that is not between quotes.
func unquoted(s string, c byte) int {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == c && !quoted:
			return i
		}
	}
	return -1
}

// param returns the value of a parameter, without its quotes.
func (prop *property5545) param(name string) string {
	for s := prop.params; len(s) > 1; {
		s = s[1:]
		one := s
		if i := unquoted(s, ';'); i >= 0 {
			one, s = s[:i], s[i:]
		} else {
			s = ""
		}
		if k, v, ok := strings.Cut(one, "="); ok && strings.EqualFold(trimSpace(k), name) {
			return strings.ReplaceAll(v, `"`, "")
		}
	}
	return ""
}
