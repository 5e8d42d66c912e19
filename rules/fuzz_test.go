package rules_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
	"postern/rules"
)

// Whatever rules say, and whatever a mail holds: what compiles decides in time, with and without its index alike, but that a rule that
// is ruled out cannot fail.
func FuzzDecide(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 7))
	for range 40 {
		f.Add("when "+condition(r, 3)+"\nthen { tag(\"x\") }", word(r)+word(r), word(r)+"\n"+word(r), word(r), word(r))
	}
	f.Add("then { note(\"{mail.subject} {mail.to}\")\n stop() } else { tag(mail.text) }", "a", "b", "c", "d@e.example")
	f.Fuzz(func(t *testing.T, rule, subject, text, name, email string) {
		set, _ := rules.FromFiles(map[string]string{"10.rules": "list fruit = [\"a\", \"ab\", \"istanbul\"]\nlist places = [\"example.org\"]\nlist nothing = filter([\"a\"], false)\n" +
			"define d_text = mail.subject\ndefine d_low = lower(mail.subject)\ndefine d_find = find(mail.subject, `(?i)(?P<n>o\\w+|a)`)\ndefine d_cond = mail.text contains \"a\"\ndefine d_both = d_cond and d_find.found\ndefine d_issue = issue.priority == \"high\"\n" +
			"rule \"before\" { then { tag(\"before\") } }\nrule \"tried\" {\nlet s = mail.text\nlet f = find(mail.text, `a+`)\nlet g = find(mail.subject, `(?i)(?P<n>o\\w+|a)`)\nlet c = mail.subject contains \"a\"\n" + rule + "\n}\nrule \"after\" { when mail.size >= 0 then { tag(\"after\") } }"},
			rules.LoadOptions{Vocabulary: vocabulary})
		if set == nil {
			return
		}
		b := dsl.Budget{Steps: 40_000, Time: time.Minute, Bytes: 4 << 20}
		ask := func(s *rules.Set) *rules.Result {
			v := newView()
			v.Mail.Subject, v.Mail.Text, v.Mail.NewText = subject, text, text
			v.Mail.From = dsl.Address{Email: strings.ToLower(email), Name: name, Domain: strings.ToLower(name)}
			v.Envelope.From, v.Envelope.Helo = v.Mail.From, name
			v.Mail.To, v.Mail.References = []dsl.Address{v.Mail.From}, []string{name, email}
			began := time.Now()
			r := decide(t, s, v, rules.Options{Budget: b})
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			return r
		}
		indexed, linear := ask(set), ask(set.Linear())
		if linear.Failed > 0 || linear.Spent {
			return
		}
		if diff := cmp.Diff(asJSON(t, linear.Changes), asJSON(t, indexed.Changes)); diff != "" || indexed.Verdict != linear.Verdict {
			t.Errorf("(-linear +indexed) %s, %s:\n%s", linear.Verdict, indexed.Verdict, diff)
		}
		if diff := cmp.Diff(linear.Trace, indexed.Trace); diff != "" {
			t.Errorf("(-linear +indexed):\n%s", diff)
		}
	})
}
