package intake_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/internal/issue"
	"postern/rules"
)

const commands = `
token "priority" { then { priority(value) } }
token "close" { then { close() } }
rule "by host" { let m = find(mail.subject, "PROBLEM (?P<host>\\w+)") when m.found then { thread(m.host, "7d") } }
`

// boss is a sender whose network proves him.
var boss = intake.Envelope{Source: "smtp", Peer: netip.MustParseAddr("192.0.2.7"), From: "boss@proven.example"}

// about is a mail of the boss to the issue of <1@example.org>.
func bossWrites(id, subject, text string, more ...string) string {
	return plain(id, "boss@proven.example", subject, text, append([]string{"In-Reply-To: <1@example.org>"}, more...)...)
}

// A command that stood in an earlier mail of the issue is not obeyed, however it stood there: what is quoted without a mark looks
// like written.
func TestCommandsThatStoodThere(t *testing.T) {
	t.Parallel()
	ann := func(text string, more ...string) string {
		return plain("<1@example.org>", "Ann <ann@example.org>", "Printer", text, append([]string{"Cc: boss@proven.example"}, more...)...)
	}
	html := func(body string) string {
		return strings.Replace(ann(body, "Content-Type: text/html"), "text/plain", "text/html", 1)
	}
	long := strings.Repeat("More and more words. ", 60_000)
	many := &strings.Builder{}
	for i := range 60 {
		fmt.Fprintf(many, "[[item %d]]\n", i)
	}
	for _, c := range []struct {
		name, earlier, now string
		obeyed             bool
	}{
		{"new", ann("It burns."), "[[priority: urgent]]", true},
		{"the same", ann("[[priority: urgent]]"), "[[priority: urgent]]", false},
		{"another value", ann("[[priority: low]]"), "[[priority: urgent]]", true},
		{"in other letters", ann("please [[PRIORITY:  Urgent ]] it"), "[[priority: urgent]]", false},
		{"over two lines", ann("[[priority:\nurgent]]"), "[[priority: urgent]]", false},
		{"quoted, over two lines", ann("> [[prio\n> rity: urgent]]"), "[[priority: urgent]]", false},
		{"with something between", ann("[\u200b[*priority*: _urgent_]]"), "[[priority: urgent]]", false},
		{"below the signature", ann("Hi\n\n-- \nAnn [[priority: urgent]]"), "[[priority: urgent]]", false},
		{"in HTML, with tags inside", html("<p>Hi [[<b>prio</b>rity: &#117;rgent]]</p>"), "[[priority: urgent]]", false},
		{"in HTML that nobody sees", html("<p>Hi <span style='display:none'>[[priority: urgent]]</span></p>"), "[[priority: urgent]]", false},
		{"in the subject", strings.Replace(ann("Hi"), "Printer", "[[priority: urgent]]", 1), "[[priority: urgent]]", false},
		{"in a name", strings.Replace(ann("Hi"), "Ann <", `"[[priority: urgent]]" <`, 1), "[[priority: urgent]]", false},
		{"without the marks", ann("priority: urgent"), "[[priority: urgent]]", true},
		{"among too many", ann(many.String()), "[[priority: urgent]]", false},
		{"in a mail too long to read", ann(long), "[[priority: urgent]]", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, commands)
			first := r.one(c.earlier)
			o := r.sendAs(boss, bossWrites("<2@proven.example>", "Re: Printer", c.now))[0]
			if o.Issue != first.Issue {
				t.Fatalf("the answer is issue %d, its mail %d", o.Issue, first.Issue)
			}
			if got := r.issue(o.Issue).Priority == "urgent"; got != c.obeyed {
				t.Errorf("obeyed = %v, want %v", got, c.obeyed)
			}
			remarked := slices.ContainsFunc(r.notes(o.Issue), func(n *issue.Note) bool {
				return n.Kind == "rule" && n.Visibility == "internal" && strings.Contains(n.Text, "not obeyed")
			})
			if remarked == c.obeyed {
				t.Errorf("obeyed = %v, and a note that it was not: %v", c.obeyed, remarked)
			}
			// The decision knows it ever after.
			e, err := r.in.Explain(t.Context(), o.Message, intake.ExplainOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if i := slices.IndexFunc(e.Rules, func(e rules.Entry) bool { return e.Rule == "priority" }); i < 0 || (e.Rules[i].Skipped == "") != c.obeyed {
				t.Errorf("explained by %+v", e.Rules)
			}
			r.later(time.Hour)
			report, err := r.in.Backtest(t.Context(), intake.Backtest{})
			if err != nil || report.Changed != 0 || report.Messages != 2 {
				t.Errorf("decided again: %+v, %v", report, err)
			}
			run, err := r.in.ReplayAll(t.Context(), intake.ReplayQuery{Mailbox: "support", Apply: true}, "test")
			if err != nil || len(run.Changes) != 0 {
				t.Errorf("replayed: %+v, %v", run, err)
			}
			if got := r.issue(o.Issue).Priority == "urgent"; got != c.obeyed {
				t.Errorf("after a replay: obeyed = %v, want %v", got, c.obeyed)
			}
		})
	}
}

