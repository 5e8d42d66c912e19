package mail

import "strings"

func newText(text string, spans []Span) string {
	var b strings.Builder
	at := 0
	for _, s := range spans {
		if s.Kind == SpanUnsure || s.Start < at || s.End < s.Start || s.End > len(text) {
			continue
		}
		b.WriteString(text[at:s.Start])
		at = s.End
	}
	b.WriteString(text[at:])
	if s := trimBlankLines(b.String()); s != "" {
		return s
	}
	return trimBlankLines(text)
}

func trimBlankLines(s string) string {
	s = strings.TrimRight(s, " \t\r\n")
	for {
		i := strings.IndexByte(s, '\n')
		if i < 0 || strings.TrimSpace(s[:i]) != "" {
			return s
		}
		s = s[i+1:]
	}
}

func findSpans(text string, forward bool) []Span { return nil }
