package rules

import (
	"math/rand/v2"
	"strings"
	"testing"

	"postern/dsl"
)

// An automaton finds what strings.Contains finds, whatever words and texts are.
func TestAutomaton(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		random := func(n int) string {
			var b strings.Builder
			for range 1 + r.IntN(n) {
				b.WriteRune([]rune("aAbBcİıKſäÄ語 ")[r.IntN(12)])
			}
			return b.String()
		}
		known := map[string]bool{}
		var words []string
		for range 1 + r.IntN(30) {
			if w := dsl.Fold(random(6)); !known[w] {
				known[w] = true
				words = append(words, w)
			}
		}
		a := newAutomaton(words)
		for range 10 {
			text := random(60)
			got := map[string]int{}
			a.scan(text, newBits(len(a.nodes)), func(w int32) { got[words[w]]++ })
			for _, w := range words {
				want := 0
				if strings.Contains(dsl.Fold(text), w) {
					want = 1
				}
				if got[w] != want {
					t.Fatalf("seed %d: %q in %q told %d times, want %d", seed, w, text, got[w], want)
				}
			}
		}
	}
}

// BenchmarkScan is a text of 8 KiB in search of ten thousand words.
func BenchmarkScan(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	word := func() string {
		w := make([]byte, 4+r.IntN(10))
		for i := range w {
			w[i] = 'a' + byte(r.IntN(26))
		}
		return string(w)
	}
	known := map[string]bool{}
	var words []string
	for len(words) < 10_000 {
		if w := word(); !known[w] {
			known[w] = true
			words = append(words, w)
		}
	}
	a := newAutomaton(words)
	var text strings.Builder
	for text.Len() < 8<<10 {
		text.WriteString(word() + " ")
	}
	seen := newBits(len(a.nodes))
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		clear(seen)
		a.scan(text.String(), seen, func(int32) {})
	}
}
