package rules_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"postern/dsl"
	"postern/rules"
)

// The trace of a message is bounded whatever the rules are; those that matched are in it before those that did not, and all of them are counted.
func TestTraceIsBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		matching, other int
		listed          int
	}{
		{"few", 3, 4, 7},
		{"many that do not match", 5, 500, 55},
		{"many that match", 500, 500, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			for i := range c.other {
				fmt.Fprintf(&b, "rule \"other %d\" { when mail.isList then { tag(\"x\") } }\n", i)
			}
			for i := range c.matching {
				fmt.Fprintf(&b, "rule \"m%d\" { then { tag(\"m\") } }\n", i)
			}
			r := decide(t, compileOne(t, b.String()), newView(), rules.Options{})
			listed, matched, omitted := 0, 0, 0
			for _, e := range r.Trace {
				omitted += e.Omitted
				if e.Rule != "" {
					listed++
				}
				if e.Matched {
					matched++
				}
			}
			if listed != c.listed || listed+omitted != c.matching+c.other || matched != min(c.matching, 200) {
				t.Errorf("%d listed, %d of them matched, %d omitted; want %d of %d", listed, matched, omitted, c.listed, c.matching+c.other)
			}
			var counted rules.Counter
			counted.Add("v", slices.Concat(r.Trace, r.Unlisted), time.Now())
			if n := len(counted.Take()); n != c.matching {
				t.Errorf("%d of %d that matched are counted", n, c.matching)
			}
		})
	}
}

func TestTraceTextIsBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "rule \"r%d\" {\n then {\n", i)
		for range 10 {
			b.WriteString("set(\"order\", mail.subject)\n")
		}
		b.WriteString(" }\n}\n")
	}
	s := compileOne(t, b.String())
	v := newView()
	v.Mail.Subject = strings.Repeat("ü", 500)
	r := decide(t, s, v, rules.Options{})
	text, err := json.Marshal(r.Trace)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 150<<10 {
		t.Errorf("a trace of %d bytes", len(text))
	}
	if r.Failed == 0 || len(r.Changes.Fields) == 0 {
		t.Errorf("%d failed, changes %+v; want the bound on steps to fail the last rules alone", r.Failed, r.Changes)
	}
}

// What a mail can make rules pile up is bounded: the rule that goes beyond fails, and takes nothing.
func TestBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2000)
	for _, c := range []struct{ name, then, want string }{
		{"tags", `tag(map(1..101, "t" + string(#)))`, "more than 100 tags"},
		{"a long name", `assign(mail.text)`, "longer than"},
		{"notes", strings.Repeat("note(\"x\"); ", 21), "more than 20 notes"},
		{"two watchers in one", `watch("a@b.example, c@d.example")`, "not one mail address"},
		{"an unknown priority", `priority(mail.from.local)`, `unknown priority "ann", there are: low, normal, high, urgent`},
		{"an unknown status", `status(mail.html)`, "unknown status"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := compileOne(t, "rule \"r\" {\n then {\n tag(\"lost\")\n "+c.then+"\n }\n}")
			v := newView()
			v.Mail.Text = long
			r := decide(t, s, v, rules.Options{})
			if r.Failed != 1 || r.Verdict != "" || len(v.Issue.Tags) > 0 || len(r.Changes.AddTags) > 0 {
				t.Fatalf("failed %d, tags %v, changes %+v", r.Failed, v.Issue.Tags, r.Changes)
			}
			if e := r.Trace[0].Error; !strings.Contains(e, c.want) || !strings.HasPrefix(e, "10.rules:4:") {
				t.Errorf("error %q, want %q with its place", e, c.want)
			}
		})
	}
}

// A mail with a long subject, or without what a rule looks for, switches nothing off: texts are cut, and of nothing comes nothing.
func TestTextsAreCut(t *testing.T) {
	t.Parallel()
	s := compileOne(t, "rule \"r\" {\n then {\n tag(mail.html, mail.text, \"kept\")\n subject(mail.text)\n set(\"order\", mail.text)\n note(mail.html)\n note(\"x\")\n quarantine(\"odd\")\n }\n}")
	v := newView()
	v.Mail.Text = strings.Repeat("ü", 1000)
	r := decide(t, s, v, rules.Options{})
	if r.Failed > 0 || r.Verdict != rules.Quarantined {
		t.Fatalf("%q, %d failed: %+v", r.Verdict, r.Failed, r.Trace)
	}
	is := v.Issue
	if len(is.Tags) != 2 || len(is.Tags[0]) > 100 || !strings.HasSuffix(is.Tags[0], "ü…") || is.Tags[1] != "kept" {
		t.Errorf("tags %q", is.Tags)
	}
	for what, text := range map[string]string{"subject": is.Subject, "field": is.Fields["order"]} {
		if len(text) > 1000 || !strings.HasSuffix(text, "ü…") || !utf8.ValidString(text) {
			t.Errorf("%s of %d bytes: %q", what, len(text), text)
		}
	}
	if len(r.Changes.Notes) != 1 {
		t.Errorf("notes %q", r.Changes.Notes)
	}
}

// The reason goes into a reply of SMTP: one line, not too long.
func TestReason(t *testing.T) {
	t.Parallel()
	s := compileOne(t, `rule "r" { then { reject(mail.text) } }`)
	v := newView()
	v.Mail.Text = "no\r\n250 ok\x1b[2J" + strings.Repeat("ä", 1000)
	r := decide(t, s, v, rules.Options{})
	if r.Verdict != rules.Rejected || len(r.Reason) > 300 || strings.ContainsAny(r.Reason, "\r\n\x1b") || !strings.HasPrefix(r.Reason, "no 250 ok") {
		t.Errorf("%q: %q", r.Verdict, r.Reason)
	}
}

// A sender who is gone, or a server that stops, is not a spent budget: the mail is decided anew later.
func TestCancelled(t *testing.T) {
	t.Parallel()
	s := compileOne(t, `rule "slow" { when any(1..9000, any(1..9000, # < 0)) then { tag("x") } }`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := newView()
	before := v.Issue
	r := s.Decide(ctx, v, &issues{}, rules.Options{})
	if !errors.Is(r.Err, context.Canceled) || r.Spent || r.Verdict != "" || v.Issue != before {
		t.Errorf("%+v", r)
	}
}

// The clock alone ends what steps do not.
func TestTimeBudget(t *testing.T) {
	t.Parallel()
	s := compileOne(t, `rule "slow" { when any(1..9000, any(1..9000, # < 0)) then { tag("x") } }`)
	r := decide(t, s, newView(), rules.Options{Budget: dsl.Budget{Steps: 1 << 40, Time: 1}})
	if !r.Spent || r.Verdict != rules.Quarantined || !strings.Contains(r.Reason, `"slow"`) {
		t.Errorf("%+v", r)
	}
}
