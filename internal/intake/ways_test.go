package intake_test

import (
	"strings"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/internal/spool"
)

// sendIn hands a mail to a named mailbox, as sources and hooks do.
func (r *rig) sendIn(t *testing.T, env intake.Envelope, mailbox, address, mail string) intake.Outcome {
	t.Helper()
	tx, err := r.in.Begin(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.RecipientIn(t.Context(), mailbox, address); err != nil {
		t.Fatal(err)
	}
	return tx.Deliver(t.Context(), spool.Bytes([]byte(strings.ReplaceAll(mail, "\n", "\r\n"))))[0]
}

func TestMailboxChosenBySource(t *testing.T) {
	r := newRig(t, "")
	m := plain("<a@example.org>", "ann@example.org", "Order", "Ten of them.")
	o := r.sendIn(t, intake.Envelope{Source: "all"}, "sales", "list-of-somebody@example.net", m)
	if o.Verdict != intake.Committed || o.Mailbox != "sales" {
		t.Fatalf("got %+v", o)
	}
	if got := r.message(o.Message).Envelope; got.To != "list-of-somebody@example.net" || got.Source != "all" {
		t.Errorf("envelope %+v", got)
	}
	tx, err := r.in.Begin(t.Context(), intake.Envelope{Source: "all"})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.RecipientIn(t.Context(), "nowhere", "a@example.com"); err == nil {
		t.Error("a mailbox that is not there took mail")
	}
}

// What cannot be delivered is kept raw, and asks no rule; the same mail by another way is not taken a second time.
func TestHeldMail(t *testing.T) {
	r := newRig(t, `rule "never" { then { reject("no") } }`)
	m := plain("<a@example.org>", "ann@example.org", "Order", "Ten of them.")
	tx, err := r.in.Begin(t.Context(), intake.Envelope{Source: "all"})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.RecipientIn(t.Context(), "support", ""); err != nil {
		t.Fatal(err)
	}
	o := tx.Hold(t.Context(), spool.Bytes([]byte(strings.ReplaceAll(m, "\n", "\r\n"))), "eight tries failed")[0]
	if o.Verdict != intake.Quarantined || o.Reason != "eight tries failed" {
		t.Fatalf("got %+v", o)
	}
	if msg := r.message(o.Message); msg.Raw.SHA256 == "" || msg.Subject != "Order" {
		t.Errorf("kept %+v", msg)
	}
	if again := r.one(m); !again.Again || again.Message != o.Message {
		t.Errorf("by another way: %+v", again)
	}
}

// What says nothing of what it is, as a webhook's request in JSON, which reads like a header with odd names, is told apart by its bytes.
func TestFacelessMail(t *testing.T) {
	r := newRig(t, "")
	take := func(hold bool, text string) intake.Outcome {
		t.Helper()
		tx, err := r.in.Begin(t.Context(), intake.Envelope{Source: "all"})
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.RecipientIn(t.Context(), "support", ""); err != nil {
			t.Fatal(err)
		}
		if hold {
			return tx.Hold(t.Context(), spool.Bytes([]byte(text)), "cannot be read")[0]
		}
		return tx.Deliver(t.Context(), spool.Bytes([]byte(text)))[0]
	}
	for _, hold := range []bool{true, false} {
		one, two := `{"mails":[{"n":1}]}`, `{"mails":[{"n":2}]}`
		if !hold {
			one, two = "X-Load: 1\r\n\r\n", "X-Load: 2\r\n\r\n"
		}
		first, second := take(hold, one), take(hold, two)
		if first.Again || second.Again || first.Message == second.Message {
			t.Errorf("held %t: another is taken for the same: %+v, %+v", hold, first, second)
		}
		r.later(3 * time.Hour)
		if again := take(hold, one); !again.Again || again.Message != first.Message {
			t.Errorf("held %t: sent again: %+v", hold, again)
		}
	}
}

// Mail without Message-ID and Date is told apart by when it came to its server, not by when we fetched it.
func TestArrivalTellsMailApart(t *testing.T) {
	bare := mail("The disk is full", "From: monitor@example.org", "Subject: Disk")
	at := func(r *rig, d time.Duration) intake.Envelope {
		return intake.Envelope{Source: "all", Arrived: r.now().Add(d)}
	}
	r := newRig(t, "")
	env := at(r, -90*time.Minute)
	first := r.sendIn(t, env, "support", "", bare)
	r.later(72 * time.Hour)
	if again := r.sendIn(t, env, "support", "", bare); !again.Again || again.Message != first.Message {
		t.Errorf("fetched again after three days: %+v", again)
	}
	if other := r.sendIn(t, at(r, -time.Minute), "support", "", bare); other.Again {
		t.Errorf("the same alarm three days later is another: %+v", other)
	}

	// Pushed to us at once, and lying at the server since just before or just after.
	for _, d := range []time.Duration{-2 * time.Minute, 2 * time.Minute} {
		for offset := range 6 { // over the turn of an hour, too
			r := newRig(t, "")
			r.later(time.Duration(offset*10) * time.Minute)
			env := at(r, d)
			pushed := r.one(bare)
			r.later(3 * time.Hour)
			if polled := r.sendIn(t, env, "support", "", bare); !polled.Again || polled.Message != pushed.Message {
				t.Errorf("%v from the push, %d: %+v", d, offset, polled)
			}
		}
	}
}

func TestVerdictsOfProviders(t *testing.T) {
	r := newRig(t, `
rule "spam" { when mail.spamScore > 5 and mail.auth.dkim == "fail" and mail.auth.arc == "none"
  then { quarantine("spam") } }`)
	m := plain("<a@example.org>", "ann@example.org", "Order", "Ten of them.", "X-Spam-Score: 1")
	score := 7.5
	o := r.sendIn(t, intake.Envelope{Source: "hook", Verdicts: intake.Verdicts{SpamScore: &score, DKIM: "fail"}}, "support", "", m)
	if o.Verdict != intake.Quarantined {
		t.Fatalf("got %+v", o)
	}
	// They are facts: a release past that rule, and any replay, sees them again.
	if got := r.message(o.Message).Decision.Facts; !strings.Contains(string(got), `"spamScore":7.5`) || !strings.Contains(string(got), `"dkim":"fail"`) {
		t.Errorf("facts %s", got)
	}
	if o := r.one(plain("<b@example.org>", "ann@example.org", "Order", "Twelve of them.")); o.Verdict != intake.Committed {
		t.Errorf("a mail that nobody scored: %+v", o)
	}
}
