package dsl_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
)

func TestHover(t *testing.T) {
	t.Parallel()
	const r = "rule \"r\" {\n "
	for _, c := range []struct {
		name, text string
		word       string   // that is told about
		want       []string // is said
	}{
		{"a function", r + "when ha‸s(mail.text, \"x\")", "has", []string{"has(text, words): true or false", "whole words", `has(mail.text, ["outage"`}},
		{"at its end", r + "when has‸(mail.text, \"x\")", "has", []string{"whole words"}},
		{"a method", r + "when mail.hea‸der(\"X\") == \"\"", "header", []string{"mail.header(name): a text"}},
		{"an action", r + "then { pri‸ority(\"low\") } }", "priority", []string{"priority(name)", "sets the priority"}},
		{"a builtin of expr", r + "when an‸y(mail.to, true)", "any", []string{"any(list, condition)"}},
		{"a name", r + "when mai‸l.isReply", "mail", []string{"as it was parsed"}},
		{"a member", r + "when mail.newT‸ext == \"\"", "newText", []string{"mail.newText: a text", "no quoted history"}},
		{"a member of a member", r + "when mail.from.dom‸ain == \"\"", "domain", []string{"mail.from.domain: a text", "lower case"}},
		{"a list of a type", r + "when len(mail.attach‸ments) > 0", "attachments", []string{"a list of attachments"}},
		{"a member with values", r + "when mail.ki‸nd == \"ooo\"", "kind", []string{`"human", "ooo"`}},
		{"a member of an element", r + "when any(mail.to, .dom‸ain == \"\")", "domain", []string{".domain: a text"}},
		{"a list", r + "when mail.from.domain in vi‸p", "vip", []string{`list vip = ["bigcorp.com"`, "Those who matter.\nAll of them.", "2 texts"}},
		{"a list of a file", r + "when mail.from.domain in bann‸ed", "banned", []string{`file("lists/banned.txt")`, "texts"}},
		{"a list of numbers", r + "when mail.size in num‸bers", "numbers", []string{"3 numbers"}},
		{"a define", r + "when from_‸vip", "from_vip", []string{"define from_vip = mail.from.domain in vip", "whether one of them wrote", "true or false"}},
		{"a let", r + "let big = mail.size > 1\n when b‸ig", "big", []string{"big: true or false"}},
		{"a let where it is made", r + "let bi‸g = mail.size\n when big > 1 then { stop() } }", "big", []string{"big: a whole number"}},
		{"a let of a statement", r + "then { let n = mail.size; tag(string(‸n)) } }", "n", []string{"n: a whole number"}},
		{"a group", r + "when alert.ho‸st == \"\"", "host", []string{"alert.host: a text", "the group host of"}},
		{"a word of a rule", r + "sam‸ple 10%\n then { stop() } }", "sample", []string{"share of the messages"}},
		{"then behind a condition", r + "when true the‸n { stop() } }", "then", []string{"What is done"}},
		{"a block", "ru‸le \"r\" { then { stop() } }", "rule", []string{"for which a condition holds"}},
		{"an operator", r + "when mail.subject cont‸ains \"x\"", "contains", []string{"holds the right one"}},
		{"a mailbox", r + "in sup‸port\n then { stop() } }", "support", []string{"a mailbox of the configuration"}},
		{"a mailbox that is none", r + "in hel‸p-desk\n then { stop() } }", "help-desk", []string{"no mailbox of the configuration"}},
		{"a priority", r + "then { priority(\"ur‸gent\") } }", "urgent", []string{"a priority"}},
		{"given", "test \"t\" { given iss‸ue {number: 7} }", "issue", []string{"An issue that is there"}},
		{"a given key", "test \"t\" { given issue {num‸ber: 7} }", "number", []string{"its number"}},
		{"a text's braces", r + "then { note(\"{mail.sub‸ject}\") } }", "subject", []string{"mail.subject: a text"}},
		{"a file", "list x = file(\"lists/ban‸ned.txt\")", "lists/banned.txt", []string{"below the rules folder"}},
		{"a case", "test \"t\" { for case in [1] { expect ca‸se == 1 } }", "case", []string{"a case of the table"}},
		{"nothing", r + "when nonse‸nse", "", nil},
		{"a comment", "// ma‸il", "", nil},
		{"a number", r + "when mail.size > 10‸0", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, at := atMark(t, c.text)
			h := w.Hover("20-t.rules", at)
			if h == nil {
				if c.word != "" {
					t.Fatal("nothing is said")
				}
				return
			}
			if got := w.Text("20-t.rules")[h.Start:h.End]; got != c.word {
				t.Errorf("it is about %q", got)
			}
			for _, want := range c.want {
				if !strings.Contains(h.Markdown(), want) {
					t.Errorf("%q is not in\n%s", want, h.Markdown())
				}
			}
		})
	}
}

