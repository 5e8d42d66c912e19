package dsl_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
)

// A writer writes a file of rules with white space and comments wherever they may stand.
type writer struct {
	r *rand.Rand
	b strings.Builder
	n int // of comments and names
}

func (w *writer) pick(of ...string) string { return of[w.r.IntN(len(of))] }

// put writes words with blanks between; "" is where none need be.
func (w *writer) put(words ...string) {
	for _, s := range words {
		if s == "" {
			continue
		}
		w.b.WriteString(w.pick(" ", " ", " ", "  ", "\t", " \t  ", fmt.Sprintf(" /* c%d */ ", w.n)))
		w.n++
		w.b.WriteString(s)
	}
}

// end ends a line, and may write blank lines and comments below.
func (w *writer) end() {
	w.b.WriteString(w.pick("\n", "\n", "\n", " \n", "\r\n", "\n\n", "\n \n\t\n\n", fmt.Sprintf(" // c%d {\n", w.n), fmt.Sprintf("\n   // c%d )  \n", w.n), fmt.Sprintf("\n/* c%d\n   \"two lines */\n", w.n), ";\n"))
	w.n++
}

// soft is a line end within brackets, where there may be one.
func (w *writer) soft() string {
	return w.pick("", "", "", "\n", "\n\n", " // x }\n", "\r\n   ")
}

func (w *writer) name(s string) string { w.n++; return fmt.Sprintf("%s%d", s, w.n) }

func (w *writer) condition(deep int) string {
	if deep > 0 {
		op := w.pick("and", "or")
		return w.pick(
			"("+w.soft()+w.condition(deep-1)+w.soft()+" "+op+" "+w.soft()+w.condition(deep-1)+w.soft()+")",
			"not ("+w.condition(deep-1)+")",
			"any(mail.to,"+w.soft()+" {.domain == 'x' "+op+w.soft()+" "+w.condition(deep-1)+"})",
			"("+w.condition(deep-1)+"  ?  true : "+w.condition(deep-1)+")",
		)
	}
	return w.pick("mail.isReply", `mail.subject contains "then { "`, "mail.text matches `a\n  (b|`` )\r\n`", `has(mail.text,  ["a",   'b'])`, "from_all", `mail.from.domain in all_of_them`, "has(mail.text, [\n\"x\",\n\n  \"y\"\n])")
}

func (w *writer) statements() {
	w.put("{")
	w.b.WriteString(w.soft())
	for i := range 1 + w.r.IntN(3) {
		if i > 0 {
			w.end()
		}
		w.put(w.pick(`tag("a",  "b{mail.size}")`, "note(`two\n  lines {mail.from.name}  \n`)", "if mail.isReply {\n tag(\"x\")\n\n stop()\n }\n else {\n\n  tag('y')\n}", "(mail.isList\n? tag(\"l\") : nil)",
			"[tag(\"a\"),\n\n tag(\"b\")]", `let x  =  mail.size; tag(string(x))`, "dropAttachments(\n.size > 1\n)"))
	}
	w.b.WriteString(w.soft())
	w.put("}")
}

func (w *writer) rule() {
	kind := w.pick("rule", "rule", "shadow rule", "disabled rule", "disabled shadow rule", "token", "disabled token")
	w.put(strings.Fields(kind)...)
	w.put(fmt.Sprintf("%q", w.name("r")))
	w.b.WriteString(w.soft())
	w.put("{")
	w.end()
	if w.r.IntN(2) == 0 {
		w.put("in", "support", ",", w.pick("sales", `"monitoring"`))
		w.end()
	}
	for _, attribute := range [][]string{{"owner", `"Ann   Lee"`}, {"doc", "\"\"\"\n   two\n  lines   \n\n \"\"\""}, {"doc", `'x  y'`}, {"until", "2099-12-31"}, {"sample", "12.5%"}, {"on", "mail"}} {
		if w.r.IntN(4) == 0 && !(attribute[0] == "doc" && strings.Contains(w.b.String()[strings.LastIndex(w.b.String(), kind[len(kind)-4:]):], "doc")) {
			w.put(attribute...)
			w.end()
		}
	}
	if w.r.IntN(2) == 0 {
		w.put("let", w.name("v"), "=", w.pick(w.condition(1), "find(mail.subject, `(a)  `)", "(\n1 +\n\n2)"))
		w.end()
	}
	if when := w.r.IntN(3) > 0; when {
		w.put("when", w.condition(w.r.IntN(3)), w.pick("", "\nand mail.size > 1", "\n\n  or\n mail.isList"))
		w.b.WriteString(w.pick(" ", "\n", "\n\n"))
		w.put("then")
		w.statements()
		if w.r.IntN(2) == 0 {
			w.b.WriteString(w.pick("", "\n", "\n\n"))
			w.put("else")
			w.statements()
		}
	} else {
		w.put("then")
		w.statements()
	}
	w.end()
	w.put("}")
	w.end()
}

