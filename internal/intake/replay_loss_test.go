package intake_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/internal/issue"
)

const day = 24 * time.Hour

// What a replay puts into quarantine stays there as long as what came into it that day, however old the mail is: nothing of it is lost before
// somebody can have looked. When it is gone, undoing says so rather than making an empty issue.
func TestReplayHoldsOldMail(t *testing.T) {
	onBoth(t, "", func(t *testing.T, r *rig) {
		o := r.one(plain("<1@x.example>", "ann@example.org", "Printer", "It burns."))
		r.later(time.Minute)
		r.one(plain("<2@x.example>", "ann@example.org", "Re: Printer", "Still.", "In-Reply-To: <1@x.example>"))
		before := r.seen()
		r.later(40 * day)
		r.rules(`rule "look" { then { quarantine("look") } }`)
		run := r.run(intake.ReplayQuery{Verdict: "committed", Apply: true})
		retain := func() {
			t.Helper()
			if _, err := r.store.Retain(t.Context(), issue.Retention{Quarantine: r.now().Add(-30 * day)}); err != nil {
				t.Fatal(err)
			}
		}
		retain()
		undone := r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		r.same(before, "undone the same day")
		run = r.run(intake.ReplayQuery{Undo: undone.Run, Apply: true})
		r.later(31 * day)
		retain()
		if m := r.message(o.Message); m.Raw.SHA256 != "" {
			t.Errorf("after its time in quarantine the message is there still")
		}
		got, err := r.in.ReplayAll(t.Context(), intake.ReplayQuery{Undo: run.Run, Apply: true}, "x")
		if err != nil || len(got.Unable) != 2 || len(r.issues()) != 0 {
			t.Errorf("undone when its text is gone: %+v, %v; %d issues", got, err, len(r.issues()))
		}
	})
}

