package dsl_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"postern/dsl"
)

// Whatever lower(), upper() or (?i) takes for the same folds onto the same character.
func TestFoldKnowsEveryCase(t *testing.T) {
	alone(t)
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xd800 && r < 0xe000 {
			continue
		}
		to := dsl.FoldRune(r)
		if other := dsl.FoldRune(unicode.ToLower(r)); other != to {
			t.Errorf("%q folds to %q, its lower case to %q", r, to, other)
		}
		if other := dsl.FoldRune(unicode.ToUpper(r)); other != to {
			t.Errorf("%q folds to %q, its upper case to %q", r, to, other)
		}
		if other := dsl.FoldRune(unicode.SimpleFold(r)); other != to {
			t.Errorf("%q folds to %q, %q to %q", r, to, unicode.SimpleFold(r), other)
		}
		if dsl.FoldRune(to) != to {
			t.Errorf("%q folds to %q, and that to %q", r, to, dsl.FoldRune(to))
		}
	}
	for _, pair := range []string{"İstanbul istanbul", "K k", "ſ S", "ΣΊΣΥΦΟΣ σίσυφος", "ẞ ß"} {
		a, b, _ := strings.Cut(pair, " ")
		if dsl.Fold(a) != dsl.Fold(b) {
			t.Errorf("%s folds to %q, %s to %q", a, dsl.Fold(a), b, dsl.Fold(b))
		}
	}
	if !regexp.MustCompile(`(?i)k`).MatchString("K") {
		t.Error("regular expressions fold otherwise than this test thinks")
	}
}
