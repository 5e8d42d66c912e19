package intake_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/rules"
)

const stops = `
rule "look at it" { when mail.subject contains "stop"
  then {
    tag("seen")
    quarantine("please look")
  } }
rule "refuse" { when mail.subject contains "refuse"
  then { reject("no") } }
`

func TestRelease(t *testing.T) {
	r := newRig(t, stops)
	m := plain("<1@example.org>", "ann@example.org", "stop here", "Hi")
	o := r.one(m)
	if o.Verdict != intake.Quarantined || len(r.issues()) != 0 {
		t.Fatalf("got %+v", o)
	}
	got, err := r.in.Release(t.Context(), o.Message, "cli")
	if err != nil {
		t.Fatal(err)
	}
	if got.Verdict != intake.Committed || got.Message != o.Message || got.Issue == 0 {
		t.Fatalf("released: %+v", got)
	}
	if is := r.issue(got.Issue); is.Message != o.Message || len(is.Tags) != 1 || is.Tags[0] != "seen" {
		t.Errorf("issue %+v", is)
	}
	if _, err := r.in.Release(t.Context(), o.Message, "cli"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a second release: %v", err)
	}
	if again := r.one(m); !again.Again || again.Issue != got.Issue {
		t.Errorf("the same mail again: %+v", again)
	}
	events, _, err := r.store.Events(t.Context(), pageOf(10))
	if err != nil || len(events) != 1 || events[0].Action != "quarantine.release" || events[0].Actor != "cli" {
		t.Errorf("events %+v, %v", events, err)
	}
}

func TestRejectAfterReview(t *testing.T) {
	r := newRig(t, stops)
	m := plain("<1@example.org>", "ann@example.org", "stop here", "Hi")
	o := r.one(m)
	if err := r.in.Reject(t.Context(), o.Message, "cli"); err != nil {
		t.Fatal(err)
	}
	if again := r.one(m); again.Verdict != intake.Rejected || !again.Again {
		t.Errorf("the same mail again: %+v", again)
	}
}

func TestReplay(t *testing.T) {
	r := newRig(t, stops)
	refused := r.one(plain("<1@example.org>", "ann@example.org", "refuse this", "Hi"))
	stopped := r.one(plain("<2@example.org>", "ann@example.org", "stop here", "Hi"))
	made := r.one(plain("<3@example.org>", "ann@example.org", "fine", "Hi"))
	if refused.Verdict != intake.Rejected || stopped.Verdict != intake.Quarantined || made.Verdict != intake.Committed {
		t.Fatalf("%+v %+v %+v", refused, stopped, made)
	}
	r.rules(`rule "all urgent" { then { priority("urgent") } }`)

	a, err := r.replay(refused.Message)
	if err != nil || !a.Applied || a.Now != intake.Committed || a.Issue == 0 {
		t.Fatalf("refused: %+v, %v", a, err)
	}
	if r.issue(a.Issue).Priority != "urgent" {
		t.Error("the new rules did not count")
	}
	if _, err := r.replay(refused.Message); err == nil {
		t.Error("a second replay of the same refusal was not refused")
	}
	b, err := r.replay(stopped.Message)
	if err != nil || !b.Applied || b.Now != intake.Committed || b.Became != stopped.Message {
		t.Fatalf("stopped: %+v, %v", b, err)
	}
	c, err := r.replay(made.Message)
	if err != nil || !c.Applied || c.Changes.Priority == nil || *c.Changes.Priority != "urgent" || c.Issue != made.Issue {
		t.Fatalf("made: %+v, %v", c, err)
	}
	if r.issue(made.Issue).Priority != "urgent" {
		t.Error("the issue of a message decided again is as it was")
	}
	if n := len(r.issues()); n != 3 {
		t.Errorf("%d issues of three mails", n)
	}
}

// replay decides one message again.
func (r *rig) replay(id string) (*intake.Replay, error) {
	r.t.Helper()
	return replayOn(r.t, r.in, id)
}

func replayOn(t testing.TB, in *intake.Intake, id string) (*intake.Replay, error) {
	t.Helper()
	run, err := in.ReplayAll(context.Background(), intake.ReplayQuery{IDs: []string{id}, Apply: true}, "cli")
	if err != nil {
		return nil, err
	}
	if len(run.Unable) > 0 {
		return nil, fault.Errorf(fault.Invalid, "%s", run.Unable[0].Reason)
	}
	return run.Changes[0], nil
}

// The sender gave up on a refused mail and sent it again; the replay of the first try must not make a second issue.
func TestReplayOfWhatCameAgain(t *testing.T) {
	r := newRig(t, stops)
	m := plain("<1@example.org>", "ann@example.org", "refuse this", "Hi")
	refused := r.one(m)
	r.rules("")
	taken := r.one(m)
	got, err := r.replay(refused.Message)
	if err != nil || got.Applied || got.Issue != taken.Issue {
		t.Fatalf("got %+v, %v", got, err)
	}
	if n := len(r.issues()); n != 1 {
		t.Errorf("%d issues", n)
	}
}

// A hasty is a store where somebody else does something just before a commit.
type hasty struct {
	issue.Store
	other func()
}

func (h *hasty) Commit(ctx context.Context, c *issue.Commit) (issue.Committed, error) {
	h.other()
	return h.Store.Commit(ctx, c)
}

