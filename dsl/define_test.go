package dsl_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"postern/dsl"
)

// holds compiles a file and says whether its first rule matches the mail of view.
func holds(t *testing.T, text string, b dsl.Budget) (bool, error) {
	t.Helper()
	p := must(t, text)
	r := p.NewRun(t.Context(), view(), b)
	defer r.Close()
	return p.Rules[0].Match(r)
}

func TestDefines(t *testing.T) {
	t.Parallel()
	const defines = `
list vip = ["bigcorp.com"]
define urgent = from_vip and about_outage    // used before it is defined
define from_vip = under(mail.from.domain, vip)
define about_outage = host.kind == "PROBLEM"
define host = find(mail.subject, "^(?P<kind>[A-Z]+) (?P<name>\\S+)")
define is_new = issue.isNew
define late = (
    mail.date.Hour() > 17
    or mail.date.Hour() < 6)
define trouble = fromJSON(mail.subject).x == 1
`
	for condition, want := range map[string]bool{
		`urgent`:       true,
		`not from_vip`: false,
		`host.found and host[2] == "web1" and host.name startsWith "web"`: true,
		`any(mail.to, .domain == "example.com" and from_vip)`:             true,
		`is_new and not late`:              true,
		`(let n = host.name; n == "web1")`: true,
		`late ? trouble : is_new`:          true,
	} {
		got, err := holds(t, defines+"rule \"r\" {\n when "+condition+"\n then { stop() } }", dsl.Budget{})
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", condition, got, err)
		}
	}
}

// A define is a name for statements, tokens and expectations too.
func TestDefinesElsewhere(t *testing.T) {
	t.Parallel()
	p := must(t, `
define host = find(mail.subject, "web\\d")
define urgent = host.found
rule "r" { let name = host[0] then { urgent ? tag(name, host[0]) : nil } }
token "x" { when urgent then { tag(value) } }
rule "e" { on envelope when local then { reject("no") } }
define local = envelope.ip == "192.0.2.1"
test "t" {
    mail """
        Subject: x
    """
    expect urgent and local
}`)
	r := p.NewRun(t.Context(), view(), dsl.Budget{})
	defer r.Close()
	for _, rule := range append(p.Rules, p.Tokens...) {
		if ok, err := rule.Match(r); !ok || err != nil {
			t.Errorf("%s: %v, %v", rule.Name, ok, err)
		}
		actions, err := rule.Do(r, true, 0)
		if err != nil || rule.Name == "r" && fmt.Sprint(actions) != `[tag("web1", "web1")]` {
			t.Errorf("%s: %v, %v", rule.Name, actions, err)
		}
	}
	e := p.Tests[0].Expects[0]
	if ok, got, _, err := e.Check(&dsl.Outcome{View: view()}); !ok || err != nil {
		t.Errorf("%v %q %v", ok, got, err)
	}
	v := view()
	v.Mail.Subject = "none"
	if ok, got, _, err := e.Check(&dsl.Outcome{View: v}); ok || got != "urgent is false" || err != nil {
		t.Errorf("%v %q %v", ok, got, err)
	}
	if d := p.Defines[0]; d.Name != "host" || d.Pos.Line != 2 || d.Pos.Column != 8 || d.Source != `find(mail.subject, "web\\d")` || d.Condition() == nil {
		t.Errorf("%+v", d)
	}
}

// What fails in a define says where in it, not where it is used.
func TestDefineFails(t *testing.T) {
	t.Parallel()
	_, err := holds(t, "define order = fromJSON(mail.subject).order\nrule \"r\" { when order == 7 then { stop() } }", dsl.Budget{})
	var re *dsl.RuleError
	if !errors.As(err, &re) || re.Line != 1 || re.Column != 16 || re.Message != "this is not JSON" {
		t.Errorf("got %v", err)
	}
}

// Defines that use each other twice would take twice as long with each one more: the budget ends them, and what no rule can
// change is computed once.
func TestDefinesHaveABudget(t *testing.T) {
	t.Parallel()
	chain := func(first string) string {
		text := "define d0 = " + first + "\n"
		for i := range 60 {
			text += fmt.Sprintf("define d%d = d%d and d%d\n", i+1, i, i)
		}
		return text + "rule \"r\" { when d60 then { stop() } }"
	}
	if _, err := holds(t, chain("issue.isNew"), dsl.Budget{}); !errors.Is(err, dsl.ErrRuleBudget) {
		t.Errorf("got %v", err)
	}
	if got, err := holds(t, chain("count(mail.to, true) == 2"), dsl.Budget{Steps: 800}); !got || err != nil {
		t.Errorf("computed more than once: %v, %v", got, err)
	}
}

func TestDefinesHaveADepth(t *testing.T) {
	t.Parallel()
	for _, backwards := range []bool{false, true} {
		var lines []string
		for i := range 200 {
			lines = append(lines, fmt.Sprintf("define d%d = d%d", i+1, i))
			if backwards {
				lines[i] = fmt.Sprintf("define d%d = d%d", 200-i, 199-i)
			}
		}
		lines = append(lines, "define d0 = mail.isReply", "rule \"r\" { when d200 then { stop() } }")
		p, diags := compile("t.rules", strings.Join(lines, "\n"), options())
		if p != nil || !strings.Contains(diags.Text(), "too many defines use one another") {
			t.Errorf("backwards %v: %v", backwards, diags.Text())
		}
	}
}

// The index sees through a define.
func TestDefineNeeds(t *testing.T) {
	t.Parallel()
	p := must(t, `
define from_vip = mail.from.domain == "bigcorp.com"
define m = find(mail.subject, "^PROBLEM (\\S+)")
define urgent = from_vip or m.found
rule "r" { when urgent and mail.size > 3 then { stop() } }`)
	needs := p.Rules[0].Needs()
	if len(needs) != 1 || len(needs[0]) != 2 || needs[0][0].Field.String() != "mail.from.domain" || needs[0][1].Text != "problem " {
		t.Errorf("%v", needs)
	}
}

// A define with many needs, named by many rules, costs no more than a bound.
func TestDefineNeedsAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("define many = mail.subject in [")
	for i := range 9000 {
		fmt.Fprintf(&b, "\"s%d\",", i)
	}
	b.WriteString("\"\"]\n")
	const rules = 1000
	for i := range rules {
		fmt.Fprintf(&b, "rule \"r%d\" { when many or mail.text contains \"x%d\" then { stop() } }\n", i, i)
	}
	p := must(t, b.String())
	total, known := 0, 0
	for _, rule := range p.Rules {
		for _, way := range rule.Needs() {
			total += len(way)
			known++
		}
	}
	if total > 10_000 || known != rules {
		t.Errorf("%d needs of %d rules", total, known)
	}
}
