package dsl_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"postern/dsl"
)

// Statements of the same text share a program; each still says where it stands, in actions, in errors and in what check finds.
func TestSharedStatements(t *testing.T) {
	t.Parallel()
	p := must(t, `
rule "a" { then { tag("x") } }
rule "b" { then { tag("x"); tag(string(int(mail.subject))) } }
rule "c" { then {
    tag("x")
    tag(string(int(mail.subject)))
} }
token "d" { then { tag("x") } }`)
	r := p.NewRun(context.Background(), view(), dsl.Budget{})
	defer r.Close()
	for i, want := range []string{"t.rules:2:19", "t.rules:3:19", "t.rules:5:5", "t.rules:8:20"} {
		rule := append(p.Rules, p.Tokens...)[i]
		actions, err := rule.Do(r, true, 0)
		if err != nil || len(actions) != 1 || actions[0].Pos.String() != want {
			t.Errorf("rule %s: %v %v, want an action at %s", rule.Name, actions, err, want)
		}
	}
	for i, want := range map[int]string{1: "t.rules:3:", 2: "t.rules:6:"} {
		_, err := p.Rules[i].Do(r, true, 1)
		var failed *dsl.RuleError
		if !errors.As(err, &failed) || !strings.HasPrefix(failed.Pos.String(), want) {
			t.Errorf("rule %s failed with %v, want an error at %s", p.Rules[i].Name, err, want)
		}
	}
	_, diags := compile("t.rules", "rule \"a\" { then { priority(\"urgnt\") } }\nrule \"b\" { then { priority(\"urgnt\") } }", options())
	if len(diags) != 2 || diags[0].Line != 1 || diags[1].Line != 2 {
		t.Errorf("found %s", diags.Text())
	}
}