// Of two who replay a message at once the loser hears who did it, also where it was refused again.
func TestReplayedMeanwhile(t *testing.T) {
	r := newRig(t, stops)
	refused := r.one(plain("<1@example.org>", "ann@example.org", "refuse this", "Hi"))
	r.rules(strings.ReplaceAll(stops, `reject("no")`, `reject("still no")`))
	var won *intake.Replay
	slow := r.intake(&hasty{r.store, func() {
		if won == nil {
			var err error
			if won, err = r.replay(refused.Message); err != nil || !won.Applied {
				t.Fatalf("the first: %+v, %v", won, err)
			}
		}
	}})
	_, err := replayOn(t, slow, refused.Message)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "see message "+won.Became) {
		t.Errorf("the second: got %v, want to hear of message %s", err, won.Became)
	}
}

// Its sender had a 250: what the rules would rather decide later stays where people look for it.
func TestNothingIsPutOffAfterwards(t *testing.T) {
	r := newRig(t, stops)
	held := r.one(plain("<1@example.org>", "ann@example.org", "stop here", "Hi"))
	r.rules(`rule "later" { then { tryLater("at lunch") } }`)
	replayed, err := r.replay(held.Message)
	if err != nil || replayed.Applied || replayed.Now != intake.TryLater {
		t.Errorf("replayed: %+v, %v", replayed, err)
	}
	released, err := r.in.Release(t.Context(), held.Message, "cli")
	if err != nil || released.Verdict != intake.TryLater {
		t.Errorf("released: %+v, %v", released, err)
	}
	if m := r.message(held.Message); m.Verdict != string(intake.Quarantined) {
		t.Errorf("it is %s now", m.Verdict)
	}
}

// What a replay refused is a refusal of the rules like any other: mended rules are asked when the mail comes again.
func TestRefusedByReplayIsDecidedAnew(t *testing.T) {
	r := newRig(t, stops)
	m := plain("<1@example.org>", "ann@example.org", "stop here", "Hi")
	held := r.one(m)
	r.rules(`rule "no" { then { reject("no") } }`)
	if got, err := r.replay(held.Message); err != nil || got.Now != intake.Rejected || !got.Applied {
		t.Fatalf("replayed: %+v, %v", got, err)
	}
	if again := r.one(m); again.Verdict != intake.Rejected || again.Again {
		t.Errorf("again, by the rules that refuse it: %+v", again)
	}
	r.rules("")
	taken := r.one(m)
	if taken.Verdict != intake.Committed || taken.Again || taken.Issue == 0 {
		t.Errorf("again, by mended rules: %+v", taken)
	}
	if more := r.one(m); !more.Again || more.Issue != taken.Issue {
		t.Errorf("once more: %+v", more)
	}
}

func TestDecisionKeepsFactsAndTrace(t *testing.T) {
	r := newRig(t, `rule "busy" { when sender.recent("1h") > 0
  then { tag("busy") } }`)
	r.one(plain("<1@example.org>", "ann@example.org", "One", "Hi"))
	o := r.one(plain("<2@example.org>", "ann@example.org", "Two", "Hi"))
	d := r.message(o.Message).Decision
	var facts struct {
		Sender struct{ Known bool }
		Recent map[string]int
		Now    string
	}
	if err := json.Unmarshal(d.Facts, &facts); err != nil {
		t.Fatal(err)
	}
	if !facts.Sender.Known || facts.Recent["1h0m0s"] != 1 || !strings.HasPrefix(facts.Now, "2026-11-24T10:00") {
		t.Errorf("facts %s", d.Facts)
	}
	var trace []rules.Entry
	if err := json.Unmarshal(d.Trace, &trace); err != nil {
		t.Fatal(err)
	}
	if len(trace) != 1 || trace[0].Rule != "busy" || !trace[0].Matched || trace[0].Line != 1 || d.Ruleset != r.set.Load().Version() {
		t.Errorf("trace %s of %s", d.Trace, d.Ruleset)
	}
}

func TestFailingRuleIsSkippedAndMarked(t *testing.T) {
	r := newRig(t, `rule "fails" { then {
  tag("half")
  tag(mail.to[5].email)
} }
rule "works" { then { tag("whole") } }`)
	o := r.one(plain("<1@example.org>", "ann@example.org", "One", "Hi"))
	if is := r.issue(o.Issue); len(is.Tags) != 1 || is.Tags[0] != "whole" {
		t.Errorf("tags %v", is.Tags)
	}
	if !r.message(o.Message).Marked {
		t.Error("the message is not marked")
	}
}

// A mail that is decided again has the envelope rules before it, as one that comes: those that tag, and those that refuse.
func TestReplayAsksEnvelopeRules(t *testing.T) {
	const partner = `rule "partner" { on envelope
  when envelope.from.domain == "example.org"
  then { tag("partner") } }
`
	r := newRig(t, partner+stops)
	stopped := r.one(plain("<1@example.org>", "ann@example.org", "stop here", "Hi"))
	refused := r.one(plain("<2@example.org>", "ann@example.org", "refuse this", "Hi"))
	r.rules(partner)
	a, err := r.replay(stopped.Message)
	if err != nil || a.Now != intake.Committed || len(a.Trace) != 1 {
		t.Fatalf("stopped: %+v, %v", a, err)
	}
	if is := r.issue(a.Issue); len(is.Tags) != 1 || is.Tags[0] != "partner" {
		t.Errorf("tags %v", is.Tags)
	}
	r.rules(`rule "closed" { on envelope
  then { reject("closed") } }`)
	b, err := r.replay(refused.Message)
	if err != nil || b.Now != intake.Rejected || b.Reason != "closed" {
		t.Errorf("refused: %+v, %v", b, err)
	}
}
