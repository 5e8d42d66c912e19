package rules_test

import (
	"fmt"
	"testing"

	"postern/rules"
)

// What check says of a constant, deciding says of the same value when it comes from a mail.
func TestSetIsCheckedAsItIsDone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field, value string
		ok           bool
	}{
		{"subject", "anything", true}, {"template", "anything", true},
		{"type", "bug/crash", true}, {"type", "bugs", false},
		{"class", "external", true}, {"class", "eternal", false},
		{"priority", "high", true}, {"priority", "hi", false},
		{"status", "open", true}, {"status", "opened", false},
		{"assignee", "first", true}, {"assignee", "ann@example.org", true},
		{"team", "second", true}, {"team", "third", false}, {"team", "ann@example.org", false},
		{"visibility", "internal", true}, {"visibility", "secret", false},
		{"order", "17", true}, {"colour", "red", false},
	} {
		t.Run(c.field+" "+c.value, func(t *testing.T) {
			t.Parallel()
			_, diags := rules.FromFiles(map[string]string{"1.rules": fmt.Sprintf("rule \"r\" { then { set(%q, %q) } }", c.field, c.value)}, rules.LoadOptions{Vocabulary: vocabulary})
			if diags.HasErrors() == c.ok {
				t.Errorf("check: %s", diags.Text())
			}
			v := newView()
			v.Mail.Subject, v.Mail.Text = c.field, c.value
			r := decide(t, compileOne(t, `rule "r" { then { set(mail.subject, mail.text) } }`), v, rules.Options{})
			if (r.Failed == 0) != c.ok || r.Failed == 0 && len(r.Trace[0].Fields) != 1 {
				t.Errorf("deciding: %+v", r.Trace)
			}
		})
	}
}
