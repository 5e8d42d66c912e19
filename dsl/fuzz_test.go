package dsl_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/dsl"
)

func seed(f *testing.F) {
	paths, _ := filepath.Glob("testdata/errors/*.rules")
	for _, path := range append(paths, "testdata/design.rules") {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("test \"t\" { for case in [{a: 1, b: [\"x\"]}, 2] {\n given mailbox case.b\n mail \"\"\"\nFrom: {case.a}\n\n{case}{case.\n\"\"\"\n expect case.a == 1 and issue.tags == case.b } expect true }"))
	f.Add([]byte("rule \"r\" { then { if true { tag(\"a\")\n tag(\"b\") }\n dropAttachments(.size > 1) } }"))
}

// Whatever a file holds, parsing it ends, places lie within it, and the same file says the same.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		file, diags := dsl.Parse("f.rules", text)
		if file == nil {
			t.Fatal("no file")
		}
		for _, d := range diags {
			checkPlace(t, d, text)
		}
		if _, again := dsl.Parse("f.rules", text); again.Text() != diags.Text() {
			t.Errorf("%s\nand then\n%s", diags.Text(), again.Text())
		}
	})
}

func checkPlace(t *testing.T, d dsl.Diagnostic, text []byte) {
	t.Helper()
	if d.Line < 1 || d.Column < 1 || d.Column > len(text)+1 || d.Message == "" {
		t.Errorf("odd diagnostic: %#v", d)
	}
}

// What compiles can be run on a mail: it ends in time, and its errors have places.
func FuzzCompileRun(f *testing.F) {
	seed(f)
	for _, condition := range hostile() {
		f.Add([]byte("rule \"r\" {\n when " + condition + "\n then { stop() } }"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, diags := compile("f.rules", string(text), options())
		for _, d := range diags {
			checkPlace(t, d, text)
		}
		if (p == nil) != false && !diags.HasErrors() {
			t.Fatal("no program and no error")
		}
		if p == nil {
			return
		}
		v := view()
		r := p.NewRun(context.Background(), v, dsl.Budget{Steps: 10_000, Time: 50 * time.Millisecond, Bytes: 1 << 20})
		defer r.Close()
		for _, rule := range append(p.Rules, p.Tokens...) {
			rule.Condition()
			ok, err := rule.Match(r)
			if err != nil {
				checkError(t, err)
				continue
			}
			for i := range rule.Len(ok) {
				actions, err := rule.Do(r, ok, i)
				checkError(t, err)
				for _, a := range actions {
					if len(a.String()) > 8192 {
						t.Errorf("%d bytes of %s", len(a.String()), a.Name)
					}
				}
			}
		}
		for _, test := range p.Tests {
			for _, e := range test.Expects {
				_, _, _, err := e.Check(&dsl.Outcome{View: v, Verdict: "committed"})
				checkError(t, err)
			}
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var re *dsl.RuleError
	if err != nil && !errors.Is(err, dsl.ErrBudget) && !errors.As(err, &re) {
		t.Errorf("an error of neither kind: %v", err)
	}
}