// What one said himself is not obeyed twice, in any issue that it might be quoted from; said otherwise it is.
func TestCommandsSaidTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t, commands)
	first := r.one(plain("<1@example.org>", "ann@example.org", "Printer", "It burns.", "Cc: boss@proven.example"))
	for _, step := range []struct {
		mail   string
		status string
	}{
		{bossWrites("<2@proven.example>", "Re: Printer", "[[close]]"), "closed"},
		{bossWrites("<3@proven.example>", "Re: Printer", "[[close]]\nIt is broken again."), "new"},
		{bossWrites("<4@proven.example>", "Re: Printer", "[[close: again]]"), "closed"},
		{bossWrites("<5@proven.example>", "Re: Printer", "[[close:]]"), "new"},
	} {
		if _, err := r.store.Commit(t.Context(), &issue.Commit{
			Message: &issue.Message{ID: issue.NewID(r.now()), Mailbox: "support", ReceivedAt: r.now(), Verdict: "committed"},
			Change:  &issue.IssueChange{Number: first.Issue, Status: new("new"), ClosedAt: &time.Time{}, UpdatedAt: r.now()},
		}); err != nil {
			t.Fatal(err)
		}
		r.later(time.Minute)
		o := r.sendAs(boss, step.mail)[0]
		if got := r.issue(first.Issue).Status; got != step.status || o.Issue != first.Issue {
			t.Errorf("after %q: %q in issue %d, want %q", step.mail, got, o.Issue, step.status)
		}
	}
	// Another issue is another matter, unless the mail may belong to this one.
	fresh := r.sendAs(boss, plain("<6@proven.example>", "boss@proven.example", "Other", "[[close]]"))[0]
	if got := r.issue(fresh.Issue).Status; got != "closed" || fresh.Issue == first.Issue {
		t.Errorf("a new issue: %q", got)
	}
	stranger := boss
	stranger.From = "x@proven.example"
	guess := r.sendAs(stranger, plain("<7@proven.example>", "x@proven.example", "Re: Printer", "[[close]]", "In-Reply-To: <2@proven.example>"))[0]
	if is := r.issue(guess.Issue); guess.Issue == first.Issue || is.Status != "new" || len(is.Suspected) == 0 {
		t.Errorf("an issue that may belong to the first: %+v", is)
	}
}

