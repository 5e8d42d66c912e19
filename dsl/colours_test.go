package dsl_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
)

const grammarFile = "../editors/vscode/syntaxes/rules.tmLanguage.json"

// The grammar of colours knows the words that the language has; go test ./dsl -update writes them.
func TestColoursKnowTheWords(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(grammarFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(file)
	for key, match := range dsl.Colours() {
		at := regexp.MustCompile(`(?s)("` + key + `": \{.*?"match": )"(?:[^"\\]|\\.)*"`)
		if !at.MatchString(text) {
			t.Fatalf("%s has no place for %s", grammarFile, key)
		}
		quoted, _ := json.Marshal(match)
		text = at.ReplaceAllStringFunc(text, func(s string) string { return at.FindStringSubmatch(s)[1] + string(quoted) })
	}
	if *update && text != string(file) {
		if err := os.WriteFile(grammarFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(text, string(file)); diff != "" {
		t.Errorf("%s is out of date (go test ./dsl -update):\n%s", grammarFile, diff)
	}
}

// An example is coloured as its golden file says.
func TestColours(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(grammarFile)
	if err != nil {
		t.Fatal(err)
	}
	var g grammarOfColours
	if err := json.Unmarshal(file, &g); err != nil {
		t.Fatal(err)
	}
	g.compile(t)
	example, err := os.ReadFile("testdata/colours.rules")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/colours.txt"
	got := g.colour(string(example))
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// A colourRule is a rule of a TextMate grammar, of those kinds that ours has. Its regular expressions are such that RE2 and Oniguruma
// read them alike: nothing looks ahead or back.
type colourRule struct {
	Name, ContentName, Match, Begin, End, Include string
	Captures, BeginCaptures, EndCaptures          map[string]struct{ Name string }
	Patterns                                      []*colourRule

	match, end *regexp.Regexp
}

type grammarOfColours struct {
	Patterns   []*colourRule
	Repository map[string]*colourRule
}

func (g *grammarOfColours) compile(t *testing.T) {
	var walk func(rules []*colourRule)
	walk = func(rules []*colourRule) {
		for _, r := range rules {
			var err, err2 error
			r.match, err = regexp.Compile("(?m)" + r.Match + r.Begin)
			r.end, err2 = regexp.Compile("(?m)" + r.End)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if r.Include != "" && g.Repository[r.Include[1:]] == nil {
				t.Fatalf("there is no %s", r.Include)
			}
			walk(r.Patterns)
		}
	}
	walk(g.Patterns)
	for _, r := range g.Repository {
		walk([]*colourRule{r})
	}
}

// leaves are the rules that match something, in order.
func (g *grammarOfColours) leaves(rules []*colourRule) (out []*colourRule) {
	for _, r := range rules {
		switch {
		case r.Include != "":
			out = append(out, g.leaves([]*colourRule{g.Repository[r.Include[1:]]})...)
		case r.Match == "" && r.Begin == "":
			out = append(out, g.leaves(r.Patterns)...)
		default:
			out = append(out, r)
		}
	}
	return out
}

// colour says what each line is made of, as an editor does it: of the rules that match first the one that begins first wins, and of
// those the first; what begins goes on until its end, over lines.
func (g *grammarOfColours) colour(text string) string {
	var b strings.Builder
	var open *colourRule
	for line := range strings.Lines(text) {
		fmt.Fprintf(&b, "%s\n", strings.TrimSuffix(line, "\n"))
		say := func(from, to int, name string) {
			if piece := strings.TrimSpace(line[from:to]); piece != "" && name != "" {
				fmt.Fprintf(&b, "    %-14s %s\n", strings.TrimSuffix(name, ".postern-rules"), piece)
			}
		}
		for at := 0; at <= len(line); {
			rules := g.Patterns
			if open != nil {
				rules = open.Patterns
			}
			var best *colourRule
			var where []int
			for _, r := range g.leaves(rules) {
				if m := from(r.match, line, at); m != nil && (where == nil || m[0] < where[0]) {
					best, where = r, m
				}
			}
			if open != nil {
				if m := from(open.end, line, at); m != nil && (where == nil || m[0] <= where[0]) {
					say(at, m[0], open.ContentName+open.Name)
					say(m[0], m[1], open.EndCaptures["0"].Name+open.Name)
					at, open = m[1], nil
					continue
				}
				if where == nil {
					say(at, len(line), open.ContentName+open.Name)
					break
				}
				say(at, where[0], open.ContentName+open.Name)
			}
			if where == nil {
				break
			}
			if best.Begin != "" {
				open = best
				if len(best.BeginCaptures) == 0 {
					say(where[0], where[1], best.Name)
				}
			} else {
				say(where[0], where[1], best.Name)
			}
			for i := 1; 2*i < len(where); i++ {
				if where[2*i] >= 0 {
					say(where[2*i], where[2*i+1], best.Captures[fmt.Sprint(i)].Name+best.BeginCaptures[fmt.Sprint(i)].Name)
				}
			}
			at = max(where[1], at+1)
			if where[1] > where[0] {
				at = where[1]
			}
		}
	}
	return b.String()
}

// from finds a match that begins at a byte of a line or behind it.
func from(re *regexp.Regexp, line string, at int) []int {
	for _, m := range re.FindAllStringSubmatchIndex(line, -1) {
		if m[0] >= at {
			return m
		}
	}
	return nil
}
