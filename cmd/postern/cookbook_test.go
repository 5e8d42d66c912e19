package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
	"postern/internal/app"
)

const (
	cookbook     = "../../examples/rules"
	cookbookPage = "../../docs/cookbook.md"
	mostRecipes  = 2 * time.Minute // for all changes of all recipes, on a busy machine
)

// The folder is one set: its recipes get on with each other.
func TestCookbookTogether(t *testing.T) {
	t.Parallel()
	proven(t, cookbook)
}

// And each recipe works alone, beside the configuration and the lists: that is what people take.
func TestCookbookAlone(t *testing.T) {
	t.Parallel()
	paths := recipes(t)
	if len(paths) < 40 {
		t.Errorf("%d recipes", len(paths))
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(filepath.Join(dir, "lists"), os.DirFS(filepath.Join(cookbook, "lists"))); err != nil {
				t.Fatal(err)
			}
			text := copied(t, path, dir)
			copied(t, filepath.Join(cookbook, "postern.yaml"), dir)
			if laidOut, err := dsl.Format(path, text); err != nil || string(laidOut) != string(text) {
				t.Errorf("postern fmt would change it: %v", err)
			}
			if !strings.HasPrefix(string(text), "// ") {
				t.Error("it does not say what it is for")
			}
			proven(t, dir)
		})
	}
}

// proven: check says nothing, the tests pass, see everything, and would notice if anything were otherwise.
func proven(t *testing.T, dir string) {
	t.Helper()
	c := app.Check(app.Options{Config: filepath.Join(dir, "postern.yaml"), Getenv: func(string) string { return "" }, Stderr: io.Discard, Now: time.Now})
	if len(c.Problems) > 0 {
		t.Fatalf("check says\n%s", strings.Join(c.Problems, "\n"))
	}
	mutation, report := c.Rules.Mutate(t.Context(), c.Simulate(), mostRecipes)
	if !report.OK() || len(report.Tests) == 0 {
		t.Fatalf("of %d tests some fail: %v", len(report.Tests), report)
	}
	if mutation.Percent() < 100 || mutation.Untried > 0 {
		t.Errorf("%d untried; not noticed: %v", mutation.Untried, mutation.Survivors)
	}
	if cover, _ := c.Rules.Cover(t.Context(), c.Simulate()); cover.Percent() < 100 {
		t.Errorf("not covered: %v", cover.Gaps)
	}
}

func recipes(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(cookbook, "*.rules"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func copied(t *testing.T, path, dir string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return text
}

// shelves are the parts of the page, by the first digit of a recipe's name.
var shelves = []string{
	1: "At the door", 2: "What machines answer, and what nobody waits for", 3: "Monitoring and other machines",
	4: "Forms, documents and numbers", 5: "To whom, and how urgent", 6: "Conversations", 7: "On trial, and for a time",
}

var firstSentence = regexp.MustCompile(`^(.*?\.)(?: |$)`)

// docs/cookbook.md lists what lies in the folder, with what each recipe says of itself; go test ./cmd/postern -update writes it.
func TestCookbookIsListed(t *testing.T) {
	page, err := os.ReadFile(cookbookPage)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- recipes -->\n", "<!-- end of recipes -->"
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the recipes", cookbookPage)
	}
	text := before + begin + tableOfRecipes(t) + end + after
	if *update {
		if err := os.WriteFile(cookbookPage, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(text, string(page)); diff != "" {
		t.Errorf("%s is out of date (go test ./cmd/postern -update):\n%s", cookbookPage, diff)
	}
}

func tableOfRecipes(t *testing.T) string {
	var b strings.Builder
	shelf := 0
	for _, path := range recipes(t) {
		name := filepath.Base(path)
		if at := int(name[0] - '0'); at != shelf && at < len(shelves) {
			shelf = at
			fmt.Fprintf(&b, "\n### %s\n\n| recipe | what it is for |\n|---|---|\n", shelves[shelf])
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for line := range strings.SplitSeq(string(text), "\n") {
			line, comment := strings.CutPrefix(line, "// ")
			if !comment {
				break
			}
			said = append(said, line)
		}
		about := strings.Join(said, " ")
		if m := firstSentence.FindStringSubmatch(about); m != nil {
			about = m[1]
		}
		fmt.Fprintf(&b, "| [%s](../examples/rules/%s) | %s |\n", strings.TrimSuffix(name, ".rules"), name, strings.ReplaceAll(about, "|", `\|`))
	}
	b.WriteString("\n")
	return b.String()
}