func TestDefinition(t *testing.T) {
	t.Parallel()
	const r = "rule \"r\" {\n "
	for _, c := range []struct{ name, text, file, at string }{
		{"a list of another file", r + "when mail.from.domain in v‸ip", "10-lists.rules", "vip = [\"bigcorp.com"},
		{"a define of another file", r + "when fr‸om_vip", "10-lists.rules", "from_vip = mail"},
		{"a list in a list", "list x = concat(vi‸p, [])", "10-lists.rules", "vip = ["},
		{"a let", r + "let big = mail.size > 1\n when bi‸g", "20-t.rules", "big = mail"},
		{"a let of a statement", r + "then { let n = mail.size; tag(string(n‸)) } }", "20-t.rules", "n = mail"},
		{"a case", "test \"t\" { for case in [1] { expect ca‸se == 1 } }", "20-t.rules", "case in [1]"},
		{"a file of a list", "list x = file(\"lists/ban‸ned.txt\")", "lists/banned.txt", ""},
		{"a file of a test", "test \"t\" { mail file(\"mails/‸a.eml\") }", "mails/a.eml", ""},
		{"a define in the braces of a text", r + "then { note(\"{al‸ert.host}\") } }", "10-lists.rules", "alert = find"},
		{"a member has none", r + "when mail.sub‸ject == \"\"", "", ""},
		{"a file out of the folder", "list x = file(\"../../etc/pas‸swd\")", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, at := atMark(t, c.text)
			l, ok := w.Definition("20-t.rules", at)
			if ok != (c.file != "") || l.File != c.file {
				t.Fatalf("%v, %v", l, ok)
			}
			if c.at != "" && !strings.HasPrefix(w.Text(l.File)[l.Start:], c.at) {
				t.Errorf("it is at %q", w.Text(l.File)[l.Start:])
			}
		})
	}
}

// renamed is what becomes of the files.
func renamed(w *dsl.Workspace, places []dsl.Location, name string) map[string]string {
	out := map[string]string{}
	for _, n := range w.Names() {
		out[n] = w.Text(n)
	}
	for _, p := range slices.Backward(places) {
		text := out[p.File]
		out[p.File] = text[:p.Start] + name + text[p.End:]
	}
	return out
}

func TestRename(t *testing.T) {
	t.Parallel()
	text := `list others = concat(vip, ["x.example"]) // vip
rule "r" {
    let vips = mail.to
    when from_vip and not (mail.cc in v‸ip) and {vip: 1}.vip == 1 and mail.subject != "vip"
    then {
        if mail.isReply {
            tag("vip")
            note("{vip} and {any(vips, .domain in vip)} vip")
        }
    }
    else { tag(vip[0]) }
}
test "t" {
    for case in [{vip: vip}] { mail """x""" expect case.vip == vip }
}
`
	w, at := atMark(t, text)
	places, err := w.Rename("20-t.rules", at, "important")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("‸", "", `concat(vip,`, `concat(important,`, `in v‸ip`, `in important`, `{vip} and`, `{important} and`, `.domain in vip`, `.domain in important`,
		`tag(vip[0])`, `tag(important[0])`, `{vip: vip}`, `{vip: important}`, `case.vip == vip`, `case.vip == important`).Replace(text)
	got := renamed(w, places, "important")
	if diff := cmp.Diff(want, got["20-t.rules"]); diff != "" {
		t.Error(diff)
	}
	if other := got["10-lists.rules"]; !strings.Contains(other, "list important = ") || !strings.Contains(other, "mail.from.domain in important") || strings.Contains(other, "from_important") {
		t.Error(other)
	}
	for _, name := range []string{"", "from_vip", "mail", "tag", "has", "9a", "a b", "a-b", "vips", "case", "and", "$x", "nil", " a"} {
		if places, err := w.Rename("20-t.rules", at, name); err == nil {
			t.Errorf("it may be called %q: %v", name, places)
		}
	}
}

