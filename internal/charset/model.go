package charset

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

//go:embed languages.txt
var languageTable string

// A language is how often letters stand beside each other in it.
type language struct {
	name     string
	domains  []string // ".de"
	charsets []string
	cost     []uint8 // by two classes: −log2 of how often they come together
	width    int     // how many classes there are
}

// Classes of characters. Those from firstLetter on are the letters of a language, capitals with theirs.
const (
	blankClass   = iota // what is no letter, of ASCII
	foreignClass        // a letter of other languages
	openClass           // “ « „
	closeClass          // ” » ’
	signClass           // – … € § ©
	rareClass           // what no text has often: ¤ ¬ ¶, boxes, fractions
	noneClass           // no character
	firstLetter

	capital = 0x80 // beside the class
	classes = 0x80
)

// What stands beside each other though no table has it, in bits.
const (
	unseenCost  = 13 // two letters of the language
	foreignCost = 16
	rareCost    = 18
	noneCost    = 30
	midCost     = 7 // more: a capital after a small letter
)

// A reading is one language in one character set of single bytes.
type reading struct {
	charset *charmap.Charmap
	name    string
	lang    *language
	class   [256]uint8
}

// A hanReading is one language in one character set of two bytes a character.
type hanReading struct {
	name string
	lang *language
	next func(b []byte) (n int, cost uint8)
	cost map[uint16]uint8 // of the frequent characters, by their bytes
}

type readings struct {
	single []reading
	han    []hanReading
}

// allReadings are made when the first text without a usable label comes.
var allReadings = sync.OnceValue(func() *readings { return makeReadings(languageTable) })

func makeReadings(table string) *readings {
	all := &readings{}
	// English has no letters beyond ASCII, but quotation marks.
	letters, pairs := "", map[string]uint8{}
	lang := &language{name: "en", charsets: []string{"windows-1252"}}
	finish := func() { all.add(lang, letters, pairs) }
	for ln := range strings.Lines(table) {
		key, rest, _ := strings.Cut(strings.TrimSpace(ln), " ")
		switch key {
		case "", "#":
		case "lang":
			finish()
			words := strings.Fields(rest)
			lang, letters, pairs = &language{name: words[0]}, "", map[string]uint8{}
			for _, w := range words[1:] {
				if w[0] == '.' {
					lang.domains = append(lang.domains, w)
				} else {
					lang.charsets = append(lang.charsets, w)
				}
			}
		case "letters":
			letters = rest
		default:
			bits, _ := strconv.Atoi(key)
			for w := range strings.FieldsSeq(rest) {
				if letters != "" {
					pairs[w] = uint8(bits)
					continue
				}
				for _, r := range w {
					pairs[string(r)] = uint8(bits)
				}
			}
		}
	}
	finish()
	return all
}

func (all *readings) add(lang *language, letters string, pairs map[string]uint8) {
	if letters == "" && len(pairs) > 0 {
		for _, name := range lang.charsets {
			all.han = append(all.han, makeHan(lang, name, pairs))
		}
		return
	}
	latin := true
	for _, r := range letters {
		latin = latin && unicode.Is(unicode.Latin, r)
	}
	index := map[rune]uint8{}
	if latin {
		for r := 'a'; r <= 'z'; r++ {
			index[r] = firstLetter + uint8(len(index))
		}
	}
	for _, r := range letters {
		if _, ok := index[r]; !ok && firstLetter+len(index) < classes {
			index[r] = firstLetter + uint8(len(index))
		}
	}
	lang.width = firstLetter + len(index)
	lang.cost = pairCosts(lang.width, index, pairs)
	for _, name := range lang.charsets {
		cm, ok := Lookup(name).(*charmap.Charmap)
		if !ok {
			continue
		}
		rd := reading{charset: cm, name: name, lang: lang}
		for b := range rd.class {
			rd.class[b] = classOf(byte(b), cm.DecodeByte(byte(b)), index, latin)
		}
		all.single = append(all.single, rd)
	}
}

func pairCosts(width int, index map[rune]uint8, pairs map[string]uint8) []uint8 {
	t := make([]uint8, width*width)
	for a := range width {
		for b := range width {
			t[a*width+b] = max(sideCost(a, b, false), sideCost(b, a, true))
		}
	}
	for pair, bits := range pairs {
		a, n := utf8.DecodeRuneInString(pair)
		b, _ := utf8.DecodeRuneInString(pair[n:])
		t[int(index[a])*width+int(index[b])] = bits // "_" is in no index: blankClass
	}
	return t
}

// sideCost is what class a costs with class b after it, or before it.
func sideCost(a, b int, after bool) uint8 {
	letter := b >= firstLetter || b == foreignClass
	switch a {
	case noneClass:
		return noneCost
	case foreignClass:
		return foreignCost
	case rareClass:
		return rareCost - 6*uint8(btoi(!letter))
	case openClass, closeClass:
		if letter && after == (a == openClass) {
			return unseenCost // “ behind a letter
		}
		return 6
	case signClass:
		return 7 + 3*uint8(btoi(letter))
	}
	if a >= firstLetter {
		return unseenCost - 2*uint8(btoi(!letter))
	}
	return 0
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// classOf is the class of a byte that stands for r.
func classOf(b byte, r rune, index map[rune]uint8, latin bool) uint8 {
	low := unicode.ToLower(r)
	if r == 'İ' {
		low = 'i'
	}
	mark := uint8(0)
	if low != r {
		mark = capital
	}
	if i, ok := index[low]; ok {
		return i | mark
	}
	switch {
	case b < utf8.RuneSelf && !unicode.IsLetter(r):
		return blankClass
	case r == utf8.RuneError, unicode.IsControl(r):
		return noneClass
	case strings.ContainsRune("“„«‘‚‹¡¿", r):
		return openClass
	case strings.ContainsRune("”»’›", r):
		return closeClass
	case strings.ContainsRune("–—…€£§©®™°•\u00a0·№", r):
		return signClass
	case unicode.IsLetter(r) && (b >= utf8.RuneSelf || !latin):
		return foreignClass | mark
	}
	return rareClass
}
