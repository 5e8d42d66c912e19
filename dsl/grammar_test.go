package dsl_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/dsl"
)

// A grammar is what the ebnf block of docs/rules.md says: for each name what it stands for.
type grammar map[string]*production

// A production is a terminal, a name, a sequence, a choice, or something that may be left out or repeated.
type production struct {
	kind  byte // 't', 'n', 's', '|', '[', '{'
	text  string
	parts []*production
}

var ebnfToken = regexp.MustCompile(`\(\*.*?\*\)|"[^"]*"|'[^']*'|[A-Za-z]+|[=;|\[\](){}]`)

func readGrammar(t *testing.T) grammar {
	t.Helper()
	page, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "```ebnf\n")
	text, _, ok2 := strings.Cut(text, "```")
	if !ok || !ok2 {
		t.Fatal("docs/rules.md has no grammar")
	}
	if left := strings.TrimSpace(ebnfToken.ReplaceAllString(text, "")); left != "" {
		t.Fatalf("the grammar holds %q", left)
	}
	r := &ebnfReader{t: t}
	for _, s := range ebnfToken.FindAllString(text, -1) {
		if !strings.HasPrefix(s, "(*") {
			r.tokens = append(r.tokens, s)
		}
	}
	g := grammar{}
	for len(r.tokens) > 0 {
		name := r.take()
		r.want("=")
		if g[name] != nil {
			t.Errorf("%s is said twice", name)
		}
		g[name] = r.choice()
		r.want(";")
	}
	return g
}

type ebnfReader struct {
	t      *testing.T
	tokens []string
}

func (r *ebnfReader) take() string {
	if len(r.tokens) == 0 {
		r.t.Fatal("the grammar ends early")
	}
	s := r.tokens[0]
	r.tokens = r.tokens[1:]
	return s
}

func (r *ebnfReader) want(s string) {
	if got := r.take(); got != s {
		r.t.Fatalf("the grammar has %q where %q belongs, before %q", got, s, r.tokens)
	}
}

func (r *ebnfReader) choice() *production {
	p := &production{kind: '|', parts: []*production{r.sequence()}}
	for r.tokens[0] == "|" {
		r.take()
		p.parts = append(p.parts, r.sequence())
	}
	return p
}

func (r *ebnfReader) sequence() *production {
	p := &production{kind: 's'}
	for !slices.Contains([]string{"|", ";", ")", "]", "}"}, r.tokens[0]) {
		switch s := r.take(); s[0] {
		case '"', '\'':
			p.parts = append(p.parts, &production{kind: 't', text: s[1 : len(s)-1]})
		case '(':
			p.parts = append(p.parts, r.choice())
			r.want(")")
		case '[', '{':
			inner := r.choice()
			p.parts = append(p.parts, &production{kind: s[0], parts: []*production{inner}})
			r.want(map[byte]string{'[': "]", '{': "}"}[s[0]])
		default:
			p.parts = append(p.parts, &production{kind: 'n', text: s})
		}
	}
	return p
}

// walk visits a production and all below it.
func (p *production) walk(visit func(*production)) {
	visit(p)
	for _, part := range p.parts {
		part.walk(visit)
	}
}

