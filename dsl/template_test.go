package dsl_test

import (
	"fmt"
	"strings"
	"testing"

	"postern/dsl"
)

func TestTemplates(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		`note("from {mail.from.name} in {mailbox.name}.")`:           `note("from Ann in support.")`,
		"note(`{mail.from}: {issue.tags} and {\"a\" + 'b'}`)":        `note("ann@mail.bigcorp.com: a and ab")`,
		`note('{mail.size} {now()} {issue.isNew} {duration("1h")}')`: `note("4096 2026-01-31T12:00:00Z true 1h0m0s")`,
		`note("{mail.to} {[]} {[1, 2]}")`:                            `note("support@example.com, bob@example.org  1, 2")`,
		`note("{{x}} } { mail.size }")`:                              `note("{x} } 4096")`,
		`note("{mail.text}")`:                                        `note("Hello, the Server  is down again. Grüße")`,
		`note(mail.text)`:                                            `note("Hello,\nthe Server  is\ndown again.\nGrüße")`,
		`note("line\n{mail.subject}\n")`:                             `note("line\nPROBLEM web1 OUTAGE in Berlin\n")`,
		`tag("a-{m[1]}", ["b-{m.n}", "c"])`:                          `tag("a-web1", "b-1", "c")`,
		`tag(mail.isReply ? "x{1}" : ("y{2}"))`:                      `tag("y2")`,
		`map(mail.to, tag("to {.domain}"))`:                          `tag("to example.com")tag("to example.org")`,
		`if mail.size > 1 { tag("size {mail.size}") }`:               `tag("size 4096")`,
		`let x = mail.size; tag("{x} {m[1]}")`:                       `tag("4096 web1")`,
		`tag("{mail.isReply ? 'a' : "b"}")`:                          "error",
		"tag(`{mail.isReply ? 'a' : \"b\"}`)":                        `tag("b")`,
		`set("order", "{find(mail.subject, 'w.b')[0]}")`:             `set("order", "web")`,
		// Not of an action itself: texts that are compared, handed to a function, or are regular expressions.
		`tag(lower("{A}"))`:                            `tag("{a}")`,
		`tag(mail.subject contains "{x}" ? "y" : "n")`: `tag("n")`,
		`tag("{x}" in issue.tags ? "y" : "n")`:         `tag("n")`,
		"redact(`a{3}`)":                               `redact("a{3}")`,
		`dropAttachments(.name == "{x}")`:              `dropAttachments([])`,
		`note(replace("a{b}c", "{b}", "-"))`:           `note("a-c")`,
		`note("a" + "{mail.size}")`:                    `note("a4096")`,
		`note({"{a}": "{b}"}["{a}"])`:                  `note("{b}")`,
		// What comes from a mail is no template.
		`note(hostile)`:     `note("{mail.size} {{x}}")`,
		`note("{hostile}")`: `note("{mail.size} {{x}}")`,
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			p, diags := compile("t.rules", "rule \"r\" {\n let m = find(mail.subject, `(web(?P<n>.))`)\n let hostile = mail.newText\n then {\n"+statement+"\n} }", options())
			if p == nil {
				if want != "error" {
					t.Error(diags.Text())
				}
				return
			}
			v := view()
			v.Mail.NewText = "{mail.size} {{x}}"
			r := p.NewRun(t.Context(), v, dsl.Budget{})
			defer r.Close()
			if ok, err := p.Rules[0].Match(r); !ok || err != nil {
				t.Fatal(ok, err)
			}
			actions, err := p.Rules[0].Do(r, true, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Trim(strings.ReplaceAll(fmt.Sprint(actions), ") ", ")"), "[]"); got != strings.Trim(want, "[]") {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
