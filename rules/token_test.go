package rules_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/rules"
)

func TestFindTokens(t *testing.T) {
	t.Parallel()
	s := compileOne(t, `
token "close" { then { close() } }
token "Priority" { then { priority(value) } }
`)
	for _, c := range []struct {
		name, text, marker string
		want               []rules.Token
	}{
		{"none", "just text", "", nil},
		{"plain", "a [[close]] b", "", []rules.Token{{Name: "close", Start: 2, End: 11}}},
		{"value", "[[priority:  very urgent ]]", "", []rules.Token{{Name: "Priority", Value: "very urgent", End: 27}}},
		{"case", "[[PRIORITY: x]]", "", []rules.Token{{Name: "Priority", Value: "x", End: 15}}},
		{"spaces", "[[ close ]]", "", []rules.Token{{Name: "close", End: 11}}},
		{"unknown name", "[[open]] [[close]]", "", []rules.Token{{Name: "close", Start: 9, End: 18}}},
		{"not over lines", "[[priority: a\nb]]", "", nil},
		{"a bracket too many", "[[[close]]]", "", []rules.Token{{Name: "close", Start: 1, End: 10}}},
		{"one inside another", "[[priority: [[close]]", "", []rules.Token{{Name: "close", Start: 12, End: 21}}},
		{"never closed", "[[close", "", nil},
		{"value with a colon", "[[priority: a: b]]", "", []rules.Token{{Name: "Priority", Value: "a: b", End: 18}}},
		{"umlauts before", "äöü [[close]]", "", []rules.Token{{Name: "close", Start: 7, End: 16}}},
		{"own marker", "a {{close}} [[close]]", "{{", []rules.Token{{Name: "close", Start: 2, End: 11}}},
		{"mirrored marker", "<#close#>", "<#", []rules.Token{{Name: "close", End: 9}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, s.FindTokens(c.text, c.marker)); diff != "" {
				t.Errorf("FindTokens(%q) (-want +got):\n%s", c.text, diff)
			}
		})
	}
}

// What is found stands where it says, in any text.
func FuzzFindTokens(f *testing.F) {
	s := compileOne(f, `token "close" { then { close() } }`)
	for _, text := range []string{"[[close]]", "[[[close: x]]]", "[[close: [[close]]", "\xff[[close]]\xff", "[[close:\r]]"} {
		f.Add(text, "[[")
	}
	f.Add("<!close!>", "<!")
	f.Fuzz(func(t *testing.T, text, marker string) {
		end := 0
		for _, tok := range s.FindTokens(text, marker) {
			if tok.Start < end || tok.End <= tok.Start || tok.End > len(text) {
				t.Fatalf("%q: token %+v after %d", text, tok, end)
			}
			if len(marker) > 0 && text[tok.Start:tok.Start+len(marker)] != marker {
				t.Fatalf("%q: token %+v does not start with the marker", text, tok)
			}
			if tok.Name != "close" {
				t.Fatalf("%q: token %+v is not one of the set", text, tok)
			}
			end = tok.End
		}
	})
}