// What stands in capitals, and expression, is written by hand.
var written = map[string]func(*rand.Rand) string{
	"NAME":   func(r *rand.Rand) string { return fmt.Sprintf("%s%d", pick(r, "a", "_b", "ünique"), r.IntN(100)) },
	"TEXT":   func(r *rand.Rand) string { return pick(r, `"a } text"`, `'it\'s'`, "`back\\slash`") },
	"NUMBER": func(r *rand.Rand) string { return pick(r, "10", "2.5") },
	"DATE":   func(r *rand.Rand) string { return pick(r, "2026-12-31", `"2026-12-31T18:00:00+01:00"`) },
	"BLOCK":  func(r *rand.Rand) string { return "\"\"\"\n    Subject: x\n\n    text {\n    \"\"\"" },
	"END":    func(r *rand.Rand) string { return pick(r, "\n", "\n", ";", "\n\n", "; // x\n") },
	"expression": func(r *rand.Rand) string {
		return pick(r, "true", "a + 1", "[1,\n 2]", `"then"`, "(a\n and b)", "{a: 1}.a", "has(a, ['x'])", "any(a, {.b == 1})", "a ? b : c", "not a", "if a { b } else { c }", "(let x = 1; x)")
	},
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// once are names of which each alternative comes once in a block, as the grammar's remarks say.
var once = []string{"attribute", "given"}

// A speaker makes sentences of a grammar.
type speaker struct {
	g    grammar
	r    *rand.Rand
	used map[*production]bool // alternatives of once
	b    strings.Builder
}

func (s *speaker) say(p *production) {
	switch p.kind {
	case 't':
		s.b.WriteString(p.text + " ")
		if p.text == "file" { // file ("x") is a call
			return
		}
	case 'n':
		if write := written[p.text]; write != nil {
			s.b.WriteString(write(s.r) + " ")
			return
		}
		if p.text == "rule" || p.text == "token" || p.text == "test" {
			s.used = map[*production]bool{}
		}
		next := s.g[p.text]
		if p.text == "on" {
			if s.used[next] {
				return
			}
			s.used[next] = true
		}
		if slices.Contains(once, p.text) {
			s.sayOnce(next)
			return
		}
		s.say(next)
	case 's':
		for _, part := range p.parts {
			s.say(part)
		}
	case '|':
		s.say(p.parts[s.r.IntN(len(p.parts))])
	case '[':
		if s.r.IntN(2) == 0 {
			s.say(p.parts[0])
		}
	case '{':
		for range s.r.IntN(3) {
			s.say(p.parts[0])
		}
	}
}

// sayOnce says an alternative that was not said in this block; nothing where that was.
func (s *speaker) sayOnce(p *production) {
	at := p
	for len(at.parts) == 1 {
		at = at.parts[0]
	}
	if at.kind == 's' { // a word before the choice
		choice := at.parts[len(at.parts)-1]
		alternative := choice.parts[s.r.IntN(len(choice.parts))]
		if !s.used[alternative] {
			s.used[alternative] = true
			for _, part := range at.parts[:len(at.parts)-1] {
				s.say(part)
			}
			s.say(alternative)
		}
		return
	}
	alternative := at.parts[s.r.IntN(len(at.parts))]
	if !s.used[alternative] {
		s.used[alternative] = true
		s.say(alternative)
	}
}

// Sentences of the grammar are files that parse, and that fmt lays out once and for all.
func TestGrammarParses(t *testing.T) {
	t.Parallel()
	g := readGrammar(t)
	said := map[string]bool{}
	for seed := range uint64(600) {
		s := &speaker{g: g, r: rand.New(rand.NewPCG(seed, 9)), used: map[*production]bool{}}
		s.say(g["file"])
		text := s.b.String()
		if _, diags := dsl.Parse("g.rules", []byte(text)); len(diags) > 0 {
			t.Fatalf("seed %d: %s\n%s", seed, diags.Text(), text)
		}
		once, err := dsl.Format("g.rules", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := dsl.Format("g.rules", once); err != nil || string(twice) != string(once) {
			t.Fatalf("seed %d: %v\n%s\nand then\n%s", seed, err, once, twice)
		}
		for _, w := range dsl.Keywords() {
			said[w] = said[w] || strings.Contains(text, w+" ")
		}
	}
	for _, w := range slices.Sorted(maps.Keys(said)) {
		if !said[w] {
			t.Errorf("no sentence had %s in it", w)
		}
	}
}

// Each keyword of the parser is one of the grammar, and the other way round; each name is said what it is.
func TestGrammarIsComplete(t *testing.T) {
	t.Parallel()
	g := readGrammar(t)
	words, used := map[string]bool{}, map[string]bool{"file": true}
	for _, p := range g {
		p.walk(func(p *production) {
			switch {
			case p.kind == 't' && regexp.MustCompile(`^\w+$`).MatchString(p.text):
				words[p.text] = true
			case p.kind == 'n':
				used[p.text] = true
				if g[p.text] == nil && written[p.text] == nil {
					t.Errorf("%s is not said", p.text)
				}
			}
		})
	}
	keywords := append(dsl.Keywords(), "file")
	for _, w := range keywords {
		if !words[w] {
			t.Errorf("the grammar has no %q", w)
		}
	}
	for w := range words {
		if !slices.Contains(keywords, w) {
			t.Errorf("%q is no keyword", w)
		}
	}
	for name := range g {
		if !used[name] {
			t.Errorf("%s is used nowhere", name)
		}
	}
}
