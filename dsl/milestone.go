package dsl

import (
	"sort"
	"unicode/utf8"
)

// A milestone says how many characters stand before a byte. There is one for each KiB of a text that is not ASCII alone, so that a
// place in a line of a megabyte is found at once, however many are asked for.
type milestone struct{ byte, rune int }

const everyMile = 1 << 10

func milestones(text string) []milestone {
	ascii := true
	for i := 0; i < len(text) && ascii; i++ {
		ascii = text[i] < utf8.RuneSelf
	}
	if ascii {
		return nil
	}
	miles, n := []milestone{{0, 0}}, 0
	for i := range text {
		if i >= miles[len(miles)-1].byte+everyMile {
			miles = append(miles, milestone{i, n})
		}
		n++
	}
	return miles
}

// runesTo is how many characters stand before a byte.
func (s *source) runesTo(offset int) int {
	if s.miles == nil {
		return offset
	}
	m := s.miles[sort.Search(len(s.miles), func(i int) bool { return s.miles[i].byte > offset })-1]
	return m.rune + utf8.RuneCountInString(s.text[m.byte:offset])
}

// byteOf is where a character begins.
func (s *source) byteOf(rune int) int {
	if s.miles == nil {
		return min(rune, len(s.text))
	}
	m := s.miles[sort.Search(len(s.miles), func(i int) bool { return s.miles[i].rune > rune })-1]
	at := m.byte
	for n := m.rune; n < rune && at < len(s.text); n++ {
		_, size := utf8.DecodeRuneInString(s.text[at:])
		at += size
	}
	return at
}
