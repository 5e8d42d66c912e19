package intake_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/intake"
	"postern/internal/issue"
)

func TestReplayAll(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
rule "spam" { when mail.subject contains "offer" then { discard("spam") } }
rule "hold" { when mail.subject contains "hold" then { quarantine("look") } }
rule "old" { then { tag("old") } }
`)
	var ids []string
	for i, subject := range []string{"offer one", "plain", "hold it", "offer two"} {
		r.later(time.Hour)
		ids = append(ids, r.one(plain(fmt.Sprintf("<%d@x.example>", i), "ann@example.org", subject, "text")).Message)
	}
	version := r.set.Load().Version()
	r.rules(`rule "new" { then { tag("new") } }`)
	before := everything(t, r)
	run := func(q intake.ReplayQuery) *intake.ReplayRun {
		t.Helper()
		got, err := r.in.ReplayAll(t.Context(), q, "cli")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	chosen := func(q intake.ReplayQuery) (out []string) {
		t.Helper()
		for _, c := range run(q).Changes {
			out = append(out, c.Message)
		}
		return out
	}
	since := r.now().Add(-90 * time.Minute)
	for name, c := range map[string]struct {
		q    intake.ReplayQuery
		want []string
	}{
		"rule":         {intake.ReplayQuery{Rule: "spam"}, []string{ids[0], ids[3]}},
		"version":      {intake.ReplayQuery{Version: version[:8]}, ids},
		"since":        {intake.ReplayQuery{Since: &since}, ids[2:]},
		"until":        {intake.ReplayQuery{Until: &since}, ids[:2]},
		"verdict":      {intake.ReplayQuery{Verdict: "quarantined"}, ids[2:3]},
		"all of these": {intake.ReplayQuery{Rule: "spam", Since: &since, Mailbox: "support"}, ids[3:]},
		"ids":          {intake.ReplayQuery{IDs: []string{ids[1]}}, ids[1:2]},
		"none":         {intake.ReplayQuery{Mailbox: "sales"}, nil},
	} {
		if diff := cmp.Diff(c.want, chosen(c.q)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(before, everything(t, r)); diff != "" {
		t.Errorf("without apply something was written:\n%s", diff)
	}
	for _, q := range []intake.ReplayQuery{{}, {IDs: ids, Rule: "x"}, {IDs: []string{"nosuch"}}} {
		if _, err := r.in.ReplayAll(t.Context(), q, "cli"); err == nil {
			t.Errorf("%+v is taken", q)
		}
	}

	got := run(intake.ReplayQuery{Rule: "spam", Apply: true})
	if got.Run == "" || got.Messages != 2 || len(got.Changes) != 2 || !got.Changes[0].Applied || got.Changes[0].Issue == 0 {
		t.Errorf("got %+v", got)
	}
	if again := run(intake.ReplayQuery{Rule: "spam", Apply: true}); again.Messages != 0 {
		t.Errorf("once more: %+v", again)
	}
	events, _, err := r.store.Events(t.Context(), issue.Page{})
	if err != nil || len(events) != 2 || !strings.HasPrefix(events[0].Detail, "run "+got.Run+": discarded, now committed") {
		t.Errorf("events %v, %v", events, err)
	}
}
