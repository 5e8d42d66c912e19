package dsl

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// A Found is what find(text, `regex`) found: m.found, m[1], and m.host for (?P<host>…).
type Found struct {
	Found  bool `expr:"found"`
	groups []string
}

func (f *Found) group(i int) string {
	if f == nil || i < 0 || i >= len(f.groups) {
		return ""
	}
	return f.groups[i]
}

// A pattern is a regular expression with its size, by which its worst cost is known. It is checked when rules are loaded and compiled when it is
// first used: of ten thousand rules the index rules nearly all out.
type pattern struct {
	source string
	groups []string // their names, "" for one that has none; the first is the whole
	size   int      // instructions

	once sync.Once
	re   *regexp.Regexp
	err  error // none where it was checked

	literals []string // of which one is in whatever matches, but for the case of its letters; none where that is not sure
	words    *Words   // the same, once they were looked for
}

func (p *pattern) compiled() (*regexp.Regexp, error) {
	p.once.Do(func() { p.re, p.err = regexp.Compile(p.source) })
	return p.re, p.err
}

// group is the number of a named group, -1 for none.
func (p *pattern) group(name string) int {
	if name == "" {
		return -1
	}
	return slices.Index(p.groups, name)
}

// mostInstructions bounds the memory of all patterns of a set, some 50 bytes each; slowestRedact the size of one that is
// used to redact, which is done to texts of any length and cannot be stopped.
const (
	mostInstructions = 2_000_000
	slowestRedact    = 500
)

// Of one pattern: instructions, and their product with its groups, since what it found of each group so far is kept for each
// instruction that a match has reached.
const (
	largestPattern = 500_000
	mostGrouped    = 2_000_000
)

func newPattern(s string) (*pattern, error) {
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, err
	}
	p := &pattern{source: s, groups: tree.CapNames(), size: 2*len(s) + 2} // what each character may come to, where nothing is repeated {n} times
	if strings.Contains(s, "{") {
		p.size = sizeOf(tree)
	}
	if p.size > largestPattern {
		return nil, errLargePattern
	}
	if p.size*(len(p.groups)-1) > mostGrouped {
		return nil, errManyGroups
	}
	p.literals = needed(tree)
	return p, nil
}

var (
	errLargePattern = errors.New("it is too large; look for words with has, which takes a list, or repeat {n} less")
	errManyGroups   = errors.New("it has too many groups for its size; write (?:…) where nothing is to be found")
)

// sizeOf is how many instructions an expression comes to, roughly, without making them: one that is repeated {n} times is made n times.
func sizeOf(re *syntax.Regexp) int {
	n := 1
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpRepeat:
		times := max(re.Min, re.Max) // -1 for no maximum
		return min(sizeOf(re.Sub[0])+1, largestPattern+1)*max(times, 1) + 1
	}
	for _, sub := range re.Sub {
		if n += sizeOf(sub) + 1; n > largestPattern {
			return largestPattern + 1
		}
	}
	return min(n+1, largestPattern+1)
}

// weight is what a pattern takes of memory, in instructions: the tables of Unicode's classes are copied into it.
func (p *pattern) weight() int {
	return p.size + 500*(strings.Count(p.source, `\p`)+strings.Count(p.source, `\P`))
}

// heavyMatch is the product of a pattern's and a text's size above which a match might take more than
// some ten milliseconds, and so is made through a reader that can be stopped.
const heavyMatch = 4 << 20

func (p *pattern) match(r *Run, s string) (bool, error) {
	if err := r.pause(); err != nil {
		return false, err
	}
	re, err := p.compiled()
	if err != nil {
		return false, err
	}
	if p.size*len(s) <= heavyMatch {
		return re.MatchString(s), nil
	}
	in := &runeReader{run: r, text: s}
	ok := re.MatchReader(in)
	return ok, in.err
}