func (w *writer) test() {
	w.put("test", fmt.Sprintf("%q", w.name("t")), "{")
	w.end()
	w.put("given", w.pick("sender", "  sender"), "{email: \"ann@example.org\",   trust: \"known\"}")
	w.end()
	w.put("given", "mailbox", "support")
	w.end()
	w.put("mail", "\"\"\"\n    Subject: {  x\n\n      text  \n  // not a comment\n\"\"\"")
	w.end()
	w.put("expect", w.condition(1))
	w.end()
	w.put("}")
	w.end()
	w.put("test", fmt.Sprintf("%q", w.name("t")), "{")
	w.end()
	w.put("for", "case", "in", "["+w.soft()+"{a:   \"x\", n: 1},"+w.soft()+"{a: \"y\",n: 2}"+w.soft()+"]", "{")
	w.end()
	w.put("given", "time", "\"2026-01-0\" + string(case.n)")
	w.end()
	w.put("mail", "\"\"\"\n  Subject: {case.a}\n\n  {  case.n }\n  \"\"\"")
	w.end()
	w.put("expect", "case.n==1 or "+w.condition(1))
	w.end()
	w.put("}")
	w.end()
	w.put("expect", w.condition(1))
	w.end()
	w.put("}")
	w.end()
}

func (w *writer) file() string {
	w.b.WriteString(w.pick("", "\n\n", "// c0\n"))
	w.put("list", "all_of_them", "=", "["+w.soft()+"\"a\","+w.soft()+"\"b\""+w.soft()+"]")
	w.end()
	w.put("define", "from_all", "=", w.pick("", "\n"), "mail.from.domain in all_of_them")
	w.end()
	for range 1 + w.r.IntN(4) {
		if w.r.IntN(4) == 0 {
			w.test()
		} else {
			w.rule()
		}
	}
	return w.b.String()
}

var aComment = regexp.MustCompile(`/[/*] c\d+`)

// meaning is all that a file says.
func meaning(t *testing.T, text string) string {
	t.Helper()
	p, diags := compile("x.rules", text, options())
	if p == nil {
		t.Fatalf("%s\n%s", diags.Text(), text)
	}
	return said(t, p) + strings.Join(aComment.FindAllString(text, -1), " ")
}

// said is all that a program says.
func said(t *testing.T, p *dsl.Program) string {
	t.Helper()
	var b strings.Builder
	for _, r := range append(p.Rules, p.Tokens...) {
		fmt.Fprintln(&b, r.Name, r.Mailboxes, r.Stage, r.Shadow, r.Token, r.Attributes)
		if c := r.Condition(); c != nil {
			fmt.Fprintln(&b, c.String())
		}
		for _, branch := range []bool{true, false} {
			for i := range r.Len(branch) {
				run := p.NewRun(t.Context(), view(), dsl.Budget{Steps: 20_000, Time: time.Minute, Bytes: 1 << 20})
				if _, err := r.Match(run); err != nil {
					fmt.Fprintln(&b, "fails")
				} else if actions, err := r.Do(run, branch, i); err != nil {
					fmt.Fprintln(&b, branch, actions, "fails") // with a place, which is another
				} else {
					fmt.Fprintln(&b, branch, actions)
				}
				run.Close()
			}
		}
	}
	for _, d := range p.Defines {
		fmt.Fprintln(&b, d.Name, d.Condition().String())
	}
	for _, test := range p.Tests {
		fmt.Fprintf(&b, "%s %+v %q %d\n", test.Name, test.Given.Mailbox, test.Mail, len(test.Expects))
		for _, e := range test.Expects {
			fmt.Fprintln(&b, strings.Join(strings.Fields(e.Source), " "))
		}
	}
	return b.String()
}

