package dsl_test

import (
	"slices"
	"strings"
	"testing"

	"postern/dsl"
)

const mark = "‸" // where the caret is

// atMark makes a workspace of a file whose caret is marked, beside one with lists and defines.
func atMark(t *testing.T, text string) (*dsl.Workspace, int) {
	t.Helper()
	before, after, ok := strings.Cut(text, mark)
	if !ok {
		t.Fatalf("no mark in %q", text)
	}
	other, _ := dsl.Parse("10-lists.rules", []byte(shared))
	f, _ := dsl.Parse("20-t.rules", []byte(before+after))
	names := func() []string { return []string{"lists/banned.txt", "mails/a.eml"} }
	return dsl.NewWorkspace([]*dsl.File{f, other}, options(), names), len(before)
}

const shared = `
// Those who matter.
// All of them.
list vip = ["bigcorp.com", "example.org"]
list numbers = [1, 2, 3]
list banned = file("lists/banned.txt")

// whether one of them wrote
define from_vip = mail.from.domain in vip
define alert = find(mail.subject, ` + "`^(?P<state>[A-Z]+) (?P<host>\\S+)`" + `)
`

func labels(c dsl.Completions) []string {
	var out []string
	for _, i := range c.Items {
		out = append(out, i.Label)
	}
	return out
}

