package rules_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
	"postern/rules"
)

// A generated rule: its statements, and how it is written.
type generated struct {
	name       string
	statements []string
}

func (g generated) text(kind string, more ...string) string {
	return fmt.Sprintf("%s %q {\n    then {\n        %s\n    }\n}\n", kind, g.name, strings.Join(append(slices.Clone(g.statements), more...), "\n        "))
}

// statement writes a random one. Many look at what the ones before them did.
func statement(r *rand.Rand) string {
	tag := func() string { return string(rune('a' + r.IntN(4))) }
	simple := func() string {
		switch r.IntN(12) {
		case 0, 1:
			return fmt.Sprintf("tag(%q)", tag())
		case 2:
			return fmt.Sprintf("untag(%q)", tag())
		case 3:
			return fmt.Sprintf("priority(%q)", vocabulary.Priorities[r.IntN(4)])
		case 4:
			return fmt.Sprintf("status(%q)", vocabulary.Statuses[r.IntN(4)])
		case 5:
			return fmt.Sprintf("set(%q, %q)", vocabulary.Fields[r.IntN(2)], fmt.Sprint(r.IntN(5)))
		case 6:
			return fmt.Sprintf("watch(%q)", tag()+"@example.com")
		case 7:
			return fmt.Sprintf("note(%q)", "note "+tag())
		case 8:
			return "close()"
		case 9:
			return "reopen()"
		case 10:
			return "newIssue()"
		default:
			return fmt.Sprintf("attachTo(%d)", 7+r.IntN(2))
		}
	}
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("%q in issue.tags ? %s : %s", tag(), simple(), simple())
	case 1:
		return fmt.Sprintf("issue.priority == %q ? %s : nil", vocabulary.Priorities[r.IntN(4)], simple())
	default:
		return simple()
	}
}

// outcome is everything a decision left behind but its trace.
func outcome(t *testing.T, text string) (got string, res *rules.Result) {
	t.Helper()
	v := newView()
	v.Issue.Tags = append(v.Issue.Tags, "a")
	host := &issues{known: map[int]*dsl.Issue{}}
	for n := 7; n <= 8; n++ {
		host.known[n] = &dsl.Issue{Number: n, Status: []string{"open", "closed"}[n-7], Priority: "low", Tags: []string{"b"}, Watchers: []string{}, Fields: map[string]string{"order": "old"}}
	}
	before := asJSON(t, host.known) + asJSON(t, v.Issue)
	first := v.Issue
	res = compileOne(t, text).Decide(t.Context(), v, host, rules.Options{Now: still})
	if after := asJSON(t, host.known) + asJSON(t, first); before != after {
		t.Fatalf("the rules wrote into what they were given\n%s", cmp.Diff(before, after))
	}
	return asJSON(t, map[string]any{"verdict": res.Verdict, "reason": res.Reason, "changes": res.Changes, "issue": v.Issue, "err": res.Err}), res
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// With one rule failing at its end, or in shadow, the outcome is the one without that rule, whatever the rules are.
func TestFailedAndShadowLeaveNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		var list []generated
		for i := range 2 + r.IntN(4) {
			g := generated{name: fmt.Sprint("r", i)}
			for range 1 + r.IntN(5) {
				g.statements = append(g.statements, statement(r))
			}
			list = append(list, g)
		}
		odd := r.IntN(len(list))
		write := func(with func(generated) string) string {
			var b strings.Builder
			for i, g := range list {
				if i == odd {
					b.WriteString(with(g))
				} else {
					b.WriteString(g.text("rule"))
				}
			}
			return b.String()
		}
		without := write(func(generated) string { return "" })
		want, base := outcome(t, without)
		for name, text := range map[string]string{
			"failed": write(func(g generated) string { return g.text("rule", "watch(mail.subject)") }),
			"shadow": write(func(g generated) string { return g.text("shadow rule", "stop()") }),
			"shadow that fails": write(func(g generated) string {
				return g.text("shadow rule", "watch(mail.subject)")
			}),
			"shadow that rejects": write(func(g generated) string { return g.text("shadow rule", `reject("no")`) }),
		} {
			got, res := outcome(t, text)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d, %s rule %d left something (-without +with):\n%s\nrules:\n%s", seed, name, odd, diff, text)
			}
			if failed := res.Failed - base.Failed; failed != 0 && name != "failed" || failed != 1 && name == "failed" {
				t.Fatalf("seed %d, %s: %d failed", seed, name, failed)
			}
			if len(res.Trace) != len(list) {
				t.Fatalf("seed %d, %s: %d entries for %d rules", seed, name, len(res.Trace), len(list))
			}
		}
	}
}

// The last value given to a field is the one it has, in what scripts see and in the changes.
func TestLastWins(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		last, lastRule := map[string]string{}, map[string]string{}
		var b strings.Builder
		for i := range 6 {
			g := generated{name: fmt.Sprint("r", i)}
			for range 1 + r.IntN(3) {
				if r.IntN(2) == 0 {
					last["priority"] = vocabulary.Priorities[r.IntN(4)]
					lastRule["priority"] = g.name
					g.statements = append(g.statements, fmt.Sprintf("priority(%q)", last["priority"]))
				} else {
					last["fields.order"] = fmt.Sprint(r.IntN(9))
					lastRule["fields.order"] = g.name
					g.statements = append(g.statements, fmt.Sprintf("set(%q, %q)", "order", last["fields.order"]))
				}
			}
			b.WriteString(g.text("rule"))
		}
		v := newView()
		res := decide(t, compileOne(t, b.String()), v, rules.Options{})
		got := map[string]string{}
		if res.Changes.Priority != nil {
			got["priority"] = *res.Changes.Priority
			if v.Issue.Priority != got["priority"] {
				t.Errorf("seed %d: scripts see %q", seed, v.Issue.Priority)
			}
		}
		if o, ok := res.Changes.Fields["order"]; ok {
			got["fields.order"] = o
			if v.Issue.Fields["order"] != o {
				t.Errorf("seed %d: scripts see %q", seed, v.Issue.Fields["order"])
			}
		}
		by := map[string]string{}
		for field, e := range rules.SetBy(res.Trace) {
			by[field] = e.Rule
		}
		if diff := cmp.Diff(last, got) + cmp.Diff(lastRule, by); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s\nrules:\n%s", seed, diff, b.String())
		}
	}
}
