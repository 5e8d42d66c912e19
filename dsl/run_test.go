package dsl_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
)

// view is a mail that most tests look at.
func view() *dsl.View {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	return &dsl.View{
		Mail: &dsl.Mail{
			ID: "m1", Subject: "PROBLEM web1 OUTAGE in Berlin",
			From: dsl.Address{Email: "ann@mail.bigcorp.com", Name: "Ann", Local: "ann", Domain: "mail.bigcorp.com"},
			To:   []dsl.Address{{Email: "support@example.com", Domain: "example.com"}, {Email: "bob@example.org", Domain: "example.org"}},
			Text: "Hello,\nthe Server  is\ndown again.\nGrüße", NewText: "the server is down", Size: 4096, Date: now.Add(-time.Hour),
			Attachments: []dsl.Attachment{{Name: "a.exe", Type: "application/octet-stream", Size: 10}, {Name: "b.pdf", Type: "application/pdf", Size: 2_000_000}, {Name: "c.exe", Size: 7}},
			Fields:      []dsl.HeaderField{{Name: "X-Spam", Value: "no"}, {Name: "Received", Value: "one"}, {Name: "received", Value: "two"}},
			Auth:        dsl.Auth{SPF: "pass", DKIM: "none"},
		},
		Envelope: &dsl.Envelope{From: dsl.Address{Email: "ann@mail.bigcorp.com"}, IP: "192.0.2.1"},
		Mailbox:  &dsl.Mailbox{Name: "support"},
		Sender: &dsl.Sender{Known: true, Email: "ann@mail.bigcorp.com", Role: "agent", Trust: "known",
			Count: func(within time.Duration) int { return int(within / time.Hour) }},
		Issue: &dsl.Issue{IsNew: true, Priority: "normal", Tags: []string{"a"}, Fields: map[string]string{"order": "17"}},
		Now:   now,
	}
}

const lists = `
list vip = ["BigCorp.com", "mail.bigcorp.com", "bücher.example"]
list words = ["Outage", "broken"]
list both = concat(vip, banned)
list banned = file("lists/banned.txt")
list numbers = [3, 4]
`

func must(t testing.TB, text string) *dsl.Program {
	t.Helper()
	p, diags := compile("t.rules", text, options())
	if diags.HasErrors() {
		t.Fatalf("%s\n%s", text, diags.Text())
	}
	return p
}

