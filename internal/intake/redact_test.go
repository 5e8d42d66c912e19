package intake

import (
	"strings"
	"testing"

	"postern/internal/mail"
)

// A span covers the same words after a redaction as before, whatever became of them.
func TestRedactionMovesSpans(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, hide, want string }{
		{"before", "card 1234 [quote] end", `\d+`, "card ████ [quote] end"},
		{"inside", "a [quote 12 of 34] b", `\d+`, "a [quote ██ of ██] b"},
		{"after", "[quote] card 1234", `\d+`, "[quote] card ████"},
		{"over the beginning", "a 1[23 quote] b", `\d+`, "a [███ quote] b"},
		{"over the end", "a [quote 12]3 b", `\d+`, "a [quote ███] b"},
		{"the whole", "a [123] b", `\d+`, "a [███] b"},
		{"more than the whole", "a 1[2]3 b", `\d+`, "a [███] b"},
		{"two in one match", "a 1[2]3[4]5 b", `\d+`, "a [█████] b"},
		{"two spans", "1 [a] 2 [b] 3", `\d`, "█ [a] █ [b] █"},
		{"wide characters", "ü [ö] ü", `[üö]`, "█ [█] █"},
		{"nothing found", "a [b] c", `\d`, "a [b] c"},
		{"empty matches", "a [b] c", `x*`, "a [b] c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, spans := readMarks(tt.text)
			got, moved := newRedaction([]string{tt.hide}).spans(text, spans)
			if marked := writeMarks(got, moved); marked != tt.want {
				t.Errorf("got %s, want %s", marked, tt.want)
			}
			at := 0
			for _, s := range moved {
				if s.Start >= s.End || s.End > len(got) || s.Start < at {
					t.Errorf("span %+v of %d bytes", s, len(got))
				}
				at = s.End
			}
		})
	}
}

// readMarks takes spans out of a text in which they stand in brackets; writeMarks puts them back.
func readMarks(s string) (string, []mail.Span) {
	var b strings.Builder
	var spans []mail.Span
	for _, r := range s {
		switch r {
		case '[':
			spans = append(spans, mail.Span{Start: b.Len(), Kind: mail.SpanQuote})
		case ']':
			spans[len(spans)-1].End = b.Len()
		default:
			b.WriteRune(r)
		}
	}
	return b.String(), spans
}

func writeMarks(s string, spans []mail.Span) string {
	for i := len(spans) - 1; i >= 0; i-- {
		s = s[:spans[i].Start] + "[" + s[spans[i].Start:spans[i].End] + "]" + s[spans[i].End:]
	}
	return s
}