// What a person refused or deleted after a run, undoing the run does not bring back.
func TestUndoHeedsReview(t *testing.T) {
	onBoth(t, "", func(t *testing.T, r *rig) {
		refused := r.one(plain("<1@x.example>", "ann@example.org", "One", "x"))
		dropped := r.one(plain("<2@x.example>", "ann@example.org", "Two", "x"))
		released := r.one(plain("<3@x.example>", "ann@example.org", "Three", "x"))
		r.rules(`rule "look" { then { quarantine("look") } }`)
		run := r.run(intake.ReplayQuery{Verdict: "committed", Apply: true})
		if err := r.in.Reject(t.Context(), refused.Message, "eve"); err != nil {
			t.Fatal(err)
		}
		if err := r.store.DropMessage(t.Context(), dropped.Message, issue.Event{ID: issue.NewID(r.now()), At: r.now()}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.in.Release(t.Context(), released.Message, "eve"); err != nil {
			t.Fatal(err)
		}
		r.rules("")
		before := r.seen()
		r.run(intake.ReplayQuery{Verdict: "rejected", Apply: true})
		r.same(before, "replayed over what a person said")
		got, err := r.in.ReplayAll(t.Context(), intake.ReplayQuery{Undo: run.Run, Apply: true}, "x")
		if err == nil {
			for _, u := range got.Unable {
				if !strings.Contains(u.Reason, "deleted") {
					t.Errorf("told: %+v", u)
				}
			}
		}
		r.same(before, "undone over what a person said")
	})
}

// A mail that came again and was taken while it was withdrawn is not there twice when that is undone.
func TestUndoWhenItCameAgain(t *testing.T) {
	onBoth(t, "", func(t *testing.T, r *rig) {
		mail := plain("<1@x.example>", "ann@example.org", "One", "x")
		o := r.one(mail)
		r.rules(`rule "no" { then { reject("no") } }`)
		run := r.run(intake.ReplayQuery{Verdict: "committed", Apply: true})
		if len(r.issues()) != 0 {
			t.Fatal("not withdrawn")
		}
		r.rules("")
		r.later(time.Hour)
		again := r.one(mail)
		if again.Again || again.Verdict != intake.Committed || again.Issue == o.Issue {
			t.Fatalf("the same mail again: %+v", again)
		}
		undone := r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		if len(r.issues()) != 1 || len(undone.Changes) != 1 || !strings.Contains(undone.Changes[0].Left, "came again") {
			t.Errorf("undone: %d issues, %+v", len(r.issues()), undone.Changes)
		}
	})
}

// What one mailbox refused and another took was acknowledged: it stays in review when the same rules decide it again.
func TestReplayOfRefusedHere(t *testing.T) {
	onBoth(t, `rule "no" { when mailbox.name == "sales" then { reject("no") } }`, func(t *testing.T, r *rig) {
		r.send(plain("<1@x.example>", "ann@example.org", "One", "x"), "support@example.com", "sales@example.com")
		before := r.seen()
		for range 2 {
			if run := r.run(intake.ReplayQuery{Since: ptr(start), Apply: true}); len(run.Changes) != 0 {
				t.Errorf("changes: %+v", run.Changes[0])
			}
		}
		r.same(before, "by the same rules")
	})
}

// A count of a sender's mail is that of the hour before his mail, not of all that he wrote until today.
func TestReplayCountsAsOfThen(t *testing.T) {
	onBoth(t, `rule "wrong" { when mail.subject contains "Offer" then { discard("spam") } }
rule "flood" { when sender.recent("1h") > 3 then { discard("flood") } }`, func(t *testing.T, r *rig) {
		r.one(plain("<1@x.example>", "ann@example.org", "Offer", "x"))
		for i := range 6 {
			r.later(time.Hour)
			r.one(plain(fmt.Sprintf("<n%d@x.example>", i), "ann@example.org", "Other", fmt.Sprint(i)))
		}
		r.rules(`rule "flood" { when sender.recent("1h") > 3 then { discard("flood") } }`)
		r.run(intake.ReplayQuery{Rule: "wrong", Apply: true})
		if n := len(r.issues()); n != 7 {
			t.Errorf("%d issues, want 7", n)
		}
	})
}

// Who lets a mail pass is told when it stays where it is.
func TestReleaseThatIsLeft(t *testing.T) {
	onBoth(t, "", func(t *testing.T, r *rig) {
		r.one(plain("<1@x.example>", "ann@example.org", "One", "x"))
		r.later(time.Minute)
		o := r.one(plain("<2@x.example>", "ann@example.org", "Re: One", "More", "In-Reply-To: <1@x.example>"))
		r.rules(`rule "look" { then { quarantine("look") } }`)
		r.run(intake.ReplayQuery{IDs: []string{o.Message}, Apply: true})
		r.rules(`rule "new" { then { newIssue() } }`)
		if got, err := r.in.Release(t.Context(), o.Message, "eve"); err == nil {
			t.Errorf("released: %+v, and the message is %s", got, r.message(o.Message).Verdict)
		}
	})
}

// A mail that was thrown away takes nothing from mail that came after it: what that has set stays.
func TestReplayOfOldWords(t *testing.T) {
	for _, stop := range []string{"discard", "reject", "quarantine"} {
		t.Run(stop, func(t *testing.T) {
			onBoth(t, commands+`rule "wrong" { when mail.text contains "drop me" then { `+stop+`("x") } }`, func(t *testing.T, r *rig) {
				o := r.one(plain("<1@example.org>", "ann@example.org", "Printer", "It burns.", "Cc: boss@proven.example"))
				r.later(time.Minute)
				r.sendAs(boss, bossWrites("<2@proven.example>", "Re: Printer", "[[priority: low]]\n[[close]]\n\ndrop me"))
				r.later(time.Minute)
				r.sendAs(boss, bossWrites("<3@proven.example>", "Re: Printer", "[[priority: urgent]]"))
				if is := r.issue(o.Issue); is.Priority != "urgent" {
					t.Fatalf("priority %q", is.Priority)
				}
				r.later(time.Hour)
				r.rules(commands)
				run := r.run(intake.ReplayQuery{Rule: "wrong", Apply: true})
				is := r.issue(o.Issue)
				if is.Priority != "urgent" {
					t.Errorf("an older mail's word is obeyed over a later one's: priority %q", is.Priority)
				}
				if is.ClosedAt == nil || len(r.notes(o.Issue)) != 2 {
					t.Errorf("closed %v, %d notes", is.ClosedAt, len(r.notes(o.Issue)))
				}
				r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
				if is := r.issue(o.Issue); is.Priority != "urgent" || is.ClosedAt != nil || len(r.notes(o.Issue)) != 1 {
					t.Errorf("undone: %+v", is)
				}
			})
		})
	}
}

// What the rules of now black out does not come back because a run is undone.
func TestUndoKeepsSecrets(t *testing.T) {
	onBoth(t, `rule "s" { then { subject("Card 4111"); note("it was 4111"); set("card", "4111") } }`, func(t *testing.T, r *rig) {
		o := r.one(plain("<1@x.example>", "ann@example.org", "Card 4111", "It is 4111."))
		before := r.seen()
		r.rules("rule \"hide\" { then { redact(`4111`) } }")
		run := r.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
		for _, apply := range []bool{false, true} {
			undone := r.run(intake.ReplayQuery{Undo: run.Run, Apply: apply})
			if len(undone.Changes) != 1 || !strings.Contains(undone.Changes[0].Left, "black") {
				t.Errorf("apply %v: %+v", apply, undone.Changes)
			}
			is, m := r.issue(o.Issue), r.message(o.Message)
			for _, text := range []string{is.Subject, is.Description, is.Fields["card"], m.Subject, m.Text} {
				if strings.Contains(text, "4111") {
					t.Errorf("apply %v: %q is there again", apply, text)
				}
			}
			if slices.ContainsFunc(r.notes(o.Issue), func(n *issue.Note) bool { return strings.Contains(n.Text, "4111") }) {
				t.Errorf("apply %v: the remark is there again", apply)
			}
		}
		r.rules("")
		r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		r.same(before, "undone by rules that hide nothing")
	})
}

// What rules black out is black in what they withdraw, too: nobody sees it in the withdrawn issue, and a reply or a release does not bring it back.
func TestWithdrawnIsBlack(t *testing.T) {
	onBoth(t, `rule "s" { when mail.subject contains "Card" then { set("card", mail.subject) } }`, func(t *testing.T, r *rig) {
		o := r.one(plain("<1@x.example>", "ann@example.org", "Card 4111", "It is 4111."))
		other := r.one(plain("<2@x.example>", "ann@example.org", "Other", "Nothing."))
		r.later(time.Minute)
		joined := r.one(plain("<3@x.example>", "ann@example.org", "Re: Other", "Yes, 4111.", "In-Reply-To: <2@x.example>"))
		before := r.seen()
		r.rules("rule \"hide\" { when mail.text contains \"4111\" then { redact(`4111`); quarantine(\"secret\") } }")
		run := r.run(intake.ReplayQuery{Verdict: "committed", Apply: true})
		black := func(what string) {
			t.Helper()
			is := r.issue(o.Issue)
			texts := []string{is.Subject, is.Description, is.Fields["card"]}
			for _, m := range []string{o.Message, joined.Message} {
				notes, err := r.store.MessageNotes(t.Context(), r.message(m).Issue, m)
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range notes {
					texts = append(texts, n.Text)
				}
			}
			for _, text := range texts {
				if strings.Contains(text, "4111") {
					t.Errorf("%s: %q", what, text)
				}
			}
		}
		if is := r.issue(o.Issue); is.WithdrawnAt == nil || len(r.notes(other.Issue)) != 0 {
			t.Fatalf("not withdrawn: %+v", is)
		}
		black("withdrawn")
		if _, err := r.in.ReplayAll(t.Context(), intake.ReplayQuery{Undo: run.Run, Apply: true}, "x"); err != nil {
			t.Fatal(err)
		}
		black("undone by rules that black out")
		hides := r.set.Load()
		r.rules("")
		undone := r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		r.same(before, "undone by rules that black nothing out")
		r.set.Store(hides)
		r.run(intake.ReplayQuery{Undo: undone.Run, Apply: true})
		black("the undoing undone")
		for _, id := range []string{o.Message, joined.Message} {
			if _, err := r.in.Release(t.Context(), id, "eve"); err != nil {
				t.Fatal(err)
			}
		}
		black("released")
		if len(r.issues()) != 2 || len(r.notes(other.Issue)) != 1 {
			t.Errorf("released: %d issues, %d notes", len(r.issues()), len(r.notes(other.Issue)))
		}
		r.rules(`rule "s" { when mail.subject contains "Card" then { set("card", mail.subject) } }`)
		r.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
		for i, m := range before.Messages { // the ruleset's version apart, all is as it was
			if now := r.message(m.ID); now.Text != m.Text || now.Subject != m.Subject {
				t.Errorf("message %d by the first rules again: %q, %q", i, now.Subject, now.Text)
			}
		}
		if is, was := r.issue(o.Issue), before.Issues[1]; is.Subject != was.Subject || is.Description != was.Description || is.Fields["card"] != was.Fields["card"] {
			t.Errorf("by the first rules again: %+v", is)
		}
	})
}

// What was taken stays, though the configuration takes less now.
func TestReplayKeepsLargeFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	mail := mail("--b\nContent-Type: text/plain\n\nMy card is 4111.\n--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nA file of some size.\n--b--",
		"From: ann@example.org", "To: support@example.com", "Subject: Hi", "Message-ID: <1@x.example>", "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b")
	o := r.one(mail)
	r.pol.Mailboxes[0].MaxFile = 5
	r.rules("rule \"hide\" { then { redact(`4111`) } }")
	r.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
	if m := r.message(o.Message); len(m.Attachments) != 1 || strings.Contains(m.Text, "4111") {
		t.Errorf("files %v, text %q", m.Attachments, m.Text)
	}
}

