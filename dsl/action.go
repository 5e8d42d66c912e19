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
	var b strings.Builder
	b.WriteString(a.Name)
	b.WriteByte('(')
	for i, arg := range a.Args {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == 8 {
			b.WriteString("…")
			break
		}
		printArg(&b, arg)
	}
	b.WriteByte(')')
	return b.String()
}

func printArg(b *strings.Builder, arg any) {
	switch v := arg.(type) {
	case string:
		b.WriteString(quoteShort(v))
	case time.Time:
		b.WriteString(strconv.Quote(v.Format(time.RFC3339)))
	case time.Duration:
		b.WriteString(strconv.Quote(v.String()))
	case []string:
		b.WriteByte('[')
		for i, s := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			if i == 8 {
				b.WriteString("…")
				break
			}
			b.WriteString(quoteShort(s))
		}
		b.WriteByte(']')
	case []int:
		if len(v) > 8 {
			fmt.Fprintf(b, "%v…", v[:8])
		} else {
			fmt.Fprintf(b, "%v", v)
		}
	default:
		fmt.Fprint(b, v)
	}
}

func quoteShort(s string) string {
	if utf8.RuneCountInString(s) > longestPrinted {
		s = string([]rune(s[:min(len(s), 4*longestPrinted)])[:longestPrinted]) + "…"
	}
	return strconv.Quote(s)
}

// oneLine turns line breaks and control characters into spaces, so that a text can go into headers,
// replies, logs and terminals.
func oneLine(s string) string {
	clean := func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}
	return strings.Map(clean, strings.ToValidUTF8(s, "\uFFFD"))
}
