package intake

import (
	"testing"

	"postern/internal/mail"
)

// TestSurelyNew: commands are looked for above all that might not be the sender's own, and below a gateway's banner.
func TestSurelyNew(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		spans      []mail.Span
		want       string
	}{
		{"nothing else", "close\n", nil, "close\n"},
		{"a quote", "close\n> open\n", []mail.Span{{Start: 6, End: 13, Kind: mail.SpanQuote}}, "close\n"},
		{"perhaps a quote", "close\nopen\n", []mail.Span{{Start: 6, End: 11, Kind: mail.SpanUnsure}}, "close\n"},
		{"answers between", "> a\nclose\n", []mail.Span{{Start: 0, End: 4, Kind: mail.SpanQuote}}, ""},
		{"a banner", "EXT\nclose\n> a\n", []mail.Span{{Start: 0, End: 4, Kind: mail.SpanDisclaimer}, {Start: 10, End: 14, Kind: mail.SpanQuote}}, "close\n"},
		{"armor", "\nBEGIN\nclose\nEND\nAnn\n", []mail.Span{{Start: 1, End: 7, Kind: mail.SpanSignature}, {Start: 13, End: 17, Kind: mail.SpanSignature}}, "close\n"},
		{"a notice below", "close\nopen\n", []mail.Span{{Start: 6, End: 11, Kind: mail.SpanDisclaimer}}, "close\n"},
	} {
		if got := surelyNew(&mail.Message{Text: tt.text, Spans: tt.spans}); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