// What an older Postern dropped becomes its issue as often as it is replayed, undone, and the undoing undone.
func TestReplayOfOlderDrop(t *testing.T) {
	onBoth(t, stops, func(t *testing.T, r *rig) {
		o := r.one(plain("<1@x.example>", "ann@example.org", "stop", "It burns."))
		m := r.message(o.Message)
		m.Decision.Changes = nil
		if _, err := r.store.Commit(t.Context(), &issue.Commit{Message: m, Replaces: 1}); err != nil {
			t.Fatal(err)
		}
		r.rules("")
		number := int64(0)
		there := func(what string, want int) {
			t.Helper()
			list := r.issues()
			if len(list) != want || want > 0 && number != 0 && list[0].Number != number {
				t.Errorf("%s: %d issues", what, len(list))
			}
			if len(list) > 0 {
				number = list[0].Number
			}
		}
		run := r.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
		there("replayed", 1)
		run = r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		there("undone", 0)
		run = r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		there("the undoing undone", 1)
		r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		there("undone again", 0)
		r.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
		there("replayed again", 1)
	})
}

// While an issue is withdrawn its key begins another; undone, both are there, the key goes on leading to the newer one and replies to each to its own.
func TestWithdrawnKey(t *testing.T) {
	const byHost = `rule "host" { let m = find(mail.subject, "host=(?P<h>\\w+)")
  when m.found
  then { thread(m.h, "7d") } }
`
	onBoth(t, byHost, func(t *testing.T, r *rig) {
		alert := func(n int) intake.Outcome {
			r.later(time.Minute)
			return r.one(plain(fmt.Sprintf("<a%d@x.example>", n), "mon@example.org", "host=web", fmt.Sprint("down ", n)))
		}
		reply := func(n, to int) intake.Outcome {
			r.later(time.Minute)
			return r.one(plain(fmt.Sprintf("<r%d@x.example>", n), "mon@example.org", "Re: it", fmt.Sprint("up ", n), fmt.Sprintf("In-Reply-To: <a%d@x.example>", to)))
		}
		first := alert(1)
		r.rules(`rule "spam" { when mail.text contains "down 1" then { discard("spam") } }` + "\n" + byHost)
		run := r.run(intake.ReplayQuery{Verdict: "committed", Apply: true})
		second := alert(2)
		if second.Issue == first.Issue || second.Issue == 0 {
			t.Fatalf("the key leads to the withdrawn issue: %+v", second)
		}
		if run := r.run(intake.ReplayQuery{Since: ptr(start), Apply: true}); len(run.Changes) != 0 {
			t.Errorf("replayed while it is withdrawn: %+v", run.Changes[0])
		}
		r.rules(byHost)
		r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		if len(r.issues()) != 2 {
			t.Errorf("undone: %d issues", len(r.issues()))
		}
		if third := alert(3); third.Issue != second.Issue {
			t.Errorf("the third: %+v, want issue %d", third, second.Issue)
		}
		for to, want := range map[int]int64{1: first.Issue, 2: second.Issue, 3: second.Issue} {
			if got := reply(to, to); got.Issue != want {
				t.Errorf("a reply to alert %d is on issue %d, want %d", to, got.Issue, want)
			}
		}
		if run := r.run(intake.ReplayQuery{Since: ptr(start), Apply: true}); len(run.Changes) != 0 {
			t.Errorf("replayed at last: %+v", run.Changes[0])
		}
	})
}