func TestRenameLet(t *testing.T) {
	t.Parallel()
	w, at := atMark(t, "rule \"a\" { let n = 1 when n == 1 and mail.size == ‸n then { tag(\"{n}\") } }\nrule \"b\" { let n = 2 when n == 1 then { stop() } }")
	places, err := w.Rename("20-t.rules", at, "number")
	if err != nil {
		t.Fatal(err)
	}
	want := "rule \"a\" { let number = 1 when number == 1 and mail.size == number then { tag(\"{number}\") } }\nrule \"b\" { let n = 2 when n == 1 then { stop() } }"
	if diff := cmp.Diff(want, renamed(w, places, "number")["20-t.rules"]); diff != "" {
		t.Error(diff)
	}
	w, at = atMark(t, "rule \"a\" { when mail.sub‸ject == \"\" then { stop() } }")
	if _, err := w.Rename("20-t.rules", at, "x"); err == nil {
		t.Error("a member has another name")
	}
}

// A list that is used in an expression that is broken is found there too, but nothing is renamed while something cannot be read.
func TestUsesInBrokenFile(t *testing.T) {
	t.Parallel()
	w, at := atMark(t, "rule \"a\" { when vip ++ in v‸ip and mail.vip then { stop() } }\nrule \"b\" { then { tag(vip")
	if got := len(w.Uses("20-t.rules", at)); got != 4 { // with those of the other file
		t.Errorf("%d uses: %v", got, w.Uses("20-t.rules", at))
	}
	if _, err := w.Rename("20-t.rules", at, "x"); err == nil || !strings.Contains(err.Error(), "20-t.rules:2:6") {
		t.Errorf("renamed: %v", err)
	}
}

func TestSymbols(t *testing.T) {
	t.Parallel()
	w, _ := atMark(t, "list a = [1]\nrule \"r ü\" {\n let x = 1\n then { stop() }\n}\ndisabled shadow rule \"s\" { then { stop() } }\ntoken \"t\" { then { stop() } }\ndefine d = true\ntest \"u\" { mail \"\"\"a\"\"\" expect true }\nrule \"broken\" { when ‸")
	var got []string
	text := w.Text("20-t.rules")
	for _, s := range w.Symbols("20-t.rules") {
		got = append(got, s.Detail+" "+s.Name+": "+text[s.At.Start:s.At.End])
		for _, l := range s.In {
			got = append(got, "  "+l.Detail+" "+text[l.Whole.Start:l.Whole.End])
		}
		if whole := text[s.Whole.Start:s.Whole.End]; s.At.Start < s.Whole.Start || s.At.End > s.Whole.End || strings.HasSuffix(whole, "\n") {
			t.Errorf("%s is %q", s.Name, whole)
		}
	}
	want := []string{"list a: a", `rule r ü: "r ü"`, "  let x = 1", `disabled shadow rule s: "s"`, `token t: "t"`, "define d: d", `test u: "u"`, `rule broken: "broken"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, want string
		argument   int
	}{
		{"has(‸", "has(text, words)", 0},
		{"has(mail.text, ‸", "has(text, words)", 1},
		{"has(mail.text, [\"a\", \"‸\"])", "has(text, words)", 1},
		{"date(\"x\", ‸)", "date(text[, layout])", 1},
		{"mail.header(\"‸\")", "mail.header(name)", 0},
		{"has(lower(mail.text), ‸)", "has(text, words)", 1},
		{"any(mail.to, ‸)", "any(list, condition)", 1},
		{"concat(vip, vip, vip, ‸)", "concat(list, more, …)", 2},
		{"(‸", "", 0},
		{"lower(mail.text) ‸", "", 0},
	} {
		w, at := atMark(t, "define x = "+c.text)
		s := w.Signature("20-t.rules", at)
		switch {
		case s == nil && c.want != "":
			t.Errorf("%s: none", c.text)
		case s != nil && (s.Reference.Signature != c.want || s.Argument != c.argument):
			t.Errorf("%s: %s, %d", c.text, s.Reference.Signature, s.Argument)
		}
	}
}
