package intake_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/spool"
)

func TestThreads(t *testing.T) {
	first := plain("<1@example.org>", "Ann <ann@example.org>", "Printer", "It burns.", "Cc: Bob <bob@example.org>")
	reply := func(from, irt, more string) string {
		h := []string{"In-Reply-To: " + irt, "References: " + irt}
		if more != "" {
			h = append(h, more)
		}
		return plain("<2@example.org>", from, "Re: Printer", "Still burning.", h...)
	}
	bounced := mail("The mail could not be delivered.", "From: MAILER-DAEMON@mx.example.net", "Subject: Undelivered Mail", "Message-ID: <9@mx.example.net>",
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b") + strings.ReplaceAll(`
--b

The mail could not be delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; bob@example.org
Action: failed
Status: 5.1.1
--b
Content-Type: text/rfc822-headers

Message-ID: <1@example.org>
Subject: Printer
--b--
`, "\n", "\r\n")
	cases := []struct {
		name, second string
		joins        bool
		suspected    bool
	}{
		{name: "the requester answers", second: reply("ann@example.org", "<1@example.org>", ""), joins: true},
		{name: "somebody in copy answers", second: reply("bob@example.org", "<1@example.org>", ""), joins: true},
		{name: "a stranger who knows the id", second: reply("eve@example.net", "<1@example.org>", ""), suspected: true},
		{name: "two From addresses", second: reply("ann@example.org, eve@example.net", "<1@example.org>", ""), suspected: true},
		{name: "a subject tag alone", second: plain("<2@example.org>", "ann@example.org", "Re: Printer [Issue #1]", "Hi"), joins: false},
		{name: "an unknown id", second: reply("ann@example.org", "<nobody@example.org>", "")},
		{name: "an id further back", second: plain("<3@example.org>", "ann@example.org", "Re: Printer", "More", "In-Reply-To: <2@example.org>",
			"References: <0@example.org> <1@example.org> <2@example.org>"), joins: true},
		{name: "a bounce of that mail", second: bounced, suspected: true}, // who writes it takes part in nothing
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "")
			a, b := r.one(first), r.one(c.second)
			if (a.Issue == b.Issue) != c.joins {
				t.Fatalf("issues %d and %d, joins = %v", a.Issue, b.Issue, c.joins)
			}
			if c.joins {
				notes := r.notes(a.Issue)
				if len(notes) != 1 || notes[0].Kind != "mail" || notes[0].Text == "" {
					t.Errorf("notes %+v", notes)
				}
				return
			}
			if got := slices.Contains(r.issue(b.Issue).Suspected, a.Issue); got != c.suspected {
				t.Errorf("suspected = %v, want %v", got, c.suspected)
			}
		})
	}
}

// A forger who mentions an id before its mail comes must not catch that mail.
func TestMentionedBeforeIsNotEnough(t *testing.T) {
	r := newRig(t, "")
	forged := r.one(plain("<evil@example.net>", "eve@example.net", "Re: Secret", "Trap", "In-Reply-To: <1@example.org>"))
	real := r.one(plain("<1@example.org>", "ann@example.org", "Secret", "The password is …"))
	if forged.Issue == real.Issue {
		t.Fatal("the mail went into the forger's issue")
	}
	if !slices.Contains(r.issue(real.Issue).Suspected, forged.Issue) {
		t.Error("the other issue is not shown as suspected")
	}
}

// A mail whose reply came first belongs to the reply's issue, also for rules that would not have taken it as a new one.
func TestVerdictsRelyOnTheThreadToo(t *testing.T) {
	for _, verdict := range []string{"discard", "quarantine", "reject"} {
		t.Run(verdict, func(t *testing.T) {
			r := newRig(t, `rule "no new ones" { when issue.isNew and mail.subject == "Printer"
  then { `+verdict+`("not as a new one") } }`)
			reply := r.one(plain("<2@example.org>", "bob@example.org", "Re: Printer", "Have you tried water?", "In-Reply-To: <1@example.org>", "Cc: ann@example.org"))
			first := r.one(plain("<1@example.org>", "ann@example.org", "Printer", "It burns.", "Cc: bob@example.org"))
			if first.Verdict != intake.Committed || first.Issue != reply.Issue {
				t.Errorf("the reply: %+v, its mail: %+v", reply, first)
			}
		})
	}
}

// Where two mailboxes share one answer a refusal waits, and what it relied on must not have been assumed.
func TestRefusalThatWaitsHasLooked(t *testing.T) {
	r := newRig(t, `rule "no new ones" { when issue.isNew and mail.subject == "Printer"
  then { reject("not as a new one") } }`)
	both := []string{"support@example.com", "sales@example.com"}
	reply := r.send(plain("<2@example.org>", "bob@example.org", "Re: Printer", "Have you tried water?", "In-Reply-To: <1@example.org>", "Cc: ann@example.org"), both...)
	first := r.send(plain("<1@example.org>", "ann@example.org", "Printer", "It burns.", "Cc: bob@example.org"), both...)
	for i := range both {
		if first[i].Verdict != intake.Committed || first[i].Issue != reply[i].Issue {
			t.Errorf("%s: the reply %+v, its mail %+v", both[i], reply[i], first[i])
		}
	}
}

// Whoever writes an id of somebody else's thread into much mail does not push the thread out of sight.
func TestFloodDisplacesNoThread(t *testing.T) {
	r := newRig(t, "")
	first := r.one(plain("<1@example.org>", "ann@example.org", "Printer", "It burns."))
	for i := range 60 {
		r.one(plain("<1@example.org>", fmt.Sprintf("eve%d@example.net", i), "Printer", "Mine.", "In-Reply-To: <0@example.org>"))
	}
	reply := r.one(plain("<2@example.org>", "ann@example.org", "Re: Printer", "Still.", "In-Reply-To: <1@example.org>"))
	if reply.Issue != first.Issue {
		t.Errorf("the reply is issue %d, its mail issue %d", reply.Issue, first.Issue)
	}
}

// Of all that a key ever led to the latest counts.
func TestKeyOfManyIssues(t *testing.T) {
	r := newRig(t, `rule "by host" { then { thread("host", "1h") } }`)
	var last intake.Outcome
	for i := range 40 {
		last = r.one(plain(fmt.Sprintf("<%d@mon.example>", i), "mon@mon.example", "PROBLEM", fmt.Sprint("Number ", i)))
		r.later(2 * time.Hour)
	}
	r.later(-90 * time.Minute)
	if got := r.one(plain("<now@mon.example>", "mon@mon.example", "PROBLEM", "Once more")); got.Issue != last.Issue || len(r.issues()) != 40 {
		t.Errorf("it is issue %d, the latest is %d of %d", got.Issue, last.Issue, len(r.issues()))
	}
}

// countingStore counts how often it is asked who takes part.
type countingStore struct {
	issue.Store
	asked atomic.Int64
}

func (s *countingStore) Participants(ctx context.Context, number int64, emails []string) ([]string, error) {
	s.asked.Add(1)
	return s.Store.Participants(ctx, number, emails)
}

// Ids that many mails have lead to many issues; a mail that names several of them is no more work than another.
func TestCrowdedIDs(t *testing.T) {
	r := newRig(t, "")
	var refs []string
	for id := range 3 {
		ref := fmt.Sprintf("<%d@device.example>", id)
		refs = append(refs, ref)
		for i := range 25 {
			r.one(plain(ref, "device@device.example", "Status", fmt.Sprintf("Reading number %d of %d.", i, id)))
		}
	}
	counting := &countingStore{Store: r.store}
	in := r.intake(counting)
	tx, err := in.Begin(t.Context(), intake.Envelope{Source: "smtp"})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Recipient(t.Context(), "support@example.com"); err != nil {
		t.Fatal(err)
	}
	m := plain("<reply@example.net>", "eve@example.net", "Re: Status", "Hi", "References: "+strings.Join(refs, " "))
	out := tx.Deliver(t.Context(), spool.Bytes([]byte(strings.ReplaceAll(m, "\n", "\r\n"))))
	if out[0].Verdict != intake.Committed || counting.asked.Load() != 50 {
		t.Errorf("%+v after %d questions, want 50", out[0], counting.asked.Load())
	}
}

func TestThreadsAreOfOneMailbox(t *testing.T) {
	r := newRig(t, "")
	out := r.send(plain("<1@example.org>", "ann@example.org", "Both", "Hi"), "support@example.com", "sales@example.com")
	again := r.send(plain("<2@example.org>", "ann@example.org", "Re: Both", "More", "In-Reply-To: <1@example.org>"), "support@example.com", "sales@example.com")
	for i := range out {
		if out[i].Issue != again[i].Issue {
			t.Errorf("mailbox %s: issue %d, its reply %d", out[i].Mailbox, out[i].Issue, again[i].Issue)
		}
	}
}

func TestThreadKey(t *testing.T) {
	r := newRig(t, `rule "one issue for each host" {
  let m = find(mail.subject, `+"`^(PROBLEM|RECOVERY) (?P<host>\\S+)`"+`)
  when m.found
  then {
    thread(m.host, "7d")
    m[1] == "RECOVERY" ? close() : nil
  }
}`)
	a := r.one(plain("<1@mon.example>", "mon@mon.example", "PROBLEM db1", "disk full"))
	b := r.one(plain("<2@mon.example>", "mon@mon.example", "PROBLEM web1", "load"))
	c := r.one(plain("<3@mon.example>", "mon@mon.example", "RECOVERY db1", "disk ok"))
	if a.Issue == b.Issue || a.Issue != c.Issue {
		t.Fatalf("issues %d, %d, %d", a.Issue, b.Issue, c.Issue)
	}
	if is := r.issue(a.Issue); is.Status != "closed" || is.ClosedAt == nil {
		t.Errorf("status %q, closed at %v", is.Status, is.ClosedAt)
	}
	r.later(8 * 24 * 3600e9)
	if d := r.one(plain("<4@mon.example>", "mon@mon.example", "PROBLEM db1", "again")); d.Issue == a.Issue {
		t.Error("the key still led there after its time")
	}
}

func TestTrust(t *testing.T) {
	const script = `
token "priority" { then { priority(value) } }
rule "proven" { when sender.atLeast("authenticated")
  then { tag("proven") } }
rule "known" { when sender.known
  then { tag("known") } }
`
	body := "[[priority: urgent]]\nPlease.\n"
	auth := intake.Envelope{Source: "smtp", User: "ann", WriteAs: []string{"ann@example.org"}}
	origin := intake.Envelope{Source: "smtp", Peer: netip.MustParseAddr("192.0.2.9")}
	stranger := intake.Envelope{Source: "smtp", Peer: netip.MustParseAddr("127.0.0.1")}
	relay := intake.Envelope{Source: "smtp", Peer: netip.MustParseAddr("192.0.2.25")}
	lmtp, api := origin, origin
	lmtp.Source, api.Source = "lmtp", "api"
	cases := []struct {
		name   string
		env    intake.Envelope
		from   string
		text   string
		proven bool
		obeyed bool
	}{
		{"nobody is trusted, not loopback either", stranger, "ann@example.org", body, false, false},
		{"a user who may write as that", auth, "ann@example.org", body, true, true},
		{"a user who may not", auth, "boss@example.org", body, false, false},
		{"two From addresses", auth, "ann@example.org, ann2@example.org", body, false, false},
		{"a network for its domain", origin, "x@proven.example", body, true, true},
		{"a network for another domain", origin, "x@other.example", body, false, false},
		{"a relay inside that network", relay, "x@proven.example", body, false, false},
		{"by LMTP from that network", lmtp, "x@proven.example", body, false, false},
		{"by HTTP from that network", api, "x@proven.example", body, false, false},
		{"a command in quoted text", auth, "ann@example.org", "Thanks.\n\n> [[priority: urgent]]\n", true, false},
		{"a command below the signature", auth, "ann@example.org", "Thanks.\n\n-- \nAnn\n[[priority: urgent]]\n", true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, script)
			o := r.sendAs(c.env, plain("<1@example.org>", c.from, "Hello", c.text))[0]
			is := r.issue(o.Issue)
			if got := slices.Contains(is.Tags, "proven"); got != c.proven {
				t.Errorf("proven = %v, want %v", got, c.proven)
			}
			if got := is.Priority == "urgent"; got != c.obeyed {
				t.Errorf("command obeyed = %v, want %v", got, c.obeyed)
			}
		})
	}
	for name, c := range map[string]struct {
		raw    string
		obeyed bool
	}{
		"the subject of a new mail":           {plain("<1@example.org>", "ann@example.org", "[[priority: urgent]] Hello", "Hi\n"), true},
		"that of a reply":                     {plain("<1@example.org>", "ann@example.org", "Re: [[priority: urgent]]", "Hi\n"), false},
		"of a forward in an unknown language": {plain("<1@example.org>", "ann@example.org", "Xy: [[priority: urgent]]", "See below.\n\nFrom: Eve <eve@example.net>\nSent: Monday, January 5, 2026 2:04 PM\nTo: Ann Lee\nSubject: [[priority: urgent]]\n\nHi\n"), false},
		"of a forward as a file":              {"From: ann@example.org\r\nMessage-ID: <1@example.org>\r\nSubject: [[priority: urgent]]\r\nContent-Type: message/rfc822\r\n\r\nFrom: eve@example.net\r\nSubject: [[priority: urgent]]\r\n\r\nHi\r\n", false},
		"a note of absence that repeats it":   {plain("<1@example.org>", "ann@example.org", "Out of office: [[priority: urgent]]", "I read your mail [[priority: urgent]] on Monday.\n", "Auto-Submitted: auto-replied"), false},
		"the answer to an invitation":         {"From: ann@example.org\r\nMessage-ID: <1@example.org>\r\nSubject: Accepted: [[priority: urgent]]\r\nContent-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nSUMMARY:[[priority: urgent]]\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, script)
			o := r.sendAs(auth, c.raw)[0]
			if got := r.issue(o.Issue).Priority == "urgent"; got != c.obeyed {
				t.Errorf("command obeyed = %v, want %v", got, c.obeyed)
			}
		})
	}
	t.Run("known is whoever wrote before", func(t *testing.T) {
		r := newRig(t, script)
		a := r.one(plain("<1@example.org>", "ann@example.org", "One", "Hi"))
		b := r.one(plain("<2@example.org>", "ann@example.org", "Two", "Hi again"))
		if slices.Contains(r.issue(a.Issue).Tags, "known") || !slices.Contains(r.issue(b.Issue).Tags, "known") {
			t.Errorf("tags %v, then %v", r.issue(a.Issue).Tags, r.issue(b.Issue).Tags)
		}
	})
}
