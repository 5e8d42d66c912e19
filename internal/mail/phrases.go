package mail

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A phraseTable is an embedded list of phrases in sections, in the order of the file: "[section]" lines,
// then a phrase a line in lower case, "#" before comments. A section may come again.
type phraseTable []phraseSection

type phraseSection struct {
	name    string
	phrases []string
}

func parsePhrases(file string) phraseTable {
	var t phraseTable
	for ln := range strings.Lines(file) {
		if ln = strings.TrimSpace(ln); ln == "" || ln[0] == '#' {
			continue
		}
		if name, ok := strings.CutPrefix(ln, "["); ok {
			t = append(t, phraseSection{name: strings.TrimSuffix(name, "]")})
			continue
		}
		s := &t[len(t)-1]
		s.phrases = append(s.phrases, ln)
	}
	return t
}

// section returns the phrases of all sections of that name.
func (t phraseTable) section(name string) []string {
	var out []string
	for _, s := range t {
		if s.name == name {
			out = append(out, s.phrases...)
		}
	}
	return out
}

// anyPhrase says whether one of the phrases stands in text, which is squeezed.
func anyPhrase(text string, phrases []string) bool {
	for _, p := range phrases {
		if hasPhrase(text, p) {
			return true
		}
	}
	return false
}

// hasPhrase says whether phrase stands in text as whole words; one that ends in "*" may go on.
func hasPhrase(text, phrase string) bool {
	phrase, open := strings.CutSuffix(phrase, "*")
	for at := 0; ; at++ {
		i := strings.Index(text[at:], phrase)
		if i < 0 {
			return false
		}
		at += i
		end := at + len(phrase)
		if (at == 0 || !wordByte(text[at-1]) || !wordByte(phrase[0])) &&
			(open || end == len(text) || !wordByte(text[end]) || !wordByte(phrase[len(phrase)-1])) {
			return true
		}
	}
}

// wordByte says whether c is an ASCII letter or digit. Other scripts have no spaces, or endings.
func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// composed is s with its accents on their letters, as the tables have them.
func composed(s string) string {
	if isASCII(s) {
		return s
	}
	return norm.NFC.String(s)
}

// squeeze makes text comparable with phrases: at most n bytes of it, in lower case, one space for
// white space of any kind, straight apostrophes.
func squeeze(text string, n int) string {
	text = composed(cutString(text, n))
	var b strings.Builder
	b.Grow(len(text))
	space := true
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		i += size
		switch {
		case r <= ' ' || r == 0xa0 || r == 0x3000:
			if !space {
				b.WriteByte(' ')
			}
			space = true
			continue
		case r >= 'A' && r <= 'Z':
			r += 'a' - 'A'
		case r == '’' || r == '‘':
			r = '\''
		}
		b.WriteRune(r)
		space = false
	}
	s := b.String()
	if !isASCII(s) {
		s = strings.ToLower(s)
	}
	return strings.TrimSuffix(s, " ")
}
