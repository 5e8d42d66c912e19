package dsl_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"postern/dsl"
)

func manyRules(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `
rule "customer %d" {
    in support
    let m = find(mail.subject, "(?P<kind>PROBLEM|RECOVERY) (?P<host>customer%d)")
    when mail.from.domain == "customer%d.example" and (m.found or mail.text contains "outage %d") and not mail.isReply
    then {
        priority("high")
        tag("customer", "c%d")
    }
}`, i, i, i, i, i)
	}
	return b.String()
}

func BenchmarkCompile(b *testing.B) {
	text := manyRules(1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, diags := compile("many.rules", text, options()); diags.HasErrors() {
			b.Fatal(diags)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "µs/rule")
}

func BenchmarkMatch(b *testing.B) {
	for name, condition := range map[string]string{
		"equal":    `mail.from.domain == "customer.example"`,
		"list":     `mail.from.domain in vip`,
		"contains": `mail.subject contains "outage"`,
		"matches":  "mail.subject matches `(?i)\\bbroken\\b`",
		"has":      `has(mail.text, ["broken", "defective"])`,
		"any":      `any(mail.to, .domain == "nowhere.example")`,
	} {
		b.Run(name, func(b *testing.B) {
			p := must(b, "list vip = [\"a.example\"]\nrule \"r\" {\n when "+condition+"\n then { stop() } }")
			r := p.NewRun(context.Background(), view(), dsl.Budget{Time: time.Hour, Steps: 1 << 60})
			defer r.Close()
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := p.Rules[0].Match(r); ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

// Ten thousand rules are checked and compiled within the time the design allows.
func TestManyRules(t *testing.T) {
	alone(t)
	if testing.Short() {
		t.Skip("takes a second")
	}
	text := manyRules(10_000)
	begin := cpu()
	p := must(t, text)
	took := cpu() - begin
	t.Logf("10,000 rules in %v", took)
	if took > 30*time.Second { // two seconds on a machine of one's own without the race detector
		t.Errorf("took %v", took)
	}
	r := p.NewRun(context.Background(), view(), dsl.Budget{Time: time.Minute}) // on a machine that does much else
	defer r.Close()
	begin = cpu()
	for _, rule := range p.Rules {
		if ok, err := rule.Match(r); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	t.Logf("and tried in %v", cpu()-begin)
}

// Looking something up in a list takes the same time however long the list is.
func TestLargeList(t *testing.T) {
	alone(t)
	if testing.Short() {
		t.Skip("takes a second")
	}
	var b strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&b, "domain%d.example\n", i)
	}
	opts := options()
	opts.Open = func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(b.String())), nil }
	begin := cpu()
	p, diags := compile("t.rules", `list big = file("big.txt")
		rule "in" { when mail.from.domain in big then { stop() } }
		rule "text" { when mail.subject in big then { stop() } }
		rule "under" { when under(mail.from.domain, big) then { stop() } }`, opts)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	t.Logf("loaded in %v", cpu()-begin)
	v := view()
	v.Mail.From.Domain, v.Mail.Subject = "domain999999.example", "DOMAIN999999.example"
	r := p.NewRun(context.Background(), v, dsl.Budget{Steps: 1000})
	defer r.Close()
	begin = cpu()
	for range 100 {
		for _, rule := range p.Rules {
			if ok, err := rule.Match(r); !ok || err != nil {
				t.Fatal(rule.Name, ok, err)
			}
		}
	}
	if took := cpu() - begin; took > time.Second {
		t.Errorf("300 look-ups took %v", took)
	}
}
