package dsl_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"postern/dsl"
)

// marked stands in every file that is tried, and so must stand in no message.
const marked = "zqxjkvw"

// Whatever stands in a list's file, reading it ends, its entries are lower-case UTF-8, and what is wrong is told by name and line alone.
func FuzzListFile(f *testing.F) {
	names := []string{"a.txt", "a.csv", "a.tsv", "a.json", "a.yaml"}
	for _, c := range listCases {
		if len(c.content) < 10_000 {
			f.Add(uint8(max(0, slices.Index(names, c.file))), c.options, []byte(c.content), uint16(len(c.content)/2))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, args string, content []byte, at uint16) {
		if strings.ContainsAny(args, "\n;/\"'`{") && !strings.HasPrefix(args, "{") {
			return // what is written in the rule may be quoted
		}
		i := min(int(at), len(content))
		content = slices.Concat(content[:i], []byte(marked), content[i:])
		name := names[int(kind)%len(names)]
		call := fmt.Sprintf("file(%q", name)
		if args != "" {
			call += ", " + args
		}
		text := "list l = " + call + ")\nrule \"r\" { when \"x\" in l then { stop() } }"
		opts := options()
		opts.Open = func(name string) (io.ReadCloser, error) { return fstest.MapFS{name: {Data: content}}.Open(name) }
		p, diags := compile("t.rules", text, opts)
		for _, d := range diags {
			checkPlace(t, d, []byte(text))
		}
		if said := strings.ToLower(diags.Text()); strings.Contains(said, marked) {
			t.Errorf("what stands in the file is told: %s", said)
		}
		if p == nil || diags.HasErrors() {
			return
		}
		for _, e := range listed(t, text, opts) {
			if s, ok := e.(string); ok && (strings.ToLower(s) != s || !utf8.ValidString(s) || s == "") {
				t.Errorf("entry %q", s)
			}
		}
	})
}

// listed are the entries of l.
func listed(t *testing.T, text string, opts dsl.Options) []any {
	t.Helper()
	p, diags := compile("t.rules", text+"\nrule \"all of l\" { then { map(l, set(\"order\", string(#))) } }", opts)
	if p == nil {
		t.Fatal(diags.Text())
	}
	run := p.NewRun(t.Context(), view(), dsl.Budget{})
	defer run.Close()
	rule := p.Rules[1]
	if _, err := rule.Match(run); err != nil {
		t.Fatal(err)
	}
	actions, err := rule.Do(run, true, 0)
	if err != nil {
		return nil // more than a statement may do
	}
	var out []any
	for _, a := range actions {
		out = append(out, a.Args[1])
	}
	return out
}