// A mail to two mailboxes is two messages: what is made of one again touches the other nowhere, and each comes again as itself.
func TestReplayOfOneOfTwo(t *testing.T) {
	onBoth(t, "", func(t *testing.T, r *rig) {
		mail := plain("<1@x.example>", "ann@example.org", "One", "x")
		both := []string{"support@example.com", "sales@example.com"}
		o := r.send(mail, both...)
		sales, was := r.issue(o[1].Issue), r.message(o[1].Message)
		r.rules(`rule "no" { when mailbox.name == "support" then { discard("x") } }`)
		run := r.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
		if len(run.Changes) != 1 || r.issue(o[0].Issue).WithdrawnAt == nil {
			t.Errorf("replayed: %+v", run)
		}
		again := r.send(mail, both...)
		if again[0].Verdict != intake.Discarded || again[1].Issue != o[1].Issue || !again[0].Again || !again[1].Again {
			t.Errorf("again: %+v", again)
		}
		if is, m := r.issue(sales.Number), r.message(was.ID); is.WithdrawnAt != nil || m.Verdict != "committed" || m.Attempt != 1 || m.Raw != was.Raw {
			t.Errorf("the other: %+v, %+v", is, m)
		}
		r.rules("")
		r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		if len(r.issues()) != 2 {
			t.Errorf("undone: %d issues", len(r.issues()))
		}
	})
}
