package dsl

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An Action is what a statement asks for. Texts in Args have no line breaks or control characters,
// except those of note.
type Action struct {
	Name string // as it is called: "tag", "newIssue", …
	Args []any  // string, int64, float64, bool, time.Duration, time.Time, []string, []int
	Pos  Pos
}

const longestPrinted = 80 // characters of one text in Action.String

// String prints the action as it would be written, each text cut to 80 characters.
func (a Action) String() string {
	var room [128]byte
	b := append(append(room[:0], a.Name...), '(')
	for i, arg := range a.Args {
		if i > 0 {
			b = append(b, ", "...)
		}
		if i == mostPrinted {
			b = append(b, "…"...)
			break
		}
		b = appendArg(b, arg)
	}
	return string(append(b, ')'))
}

const mostPrinted = 8 // arguments of an action, entries of a list

func appendArg(b []byte, arg any) []byte {
	switch v := arg.(type) {
	case string:
		return appendShort(b, v)
	case time.Time:
		return strconv.AppendQuote(b, v.Format(time.RFC3339))
	case time.Duration:
		return strconv.AppendQuote(b, v.String())
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			if i == mostPrinted {
				b = append(b, "…"...)
				break
			}
			b = appendShort(b, s)
		}
		return append(b, ']')
	case []int:
		if len(v) > mostPrinted {
			return fmt.Appendf(b, "%v…", v[:mostPrinted])
		}
	}
	return fmt.Append(b, arg)
}

func quoteShort(s string) string { return string(appendShort(nil, s)) }

// appendShort quotes a text that is cut to 80 characters.
func appendShort(b []byte, s string) []byte {
	if len(s) > longestPrinted && utf8.RuneCountInString(s) > longestPrinted {
		s = string([]rune(s[:min(len(s), 4*longestPrinted)])[:longestPrinted]) + "…"
	}
	return strconv.AppendQuote(b, s)
}

// oneLine turns line breaks and control characters into spaces, so that a text can go into headers,
// replies, logs and terminals.
func oneLine(s string) string {
	if isPrintableASCII(s) {
		return s
	}
	clean := func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}
	return strings.Map(clean, strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n"))
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
