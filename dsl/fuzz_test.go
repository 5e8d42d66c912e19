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

// Whatever is asked about whatever place of whatever file, there is an answer, in time, and its places lie within the file.
func FuzzWorkspace(f *testing.F) {
	paths, _ := filepath.Glob("testdata/errors/*.rules")
	for _, path := range append(paths, "testdata/design.rules") {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for i := range 5 {
			f.Add(text, len(text)*i/4)
		}
	}
	f.Add([]byte("rule \"r\" { then { note(\"{mail.from.\") } }"), 34)
	f.Add([]byte("test \"t\" { for case in [{a: 1}] { expect any(mail.to, .domain in case."), 70)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		if len(text) > 20_000 {
			t.Skip()
		}
		parsed, _ := dsl.Parse("f.rules", text)
		other, _ := dsl.Parse("a.rules", []byte(shared))
		w := dsl.NewWorkspace([]*dsl.File{parsed, other}, options(), func() []string { return []string{"a.txt"} })
		inside := func(s dsl.Span) {
			if n := len(w.Text("f.rules")); s.Start < 0 || s.Start > s.End || s.End > n {
				t.Errorf("%v of %d bytes, asked at %d", s, n, at)
			}
		}
		inside(w.Complete("f.rules", at).Span)
		if h := w.Hover("f.rules", at); h != nil {
			inside(h.Span)
			h.Markdown()
		}
		w.Definition("f.rules", at)
		w.Signature("f.rules", at)
		for _, l := range w.Uses("f.rules", at) {
			if l.File == "f.rules" {
				inside(l.Span)
			}
		}
		if places, err := w.Rename("f.rules", at, "anything_else"); err == nil {
			after := w.With("f.rules", []byte(renamed(w, places, "anything_else")["f.rules"]))
			if uses := after.Uses("f.rules", min(at, places[0].Start)); places[0].File == "f.rules" && len(uses) < len(places) {
				t.Errorf("%d uses became %d", len(places), len(uses))
			}
		}
		for _, s := range w.Symbols("f.rules") {
			inside(s.Whole)
			inside(s.At)
		}
		_, diags := dsl.Compile([]*dsl.File{parsed, other}, options())
		for _, d := range diags {
			if d.File == "f.rules" {
				inside(w.Marked(d))
			}
		}
	})
}