func TestConditions(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]bool{
		`mail.from.domain in vip`:                                                            true,
		`mail.from.domain not in vip`:                                                        false,
		`"MAIL.BIGCORP.COM" in vip`:                                                          true,
		`"xn--bcher-kva.example" in vip`:                                                     true,
		`"bad.example" in banned and "bad.example" in both`:                                  true,
		`"# who may not write" in banned`:                                                    false,
		`3 in numbers and 5 not in numbers`:                                                  true,
		`any(words, has(mail.subject, #))`:                                                   true,
		`len(vip) == 3 and vip[0] == "bigcorp.com"`:                                          true,
		`has(mail.subject, words)`:                                                           true,
		`has(mail.subject, "out")`:                                                           false,
		`has(mail.text, "server is down")`:                                                   true,
		`has(mail.text, "SERVER IS DOWN AGAIN")`:                                             true,
		`has(mail.text, "grüße")`:                                                            true,
		`has(mail.text, "grüß")`:                                                             false,
		`has("we use c++ here", "c++") and not has("abc++", "c++")`:                          true,
		`has("x", "")`:                                                                       false,
		`under(mail.from.domain, "bigcorp.com")`:                                             true,
		`under(mail.from.domain, "BigCorp.com.")`:                                            true,
		`under("notbigcorp.com", "bigcorp.com")`:                                             false,
		`under("bigcorp.com", vip) and under("a.b.bigcorp.com", vip)`:                        true,
		`under("x.org", ["y.org", "org"])`:                                                   true,
		`find(mail.subject, "(?P<kind>PROBLEM|OK) (\\S+)").kind == "PROBLEM"`:                true,
		`find(mail.subject, "nothing").found`:                                                false,
		`find(mail.subject, "not(hing)")[1] == ""`:                                           true,
		"find(mail.subject, `web(.)`)[1] == \"1\" and (mail.subject | find(`web(.)`)).found": true,
		`mail.header("x-spam") == "no" and mail.header("none") == ""`:                        true,
		`mail.headers("Received") == ["one", "two"]`:                                         true,
		`sender.atLeast("known")`:                                                            true,
		`sender.atLeast("authenticated")`:                                                    false,
		`sender.recent("2h") == 2 and sender.recent("1d") == 24`:                             true,
		`now() - mail.date == duration("1h")`:                                                true,
		`now() < date("2026-02-01") and now() > date("2026-01-31")`:                          true,
		`mail.date.Hour() == 11`:                                                             true,
		`duration("1w2d12h") == duration("228h")`:                                            true,
		`lower(mail.subject) contains "outage" and upper("a") == "A"`:                        true,
		`trim("  a ") == "a" and trim("xax", "x") == "a"`:                                    true,
		`split("a,b,c", ",") == ["a", "b", "c"] and split("a,b", ",", 1) == ["a,b"]`:         true,
		`join(["a", "b"], "-") == "a-b" and join(vip) startsWith "big"`:                      true,
		`replace("aab", "a", "x") == "xxb" and repeat("ab", 2) == "abab"`:                    true,
		`"a" + "b" + string(3) == "ab3" and 1 + 2 == 3`:                                      true,
		`sum([1, 2, 3]) == 6 and sum(mail.attachments, .size) == 2000017`:                    true,
		`count(mail.attachments, .name endsWith ".exe") == 2`:                                true,
		`filter(mail.to, .domain == "example.org")[0].email == "bob@example.org"`:            true,
		`map(mail.to, .domain) == ["example.com", "example.org"]`:                            true,
		`uniq(["a", "b", "a"]) == ["a", "b"] and sort([3, 1, 2]) == [1, 2, 3]`:               true,
		`reduce(1..4, #acc + #, 0) == 10`:                                                    true,
		`reduce(["a", "b"], #acc + #, "") == "ab"`:                                           true,
		`max([1, 5, 2]) == 5 and len(1..10) == 10 and len(5..1) == 0`:                        true,
		`fromJSON("{\"a\": [1, 2]}").a[1] == 2`:                                              true,
		`issue.fields.order == "17" and issue.fields["none"] == ""`:                          true,
		`"a" in issue.tags and issue.age < duration("1d")`:                                   true,
		`mail.subject matches "(?i)outage" and not (mail.subject matches "^x")`:              true,
		`let x = mail.size; x > 4000 and x < 5000`:                                           true,
		"mail.subject contains `web1` and mail.subject != 'x'":                               true,
		`mail.spamScore < 5 and mail.isReply == false`:                                       true,
		`toBase64("a") == "YQ==" and fromBase64("YQ==") == "a"`:                              true,
		`(mail.isReply ? "a" : "b") == "b"`:                                                  true,
		`mail.to[0].domain in ["example.com", "x"]`:                                          true,
		`mail.size in [4096, 1]`:                                                             true,
		`mail.subject in ["PROBLEM web1 OUTAGE in Berlin"]`:                                  true,
		`all(mail.to, .domain startsWith "example") and none(mail.to, .mixedScript)`:         true,
		`mail.to != [] and [] != mail.attachments and filter(mail.to, false) == []`:          true,
		`mail.to == [] or [] == mail.to`:                                                     false,
	} {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			p := must(t, lists+"\nrule \"r\" {\n when "+condition+"\n then { stop() } }")
			r := p.NewRun(context.Background(), view(), dsl.Budget{})
			defer r.Close()
			got, err := p.Rules[0].Match(r)
			if err != nil || got != want {
				t.Errorf("%s is %v, %v; want %v", condition, got, err, want)
			}
		})
	}
}

