package intake_test

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/internal/issue"
)

func TestSameMailAtOnceIsOneIssue(t *testing.T) {
	r := newRig(t, "")
	m := plain("<a@example.org>", "Ann <ann@example.org>", "Printer", "It burns.")
	var wg sync.WaitGroup
	out := make([]intake.Outcome, 32)
	for i := range out {
		wg.Go(func() { out[i] = r.send(m)[0] })
	}
	wg.Wait()
	first := 0
	for _, o := range out {
		if o.Verdict != intake.Committed || o.Issue != out[0].Issue || o.Message != out[0].Message {
			t.Errorf("got %+v, want all as %+v", o, out[0])
		}
		if !o.Again {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d of 32 say that they were the first", first)
	}
	if n := len(r.issues()); n != 1 {
		t.Errorf("%d issues", n)
	}
}

func TestMailAndReplyTogetherAreOneIssue(t *testing.T) {
	r := newRig(t, "")
	for i := range 30 {
		id := fmt.Sprintf("<a%d@example.org>", i)
		a := mail("Who takes this?", "From: Ann <ann@example.org>", "To: support@example.com", "Cc: Bob <bob@example.org>", "Subject: Both",
			"Date: Tue, 24 Nov 2026 09:59:00 +0000", "Message-ID: "+id)
		b := mail("I do.", "From: Bob <bob@example.org>", "To: Ann <ann@example.org>", "Cc: support@example.com", "Subject: Re: Both",
			"Date: Tue, 24 Nov 2026 10:00:00 +0000", fmt.Sprintf("Message-ID: <b%d@example.org>", i), "In-Reply-To: "+id, "References: "+id)
		var wg sync.WaitGroup
		var oa, ob intake.Outcome
		wg.Go(func() { oa = r.send(a)[0] })
		wg.Go(func() { ob = r.send(b)[0] })
		wg.Wait()
		if oa.Verdict != intake.Committed || ob.Verdict != intake.Committed || oa.Issue != ob.Issue {
			t.Fatalf("round %d: mail %+v, reply %+v", i, oa, ob)
		}
	}
}

func TestSameOrNot(t *testing.T) {
	base := plain("<a@example.org>", "ann@example.org", "Order", "Please send ten of them.")
	cases := []struct {
		name  string
		first string
		then  string
		same  bool
		after time.Duration
	}{
		{name: "the same bytes", first: base, then: base, same: true},
		{name: "another way of travelling", first: base, then: "Received: from x by y; Tue, 24 Nov 2026 10:00:00 +0000\nX-Scanned: yes\n" + base, same: true},
		{name: "a list's footer", first: base, then: base + "\n_______________________________________________\nOrders mailing list\nhttps://lists.example.org/orders\n", same: true},
		{name: "a list's footer right below a name", first: base + "\nAnn Lee\n", then: base + "\nAnn Lee\n_______________________________________________\nOrders mailing list\n", same: true},
		{name: "more than a footer below a line", first: base, then: base + "\n_______________________________________________\n" + strings.Repeat("And ten of those. ", 80), same: false},
		{name: "a scanner's banner", first: base, then: strings.Replace(base, "Please send", "CAUTION: This email originated from outside of the organization. Do not click links.\n\nPlease send", 1), same: true},
		{name: "a banner that went missing", first: strings.Replace(base, "Please send", "CAUTION: This email originated from outside of the organization. Do not click links.\n\nPlease send", 1), then: base, same: true},
		{name: "a word sent before it under its id", first: plain("<a@example.org>", "ann@example.org", "Order", "Please"), then: base, same: false},
		{name: "its beginning sent before it under its id", first: plain("<a@example.org>", "ann@example.org", "Order", "Please send ten"), then: base, same: false},
		{name: "a footer that went missing", first: base + "\n_______\nThe list\n", then: base, same: true},
		{name: "another text under that id", first: base, then: plain("<a@example.org>", "ann@example.org", "Order", "Cancel it all."), same: false},
		{name: "another author under that id", first: base, then: plain("<a@example.org>", "eve@example.org", "Order", "Please send ten of them."), same: false},
		{name: "no id, the same date", first: mail("Hi", "From: a@example.org", "Date: Tue, 24 Nov 2026 09:00:00 +0000"),
			then: mail("Hi", "From: a@example.org", "Date: Tue, 24 Nov 2026 10:00:00 +0100"), same: true},
		{name: "no id, another date", first: mail("Hi", "From: a@example.org", "Date: Tue, 24 Nov 2026 09:00:00 +0000"),
			then: mail("Hi", "From: a@example.org", "Date: Tue, 24 Nov 2026 09:00:01 +0000"), same: false},
		{name: "no id, no date, soon", first: mail("Hi", "From: a@example.org"), then: mail("Hi", "From: a@example.org"), same: true, after: 50 * time.Minute},
		{name: "no id, no date, much later", first: mail("Hi", "From: a@example.org"), then: mail("Hi", "From: a@example.org"), same: false, after: 61 * time.Minute},
		{name: "one text is empty", first: plain("<a@example.org>", "ann@example.org", "S", ""), then: plain("<a@example.org>", "ann@example.org", "S", "Words"), same: false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "")
			a := r.one(c.first)
			r.later(c.after)
			b := r.one(c.then)
			if a.Verdict != intake.Committed || b.Verdict != intake.Committed {
				t.Fatalf("verdicts %s, %s", a.Verdict, b.Verdict)
			}
			if b.Again != c.same {
				t.Errorf("again = %v, want %v", b.Again, c.same)
			}
			if (a.Message == b.Message) != c.same {
				t.Errorf("messages %s and %s", a.Message, b.Message)
			}
			copies, err := r.store.Copies(t.Context(), a.Message)
			if err != nil {
				t.Fatal(err)
			}
			if want := c.same && c.first != c.then; (len(copies) == 1) != want {
				t.Errorf("%d copies, want one: %v", len(copies), want)
			}
		})
	}
}

