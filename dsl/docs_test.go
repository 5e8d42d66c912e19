package dsl_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
)

// Every snippet of the reference compiles, on its own.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	snippets := strings.Split(string(text), "```rules\n")[1:]
	if len(snippets) < 5 {
		t.Fatalf("only %d snippets", len(snippets))
	}
	for i, s := range snippets {
		s, _, _ = strings.Cut(s, "\n```")
		if formatted, err := dsl.Format("docs/rules.md", []byte(s)); err != nil || string(formatted) != s+"\n" {
			t.Errorf("snippet %d is not laid out in the one way: %v\n%s", i+1, err, formatted)
		}
		p, diags := compile("docs/rules.md", s+"\n", options())
		if len(diags) > 0 {
			t.Errorf("snippet %d:\n%s\n%s", i+1, s, diags.Text())
			continue
		}
		if len(p.Rules)+len(p.Tokens)+len(p.Tests) == 0 {
			t.Errorf("snippet %d holds nothing", i+1)
		}
	}
}

// Every kind of warning has a snippet in the reference of which it is told, and nothing else is.
func TestWarningsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range strings.Split(string(text), "```warns ")[1:] {
		code, s, _ := strings.Cut(s, "\n")
		s, _, _ = strings.Cut(s, "\n```")
		got = append(got, code)
		if formatted, err := dsl.Format("docs/rules.md", []byte(s)); err != nil || string(formatted) != s+"\n" {
			t.Errorf("%s is not laid out in the one way: %v\n%s", code, err, formatted)
		}
		_, diags := compile("docs/rules.md", s+"\n", options())
		if len(diags) == 0 {
			t.Errorf("%s: nothing is told of\n%s", code, s)
		}
		for _, d := range diags {
			if d.Code != code || d.Severity != dsl.SeverityWarning || d.Hint == "" {
				t.Errorf("%s: %s", code, d.Text())
			}
		}
	}
	if diff := cmp.Diff(dsl.WarningCodes(), got); diff != "" {
		t.Errorf("documented otherwise (-there are +documented):\n%s", diff)
	}
}

// Every function, action and field that a rule can name stands in the reference.
func TestDocumentationIsComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(string(text), func(r rune) bool { return r != '_' && (r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' || r > 'z') }) {
		words[w] = true
	}
	for _, name := range dsl.Names() {
		if !words[name] {
			t.Errorf("docs/rules.md does not say what %s is", name)
		}
	}
}