// Rules may put a mail elsewhere than its ids do: then the mails there count, and its subject is that of an answer.
func TestCommandsOfMailThatRulesPut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, first, subject, text string
		obeyed                     bool
	}{
		{"into an issue where it was not said", "disk full", "PROBLEM web1", "[[priority: urgent]]", true},
		{"into an issue where it was", "> [[priority: urgent]]", "PROBLEM web1", "[[priority: urgent]]", false},
		{"by its subject into an issue", "disk full", "PROBLEM web1 [[priority: urgent]]", "disk fuller", false},
		{"by its subject into none", "disk full", "PROBLEM db7 [[priority: urgent]]", "disk fuller", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, commands)
			r.one(plain("<1@mon.example>", "mon@mon.example", "PROBLEM web1", c.first))
			r.later(time.Minute)
			o := r.sendAs(boss, plain("<2@proven.example>", "boss@proven.example", c.subject, c.text))[0]
			if got := r.issue(o.Issue).Priority == "urgent"; got != c.obeyed {
				t.Errorf("obeyed = %v, want %v", got, c.obeyed)
			}
			report, err := r.in.Backtest(t.Context(), intake.Backtest{})
			if err != nil || report.Changed != 0 {
				t.Errorf("decided again: %+v, %v", report, err)
			}
		})
	}
	t.Run("hither and thither, as it obeys", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, `
token "to" { then { attachTo(int(value)) } }
rule "away" { when issue.number == 1 then { attachTo(2) } }
rule "back" { when issue.isNew and mail.subject == "x" then { attachTo(1) } }
`)
		r.one(plain("<1@example.org>", "ann@example.org", "One", "[[to: 1]]"))
		r.one(plain("<2@example.org>", "ann@example.org", "Two", "[[to: 2]] [[to: 1]]"))
		o := r.sendAs(boss, plain("<3@proven.example>", "boss@proven.example", "x", "[[to: 1]]"))[0]
		m := r.message(o.Message)
		if o.Verdict != intake.Committed || !strings.Contains(string(m.Decision.Trace), "stood in an earlier mail") {
			t.Errorf("%+v, by %s", o, m.Decision.Trace)
		}
	})
}

// Of a mail and another that says the same, coming at once, the one that is written later sees the other.
func TestCommandsSaidAtOnce(t *testing.T) {
	t.Parallel()
	for range 10 {
		r := newRig(t, `token "count" { then { tag("n" + mail.messageId) } }`)
		first := r.one(plain("<1@example.org>", "ann@example.org", "Printer", "It burns.", "Cc: boss@proven.example"))
		var g sync.WaitGroup
		for i := range 4 {
			g.Go(func() { r.sendAs(boss, bossWrites(fmt.Sprintf("<b%d@proven.example>", i), "Re: Printer", "[[count]]")) })
		}
		g.Wait()
		if tags := r.issue(first.Issue).Tags; len(tags) != 1 {
			t.Fatalf("obeyed %d times: %v", len(tags), tags)
		}
		if n := len(r.notes(first.Issue)); n != 4+3 {
			t.Errorf("%d notes", n)
		}
	}
}

// A test gives the texts that stood before.
func TestCommandsInTests(t *testing.T) {
	t.Parallel()
	set, diags := rules.FromFiles(map[string]string{"10-x.rules": `
token "close" { then { close() } }
` + testOfClose("", "closed") + testOfClose(`, texts: ["> [[Close]] \n", "more"]`, "new")}, rules.LoadOptions{})
	if set == nil {
		t.Fatal(diags)
	}
	r := newRig(t, "")
	report := set.Test(t.Context(), intake.Simulate(r.pol))
	if failed := report.Failed(); failed > 0 || len(report.Tests) != 2 {
		t.Errorf("%+v", report)
	}
}

func testOfClose(texts, status string) string {
	return fmt.Sprintf(`
test "then it is %s" {
	given sender {trust: "authenticated"}
	given issue {status: "new", messageIds: ["<1@example.org>"]%s}
	mail """
		From: ann@example.org
		To: support@example.com
		In-Reply-To: <1@example.org>
		Subject: Re: x

		[[close]]
	"""
	expect issue.status == %q
}`, status, texts, status)
}
