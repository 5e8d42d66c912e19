package issue

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxWord is how many bytes of a word are compared; longer ones are cut there, on both sides.
const MaxWord = 60

// Words splits text into the words that search compares: runs of letters, digits and marks, in lower
// case and without accents, each once, in the order of their first occurrence. Both stores index what it
// returns and pass every search through it, so that both find the same and no caller's text is ever
// an operator.
func Words(text string) []string {
	text = fold(text)
	seen := make(map[string]struct{}, 64)
	var out []string
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	}) {
		if len(word) > MaxWord {
			cut := MaxWord
			for !utf8.RuneStart(word[cut]) {
				cut--
			}
			word = word[:cut]
		}
		if _, ok := seen[word]; !ok {
			seen[word] = struct{}{}
			out = append(out, word)
		}
	}
	return out
}

// fold lowers text and takes accents away: what NFKD sets apart as a non-spacing mark.
func fold(text string) string {
	ascii := true
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(text)
	}
	text = strings.ToLower(norm.NFKD.String(strings.ToValidUTF8(text, " ")))
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, text)
}
