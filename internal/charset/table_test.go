package charset_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"postern/internal/charset"
)

// tableLines are the lines of an embedded table, without comments.
func tableLines(t *testing.T, name string) []string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(raw) {
		t.Fatalf("%s is not UTF-8", name)
	}
	var lines []string
	for ln := range strings.Lines(string(raw)) {
		if ln = strings.TrimRight(ln, "\n"); ln != "" && ln[0] != '#' {
			lines = append(lines, ln)
		}
	}
	return lines
}

// TestLanguageTable: character sets that exist, numbers that rise, each pair once, of letters that the language has.
func TestLanguageTable(t *testing.T) {
	t.Parallel()
	var lang, letters string
	var last int
	var seen map[string]bool
	langs := map[string]bool{}
	for _, ln := range tableLines(t, "languages.txt") {
		key, rest, _ := strings.Cut(ln, " ")
		words := strings.Fields(rest)
		switch key {
		case "lang":
			lang, letters, last, seen = words[0], "", 0, map[string]bool{}
			if langs[lang] {
				t.Errorf("%s stands there twice", lang)
			}
			langs[lang] = true
			for _, w := range words[1:] {
				if _, err := htmlindex.Get(w); err != nil && w[0] != '.' {
					t.Errorf("%s: no character set %s", lang, w)
				}
			}
			continue
		case "letters":
			letters = rest
			continue
		}
		bits, err := strconv.Atoi(key)
		if err != nil || bits < last || bits < 1 || bits > 16 {
			t.Errorf("%s: %s after %d", lang, key, last)
		}
		last = bits
		if letters == "" {
			words = strings.Split(strings.Join(words, ""), "")
		}
		for _, w := range words {
			if seen[w] {
				t.Errorf("%s: %s stands there twice", lang, w)
			}
			seen[w] = true
			if n := utf8.RuneCountInString(w); letters != "" && (n != 2 || !strings.ContainsAny(w, letters)) {
				t.Errorf("%s: %s is no pair with a letter of its own", lang, w)
			}
		}
	}
	if len(langs) < 37 {
		t.Errorf("%d languages", len(langs))
	}
}

// TestCharmapTable: 128 characters each, and none in place of a line end.
func TestCharmapTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, ln := range tableLines(t, "charmaps.txt") {
		name, chars, _ := strings.Cut(ln, " ")
		if n := utf8.RuneCountInString(chars); n != 128 || seen[name] {
			t.Errorf("%s: %d characters, there before: %t", name, n, seen[name])
		}
		seen[name] = true
		if got, bad, ok := charset.Decode([]byte("a\xe1b"), name); !ok || bad > 0 || !strings.HasPrefix(got, "a") {
			t.Errorf("%s: got %q, %d bad, known %t", name, got, bad, ok)
		}
	}
}
