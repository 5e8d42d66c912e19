package dsl_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"postern/dsl"
)

// The budget is that of the message: once it is spent no rule is evaluated.
func TestBudget(t *testing.T) {
	t.Parallel()
	p := must(t, `
		rule "spends" { when any(1..1000, any(1..1000, any(1..1000, false))) then { stop() } }
		rule "next" { then { stop() } }`)
	for name, c := range map[string]struct {
		deadline time.Duration
		budget   dsl.Budget
		tries    int // of a rule that takes its share and no more
	}{
		"steps":    {time.Hour, dsl.Budget{Steps: 1000, Time: time.Hour}, 3},
		"time":     {time.Hour, dsl.Budget{Time: 4 * time.Millisecond, Steps: 1 << 60}, 2},
		"deadline": {time.Millisecond, dsl.Budget{Steps: 1 << 60}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
			defer cancel()
			r := p.NewRun(ctx, view(), c.budget)
			defer r.Close()
			tries := 0
			for ; tries < 10; tries++ {
				if _, err := p.Rules[0].Match(r); errors.Is(err, dsl.ErrBudget) {
					break
				} else if !errors.Is(err, dsl.ErrRuleBudget) {
					t.Fatalf("try %d: %v", tries, err)
				}
			}
			if tries > c.tries || name == "steps" && tries != c.tries {
				t.Errorf("the rule could take its share %d times, not %d", tries, c.tries)
			}
			for _, rule := range p.Rules {
				if _, err := rule.Match(r); !errors.Is(err, dsl.ErrBudget) || !strings.Contains(err.Error(), rule.Name) {
					t.Errorf("%s: %v", rule.Name, err)
				}
			}
			if _, err := p.Rules[1].Do(r, true, 0); !errors.Is(err, dsl.ErrBudget) {
				t.Errorf("do: %v", err)
			}
		})
	}
}

// A rule that takes more than its share fails alone, by its own place, whatever it spends, and wherever: in a let, its
// condition, a define, a function of ours or a statement. The next rule runs.
func TestRuleBudget(t *testing.T) {
	t.Parallel()
	turns := "any(1..1000, any(1..1000, false))"
	for name, c := range map[string]struct{ rule, place, want string }{
		"steps":            {"rule \"r\" { when " + turns + " then { stop() } }", "1:43", "more than one rule may: 250000 steps"},
		"in a let":         {"rule \"r\" {\n let a = " + turns + "\n then { stop() } }", "2:36", "steps"},
		"in a define":      {"define d = " + turns + "\nrule \"r\" { when d then { stop() } }", "1:38", "steps"},
		"in a statement":   {"rule \"r\" { then {\n stop()\n " + turns + " ? stop() : nil } }", "3:28", "steps"},
		"many statements":  {"rule \"r\" { then {\n" + strings.Repeat(" any(1..99000, false) ? stop() : nil\n", 4) + "} }", "4:16", "steps"},
		"in a function":    {"rule \"r\" { when has(mail.text, map(1..80000, string(#))) or has(mail.text, map(1..80000, string(#))) then { stop() } }", "", "steps"},
		"bytes":            {"rule \"r\" { when repeat(\"a\", 3000000) == \"\" then { stop() } }", "1:17", "more than one rule may: texts and lists of 2560 KiB"},
		"more than exists": {"rule \"r\" { when repeat(repeat(\"a\", 1000), 9223372036854775807) == \"\" then { stop() } }", "1:17", "2560 KiB"},
		"bytes by bytes":   {"rule \"r\" { when reduce(1..100000, #acc + \"xxxxxxxxxx\", \"\") == \"\" then { stop() } }", "", "2560 KiB"},
		"time":             {"rule \"r\" { when any(1..100000, mail.text matches `(a?){300}b`) then { stop() } }", "", "more than one rule may: 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := must(t, c.rule+"\nrule \"next\" { when mail.size > 0 then { tag(\"seen\") } }")
			v := view()
			v.Mail.Text = strings.Repeat("aaaaaaaa ", 5000)
			b := dsl.Budget{Steps: 1_000_000, Bytes: 10 << 20, Time: time.Hour}
			if c.want == "steps" || name == "steps" {
				b.Bytes = 1 << 40
			}
			if name == "time" {
				b.Time = 2 * time.Second
			}
			r := p.NewRun(t.Context(), v, b)
			defer r.Close()
			matched, err := p.Rules[0].Match(r)
			for i := 0; err == nil && i < p.Rules[0].Len(matched); i++ {
				_, err = p.Rules[0].Do(r, matched, i)
			}
			var placed *dsl.RuleError
			if !errors.Is(err, dsl.ErrRuleBudget) || errors.Is(err, dsl.ErrBudget) || !errors.As(err, &placed) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), c.want) || c.place != "" && !strings.HasPrefix(placed.Pos.String(), "t.rules:"+c.place+":") && placed.Pos.String() != "t.rules:"+c.place {
				t.Errorf("want %s %q, got %v", c.place, c.want, err)
			}
			if ok, err := p.Rules[1].Match(r); !ok || err != nil {
				t.Errorf("the next rule: %v, %v", ok, err)
			}
		})
	}
}

// What somebody else takes time for is no time of the rules.
func TestAway(t *testing.T) {
	t.Parallel()
	p := must(t, `rule "r" { when sender.recent("1h") == 3 and all(1..100, true) then { stop() } }`)
	v := view()
	v.Sender.Count = func(time.Duration) int { time.Sleep(150 * time.Millisecond); return 3 }
	r := p.NewRun(t.Context(), v, dsl.Budget{Time: 100 * time.Millisecond})
	defer r.Close()
	r.Away(time.Hour)
	if ok, err := p.Rules[0].Match(r); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}