func TestRefusedMailIsDecidedAnew(t *testing.T) {
	r := newRig(t, `rule "no" { then { reject("not today") } }`)
	m := plain("<a@example.org>", "ann@example.org", "Hello", "Hi")
	if o := r.one(m); o.Verdict != intake.Rejected || o.Reason != "not today" {
		t.Fatalf("got %+v", o)
	}
	if len(r.issues()) != 0 {
		t.Fatal("a refused mail made an issue")
	}
	r.rules("")
	o := r.one(m)
	if o.Verdict != intake.Committed || o.Again || o.Issue == 0 {
		t.Fatalf("after the rule was mended: %+v", o)
	}
}

func TestSeveralMailboxes(t *testing.T) {
	const script = `
rule "sales refuses" { in sales
  when mail.subject contains "refuse"
  then { reject("not here") } }
rule "sales puts off" { in sales
  when mail.subject contains "later"
  then { tryLater("busy") } }
rule "all refuse" { when mail.subject contains "nowhere"
  then { reject("nowhere") } }
`
	both := []string{"support@example.com", "sales@example.com"}
	t.Run("two messages of one mail", func(t *testing.T) {
		r := newRig(t, script)
		out := r.send(plain("<1@x.example>", "a@x.example", "fine", "text"), both...)
		if out[0].Verdict != intake.Committed || out[1].Verdict != intake.Committed || out[0].Issue == out[1].Issue {
			t.Errorf("got %+v", out)
		}
	})
	t.Run("one refuses, and the sender hears one answer", func(t *testing.T) {
		r := newRig(t, script)
		out := r.send(plain("<1@x.example>", "a@x.example", "refuse", "text"), both...)
		if out[0].Verdict != intake.Committed || out[1].Verdict != intake.Quarantined {
			t.Errorf("got %+v", out)
		}
		if m := r.message(out[1].Message); m.Verdict != "quarantined" || m.Reason == "" {
			t.Errorf("kept as %q, reason %q", m.Verdict, m.Reason)
		}
		if o := intake.Combine(out); o.Verdict != intake.Committed {
			t.Errorf("answer %+v", o)
		}
	})
	t.Run("one refuses, and each is answered", func(t *testing.T) {
		r := newRig(t, script)
		out := r.sendAs(intake.Envelope{Source: "lmtp", EachAnswered: true}, plain("<1@x.example>", "a@x.example", "refuse", "text"), both...)
		if out[0].Verdict != intake.Committed || out[1].Verdict != intake.Rejected {
			t.Errorf("got %+v", out)
		}
	})
	t.Run("one puts off: the retry meets the other as a duplicate", func(t *testing.T) {
		r := newRig(t, script)
		m := plain("<1@x.example>", "a@x.example", "later", "text")
		out := r.send(m, both...)
		if o := intake.Combine(out); o.Verdict != intake.TryLater {
			t.Errorf("answer %+v", o)
		}
		r.rules("")
		out = r.send(m, both...)
		if !out[0].Again || out[1].Again || out[1].Verdict != intake.Committed {
			t.Errorf("got %+v", out)
		}
		if n := len(r.issues()); n != 2 {
			t.Errorf("%d issues", n)
		}
	})
	t.Run("all refuse", func(t *testing.T) {
		r := newRig(t, script)
		out := r.send(plain("<1@x.example>", "a@x.example", "nowhere", "text"), both...)
		if o := intake.Combine(out); o.Verdict != intake.Rejected || o.Reason != "nowhere" {
			t.Errorf("answer %+v", o)
		}
	})
	t.Run("two addresses of one mailbox are one message", func(t *testing.T) {
		r := newRig(t, script)
		out := r.send(plain("<1@x.example>", "a@x.example", "fine", "text"), "support@example.com", "SUPPORT@example.com")
		if len(out) != 2 || out[0].Message != out[1].Message || len(r.issues()) != 1 {
			t.Errorf("got %+v", out)
		}
	})
}

