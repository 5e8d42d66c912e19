package dsl

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// compareFunctions look at how a text is written.
func compareFunctions() []*function {
	s := takes("text", kindText)
	return []*function{
		pure("hasAll", typeBool, func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			words, err := asTexts(args, 1)
			if err != nil {
				return nil, err
			}
			for i := range words {
				if found, err := has(r, s, words[i:i+1]); !found || err != nil {
					return false, err
				}
			}
			return true, nil
		}, s, takes("words", kindTexts)),
		pure("glob", typeBool, func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			patterns, err := asTexts(args, 1)
			if err != nil {
				return nil, err
			}
			if s, err = r.lower(s); err != nil {
				return nil, err
			}
			for _, p := range patterns {
				if ok, err := glob(r, s, strings.ToLower(p)); ok || err != nil {
					return ok, err
				}
			}
			return false, nil
		}, s, takes("pattern", kindTexts)),
		pure("similar", typeFloat, func(r *Run, args []any) (any, error) {
			a, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			b, err := asText(args, 1)
			if err != nil {
				return nil, err
			}
			return orNil(similar(r, a, b))
		}, s, takes("other", kindText)),
		pure("lines", typeStrings, func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			if err := r.makeList(strings.Count(s, "\n") + 1); err != nil {
				return nil, err
			}
			out := []string{}
			for line := range strings.Lines(s) {
				if line = strings.TrimSpace(line); line != "" {
					out = append(out, line)
				}
			}
			return out, nil
		}, s),
		pure("sha256", typeString, texts(1, func(r *Run, a []string) (string, error) {
			if err := r.make(len(a[0])); err != nil {
				return "", err
			}
			sum := sha256.Sum256([]byte(a[0]))
			return hex.EncodeToString(sum[:]), nil
		}), s),
		pure("language", typeString, func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			s = head(s, mostLanguage)
			if err := r.make(4 * len(s)); err != nil {
				return nil, err
			}
			if !sameText(r.language[0], s) { // many rules ask about one text
				r.language = [2]string{s, languageOf(s)}
			}
			return r.language[1], nil
		}, s),
	}
}

// sameText says whether two texts lie at one place in memory: others may be equal too.
func sameText(a, b string) bool {
	return len(a) == len(b) && unsafe.StringData(a) == unsafe.StringData(b)
}

// head is the beginning of a text, not more than n bytes, of whole characters.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// glob says whether a text as a whole is what a pattern says: * stands for any characters, ? for one. It goes back to the last *
// alone, so that the worst is the product of the lengths, which the clock can stop.
func glob(r *Run, s, pattern string) (bool, error) {
	if err := r.step(); err != nil {
		return false, err
	}
	i, j, star, back, turns := 0, 0, -1, 0, 0
	for i < len(s) {
		if turns++; turns%65536 == 0 {
			if err := r.pause(); err != nil {
				return false, err
			}
		}
		c, size := utf8.DecodeRuneInString(s[i:])
		if j < len(pattern) {
			p, width := utf8.DecodeRuneInString(pattern[j:])
			if p == '*' {
				star, back = j, i
				j++
				continue
			}
			if p == '?' || p == c {
				i, j = i+size, j+width
				continue
			}
		}
		if star < 0 {
			return false, nil
		}
		_, size = utf8.DecodeRuneInString(s[back:])
		back += size
		i, j = back, star+1
	}
	return strings.Trim(pattern[j:], "*") == "", nil
}

// longestCompared is how many characters of each text similar looks at: its work is their product.
const longestCompared = 300

// similar is 1 for equal texts and 0 for such that have nothing in common: the share of characters that need not be changed,
// added, taken away or swapped to make one of the other. Case and white space do not count.
func similar(r *Run, a, b string) (float64, error) {
	if err := r.pause(); err != nil {
		return 0, err
	}
	cut := func(s string) string {
		runes := []rune(foldSpace(strings.ToLower(strings.TrimSpace(head(s, 8*longestCompared)))))
		return string(runes[:min(len(runes), longestCompared)])
	}
	a, b = cut(a), cut(b)
	if a == b {
		return 1, nil
	}
	r.steps += len(a) * len(b) / 64
	longest := max(utf8.RuneCountInString(a), utf8.RuneCountInString(b))
	return 1 - float64(distance(a, b))/float64(longest), nil
}