func TestComplete(t *testing.T) {
	t.Parallel()
	const r = "rule \"r\" {\n "
	for _, c := range []struct {
		name, text string
		want       []string // are offered
		not        []string // are not
		exactly    bool
	}{
		{name: "an empty file", text: "‸", want: []string{"list", "define", "rule", "shadow", "token", "test", "disabled"}, exactly: true},
		{name: "the beginning of a word", text: "ru‸", want: []string{"rule"}},
		{name: "behind a block", text: "rule \"r\" { then { stop() } }\n\nte‸\n\nrule \"s\" { then { stop() } }", want: []string{"test", "token"}, not: []string{"when"}},
		{name: "behind a word that is none", text: "foo ‸", exactly: true},
		{name: "disabled", text: "disabled ‸", want: []string{"rule", "shadow", "token"}, exactly: true},
		{name: "shadow", text: "shadow ‸", want: []string{"rule"}, exactly: true},
		{name: "a name is the author's", text: "list ‸", exactly: true},
		{name: "in a comment", text: "// ru‸", exactly: true},
		{name: "in a comment of more lines", text: "/* \n ‸ \n*/", exactly: true},

		{name: "an item", text: r + "‸", want: []string{"in", "on", "let", "when", "then", "until", "sample", "owner", "doc"}, not: []string{"else"}, exactly: true},
		{name: "items that are not there yet", text: r + "in support\n on mail\n owner \"a\"\n ‸\n}", want: []string{"let", "when", "then", "until", "sample", "doc"}, exactly: true},
		{name: "else", text: r + "when true\n then { stop() }\n el‸\n}", want: []string{"else", "in"}, not: []string{"when", "then", "let"}},
		{name: "an item of a token", text: "token \"x\" {\n ‸", want: []string{"when", "then"}, not: []string{"in", "on"}},
		{name: "a mailbox", text: r + "in ‸", want: []string{"support", "sales"}},
		{name: "a mailbox, half", text: r + "in sup‸", want: []string{"support"}},
		{name: "a second mailbox", text: r + "in sales, ‸", want: []string{"support"}},
		{name: "a mailbox in quotes", text: r + "in \"s‸\"", want: []string{"support"}},
		{name: "a stage", text: r + "on ‸", want: []string{"mail", "envelope"}, exactly: true},
		{name: "a date", text: r + "until ‸", exactly: true},

		{name: "a condition", text: r + "when ‸", want: []string{"mail", "sender", "issue", "vip", "from_vip", "has", "not", "true"}, not: []string{"tag", "value", "verdict", "outcome", "when", "header", "if"}},
		{name: "a condition, with what follows", text: r + "when ma‸\n then { stop() } }", want: []string{"mail", "mailbox"}},
		{name: "in brackets", text: r + "when (‸", want: []string{"mail"}, not: []string{"and"}},
		{name: "an operator", text: r + "when mail.isReply ‸", want: []string{"and", "or", "then", "=="}, not: []string{"mail"}},
		{name: "an operator on the next line", text: r + "when mail.isReply\n ‸", want: []string{"and", "then"}, not: []string{"mail"}},
		{name: "behind an operator", text: r + "when mail.isReply and ‸", want: []string{"mail", "not"}, not: []string{"then", "and"}},
		{name: "an envelope rule", text: r + "on envelope\n when ‸", want: []string{"envelope", "sender", "mailbox"}, not: []string{"mail", "issue"}},
		{name: "an envelope rule that says so below", text: r + "when ‸\n then { stop() }\n on envelope\n}", not: []string{"issue"}, want: []string{"envelope"}},
		{name: "a token's value", text: "token \"x\" { when ‸", want: []string{"value", "mail"}},
		{name: "a let", text: r + "let big = mail.size > 1\n when b‸", want: []string{"big"}},
		{name: "not the let itself", text: r + "let big = ‸", want: []string{"mail"}, not: []string{"big"}},

		{name: "members of mail", text: r + "when mail.‸", want: []string{"subject", "from", "newText", "header", "hasAttachment"}, not: []string{"atLeast", "mail"}},
		{name: "members, half", text: r + "when mail.sub‸ then { stop() } }", want: []string{"subject"}},
		{name: "members, and another line", text: r + "when mail.\n‸", want: []string{"subject"}},
		{name: "members of an address", text: r + "when mail.from.‸", want: []string{"email", "name", "local", "domain", "display", "mixedScript"}, exactly: true},
		{name: "of an element by its place", text: r + "when mail.to[0].‸", want: []string{"domain"}},
		{name: "of a filtered one", text: r + "when filter(mail.to, .domain == \"x\")[0].‸", want: []string{"domain"}},
		{name: "members of the sender", text: r + "when sender.‸", want: []string{"role", "claimed", "atLeast", "recent"}, not: []string{"header", "trust"}},
		{name: "a time", text: r + "when now().‸", want: []string{"Hour", "Weekday"}, not: []string{"Hours", "GobEncode"}},
		{name: "a duration", text: r + "when issue.age.‸", want: []string{"Hours"}, not: []string{"Weekday"}},
		{name: "of an element", text: r + "when any(mail.attachments, .‸", want: []string{"name", "type", "size", "sha256", "inline"}, exactly: true},
		{name: "of an element by #", text: r + "when any(mail.attachments, #.‸", want: []string{"sha256"}},
		{name: "of an element of an element", text: r + "when any(mail.attached, any(.to, .‸", want: []string{"domain"}, not: []string{"subject"}},
		{name: "of an element in braces", text: r + "when any(mail.to, {.‸", want: []string{"domain"}},
		{name: "of an attachment to drop", text: r + "then { dropAttachments(.‸) }", want: []string{"size"}},
		{name: "groups of a let", text: r + "let m = find(mail.subject, `(?P<host>\\S+)`)\n when m.‸", want: []string{"found", "host"}, exactly: true},
		{name: "groups of a define", text: r + "when alert.‸", want: []string{"found", "state", "host"}, exactly: true},
		{name: "groups of a find", text: r + "when find(mail.subject, `(?P<x>a)`).‸", want: []string{"found", "x"}, exactly: true},
		{name: "groups of a let in a statement", text: r + "then {\n  let m = find(mail.subject, `(?P<host>\\S+)`); tag(m.‸", want: []string{"host"}},
		{name: "fields of the configuration", text: r + "when issue.fields.‸", want: []string{"order", "host"}, exactly: true},
		{name: "fields of the configuration in quotes", text: r + "when mail.subject == \"\" and issue.fields[\"‸", want: []string{"order", "host"}, exactly: true},
		{name: "of nothing", text: r + "when nonsense.‸", exactly: true},
		{name: "of a text", text: r + "when mail.subject.‸", exactly: true},
		{name: "a broken receiver", text: r + "when mail.)].‸", exactly: true},

		{name: "a statement", text: r + "then {\n ‸", want: []string{"tag", "priority", "stop", "mail", "if", "let", "vip"}, not: []string{"when", "then"}},
		{name: "a second statement", text: r + "then {\n tag(\"a\")\n ‸\n}\n}", want: []string{"tag"}},
		{name: "a statement behind a semicolon", text: r + "then { tag(\"a\"); ‸ } }", want: []string{"tag"}},
		{name: "a statement in an if", text: r + "then {\n if mail.isReply {\n tag(\"a\")\n ‸", want: []string{"tag"}, not: []string{"and"}},
		{name: "statements of an envelope rule", text: r + "on envelope\n then {\n ‸", want: []string{"reject", "tag"}, not: []string{"priority", "note"}},
		{name: "statements of else", text: r + "when true then { stop() } else { ta‸", want: []string{"tag"}},

		{name: "priorities", text: r + "then { priority(\"‸\") } }", want: []string{"low", "normal", "high", "urgent"}, exactly: true},
		{name: "priorities, not closed", text: r + "then { priority(\"ur‸\n } }", want: []string{"urgent"}},
		{name: "priorities behind ?:", text: r + "then { priority(mail.isReply ? \"‸\") } }", want: []string{"urgent"}},
		{name: "statuses", text: r + "then { status(\"‸\") } }", want: []string{"open", "closed"}},
		{name: "types", text: r + "then { type(\"‸\") } }", want: []string{"Incident/Hardware"}},
		{name: "fields to set", text: r + "then { set(\"‸\", 1) } }", want: []string{"order", "priority"}},
		{name: "what a field is set to", text: r + "then { set(\"priority\", \"‸\") } }", want: []string{"urgent"}},
		{name: "trust", text: r + "when sender.atLeast(\"‸\")", want: []string{"none", "known", "authenticated"}, exactly: true},
		{name: "a compared priority", text: r + "when issue.priority == \"‸\"", want: []string{"urgent"}},
		{name: "one of priorities", text: r + "when issue.priority in [\"low\", \"‸\"]", want: []string{"urgent"}},
		{name: "one of no priorities", text: r + "when issue.priority not in [\"‸\"]", want: []string{"urgent"}},
		{name: "a kind of mail", text: r + "when mail.kind != \"‸\"", want: []string{"human", "ooo", "bounce"}},
		{name: "a result of authentication", text: r + "when mail.auth.spf == \"‸", want: []string{"pass", "softfail"}},
		{name: "a text of one's own", text: r + "when mail.subject == \"‸\"", exactly: true},
		{name: "a tag", text: r + "then { tag(\"‸\") } }", exactly: true},

		{name: "in the braces of a text", text: r + "then { note(\"from {ma‸}\") } }", want: []string{"mail"}, not: []string{"tag"}},
		{name: "a member in the braces of a text", text: r + "then { note(\"{mail.subject} from {mail.from.‸", want: []string{"domain"}, exactly: false},
		{name: "braces that are none", text: r + "then { note(\"{{mail.‸", exactly: true},
		{name: "a closed piece", text: r + "then { note(\"{mail.subject} mail.‸\") } }", exactly: true},
		{name: "braces of a text that is compared", text: r + "when mail.subject == \"{mail.‸\"", exactly: true},

		{name: "a list's value", text: "list x = ‸", want: []string{"vip", "concat", "file", "lower"}, not: []string{"mail", "from_vip", "now", "tag", "mailbox"}},
		{name: "a file", text: "list x = file(\"‸\")", want: []string{"lists/banned.txt"}},
		{name: "options of a file", text: "list x = file(\"a.csv\", {‸", want: []string{"column", "header", "separator"}},
		{name: "a define's value", text: "define x = mail.from.‸", want: []string{"domain"}},

		{name: "an item of a test", text: "test \"t\" {\n ‸", want: []string{"given", "mail", "expect", "for"}, exactly: true},
		{name: "what is given", text: "test \"t\" {\n given sender {}\n given ‸", want: []string{"people", "issue", "mailbox", "time"}, not: []string{"sender"}},
		{name: "a given mailbox", text: "test \"t\" {\n given mailbox ‸", want: []string{"support"}},
		{name: "keys of a sender", text: "test \"t\" {\n given sender {‸", want: []string{"trust", "role", "recent"}, not: []string{"mail"}},
		{name: "a second key", text: "test \"t\" {\n given sender {email: \"a\", ‸}", want: []string{"trust"}},
		{name: "a given trust", text: "test \"t\" {\n given sender {trust: \"‸\"}", want: []string{"authenticated"}},
		{name: "a given status", text: "test \"t\" {\n given issue {number: 7, status: \"‸\"}", want: []string{"closed"}},
		{name: "a given result", text: "test \"t\" {\n given auth {spf: \"‸\"}", want: []string{"pass"}},
		{name: "keys of people", text: "test \"t\" {\n given people [{‸", want: []string{"email", "role"}},
		{name: "a mail", text: "test \"t\" {\n mail ‸", want: []string{`"""`, "file"}, exactly: true},
		{name: "a mail's file", text: "test \"t\" {\n mail file(\"‸\")", want: []string{"mails/a.eml"}, exactly: true},
		{name: "in a mail", text: "test \"t\" {\n mail \"\"\"\nFrom: ma‸\n\"\"\"\n", exactly: true},
		{name: "an expectation", text: "test \"t\" {\n expect ‸", want: []string{"verdict", "outcome", "issue", "from_vip"}, not: []string{"tag", "value"}},
		{name: "what came of it", text: "test \"t\" {\n expect outcome.‸", want: []string{"notes", "failed"}},
		{name: "a verdict", text: "test \"t\" {\n expect verdict == \"‸\"", want: []string{"committed", "quarantined"}},
		{name: "a case", text: "test \"t\" {\n for case in [{subject: \"x\", n: 1}] {\n expect case.‸", want: []string{"subject", "n"}, exactly: true},
		{name: "the name of a case", text: "test \"t\" {\n for case in [{subject: \"x\"}] {\n expect ca‸", want: []string{"case"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, at := atMark(t, c.text)
			got := w.Complete("20-t.rules", at)
			names := labels(got)
			for _, want := range c.want {
				if !slices.Contains(names, want) {
					t.Errorf("%s is missing in %v", want, names)
				}
			}
			for _, not := range c.not {
				if slices.Contains(names, not) {
					t.Errorf("%s is offered", not)
				}
			}
			if extra := len(names) - len(c.want); c.exactly && extra != 0 {
				t.Errorf("%d more or less than %v: %v", extra, c.want, names)
			}
			for i, name := range names {
				if slices.Contains(names[:i], name) {
					t.Errorf("%s is offered twice", name)
				}
			}
		})
	}
}
