package dsl_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
)

// What each diagnostic is about, from its position up to its end, as it stands in the file.
func TestExtent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want []string
	}{
		{`rule "a" { when mail.sbject == "x" and lenght(mail.subject) > 3 then { stop() } }`, []string{"sbject", "lenght(mail.subject)"}},
		{`rule "a" { then { priority(mail.isReply ? "hihg" : "low"); tag(mail.from); close(1, (2)) } }`, []string{`"hihg"`, "mail.from", "1"}},
		{`rule "中文 ä" { when mail.to contains "x" and (mail.subject) then { tag("日本") } }`, []string{"mail.to", "mail.subject"}},
		{`rule "a" { when any(mail.to, .domain endsWith ".COM")  then { stop() } }`, []string{`".COM"`}},
		{`rule "a" { then { [tag("a"), mail.header("x")]; note("{mail.form.name} x") } }`, []string{`mail.header("x")`, "form"}},
		{"rule \"a\" {\n then {\n if mail.isReply { mail.to[0]\n } } }", []string{"mail.to[0]"}},
		{`rul "a" { then { stop() } }`, []string{"rul"}},
		{"\uFEFFrule a { then { stop() } }", []string{"a"}},
		{"rule \"a\" { then { stop()\n", []string{`"a"`, "then"}},
	} {
		f, diags := dsl.Parse("a.rules", []byte(c.text))
		_, more := dsl.Compile([]*dsl.File{f}, options())
		var got []string
		for _, d := range append(diags, more...).Sorted() {
			got = append(got, between(c.text, d.Pos, d.End))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
	}
}

// between is what stands from one position up to another.
func between(text string, from, to dsl.Pos) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimPrefix(text, "\uFEFF"), "\n") {
		runes := []rune(line)
		first, last := 1, len(runes)+1
		if i+1 == from.Line {
			first = from.Column
		}
		if i+1 == to.Line {
			last = to.Column
		}
		if i+1 >= from.Line && i+1 <= to.Line {
			b.WriteString(string(runes[first-1 : last-1]))
		}
	}
	return b.String()
}

// The caret stands under the column where tabs, characters of two columns and such as are set onto others stand before it.
func TestCaret(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\trule \"ä\" {\twhen mail.sbject == \"x\" then { stop() } }":        "     rule \"ä\" { when mail.sbject == \"x\" then { stop() } }\n                          ^",
		"rule \"日本語\" { when mail.sbject == \"x\" then { stop() } }":         "    rule \"日本語\" { when mail.sbject == \"x\" then { stop() } }\n                              ^",
		"rule \"a\u0308\" { when mail.sbject == \"x\" then { stop() } }":     "    rule \"a\u0308\" { when mail.sbject == \"x\" then { stop() } }\n                         ^",
		"rule \"👍\" { when mail.sbject == \"x\" then { stop() } }":           "    rule \"👍\" { when mail.sbject == \"x\" then { stop() } }\n                          ^",
		"\uFEFFrule \"a\" { when mail.sbject == \"x\" then { stop() } }\r\n": "    rule \"a\" { when mail.sbject == \"x\" then { stop() } }\n                         ^",
	} {
		_, diags := compile("a.rules", text, options())
		if len(diags) != 1 || diags[0].Snippet != want {
			t.Errorf("%q:\n%s\nwant:\n%s", text, diags.Text(), want)
		}
	}
}