// do runs all statements of the first rule and prints their actions.
func do(t *testing.T, p *dsl.Program, v *dsl.View) string {
	t.Helper()
	r := p.NewRun(context.Background(), v, dsl.Budget{})
	defer r.Close()
	rule := p.Rules[0]
	if ok, err := rule.Match(r); err != nil || !ok {
		t.Fatalf("match: %v, %v", ok, err)
	}
	var out []string
	for i := range rule.Len(true) {
		actions, err := rule.Do(r, true, i)
		if err != nil {
			return strings.Join(append(out, "error: "+err.Error()), " ")
		}
		for _, a := range actions {
			out = append(out, a.String())
		}
	}
	return strings.Join(out, " ")
}

func TestStatements(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statements, want string }{
		"in order":               {"tag(\"a\"); tag(\"b\")\ntag(\"c\")", `tag("a") tag("b") tag("c")`},
		"ternary":                {`mail.isReply ? tag("a") : tag("b")`, `tag("b")`},
		"ternary with nil":       {`mail.isReply ? tag("a") : nil`, ``},
		"list":                   {`[tag("a"), [tag("b"), nil]]`, `tag("a") tag("b")`},
		"if":                     {`if not mail.isReply { tag("a") } else { tag("b") }`, `tag("a")`},
		"if without else":        {`if not mail.isReply { tag("a") }`, `tag("a")`},
		"if not taken":           {`if mail.isReply { tag("a") }`, ``},
		"if over lines":          {"if mail.size > 1 {\n tag(\"a\") // one\n\n tag(\"b\"); tag(\"c\")\n}\ntag(\"d\")", `tag("a") tag("b") tag("c") tag("d")`},
		"if else if":             {"if mail.isReply {\n tag(\"a\")\n}\nelse if mail.size > 1 {\n tag(\"b\")\n}\ntag(\"c\")", `tag("b") tag("c")`},
		"if in if":               {"if mail.size > 1 {\n if mail.size > 2 {\n tag(\"a\") }\n tag(\"b\")\n let x = \"c\"\n tag(x)\n}", `tag("a") tag("b") tag("c")`},
		"let that acts":          {`let x = tag("a"); note("b")`, `tag("a") note("b")`},
		"let of an action":       {`let x = tag("a"); x`, `tag("a")`},
		"sequence":               {`(tag("a"); tag("b"))`, `tag("a") tag("b")`},
		"false and":              {`if (tag("a"); true) and false { tag("b") }`, `tag("a")`},
		"short circuit":          {`if false and (tag("a"); true) { tag("b") }`, ``},
		"predicate":              {`map(mail.to, tag(.domain))`, `tag("example.com") tag("example.org")`},
		"predicate in condition": {`if any(mail.to, {tag(.domain); true}) { stop() }`, `tag("example.com") stop()`},
		"over lines":             {"tag(\n  \"a\",\n  \"b\"\n)", `tag("a", "b")`},
		"tags of a list":         {`tag(["a", "b"], "c")`, `tag("a", "b", "c")`},
		"computed":               {`subject("[" + mail.from.domain + "] " + mail.subject)`, `subject("[mail.bigcorp.com] PROBLEM web1 OUTAGE in Berlin")`},
		"control characters":     {`subject("a\r\nBcc: x\x00\u2028y")`, `subject("a Bcc: x  y")`},
		"note keeps its lines":   {`note("a\r\nb\x07")`, `note("a\nb ")`},
		"due":                    {`due("3d"); due("2026-02-01"); due(duration("1h")); due(now())`, `due("2026-02-03T12:00:00Z") due("2026-02-01T00:00:00Z") due("2026-01-31T13:00:00Z") due("2026-01-31T12:00:00Z")`},
		"dropAttachments":        {`dropAttachments(.name endsWith ".exe"); dropAttachments(.size > 1000000); dropAttachments({let s = .size; s < 0})`, `dropAttachments([0 2]) dropAttachments([1]) dropAttachments([])`},
		"set":                    {`set("order", 7); set("host", "x"); set("priority", "high")`, `set("order", "7") set("host", "x") set("priority", "high")`},
		"numbers":                {`attachTo(7)`, `attachTo(7)`},
		"redact":                 {"redact(`\\d{4}`)", `redact("\\d{4}")`},
		"thread":                 {`thread("k", "90m")`, `thread("k", "1h30m0s")`},
		"verdicts":               {`reject("no"); bounce("no"); discard(); quarantine("q"); tryLater("t"); stop()`, `reject("no") bounce("no") discard("") quarantine("q") tryLater("t") stop()`},
		"the rest":               {`type("Incident/Hardware"); class("customer"); status("open"); assign("a@b.c"); untag("x"); watch("a@b.c"); unwatch("d@e.f"); close(); reopen(); visibility("internal"); quiet(); newIssue()`, `type("Incident/Hardware") class("customer") status("open") assign("a@b.c") untag("x") watch("a@b.c") unwatch("d@e.f") close() reopen() visibility("internal") quiet() newIssue()`},
		"empty key":              {`thread("", "7d")`, `error: t.rules:3:1: the key of thread is empty`},
		"no issue":               {`attachTo(0)`, `error: t.rules:3:1: there is no issue 0`},
		"unknown type":           {`tag(fromJSON("7"))`, `error: t.rules:3:1: it needs a text or a list of texts, got a number`},
		"out of range":           {`tag(mail.to[7].email)`, `error: t.rules:3:12: index out of range: 7 (array length is 2)`},
		"nil":                    {`tag(first(filter(mail.to, false)).email)`, `error: t.rules:3:35: cannot fetch email from <nil>`},
		"after an error":         {"tag(\"a\")\n tag(mail.to[7].email)", `tag("a") error: t.rules:4:13: index out of range: 7 (array length is 2)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := must(t, "rule \"r\" {\nthen {\n"+c.statements+"\n} }")
			if diff := cmp.Diff(c.want, do(t, p, view())); diff != "" {
				t.Errorf("%s\n(-want +got)\n%s", c.statements, diff)
			}
		})
	}
}

// A statement sees what those before it did, when the caller applied it.
func TestStatementsSeeTheIssue(t *testing.T) {
	t.Parallel()
	p := must(t, "rule \"r\" { let before = issue.priority\n then { priority(\"high\")\n tag(issue.priority, before) } }")
	v := view()
	r := p.NewRun(context.Background(), v, dsl.Budget{})
	rule := p.Rules[0]
	if _, err := rule.Match(r); err != nil {
		t.Fatal(err)
	}
	if _, err := rule.Do(r, true, 0); err != nil {
		t.Fatal(err)
	}
	v.Issue = &dsl.Issue{Priority: "high"}
	actions, err := rule.Do(r, true, 1)
	if err != nil || len(actions) != 1 || actions[0].String() != `tag("high", "normal")` {
		t.Errorf("got %v, %v", actions, err)
	}
	if want := (dsl.Pos{File: "t.rules", Line: 3, Column: 2}); actions[0].Pos != want {
		t.Errorf("the action is at %v, want %v", actions[0].Pos, want)
	}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	text := `
		rule "one" { in support, "sales"; when mail.isReply then { stop() } }
		shadow rule "two" { on mail then { stop() } }
		token "close" { when sender.role == "agent" then { status(value) } }
		rule "three" { on envelope when envelope.ip == "192.0.2.1" then { reject("no " + envelope.ip) } }
	`
	p := must(t, text)
	got := []any{}
	for _, r := range append(p.Rules, p.Tokens...) {
		got = append(got, r.Name, r.Mailboxes, r.Stage, r.Shadow, r.Token, r.Len(true), r.Condition() != nil)
	}
	want := []any{
		"one", []string{"support", "sales"}, dsl.StageMail, false, false, 1, true,
		"two", []string(nil), dsl.StageMail, true, false, 1, false,
		"three", []string(nil), dsl.StageEnvelope, false, false, 1, true,
		"close", []string(nil), dsl.StageMail, false, true, 1, true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := p.Rules[2].Condition().String(); got != `envelope.ip == "192.0.2.1"` {
		t.Errorf("the condition is %s", got)
	}
	r := p.NewRun(context.Background(), &dsl.View{Envelope: &dsl.Envelope{IP: "192.0.2.1"}}, dsl.Budget{})
	defer r.Close()
	if ok, err := p.Rules[2].Match(r); !ok || err != nil {
		t.Errorf("envelope: %v, %v", ok, err)
	}
	if ok, err := p.Rules[0].Match(r); ok || err != nil {
		t.Errorf("a view without mail: %v, %v", ok, err)
	}
	r2 := p.NewRun(context.Background(), view(), dsl.Budget{})
	r2.SetValue("open")
	if ok, err := p.Tokens[0].Match(r2); !ok || err != nil {
		t.Fatalf("token: %v, %v", ok, err)
	}
	if a, err := p.Tokens[0].Do(r2, true, 0); err != nil || len(a) != 1 || a[0].String() != `status("open")` {
		t.Errorf("token: %v, %v", a, err)
	}
}

// What fails in a rule is the rule's own error, with its place; the run goes on.
func TestRuleErrors(t *testing.T) {
	t.Parallel()
	p := must(t, "rule \"r\" {\n  when fromJSON(mail.subject).x == 1\n then { stop() } }\nrule \"s\" { then { stop() } }")
	r := p.NewRun(context.Background(), view(), dsl.Budget{})
	defer r.Close()
	_, err := p.Rules[0].Match(r)
	var re *dsl.RuleError
	if !errors.As(err, &re) || err.Error() != "t.rules:2:8: this is not JSON" || !strings.Contains(re.Snippet, "when fromJSON") {
		t.Errorf("got %v", err)
	}
	if ok, err := p.Rules[1].Match(r); !ok || err != nil {
		t.Errorf("the next rule: %v, %v", ok, err)
	}
}

// What fails only when it runs is told in words of the language, with its place.
func TestRunTimeMessages(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		`any(fromJSON("1"), true)`:                     "2:7: a value is of the wrong kind here",
		`mail.to[99].email == ""`:                      "2:14: index out of range: 99 (array length is 2)",
		`fromJSON("null") + "x" == ""`:                 "2:24: cannot add nil and a text",
		`int("x") > 1`:                                 "2:7: invalid operation: int(x)",
		`7 % (mail.size - mail.size) == 0`:             "runtime error: integer divide by zero",
		`len(map(1..2, 1..99999999)) > 0`:              "a text or list grew too long: more than 100000 elements",
		`mail.date.Format(repeat("Monday", 50)) == ""`: "a layout of 300 bytes is too long: at most 200",
	} {
		r := must(t, "rule \"r\" {\n when "+when+"\n then { stop() } }")
		run := r.NewRun(context.Background(), view(), dsl.Budget{})
		if _, err := r.Rules[0].Match(run); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", when, err, want)
		}
		run.Close()
	}
}

// recent asks the store once about each time, and not about very many.
func TestRecent(t *testing.T) {
	t.Parallel()
	asked := 0
	v := view()
	v.Sender.Count = func(time.Duration) int { asked++; return 3 }
	p := must(t, `
		rule "often" { when all(1..1000, sender.recent("1h") == 3) then { stop() } }
		rule "many" { when all(1..1000, sender.recent(string(#) + "s") == 3) then { stop() } }`)
	r := p.NewRun(context.Background(), v, dsl.Budget{})
	defer r.Close()
	if ok, err := p.Rules[0].Match(r); !ok || err != nil || asked != 1 {
		t.Errorf("often: %v, %v, asked %d times", ok, err, asked)
	}
	if _, err := p.Rules[1].Match(r); err == nil || !strings.Contains(err.Error(), "more than 20 different times") || asked != 20 {
		t.Errorf("many: %v, asked %d times", err, asked)
	}
}

func TestTests(t *testing.T) {
	t.Parallel()
	p := must(t, `
		test "all that can be given" {
			given sender {email: "Ann@BigCorp.com", role: "agent", claimed: {role: "x"}}
			given issue {number: 7, status: "closed", messageIds: ["<a@b>"], tags: ["x"], fields: {order: 3},
			             createdAt: "2026-01-01", age: "3d", requester: "Ann@x.org"}
			given auth {spf: "pass", dkim: "fail"}
			given envelope {from: "A@b.c", to: {email: "support@example.com", name: "S"}, ip: "::1", tls: true}
			given mailbox support; given time "2026-01-02T03:04:05Z"
			mail """
				Subject: x

				  indented
			"""
			expect issue.priority == "urgent" and verdict == "committed"
			expect "vip" in issue.tags
			expect not any(sent, "a@b.c" in .to)
			expect len(mail.to) == 2
		}
		test "a file" { given auth {spf: "pass"} mail file("mails/plain.eml") expect verdict == "rejected" expect reason contains "no" }
	`)
	if len(p.Tests) != 2 {
		t.Fatalf("%d tests", len(p.Tests))
	}
	g := p.Tests[0].Given
	want := dsl.Given{
		Sender: &dsl.Sender{Email: "Ann@BigCorp.com", Role: "agent", Claimed: dsl.Claimed{Role: "x"}, Known: true, Trust: "known"},
		Issue: &dsl.GivenIssue{MessageIDs: []string{"<a@b>"}, Issue: dsl.Issue{
			Number: 7, Status: "closed", Tags: []string{"x"}, Fields: map[string]string{"order": "3"},
			CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Age: 72 * time.Hour,
			Requester: dsl.Address{Email: "ann@x.org", Local: "ann", Domain: "x.org", Display: "ann@x.org"}}},
		Auth: &dsl.Auth{SPF: "pass", DKIM: "fail"},
		Envelope: &dsl.Envelope{From: dsl.Address{Email: "a@b.c", Local: "a", Domain: "b.c", Display: "a@b.c"},
			To: dsl.Address{Email: "support@example.com", Name: "S", Local: "support", Domain: "example.com", Display: "support@example.com"}, IP: "::1", TLS: true},
		Mailbox: "support", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if diff := cmp.Diff(want, g); diff != "" {
		t.Error(diff)
	}
	if got := string(p.Tests[0].Mail); got != "Subject: x\r\n\r\n  indented\r\n" {
		t.Errorf("the mail is %q", got)
	}
	if got := string(p.Tests[1].Mail); got != "Subject: plain\r\n\r\nhello\r\n" {
		t.Errorf("the file is %q", got)
	}
	o := &dsl.Outcome{View: view(), Verdict: "committed", Sent: []dsl.Sent{{To: []string{"a@b.c"}}}}
	for i, want := range []struct {
		ok  bool
		got string
	}{
		{false, `issue.priority is "normal"`},
		{false, `issue.tags is ["a"]`},
		{false, `sent is [`},
		{true, ""},
	} {
		ok, got, _, err := p.Tests[0].Expects[i].Check(o)
		if err != nil || ok != want.ok || !strings.HasPrefix(got, want.got) {
			t.Errorf("%s: %v, %q, %v; want %v, %q", p.Tests[0].Expects[i].Source, ok, got, err, want.ok, want.got)
		}
	}
}