// Formatting keeps what a file says, and its comments; formatting again changes nothing; white space is as the documentation says.
func TestFormatKeepsTheMeaning(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		w := &writer{r: rand.New(rand.NewPCG(seed, 5))}
		text := w.file()
		got, err := dsl.Format("x.rules", []byte(text))
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		again, err := dsl.Format("x.rules", got)
		if diff := cmp.Diff(string(got), string(again)); err != nil || diff != "" {
			t.Fatalf("seed %d, twice: %v %s\n%s", seed, err, diff, text)
		}
		if diff := cmp.Diff(meaning(t, text), meaning(t, string(got))); diff != "" {
			t.Fatalf("seed %d: %s\n%s\nbecame\n%s", seed, diff, text, got)
		}
	}
}

var laidOut = []struct{ name, from, want string }{
	{"blank lines at braces", "rule \"a\" {\n\n  then {\n\n\n stop()\n\n }\n\n}\n", "rule \"a\" {\n    then {\n        stop()\n    }\n}\n"},
	{"blanks in heads", "disabled   shadow\trule   \"a\"{\n in   support ,sales\n let  x=1\n let y   =   2\n when   x  ==  1   then{stop()}   else   {  tag(\"a\" ,  \"b\")  }\n}", "disabled shadow rule \"a\" {\n    in support, sales\n    let x = 1\n    let y = 2\n    when x  ==  1 then { stop() } else { tag(\"a\" ,  \"b\") }\n}\n"},
	{"attributes", "rule \"a\" {\n owner   \"x  y\"\n doc\"z\"\n until   2026-12-31\n sample  1.5%\n on  mail\n then { stop() }\n}", "rule \"a\" {\n    owner \"x  y\"\n    doc \"z\"\n    until 2026-12-31\n    sample 1.5%\n    on mail\n    then { stop() }\n}\n"},
	{"tests", "test  \"t\"  {\n given   sender{email: \"a@b.example\"}\n given  mailbox   support\n mail  file( \"x.eml\" )\n expect   1==1\n}", "test \"t\" {\n    given sender {email: \"a@b.example\"}\n    given mailbox support\n    mail file( \"x.eml\" )\n    expect 1==1\n}\n"},
	{"what goes on", "list a =\n[\n\"x\"]\ndefine  b  =\nmail.isReply\nrule \"r\" {\n in support,\n sales\n let x =\n 1\n when mail.subject contains \"now then\"\n and x == 1\n // so it is\n then { stop() }\n}", "list a =\n    [\n        \"x\"]\ndefine b =\n    mail.isReply\nrule \"r\" {\n    in support,\n        sales\n    let x =\n        1\n    when mail.subject contains \"now then\"\n        and x == 1\n    // so it is\n    then { stop() }\n}\n"},
	{"texts keep their blanks", "rule \"a\" {\n then { note(`x   \n  y`)   \n note(`a\r\nb`)\r\n }\n}   \n", "rule \"a\" {\n    then { note(`x   \n  y`)\n        note(`a\r\nb`)\n    }\n}\n"},
	{"nothing", "\n \n", ""},
	{"a comment alone", "  // x  ", "// x\n"},
	{"semicolons", "rule \"a\" { in support;when   true;then { tag(\"a\"); tag(\"b\") } }", "rule \"a\" { in support; when true; then { tag(\"a\"); tag(\"b\") } }\n"},
}

func TestLaidOut(t *testing.T) {
	t.Parallel()
	for _, c := range laidOut {
		got, err := dsl.Format("x.rules", []byte(c.from))
		if diff := cmp.Diff(c.want, string(got)); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", c.name, err, diff)
		}
	}
}

// Whatever a file holds, what is formatted is formatted once and for all, and says what it said before.
func FuzzFormat(f *testing.F) {
	seed(f)
	for _, c := range laidOut {
		f.Add([]byte(c.from))
	}
	for n := range uint64(20) {
		f.Add([]byte((&writer{r: rand.New(rand.NewPCG(n, 5))}).file()))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := dsl.Format("x.rules", text)
		if err != nil {
			return
		}
		again, err := dsl.Format("x.rules", got)
		if diff := cmp.Diff(string(got), string(again)); err != nil || diff != "" {
			t.Errorf("twice: %v\n%s", err, diff)
		}
		before, was := compile("x.rules", string(text), options())
		after, is := compile("x.rules", string(got), options())
		switch {
		case (before == nil) != (after == nil):
			t.Errorf("before: %s\nafter: %s", was.Text(), is.Text())
		case before != nil:
			if diff := cmp.Diff(said(t, before), said(t, after)); diff != "" {
				t.Error(diff)
			}
		}
	})
}