func TestStoreDownMeansTryLater(t *testing.T) {
	r := newRig(t, "")
	err := fmt.Errorf("the disk is full")
	r.fail.Store(&err)
	m := plain("<a@example.org>", "ann@example.org", "Hello", "Hi")
	if o := r.one(m); o.Verdict != intake.TryLater {
		t.Fatalf("got %+v", o)
	}
	r.fail.Store(nil)
	if o := r.one(m); o.Verdict != intake.Committed || o.Again {
		t.Fatalf("afterwards %+v", o)
	}
}

func TestNothingReadableIsQuarantined(t *testing.T) {
	r := newRig(t, "")
	out := r.sendAs(intake.Envelope{Source: "smtp", Peer: netip.MustParseAddr("198.51.100.7")}, "", "support@example.com")
	if out[0].Verdict != intake.Quarantined || out[0].Message == "" {
		t.Errorf("got %+v", out[0])
	}
}

// A device that writes one Message-ID into all its mail: each mail is an issue, each comes once, and a crowd of them is not
// compared with every newcomer.
func TestManyMailsOfOneKey(t *testing.T) {
	r := newRig(t, "")
	const many = 40
	mails := make([]string, many)
	first := make([]intake.Outcome, many)
	for i := range mails {
		mails[i] = plain("<always@device.example>", "device@device.example", "Status", fmt.Sprintf("Reading number %d.", i))
		if first[i] = r.one(mails[i]); first[i].Verdict != intake.Committed || first[i].Again {
			t.Fatalf("mail %d: %+v", i, first[i])
		}
	}
	for i := range mails {
		if again := r.one(mails[i]); !again.Again || again.Message != first[i].Message || again.Issue != first[i].Issue {
			t.Errorf("mail %d again: %+v, at first %+v", i, again, first[i])
		}
	}
	key, _, _ := strings.Cut(r.message(first[0].Message).Slot, "/")
	if held, err := r.store.Slots(t.Context(), key); err != nil || len(held) != 10 {
		t.Errorf("%d mails have the common key, %v", len(held), err)
	}
	if n := len(r.issues()); n != many {
		t.Errorf("%d issues of %d mails", n, many)
	}
}

func TestLedger(t *testing.T) {
	r := newRig(t, `rule "closed" { on envelope
  when envelope.from.domain == "banned.example"
  then { reject("go away") } }`)
	ctx := t.Context()
	for range 5 {
		tx, err := r.in.Begin(ctx, intake.Envelope{Source: "smtp", Peer: netip.MustParseAddr("198.51.100.7"), From: "x@banned.example"})
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Recipient(ctx, "support@example.com"); err == nil {
			t.Fatal("a banned sender was accepted")
		}
		tx.Abandon(ctx, "client quit")
	}
	r.one(plain("<a@example.org>", "ann@example.org", "Hello", "Hi"))
	r.ledger(3, map[string]int{"rejected x@banned.example ": 5, "aborted x@banned.example ": 5, "committed someone@example.org Hello": 1})
}

// A body that its receiver refused was not abandoned by its peer.
func TestLedgerOfRefusedBodies(t *testing.T) {
	r := newRig(t, "")
	for _, later := range []bool{false, true} {
		tx, err := r.in.Begin(t.Context(), intake.Envelope{Source: "smtp", From: "ann@example.org"})
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Recipient(t.Context(), "support@example.com"); err != nil {
			t.Fatal(err)
		}
		tx.Refuse(t.Context(), later, "larger than 1000 octets")
		tx.Abandon(t.Context(), "ended already")
	}
	r.ledger(2, map[string]int{"rejected ann@example.org ": 1, "try later ann@example.org ": 1})
}

// Attempts that are alike are counted; different mails are not alike.
func TestLedgerTellsMailsApart(t *testing.T) {
	r := newRig(t, "")
	down := errors.New("down")
	mails := []string{plain("<a@example.org>", "ann@example.org", "One", "Hi"), plain("<b@example.org>", "ann@example.org", "Two", "Ho")}
	want := map[string]int{}
	for i, subject := range []string{"One", "Two"} {
		r.fail.Store(&down)
		if o := r.one(mails[i]); o.Verdict != intake.TryLater {
			t.Fatalf("while the store is down: %+v", o)
		}
		r.fail.Store(nil)
		for range 3 {
			r.one(mails[i])
		}
		for verdict, n := range map[string]int{"try later": 1, "committed": 1, "duplicate": 2} {
			want[verdict+" someone@example.org "+subject] = n
		}
	}
	r.ledger(6, want)
}

// ledger waits until the ledger has so many lines, whose counts by verdict, sender and subject are as wanted.
func (r *rig) ledger(lines int, want map[string]int) {
	r.t.Helper()
	var got map[string]int
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		all, _, err := r.store.Ledger(r.t.Context(), issue.LedgerQuery{})
		if err != nil {
			r.t.Fatal(err)
		}
		got = map[string]int{}
		for _, l := range all {
			got[l.Verdict+" "+l.From+" "+l.Subject] += l.Count
		}
		if len(all) == lines && maps.Equal(got, want) {
			return
		}
	}
	r.t.Errorf("the ledger has %v, want %v in %d lines", got, want, lines)
}