func (p *pattern) find(r *Run, s string) (*Found, error) {
	if err := r.pause(); err != nil {
		return nil, err
	}
	re, err := p.compiled()
	if err != nil {
		return nil, err
	}
	var at []int
	if p.size*len(s) <= heavyMatch {
		at = re.FindStringSubmatchIndex(s)
	} else {
		in := &runeReader{run: r, text: s}
		at = re.FindReaderSubmatchIndex(in)
		if in.err != nil {
			return nil, in.err
		}
	}
	f := &Found{Found: at != nil}
	for i := 0; i+1 < len(at); i += 2 {
		group := ""
		if at[i] >= 0 {
			group = s[at[i]:at[i+1]]
		}
		f.groups = append(f.groups, group)
	}
	return f, nil
}

// A runeReader hands out a text and ends early when the budget is spent.
type runeReader struct {
	run  *Run
	text string
	n    int
	err  error
}

func (in *runeReader) ReadRune() (rune, int, error) {
	if in.n++; in.n%512 == 0 && in.err == nil {
		in.err = in.run.pause()
	}
	if in.err != nil || in.text == "" {
		return 0, 0, io.EOF
	}
	r, size := utf8.DecodeRuneInString(in.text)
	in.text = in.text[size:]
	return r, size, nil
}

// has says whether one of the words or phrases stands in the text as a whole, ignoring case.
func has(r *Run, text string, words []string) (bool, error) {
	text, err := r.folded(text)
	if err != nil {
		return false, err
	}
	for _, w := range words {
		if err := r.step(); err != nil {
			return false, err
		}
		found, err := hasWord(r, text, foldSpace(strings.ToLower(w)))
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// longWord is what a word or phrase may have, in bytes, that is looked for without a look at the clock between two places.
const longWord = 500

func hasWord(r *Run, text, word string) (bool, error) {
	if word == "" {
		return false, nil
	}
	first, _ := utf8.DecodeRuneInString(word)
	last, _ := utf8.DecodeLastRuneInString(word)
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false, nil
		}
		if len(word) > longWord {
			if err := r.pause(); err != nil {
				return false, err
			}
		}
		start, end := from+i, from+i+len(word)
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !(inWord(first) && start > 0 && inWord(before)) && !(inWord(last) && end < len(text) && inWord(after)) {
			return true, nil
		}
		_, size := utf8.DecodeRuneInString(text[start:])
		from = start + size
	}
}

func inWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// foldSpace makes each run of white space one space, so that a phrase is found across lines.
func foldSpace(s string) string {
	if !strings.ContainsAny(s, "\n\r\t") && !strings.Contains(s, "  ") {
		return s
	}
	return strings.Join(strings.Fields(s), " ")
}

// longestDomain is what may be a domain, in bytes; RFC 1035 2.3.4 allows 255, more is for its Unicode form.
const longestDomain = 1000

// under says whether a domain is one of the given ones or below one.
func under(r *Run, domain string, parents []string) (bool, error) {
	domain = plainDomain(domain)
	for _, p := range parents {
		if err := r.step(); err != nil {
			return false, err
		}
		p = plainDomain(p)
		if p != "" && (domain == p || strings.HasSuffix(domain, "."+p)) {
			return true, nil
		}
	}
	return false, nil
}

// underAny is under for a large list: it climbs from the domain to its parents.
func underAny(domain string, parents *Entries) bool {
	for d := plainDomain(domain); d != ""; {
		if parents.Has(d) {
			return true
		}
		_, d, _ = strings.Cut(d, ".")
	}
	return false
}

// plainDomain is lower case, in ASCII form, without leading @ or dot and without a dot at the end; "" for what is no domain.
func plainDomain(s string) string {
	if len(s) > longestDomain {
		return ""
	}
	s = strings.TrimSuffix(strings.TrimLeft(strings.ToLower(s), "@."), ".")
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			if ascii, err := idna.Lookup.ToASCII(s); err == nil {
				return ascii
			}
			break
		}
	}
	return s
}

func describeRegexError(err error) string {
	if e, ok := err.(*syntax.Error); ok {
		return fmt.Sprintf("this regular expression is wrong: %s: %s", e.Code, quoteShort(e.Expr))
	}
	return "this regular expression is wrong: " + err.Error()
}
