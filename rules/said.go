package rules

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxSaid bounds what is taken of one mail.
const maxSaid = 50

// A Said collects the commands that texts hold, of any set and wherever they stand: what a later mail might repeat without
// meaning it. It compares them as a reader would, through new line ends, quote marks and emphasis: by the letters and digits of
// name and value. So it finds rather too much than too little.
type Said struct {
	marker, closing []rune
	kept            [utf8.RuneSelf]bool // of ASCII, what may be part of a command
	keys            []string
	more            bool
}

// NewSaid collects commands that start with the marker.
func NewSaid(marker string) *Said {
	if marker == "" {
		marker = DefaultMarker
	}
	s := &Said{marker: []rune(marker), closing: []rune(mirror(marker))}
	for c := range s.kept {
		s.kept[c] = s.isKept(rune(c))
	}
	return s
}

// mayBe reports whether a character may be part of a command: what else stands in it, a program may have put there.
func (s *Said) mayBe(r rune) bool {
	if r < utf8.RuneSelf {
		return s.kept[r]
	}
	return s.isKept(r)
}

func (s *Said) isKept(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == ':' || slices.Contains(s.marker, r) || slices.Contains(s.closing, r)
}

// Key is what a command is compared by.
func (t Token) Key() string { return commandKey(t.Name + ":" + t.Value) }

// commandKey folds "NAME: value".
func commandKey(inside string) string {
	name, value, _ := strings.Cut(inside, ":")
	return letters(name) + ":" + letters(value)
}

// letters are those and the digits of a text, in one case and without accents.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, norm.NFKD.String(cases.Fold().String(s)))
}

// Add takes the commands of one more text.
func (s *Said) Add(text string) {
	for !s.more {
		i := strings.IndexRune(text, s.marker[0])
		if i < 0 {
			return
		}
		text = text[i:]
		if inside, ok := s.behindMarker(text); ok {
			s.read(s.next(inside))
		}
		_, size := utf8.DecodeRuneInString(text)
		text = text[size:]
	}
}

// behindMarker is what follows a marker, whatever stands between its characters.
func (s *Said) behindMarker(text string) (inside string, ok bool) {
	n := 0
	for i, r := range text {
		switch {
		case !s.mayBe(r):
		case r != s.marker[n]:
			return "", false
		case n == len(s.marker)-1:
			_, size := utf8.DecodeRuneInString(text[i:])
			return text[i+size:], true
		default:
			n++
		}
	}
	return "", false
}

// next are the characters of a text that may be part of a command, as many as one may have, up to the next marker.
func (s *Said) next(text string) []rune {
	kept := make([]rune, 0, 64)
	for _, r := range text {
		if len(kept) == 2*maxTokenValue+len(s.closing) || len(kept) >= len(s.marker) && slices.Equal(kept[len(kept)-len(s.marker):], s.marker) {
			break
		}
		if s.mayBe(r) {
			kept = append(kept, r)
		}
	}
	return kept
}

// read takes a command from what stands behind a marker, up to the closing one. Where another marker comes first, that begins one.
func (s *Said) read(inside []rune) {
	for n := range min(len(inside), 2*maxTokenValue) {
		switch {
		case starts(inside[n:], s.closing):
			s.add(commandKey(string(inside[:n])))
			return
		case starts(inside[n:], s.marker):
			return
		}
	}
}

func starts(text, with []rune) bool {
	return len(text) >= len(with) && slices.Equal(text[:len(with)], with)
}

func (s *Said) add(key string) {
	switch {
	case slices.Contains(s.keys, key):
	case len(s.keys) == maxSaid:
		s.more = true
	default:
		s.keys = append(s.keys, key)
	}
}

// Keys are what was found, and whether that is all of it.
func (s *Said) Keys() (keys []string, all bool) { return s.keys, !s.more }
