package rules_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postern/rules"
)

// What is a command to a set is found in its text, also where that was quoted, or its lines were broken.
func FuzzSaid(f *testing.F) {
	s := compileOne(f, `token "close" { then { close() } }
token "set-it" { then { priority(value) } }`)
	for _, text := range []string{
		"[[close]]", "[[[close: x]]]", "[[close: [[close]]", "\xff[[close]]\xff", "[[close:\r]]", "[[ Set-It : a b ]]", "[[close]", "[[x]] [[close: é]]", "]]close[[close]]",
		"[[close: ſtraße ꟿ ẞ]]", "[[close: e\u0301]]", "[[close: " + strings.Repeat("x", 500) + "]]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted := "> " + strings.ReplaceAll(text, "\n", "\n> ")
		for how, earlier := range map[string]string{
			"as it is": text, "quoted": quoted, "wrapped": strings.ReplaceAll(quoted, " ", "\n> "), "upper": strings.ToUpper(text), "shortened": strings.ReplaceAll(text, " ", ""),
		} {
			said := rules.NewSaid("[[")
			said.Add(earlier)
			keys, all := said.Keys()
			for _, token := range s.FindTokens(text, "[[") {
				if all && !slices.Contains(keys, token.Key()) {
					t.Fatalf("%s: %q is not among %q of %q", how, token.Key(), keys, earlier)
				}
			}
		}
	})
}

// No text takes long: what stands between a command's characters is read a few times at most.
func TestSaidIsLinear(t *testing.T) {
	t.Parallel()
	space := strings.Repeat(" ", 1000)
	for _, unit := range []string{"[" + space, "[[" + space, "[[a" + space, "[[" + strings.Repeat("a"+space[:50], 20), "[[a]", "[]"} {
		text := strings.Repeat(unit, 4_000_000/len(unit))
		began := time.Now()
		said := rules.NewSaid("")
		said.Add(text)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("4 MB of %.10q took %v", unit, took)
		}
	}
}

func BenchmarkSaid(b *testing.B) {
	text := strings.Repeat("A line of a mail with [brackets] and [image: one.png] in it, as they are.\n", 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		rules.NewSaid("[[").Add(text)
	}
}
