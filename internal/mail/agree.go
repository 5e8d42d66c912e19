package mail

import (
	"bytes"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Where a mail has its text in both forms, the HTML often says what the plain form leaves open: some programs quote
// without ">", below a line in a language that nobody told us, and mark the quote in the HTML alone.

// keyMax and keyMin are how many letters of the HTML are looked for in the plain text: as many as are told apart from others.
const (
	keyMax = 48
	keyMin = 12
)

// agreeMax is how many spans are looked for. Nobody marks more.
const agreeMax = 20

// agree returns the spans of a plain text with what is marked in HTML of the same words, or spans as they are where
// the two agree already, or where one of the marks is not found for sure.
func agree(plain string, spans []Span, rich string, richSpans []Span) []Span {
	var marked []Span
	unsure := false
	for _, s := range richSpans {
		if s.Kind == SpanQuote || s.Kind == SpanForward || s.Kind == SpanSignature && strings.HasPrefix(s.Reason, markedBy) {
			marked = append(marked, s)
		}
	}
	for _, s := range spans {
		unsure = unsure || s.Kind == SpanUnsure
	}
	if len(marked) == 0 || len(marked) > agreeMax || !unsure && countLetters(newText(plain, spans)) <= countLetters(newText(rich, richSpans))*9/8+keyMin {
		return spans
	}
	l := lettersOf(plain)
	var out []Span
	at := 0
	for _, s := range marked {
		start, ok := l.find(rich[:s.Start], rich[s.Start:], at)
		if !ok {
			return spans
		}
		end := len(plain)
		if rest := rich[s.End:]; !blankText(rest) {
			if end, ok = l.find(rich[:s.End], rest, start); !ok {
				return spans
			}
		}
		if start < end {
			out = append(out, Span{start, end, s.Kind, s.Reason})
		}
		at = end
	}
	for _, s := range spans {
		for _, o := range out {
			if s.Start < o.Start && s.End > o.Start {
				s.End = o.Start
			}
			if s.Start >= o.Start && s.Start < o.End {
				s.Start = min(s.End, o.End)
			}
		}
		if s.Start < s.End && !blankText(plain[s.Start:s.End]) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Span) int { return a.Start - b.Start })
	if blankText(uncovered(plain, out)) {
		return spans
	}
	return out
}

// letters are the letters and digits of a text, and where they stand: line ends, quote marks and the like are what the two
// forms of a text differ in.
type letters struct {
	text string
	s    []byte
	at   []int32
}

func lettersOf(text string) *letters {
	l := &letters{text: text, s: make([]byte, 0, len(text)), at: make([]int32, 0, len(text))}
	for i, r := range text {
		if n := utf8.RuneLen(r); letterOrDigit(r) {
			l.s = append(l.s, text[i:i+n]...)
			for range n {
				l.at = append(l.at, int32(i))
			}
		}
	}
	return l
}

func letterOrDigit(r rune) bool {
	if r < utf8.RuneSelf {
		return r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func countLetters(s string) (n int) {
	for _, r := range s {
		n += btoi(letterOrDigit(r))
	}
	return n
}

// find returns where a line of the text begins, at or after from, that goes on as next does; above is what stands
// before it.
func (l *letters) find(above, next string, from int) (int, bool) {
	first := sort.Search(len(l.at), func(i int) bool { return int(l.at[i]) >= from })
	key := some(next)
	before := lastOf(above)
	for _, n := range []int{len(key), keyMin} {
		if n < min(keyMin, len(key)) || n > len(key) || n == 0 {
			continue
		}
		for at, tries := first, 0; tries < agreeMax; tries++ {
			i := bytes.Index(l.s[at:], key[:n])
			if i < 0 {
				break
			}
			at += i
			if start := l.lineStart(at); start >= from && (len(before) == 0 || bytes.HasSuffix(l.s[:at], before)) {
				return start, true
			}
			at++
		}
	}
	return 0, false
}

// lineStart returns where the line begins of which the letter at i is the first, or -1 when it is not.
func (l *letters) lineStart(i int) int {
	start := strings.LastIndexByte(l.text[:l.at[i]], '\n') + 1
	if i > 0 && int(l.at[i-1]) >= start {
		return -1
	}
	return start
}

// some are the first letters of s, lastOf the last.
func some(s string) []byte {
	var key []byte
	for _, r := range s {
		if letterOrDigit(r) {
			if key = utf8.AppendRune(key, r); len(key) >= keyMax {
				break
			}
		}
	}
	return key
}

func lastOf(s string) []byte {
	var runes []rune
	for len(s) > 0 && len(runes) < keyMin {
		r, n := utf8.DecodeLastRuneInString(s)
		if s = s[:len(s)-n]; letterOrDigit(r) {
			runes = append(runes, r)
		}
	}
	slices.Reverse(runes)
	return []byte(string(runes))
}
