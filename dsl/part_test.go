package dsl_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
)

// lines prints a part as a person would read it.
func lines(p *dsl.Part, depth int) string {
	var b strings.Builder
	text := p.Text
	if p.Op != "" {
		text = p.Op
	}
	fmt.Fprintf(&b, "%s%v %s", strings.Repeat("  ", depth), p.Holds, text)
	for _, v := range p.Values {
		fmt.Fprintf(&b, " | %s = %s", v.Text, v.Value)
	}
	if p.Error != "" && p.Op == "" {
		fmt.Fprintf(&b, " | error: %s", p.Error)
	}
	b.WriteString("\n")
	for i := range p.Parts {
		b.WriteString(lines(&p.Parts[i], depth+1))
	}
	return b.String()
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		`mail.from.domain in vip and mail.subject matches "(?i)printer" and not mail.isReply`: `
false and
  true mail.from.domain in vip | mail.from.domain = "mail.bigcorp.com"
  false mail.subject matches "(?i)printer" | mail.subject = "PROBLEM web1 OUTAGE in Berlin"
  true not
    false mail.isReply | mail.isReply = false
`,
		`has(mail.text, "fire") or sender.recent("2h") > 5 or mail.size == 4096 and issue.fields.order != "17"`: `
false or
  false has(mail.text, "fire") | mail.text = "Hello,\nthe Server  is\ndown again.\nGrüße"
  false sender.recent("2h") > 5 | sender.recent("2h") = 2
  false and
    true mail.size == 4096 | mail.size = 4096
    false issue.fields.order != "17" | issue.fields.order = "17"
`,
		`mail.from.domain not in vip`: `
false not (mail.from.domain in vip) | mail.from.domain = "mail.bigcorp.com"
`,
		`any(mail.to, .domain == "example.net") and m.found and mail.header("X-Spam") == "yes"`: `
false and
  false any(mail.to, .domain == "example.net") | mail.to = ["support@example.com", "bob@example.org"]
  true m.found | m.found = true
  false mail.header("X-Spam") == "yes" | mail.header("X-Spam") = "no"
`,
		`urgent and mail.size > 1`: `
false and
  false urgent | urgent = false
  true mail.size > 1 | mail.size = 4096
`,
		`mail.isReply and mail.to[7].email == ""`: `
false and
  false mail.isReply | mail.isReply = false
  false mail.to[7].email == "" | error: t.rules:8:31: index out of range: 7 (array length is 2)
`,
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			p := must(t, lists[1:]+"define urgent = mail.subject contains \"URGENT\"\n"+"rule \"r\" { let m = find(mail.subject, `web(.)`)\n when "+when+"\n then { stop() } }")
			r := p.NewRun(context.Background(), view(), dsl.Budget{})
			defer r.Close()
			if matched, err := p.Rules[0].Match(r); matched || err != nil {
				t.Fatalf("it matches: %v, %v", matched, err)
			}
			got := lines(p.Rules[0].Explain(r, nil), 0)
			if diff := cmp.Diff(want[1:], got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What is hidden is hidden before it is cut, and in lists.
func TestExplainHides(t *testing.T) {
	t.Parallel()
	p := must(t, `rule "r" { when mail.newText contains "x" or issue.tags == ["b"] or mail.from.email == "no" then { stop() } }`)
	v := view()
	v.Mail.NewText = strings.Repeat("a", 70) + " 4111111111111111"
	v.Issue.Tags = []string{"4111111111111111"}
	r := p.NewRun(context.Background(), v, dsl.Budget{})
	defer r.Close()
	if _, err := p.Rules[0].Match(r); err != nil {
		t.Fatal(err)
	}
	got := lines(p.Rules[0].Explain(r, func(s string) string { return strings.ReplaceAll(s, "4111111111111111", "####") }), 0)
	if strings.Contains(got, "41") || strings.Count(got, "####") != 2 {
		t.Errorf("got %s", got)
	}
}

// How far a condition is from true.
func TestMissing(t *testing.T) {
	t.Parallel()
	for when, want := range map[string][2]int{
		`mail.isReply`:                                                   {1, 0},
		`mail.isReply and mail.size == 4096`:                             {1, 1},
		`mail.isReply and mail.isList and mail.size > 0`:                 {2, 1},
		`(mail.isReply and mail.isList or mail.isBounce) and true`:       {1, 1},
		`not (mail.size > 0 and mail.subject != "")`:                     {1, 0},
		`not (mail.size > 0 or mail.subject != "") and not mail.isReply`: {2, 1},
	} {
		p := must(t, "rule \"r\" { when "+when+" then { stop() } }")
		r := p.NewRun(context.Background(), view(), dsl.Budget{})
		if _, err := p.Rules[0].Match(r); err != nil {
			t.Fatal(err)
		}
		missing, held := p.Rules[0].Explain(r, nil).Missing()
		if got := [2]int{missing, held}; got != want {
			t.Errorf("%s: missing and held are %v, want %v", when, got, want)
		}
		r.Close()
	}
}
