package rules_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/rules"
)

func text(s string) *string { return &s }

func entry(rule string, fields ...string) rules.Entry {
	return rules.Entry{Rule: rule, File: "1.rules", Line: len(rule), Matched: true, Fields: fields}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	due := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	committed := func(c rules.Changes, trace ...rules.Entry) rules.Decided {
		return rules.Decided{Verdict: "committed", Changes: c, Trace: trace}
	}
	for _, c := range []struct {
		name    string
		was, is rules.Decided
		want    []string // field: was → is by rule
	}{
		{"the same", committed(rules.Changes{Priority: text("high"), AddTags: []string{"b", "a"}}), committed(rules.Changes{Priority: text("high"), AddTags: []string{"a", "b"}}), nil},
		{"a new rule sets a field", committed(rules.Changes{}), committed(rules.Changes{Priority: text("high")}, entry("x", "priority")), []string{`priority:  → "high" by x`}},
		{"a rule is gone", committed(rules.Changes{Fields: map[string]string{"order": "7"}}, entry("old", "fields.order")), committed(rules.Changes{}), []string{`fields.order: "7" →  by old, gone`}},
		{"another rule wins", committed(rules.Changes{Assignee: text("ann")}, entry("a", "assignee")), committed(rules.Changes{Assignee: text("bob")}, entry("a", "assignee"), entry("bb", "assignee")),
			[]string{`assignee: "ann" → "bob" by bb`}},
		{"a failed or shadow rule is not who did it", committed(rules.Changes{}), committed(rules.Changes{Quiet: true}, entry("q", "quiet"), rules.Entry{Rule: "s", Shadow: true, Fields: []string{"quiet"}}),
			[]string{"quiet:  → yes by q"}},
		{"refused", committed(rules.Changes{AddTags: []string{"a"}}), rules.Decided{Verdict: "rejected", Reason: "no", Trace: []rules.Entry{entry("no", "verdict")}},
			[]string{"verdict: committed → rejected: no by no"}},
		{"all else", committed(rules.Changes{}), committed(rules.Changes{Due: &due, AddWatchers: []string{"w"}, DropWatchers: []string{"v"}, RemoveTags: []string{"t"}, Notes: []string{"a\nb", "c"},
			ThreadKey: "k", NewIssue: true, DropAttachments: []int{0, 2}, Redact: []string{"x+"}}),
			[]string{"attachments:  → without [0 2] by ", "due:  → 2026-11-24T10:00:00Z by ", "notes:  → a b | c by ", "redact:  → x+ by ", "tags:  → -t by ",
				`thread:  → a new issue, key "k" by `, "watchers:  → +w -v by "}},
	} {
		var got []string
		for _, d := range rules.Compare(c.was, c.is) {
			s := fmt.Sprintf("%s: %s → %s by %s", d.Field, d.Was, d.Is, d.Rule.Name)
			if d.Gone {
				s += ", gone"
			}
			got = append(got, s)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
	}
	long := rules.Compare(committed(rules.Changes{}), committed(rules.Changes{Notes: []string{strings.Repeat("ü", 1000)}}))
	if len(long) != 1 || len(long[0].Is) > 200 {
		t.Errorf("a long value is told in %d bytes", len(long[0].Is))
	}
}

// A report has the rules with most messages first, few examples, and a bound, however much is added; merging is adding.
func TestDifferences(t *testing.T) {
	t.Parallel()
	var all, a, b rules.Differences
	for i := range 3000 {
		var found []rules.Difference
		for j := range i % 3 {
			found = append(found, rules.Difference{Field: fmt.Sprint("f", j), Was: strings.Repeat("x", 100), Rule: rules.Rule{Name: fmt.Sprint("r", i%70, "-", j), File: "1.rules", Line: i % 70}, Gone: i%2 == 0})
		}
		part := &a
		if i%2 == 1 {
			part = &b
		}
		part.Add(fmt.Sprint("m", i), int64(i), found)
		all.Add(fmt.Sprint("m", i), int64(i), found)
	}
	if all.Compared != 3000 || all.Different != 2000 || len(all.Rules) != 100 || all.Others == 0 {
		t.Errorf("%d compared, %d different, %d rules, %d others", all.Compared, all.Different, len(all.Rules), all.Others)
	}
	sum := all.Others
	for i, r := range all.Rules {
		sum += r.Messages
		if i > 0 && all.Rules[i-1].Messages < r.Messages || len(r.Examples) == 0 || len(r.Examples) > 3 {
			t.Errorf("rule %d: %d messages, %d examples", i, r.Messages, len(r.Examples))
		}
	}
	if sum != 3000 {
		t.Errorf("%d differences, want 3000", sum)
	}
	if body, err := json.Marshal(all); err != nil || len(body) > 400<<10 {
		t.Errorf("the report has %d bytes, %v", len(body), err)
	}
	var merged rules.Differences
	merged.Merge(a)
	merged.Merge(b)
	if merged.Compared != all.Compared || merged.Different != all.Different || len(merged.Rules) != 100 {
		t.Errorf("merged: %d compared, %d different, %d rules", merged.Compared, merged.Different, len(merged.Rules))
	}
}
