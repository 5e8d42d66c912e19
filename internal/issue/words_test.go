package issue_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/internal/issue"
)

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"punctuation alone", "*** -- \"", nil},
		{"case and repeats", "Printer PRINTER printer's", []string{"printer", "s"}},
		{"accents", "Über Café cafe\u0301 ÉTÉ", []string{"uber", "cafe", "ete"}},
		{"operators are words", `foo AND "bar" NEAR(x) col:y -z`, []string{"foo", "and", "bar", "near", "x", "col", "y", "z"}},
		{"other scripts", "Привет 日本語 ٣", []string{"привет", "日本語", "٣"}},
		{"broken UTF-8", "a\xffb", []string{"a", "b"}},
		{"a long word is cut", strings.Repeat("x", 100), []string{strings.Repeat("x", issue.MaxWord)}},
		{"cut between runes", strings.Repeat("x", issue.MaxWord-1) + "ßß", []string{strings.Repeat("x", issue.MaxWord-1)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := issue.Words(tt.text); !slices.Equal(got, tt.want) {
				t.Errorf("Words(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func FuzzWords(f *testing.F) {
	f.Add("Café AND \"x\"")
	f.Add("a\xffb\u0301")
	f.Fuzz(func(t *testing.T, text string) {
		words := issue.Words(text)
		for _, w := range words {
			if w == "" || len(w) > issue.MaxWord || !utf8.ValidString(w) {
				t.Fatalf("Words(%q) has %q", text, w)
			}
			// A word is found again by itself: searching passes through the same function.
			if again := issue.Words(w); len(again) != 1 || again[0] != w {
				t.Fatalf("Words(%q) has %q, which splits into %q", text, w, again)
			}
		}
	})
}
