package dsl

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
)

// mostLanguage is how much of a text language looks at, in bytes.
const mostLanguage = 4096

//go:embed languages.txt
var languageWords string

// languages are for each word the languages that it stands for.
var languages = sync.OnceValue(func() map[string][]string {
	words := map[string][]string{}
	for line := range strings.Lines(languageWords) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		for _, w := range fields[1:] {
			words[w] = append(words[w], fields[0])
		}
	}
	return words
})

// languageOf is the ISO 639-1 code of the language that a text is in, "" where that is not clear. Languages with a script of
// their own are known by it, others by their short words: of these two must stand in the text, and clearly more than of any other
// language.
func languageOf(s string) string {
	if code := languageOfScript(s); code != "latin" {
		return code
	}
	count := map[string]int{}
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) })
	for _, w := range words {
		for _, code := range languages()[w] {
			count[code]++
		}
	}
	best, second := "", 0
	for code, n := range count {
		switch {
		case n > count[best] || best == "":
			if best != "" {
				second = max(second, count[best])
			}
			best = code
		default:
			second = max(second, n)
		}
	}
	if n := count[best]; n < 2 || n*10 < len(words) || n*9 <= second*10 {
		return ""
	}
	return best
}

// scripts by which a language is known, in the order in which they are asked.
var scripts = []struct {
	code  string
	table *unicode.RangeTable
}{
	{"ja", unicode.Hiragana}, {"ja", unicode.Katakana}, {"ko", unicode.Hangul}, {"zh", unicode.Han}, {"el", unicode.Greek}, {"he", unicode.Hebrew},
	{"th", unicode.Thai}, {"hi", unicode.Devanagari}, {"ka", unicode.Georgian}, {"hy", unicode.Armenian}, {"ar", unicode.Arabic}, {"ru", unicode.Cyrillic},
	{"latin", unicode.Latin},
}

// languageOfScript is the language of the script that most letters are of, "latin", or "" for none.
func languageOfScript(s string) string {
	count, letters := map[string]int{}, 0
	special := map[rune]int{}
	for _, r := range s {
		if !unicode.IsLetter(r) {
			continue
		}
		letters++
		for _, sc := range scripts {
			if unicode.Is(sc.table, r) {
				count[sc.code]++
				break
			}
		}
		if strings.ContainsRune("іїєґыэъёљњћђјќѓپچژگ", unicode.ToLower(r)) {
			special[unicode.ToLower(r)]++
		}
	}
	has := func(runes string) bool {
		for _, r := range runes {
			if special[r] > 0 {
				return true
			}
		}
		return false
	}
	if count["ja"]*10 > letters { // with Han between
		return "ja"
	}
	for _, sc := range scripts {
		if count[sc.code]*2 <= letters {
			continue
		}
		switch {
		case sc.code == "ar" && has("پچژگ"):
			return "fa"
		case sc.code == "ru" && has("іїєґ"):
			return "uk"
		case sc.code == "ru" && has("ќѓ"):
			return "mk"
		case sc.code == "ru" && has("љњћђј"):
			return "sr"
		case sc.code == "ru" && !has("ыэё") && has("ъ"):
			return "bg"
		}
		return sc.code
	}
	return ""
}
