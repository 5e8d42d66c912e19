package intake_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/internal/intake"
)

const explained = `
rule "vip" { when mail.from.domain == "example.org" then { priority("high"); tag("vip") } }
rule "outage" { when has(mail.subject, "outage") then { priority("urgent"); tag("outage") } }
rule "often outage" { when has(mail.subject, "outage") and sender.recent("1h") >= 2 then { assign("oncall") } }
rule "far" { when has(mail.subject, "invoice") and mail.size > 1000000 then { tag("far") } }
rule "secret" { then { redact("4111\\d+") } }
rule "pays" { when mail.newText contains "paid" and mail.isReply == false and mail.from.domain == "example.org" then { tag("paid") } }
rule "order" { then { set("order", "17"); set("status", "open") } }
`

func TestExplain(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, explained)
	a := r.one(plain("<1@x.example>", "ann@example.org", "outage", "my card is 4111222233334444"))
	r.later(time.Minute)
	b := r.one(plain("<2@x.example>", "ann@example.org", "Re: outage", "and now", "In-Reply-To: <1@x.example>"))
	r.rules(`rule "other" { then { tag("other") } }`) // the rules of now are not those that decided
	if a.Issue != b.Issue {
		t.Fatalf("issues %d and %d", a.Issue, b.Issue)
	}

	e, err := r.in.Explain(t.Context(), a.Message, intake.ExplainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range e.Fields {
		got[f.Field] += fmt.Sprintf("%s:%d %s %s; ", f.File, f.Line, f.Rule, strings.Join(f.Actions, ","))
	}
	want := map[string]string{
		"priority": `10-test.rules:3 outage priority("urgent"); `,
		"tags":     `10-test.rules:2 vip tag("vip"); 10-test.rules:3 outage tag("outage"); `,
		"status":   `10-test.rules:8 order set("status", "open"); `, "redact": `10-test.rules:6 secret redact("4111\\d+"); `,
		"fields.order": `10-test.rules:8 order set("order", "17"); `,
	}
	for field, by := range want {
		if got[field] != by {
			t.Errorf("%s is by %s, want %s", field, got[field], by)
		}
	}
	if len(got) != len(want) || len(e.Near) != 0 {
		t.Errorf("got %v, near %v", got, e.Near)
	}

	near := func(o intake.ExplainOptions) string {
		t.Helper()
		e, err := r.in.Explain(t.Context(), a.Message, o)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, n := range e.Near {
			fmt.Fprintf(&b, "%s missing %d:", n.Rule, n.Missing)
			for _, p := range n.Condition.Parts {
				fmt.Fprintf(&b, " %v %s", p.Holds, p.Text)
				for _, v := range p.Values {
					fmt.Fprintf(&b, " (%s)", v.Value)
				}
			}
			b.WriteString("\n")
		}
		return b.String() + e.Note
	}
	first := `pays missing 1: false mail.newText contains "paid" ("my card is ████████████████") true mail.isReply == false (false) true mail.from.domain == "example.org" ("example.org")
often outage missing 1: true has(mail.subject, "outage") ("outage") false sender.recent("1h") >= 2 (0)
`
	if got := near(intake.ExplainOptions{Near: true}); got != first {
		t.Errorf("near:\n%swant\n%s", got, first)
	}
	far := `far missing 2: false has(mail.subject, "invoice") ("outage") false mail.size > 1000000 (`
	if got := near(intake.ExplainOptions{Rule: "far"}); !strings.HasPrefix(got, far) {
		t.Errorf("one rule: %s", got)
	}

	x, err := r.in.ExplainIssue(t.Context(), a.Issue)
	if err != nil || len(x.Messages) != 2 || x.Messages[0].Message != a.Message || x.Messages[1].Thread != "own <1@x.example>" {
		t.Fatalf("%+v, %v", x, err)
	}
	by := map[string]string{}
	for _, f := range x.Fields {
		by[f.Field] += f.Message
	}
	if by["priority"] != b.Message || by["tags"] != a.Message+a.Message+b.Message+b.Message || by["redact"] != "" {
		t.Errorf("by %v", by)
	}
}

// A set that is stored nowhere cannot be asked: the one of now is, and that is said.
func TestExplainByOtherRules(t *testing.T) {
	t.Parallel()
	r := newRig(t, explained)
	a := r.one(plain("<1@x.example>", "ann@example.org", "outage", "text"))
	r.rules(`rule "other" { when mail.isReply and mail.size > 0 then { tag("other") } }`)
	e, err := r.in.Explain(t.Context(), a.Message, intake.ExplainOptions{Near: true})
	if err != nil || len(e.Near) != 1 || e.Near[0].Rule != "other" || !strings.Contains(e.Note, "not stored") {
		t.Errorf("%+v, %v", e, err)
	}
}
