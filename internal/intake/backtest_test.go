package intake_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/intake"
	"postern/internal/issue"
	"postern/rules"
)

// What all kinds of facts decide: people, counts, thread keys, other issues, tokens, defaults, the envelope.
const worldly = `
rule "greets" { on envelope when envelope.ip == "203.0.113.66" then { reject("not you") } }
rule "new here" { when not sender.known then { tag("new") } }
rule "often" { when sender.recent("1h") >= 2 then { tag("often") } }
rule "host" {
	let  m = find(mail.subject, "PROBLEM (?P<host>\\w+)")
	when m.found
	then { thread(m.host, "7d"); tag(string(issue.isNew)) }
}
rule "closed" { when issue.status == "closed" then { reopen(); tag("again") } }
rule "solve" { when mail.subject contains "solved" then { close() } }
rule "long closed" { when issue.closedFor > duration("30s") then { tag("late") } }
rule "default" { when issue.priority == "normal" then { set("priority", "high") } }
rule "hold" { when mail.subject contains "hold" then { quarantine("look") } }
rule "drop" { when mail.subject contains "spam" then { discard("spam") } }
rule "no" { when mail.subject contains "refuse" then { reject("no") } }
token "close" { then { status("closed") } }
`

func TestBacktestOfTheSameRules(t *testing.T) {
	t.Parallel()
	r := newRig(t, worldly)
	n := 0
	send := func(from, subject string, more ...string) intake.Outcome {
		n++
		r.later(time.Minute)
		return r.one(plain(fmt.Sprintf("<%d@x.example>", n), from, subject, fmt.Sprint("text ", n), more...))
	}
	send("ann@example.org", "first")
	send("ann@example.org", "second")
	send("ann@example.org", "third, now often")
	send("mon@example.org", "PROBLEM web1")
	send("mon@example.org", "PROBLEM web1 still")
	send("ann@example.org", "hold this")
	held := send("ann@example.org", "hold that")
	send("ann@example.org", "spam")
	send("ann@example.org", "refuse")
	send("ann@example.org", "Re: first", "In-Reply-To: <1@x.example>")
	env := intake.Envelope{Source: "smtp", Peer: netip.MustParseAddr("192.0.2.7"), From: "boss@proven.example"}
	n++
	r.sendAs(env, plain(fmt.Sprintf("<%d@x.example>", n), "boss@proven.example", "close it", "[[close]]"))
	send("eve@example.org", "solved")
	late := send("eve@example.org", "Re: yes", fmt.Sprintf("In-Reply-To: <%d@x.example>", n))
	if is := r.issue(late.Issue); !slices.Equal(is.Tags, []string{"new", "again", "late"}) {
		t.Errorf("an answer a minute after it was closed: %v", is.Tags)
	}
	if _, err := r.in.Release(t.Context(), held.Message, "test"); err != nil {
		t.Fatal(err)
	}
	r.send(strings.Replace(plain("<two@x.example>", "ann@example.org", "refuse in one", "text"), "text", "x", 1), "support@example.com", "sales@example.com")

	// The world is another one now.
	r.later(24 * time.Hour)
	for range 3 {
		send("mon@example.org", "PROBLEM web1 much later")
		send("ann@example.org", "more of her")
	}
	r.pol.Mailboxes[0].New = intake.Defaults{Priority: "low", Status: "open"}
	before := everything(t, r)
	got, err := r.in.Backtest(t.Context(), intake.Backtest{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Messages != n+2 || got.Changed != 0 || len(got.Rules)+len(got.Verdicts)+len(got.Skipped) > 0 {
		t.Errorf("the same rules decide otherwise: %+v", got)
	}
	if diff := cmp.Diff(before, everything(t, r)); diff != "" {
		t.Errorf("a backtest wrote something:\n%s", diff)
	}
}

func everything(t *testing.T, r *rig) []any {
	t.Helper()
	messages, _, err := r.store.Messages(t.Context(), issue.MessageQuery{Page: pageOf(500)})
	if err != nil {
		t.Fatal(err)
	}
	events, _, err := r.store.Events(t.Context(), pageOf(500))
	if err != nil {
		t.Fatal(err)
	}
	return []any{messages, events, r.issues()}
}

func TestBacktestOfOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
rule "vip" { when mail.from.domain == "example.org" then { priority("high") } }
rule "host" { when mail.subject contains "web1" then { tag("web1") } }
rule "refuse" { when mail.subject contains "refuse" then { reject("no") } }
shadow rule "later" { then { tag("later") } }
`)
	for i, subject := range []string{"plain", "web1 is down", "refuse", "web1 again"} {
		r.later(time.Minute)
		r.one(plain(fmt.Sprintf("<%d@x.example>", i), "ann@example.org", subject, "text"))
	}
	old, _, err := r.store.Messages(t.Context(), issue.MessageQuery{Page: pageOf(10)})
	if err != nil {
		t.Fatal(err)
	}
	set, diags := rules.FromFiles(map[string]string{"10.rules": `
rule "vip" { when mail.from.domain == "example.org" then { priority("urgent") } }
rule "later" { when mail.subject contains "again" then { tag("later") } }
rule "breaks" { when mail.subject contains "plain" then { tag(mail.to[7].email) } }
`}, rules.LoadOptions{})
	if set == nil {
		t.Fatal(diags)
	}
	got, err := r.in.Backtest(t.Context(), intake.Backtest{Set: set, Last: 3, Examples: 1})
	if err != nil {
		t.Fatal(err)
	}
	example := func(i int, was, now []string) []rules.BacktestExample {
		return []rules.BacktestExample{{Message: old[i].ID, Issue: old[i].Issue, Subject: old[i].Subject, ReceivedAt: old[i].ReceivedAt, Was: was, Now: now}}
	}
	want := &rules.BacktestReport{
		Version: set.Version(), Messages: 3, Changed: 3, Skipped: map[string]int{},
		Verdicts: []rules.BacktestVerdict{{Was: "rejected", Now: "committed", Messages: 1, Examples: example(1, nil, nil)}},
		Rules: []rules.BacktestRule{
			{Rule: "vip", Stage: "mail", File: "10.rules", Line: 2, Kind: rules.Otherwise, Messages: 3, Examples: example(0, []string{`priority("high")`}, []string{`priority("urgent")`})},
			{Rule: "host", Stage: "mail", File: "10-test.rules", Line: 3, Kind: rules.NoLonger, Messages: 2, Examples: example(0, []string{`tag("web1")`}, []string{})},
			{Rule: "later", Stage: "mail", File: "10.rules", Line: 3, Kind: rules.NowMatches, Messages: 1, Examples: example(0, []string{}, []string{`tag("later")`})},
			{Rule: "refuse", Stage: "mail", File: "10-test.rules", Line: 4, Kind: rules.NoLonger, Messages: 1, Examples: example(1, []string{`reject("no")`}, []string{})},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got, err = r.in.Backtest(t.Context(), intake.Backtest{Set: set, Since: start, Mailbox: "sales"})
	if err != nil || got.Messages != 0 {
		t.Errorf("another mailbox: %+v, %v", got, err)
	}
	got, err = r.in.Backtest(t.Context(), intake.Backtest{Set: set, Since: start})
	if err != nil || got.Messages != 4 || got.Rules[len(got.Rules)-1].Kind == "" {
		t.Errorf("since: %+v, %v", got, err)
	}

	// What retention took cannot be decided again, and is counted.
	r.later(time.Hour)
	if _, err := r.store.Retain(t.Context(), issue.Retention{Raw: r.now()}); err != nil {
		t.Fatal(err)
	}
	got, err = r.in.Backtest(t.Context(), intake.Backtest{})
	if err != nil || got.Messages != 0 || len(got.Skipped) != 1 {
		t.Errorf("without raw mail: %+v, %v", got, err)
	}
}

// BenchmarkBacktest decides a thousand messages of 8 KiB again, by a hundred rules.
func BenchmarkBacktest(b *testing.B) {
	var script strings.Builder
	for i := range 100 {
		fmt.Fprintf(&script, "rule \"r%d\" { when mail.subject contains \"word%d\" and mail.from.domain != \"x%d.example\" then { tag(\"t%d\") } }\n", i, i, i, i)
	}
	r := newRig(b, script.String())
	text := strings.Repeat("The printer on the second floor says that it has no paper, and it has.\n", 110)
	for i := range 1000 {
		r.one(plain(fmt.Sprintf("<%d@x.example>", i), fmt.Sprintf("ann%d@example.org", i%50), fmt.Sprintf("word%d is here", i%100), text))
	}
	for b.Loop() {
		got, err := r.in.Backtest(b.Context(), intake.Backtest{})
		if err != nil || got.Messages != 1000 || got.Changed != 0 {
			b.Fatalf("%+v, %v", got, err)
		}
	}
}
