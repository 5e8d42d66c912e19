package dsl

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// FoldRune maps all characters onto one that lower(), upper(), has() or a regular expression with (?i) take for the same. An
// index compares what it maps to: a text that holds another by any of these holds it folded too.
func FoldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	if to, ok := folds()[r]; ok {
		return to
	}
	return r
}

// Fold is s with each character folded.
func Fold(s string) string { return string(AppendFold(make([]byte, 0, len(s)), s)) }

// AppendFold appends Fold(s) to b.
func AppendFold(b []byte, s string) []byte {
	for _, r := range s {
		b = utf8.AppendRune(b, FoldRune(r))
	}
	return b
}

// folds are the characters beyond ASCII that fold onto another one. Lower case and simple folding (Unicode, CaseFolding.txt) are
// not the same relation, nor is upper case: "İ" has "i" for its lower case and folds onto nothing, "K" (Kelvin) folds onto "k".
// So the classes of both together are taken, and their smallest lower-case letter stands for each.
var folds = sync.OnceValue(func() map[rune]rune {
	class := map[rune]rune{}
	find := func(r rune) rune {
		for class[r] != 0 && class[r] != r {
			r = class[r]
		}
		return r
	}
	join := func(a, b rune) {
		a, b = find(a), find(b)
		if a == b {
			return
		}
		if unicode.IsLower(b) && !unicode.IsLower(a) || unicode.IsLower(a) == unicode.IsLower(b) && b < a {
			a, b = b, a
		}
		class[a], class[b] = a, a
	}
	each := func(r rune) {
		join(r, unicode.ToLower(r))
		join(r, unicode.ToUpper(r))
		join(r, unicode.SimpleFold(r))
	}
	for _, c := range unicode.CaseRanges {
		for r := rune(c.Lo); r <= rune(c.Hi); r++ {
			each(r)
		}
	}
	out := map[rune]rune{}
	for r := range class {
		if to := find(r); to != r && r >= utf8.RuneSelf {
			out[r] = to
		}
	}
	return out
})
