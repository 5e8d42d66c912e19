package intake_test

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/mongo"
	"postern/internal/peers"
)

// onBoth runs a test on a rig with each store.
func onBoth(t *testing.T, script string, test func(t *testing.T, r *rig)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, newRig(t, script))
	})
	t.Run("mongodb", func(t *testing.T) {
		t.Parallel()
		uri := peers.MongoDatabase(t)
		r := newRig(t, script)
		s, err := mongo.Open(t.Context(), uri, mongo.Options{Now: r.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		r.store, r.in = s, r.intake(s)
		test(t, r)
	})
}

// run replays, dry or not.
func (r *rig) run(q intake.ReplayQuery) *intake.ReplayRun {
	r.t.Helper()
	got, err := r.in.ReplayAll(r.t.Context(), q, "local:eve")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, u := range got.Unable {
		r.t.Errorf("unable: %s: %s", u.Message, u.Reason)
	}
	return got
}

// world is all that people see: issues, withdrawn ones, notes, messages without the marks of runs.
type seen struct {
	Issues, Withdrawn []*issue.Issue
	Notes             [][]*issue.Note
	Messages          []*issue.Message
}

func (r *rig) seen() seen {
	r.t.Helper()
	ctx := r.t.Context()
	s := seen{Issues: r.issues()}
	var err error
	if s.Withdrawn, _, err = r.store.Issues(ctx, issue.IssueQuery{Withdrawn: true}); err != nil {
		r.t.Fatal(err)
	}
	for _, is := range slices.Concat(s.Issues, s.Withdrawn) {
		s.Notes = append(s.Notes, r.notes(is.Number))
		is.UpdatedAt = time.Time{}
		slices.Sort(is.Tags) // what was taken away and came back stands last
		slices.Sort(is.Watchers)
	}
	list, _, err := r.store.Messages(ctx, issue.MessageQuery{Page: pageOf(500)})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, m := range list {
		whole := r.message(m.ID)
		whole.Attempt, whole.Run, whole.Former, whole.Decision.Took = 0, "", nil, 0
		s.Messages = append(s.Messages, whole)
	}
	return s
}

func (r *rig) same(before seen, what string) {
	r.t.Helper()
	if diff := cmp.Diff(before, r.seen(), cmpopts.EquateEmpty()); diff != "" {
		r.t.Errorf("%s (-was +is)\n%s", what, diff)
	}
}

const wrongRoute = `
rule "route" { when mail.subject contains "printer" then {
    assign("wrong")
    tag("bad")
    note("the wrong rule was here")
    set("priority", "high")
    watch("boss@example.com")
} }
rule "fire" { when mail.text contains "fire" then { set("priority", "urgent"); tag("fire") } }
`
const rightRoute = `
rule "route" { when mail.subject contains "printer" then { assign("right"); tag("good"); note("the right rule was here") } }
rule "fire" { when mail.text contains "fire" then { set("priority", "urgent"); tag("fire") } }
`

// A rule assigned all mails of a thread wrongly. It is repaired, once, undone, and the undoing undone.
func TestReplayRepairsInPlace(t *testing.T) {
	onBoth(t, wrongRoute, func(t *testing.T, r *rig) {
		first := r.one(plain("<1@x.example>", "ann@example.org", "My printer", "It is broken."))
		for i := range 3 {
			r.later(time.Minute)
			text := fmt.Sprint("More of it ", i)
			if i == 1 {
				text = "There is a fire."
			}
			r.one(plain(fmt.Sprintf("<r%d@x.example>", i), "ann@example.org", "Re: My printer", text, "In-Reply-To: <1@x.example>"))
		}
		r.later(time.Minute)
		r.one(plain("<2@x.example>", "bob@example.org", "My scanner", "It is broken."))
		bad := r.seen()
		version := r.message(first.Message).Decision.Ruleset
		r.later(time.Hour)
		r.rules(rightRoute)

		dry := r.run(intake.ReplayQuery{Rule: "route"})
		if dry.Messages != 4 || len(dry.Changes) != 4 || dry.Run != "" || dry.Changes[0].Applied {
			t.Fatalf("dry: got %+v", dry)
		}
		r.same(bad, "without apply")
		told := map[string]string{}
		for _, c := range dry.Changes {
			for _, f := range c.Fields {
				told[f.Field] = f.Is + f.Left
			}
		}
		delete(told, "remark")
		if diff := cmp.Diff(map[string]string{"assignee": "right", "tags.bad": "", "tags.good": "+", "priority": "urgent", "watchers.boss@example.com": ""}, told); diff != "" {
			t.Errorf("told before (-want +got)\n%s", diff)
		}

		run := r.run(intake.ReplayQuery{Rule: "route", Apply: true})
		is := r.issue(first.Issue)
		if is.Assignee != "right" || is.Priority != "urgent" || !slices.Equal(is.Tags, []string{"fire", "good"}) || len(is.Watchers) != 0 {
			t.Errorf("repaired: got assignee %q, priority %q, tags %q, watchers %q", is.Assignee, is.Priority, is.Tags, is.Watchers)
		}
		var remarks, notes []string
		for _, n := range r.notes(first.Issue) {
			if n.Kind == "rule" {
				remarks = append(remarks, n.Text)
			} else {
				notes = append(notes, n.ID)
			}
		}
		if len(notes) != 3 || len(remarks) != 4 || strings.Contains(strings.Join(remarks, ""), "wrong") {
			t.Errorf("got %d notes, remarks %q", len(notes), remarks)
		}
		m := r.message(first.Message)
		if m.Issue != first.Issue || m.Run != run.Run || m.Former == nil || m.Former.Decision.Ruleset != version || m.Decision.Ruleset == version {
			t.Errorf("the message: got %+v", m)
		}
		x, err := r.in.ExplainIssue(t.Context(), first.Issue)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range x.Fields {
			if f.Field == "priority" && f.Rule != "fire" || f.Field == "assignee" && !strings.Contains(strings.Join(f.Actions, ""), "right") {
				t.Errorf("explained: %+v", f)
			}
		}
		if x.Messages[0].Run != run.Run {
			t.Errorf("explained without the run: %+v", x.Messages[0])
		}
		if b, err := r.in.Backtest(t.Context(), intake.Backtest{}); err != nil || b.Changed != 0 || b.Messages != 5 {
			t.Errorf("a backtest of the same rules afterwards: %+v, %v", b, err)
		}
		good := r.seen()
		if again := r.run(intake.ReplayQuery{Since: ptr(start), Apply: true}); len(again.Changes) != 0 {
			t.Errorf("once more: %+v", again.Changes[0])
		}
		r.same(good, "replayed once more")

		undo := r.run(intake.ReplayQuery{Undo: run.Run})
		if len(undo.Changes) != 4 || undo.Changes[0].Applied {
			t.Errorf("undo, dry: %+v", undo)
		}
		r.same(good, "undo without apply")
		undone := r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		r.same(bad, "undone")
		redone := r.run(intake.ReplayQuery{Undo: undone.Run, Apply: true})
		r.same(good, "the undoing undone")
		if _, err := r.in.ReplayAll(t.Context(), intake.ReplayQuery{Undo: run.Run}, "x"); err == nil {
			t.Error("a run is undone whose messages were all decided since")
		}
		events, _, err := r.store.Events(t.Context(), pageOf(100))
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, e := range events {
			id, _, _ := strings.Cut(strings.TrimPrefix(e.Detail, "run "), ":")
			count[e.Actor+" "+e.Action+" "+id]++
		}
		want := map[string]int{"local:eve replay " + run.Run: 4, "local:eve replay.undo " + undone.Run: 4, "local:eve replay.undo " + redone.Run: 4}
		if diff := cmp.Diff(want, count); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
	})
}

func ptr[T any](v T) *T { return &v }

// What a later mail set stays, and it is told.
func TestReplayLeavesWhatOthersSet(t *testing.T) {
	onBoth(t, `rule "a" { when mail.subject contains "printer" then { assign("wrong") } }
rule "b" { when mail.text contains "take it" then { assign("bob") } }`, func(t *testing.T, r *rig) {
		first := r.one(plain("<1@x.example>", "ann@example.org", "My printer", "It is broken."))
		r.later(time.Minute)
		r.one(plain("<2@x.example>", "ann@example.org", "Re: My problem", "Bob may take it.", "In-Reply-To: <1@x.example>"))
		r.rules(`rule "a" { when mail.subject contains "printer" then { assign("right") } }
rule "b" { when mail.text contains "take it" then { assign("bob") } }`)
		run := r.run(intake.ReplayQuery{Rule: "a", Apply: true})
		if is := r.issue(first.Issue); is.Assignee != "bob" {
			t.Errorf("got assignee %q, want bob's", is.Assignee)
		}
		if f := run.Changes[0].Fields; len(f) != 1 || !strings.HasPrefix(f[0].Left, "set since by message ") {
			t.Errorf("told: %+v", f)
		}
		// When bob's rule goes, too, the mended one shows.
		r.rules(`rule "a" { when mail.subject contains "printer" then { assign("right") } }`)
		r.run(intake.ReplayQuery{Rule: "b", Apply: true})
		if is := r.issue(first.Issue); is.Assignee != "right" {
			t.Errorf("got assignee %q, want right", is.Assignee)
		}
	})
}

// A mail that should have been thrown away: its issue goes and keeps its number; what others have worked on stays.
func TestReplayWithdraws(t *testing.T) {
	onBoth(t, "", func(t *testing.T, r *rig) {
		spam := plain("<1@x.example>", "ann@example.org", "Offer", "Buy.")
		alone := r.one(spam)
		r.later(time.Minute)
		answered := r.one(plain("<2@x.example>", "ann@example.org", "Offer two", "Buy."))
		r.later(time.Minute)
		r.one(plain("<3@x.example>", "ann@example.org", "Re: two", "I mean it.", "In-Reply-To: <2@x.example>"))
		thread := r.one(plain("<4@x.example>", "ann@example.org", "Offer three", "Buy."))
		r.later(time.Minute)
		second := r.one(plain("<5@x.example>", "ann@example.org", "Offer three again", "Buy.", "In-Reply-To: <4@x.example>"))
		if second.Issue != thread.Issue {
			t.Fatalf("the second: %+v", second)
		}
		before := r.seen()
		r.rules(`rule "spam" { when mail.subject contains "Offer" then { discard("spam") } }`)
		dry := r.run(intake.ReplayQuery{Verdict: "committed"})
		r.same(before, "dry")
		run := r.run(intake.ReplayQuery{Verdict: "committed", Apply: true})
		for _, got := range []*intake.ReplayRun{dry, run} {
			var told []string
			for _, c := range got.Changes {
				told = append(told, fmt.Sprintf("%d %s %v", c.Issue, c.Now, c.Left != ""))
			}
			want := []string{fmt.Sprintf("%d discarded false", alone.Issue), fmt.Sprintf("%d discarded true", answered.Issue),
				fmt.Sprintf("%d discarded false", thread.Issue), fmt.Sprintf("%d discarded false", thread.Issue)}
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("told (-want +got)\n%s", diff)
			}
		}
		after := r.seen()
		if len(after.Issues) != 1 || after.Issues[0].Number != answered.Issue || len(after.Withdrawn) != 2 {
			t.Errorf("got issues %v, withdrawn %v", after.Issues, after.Withdrawn)
		}
		if m := r.message(answered.Message); m.Verdict != "committed" {
			t.Errorf("the message of an issue that stays is %s", m.Verdict)
		}
		if m := r.message(alone.Message); m.Verdict != "discarded" || m.Reason != "spam" || m.Issue != alone.Issue {
			t.Errorf("got %s, %q, issue %d", m.Verdict, m.Reason, m.Issue)
		}
		if again := r.one(spam); !again.Again || again.Verdict != intake.Discarded || again.Issue != 0 {
			t.Errorf("the same mail again: %+v", again)
		}
		r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		r.same(before, "undone")

		// A reply to what was withdrawn brings it back.
		r.run(intake.ReplayQuery{IDs: []string{alone.Message}, Apply: true})
		r.later(time.Minute)
		reply := r.one(plain("<6@x.example>", "ann@example.org", "Re: hello", "Did you get it?", "In-Reply-To: <1@x.example>"))
		if reply.Issue != alone.Issue || r.issue(alone.Issue).WithdrawnAt != nil || len(r.notes(alone.Issue)) != 1 {
			t.Errorf("a reply: %+v, issue %+v", reply, r.issue(alone.Issue))
		}
		// And the mail itself, by rules that want it.
		r.rules("")
		back := r.run(intake.ReplayQuery{IDs: []string{alone.Message}, Apply: true})
		if got := back.Changes[0]; got.Now != intake.Committed || got.Issue != alone.Issue || len(r.issues()) != 3 {
			t.Errorf("wanted again: %+v, %d issues", got, len(r.issues()))
		}
	})
}

// A mail that a wrong rule threw away becomes its issue; undone, the issue goes and its number is kept for the next time.
func TestReplayOfWhatWasDropped(t *testing.T) {
	onBoth(t, stops+`rule "spam" { when mail.subject contains "spam" then { discard("spam") } }`, func(t *testing.T, r *rig) {
		mails := map[string]string{}
		for i, subject := range []string{"spam", "refuse this", "stop here"} {
			r.later(time.Minute)
			m := plain(fmt.Sprintf("<%d@x.example>", i), "ann@example.org", subject, "Hi")
			mails[subject] = m
			r.one(m)
		}
		before := r.seen()
		r.rules("")
		run := r.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
		if len(r.issues()) != 3 || len(run.Changes) != 3 {
			t.Fatalf("%d issues, run %+v", len(r.issues()), run)
		}
		for subject, m := range mails {
			if again := r.one(m); !again.Again || again.Verdict != intake.Committed || again.Issue == 0 {
				t.Errorf("%s, once more: %+v", subject, again)
			}
		}
		numbers := map[int64]bool{}
		for _, is := range r.issues() {
			numbers[is.Number] = true
		}
		undone := r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		if len(r.issues()) != 0 || len(undone.Changes) != 3 {
			t.Errorf("undone: %d issues, run %+v", len(r.issues()), undone)
		}
		for i, m := range r.seen().Messages {
			if len(before.Messages) == len(r.seen().Messages)-1 && m.Verdict == "committed" {
				t.Errorf("message %d is committed still", i)
			}
		}
		again := r.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
		if len(again.Changes) != 3 || len(r.issues()) != 3 {
			t.Fatalf("again: %+v, %d issues", again, len(r.issues()))
		}
		for _, is := range r.issues() {
			if !numbers[is.Number] {
				t.Errorf("a new number: %d", is.Number)
			}
		}
	})
}

// A mail that would belong elsewhere stays where it is, with all that it has.
func TestReplayNeverMoves(t *testing.T) {
	onBoth(t, `rule "host" { let m = find(mail.subject, "host=(?P<h>\\w+)")
  when m.found
  then { thread(m.h, "7d"); tag("a") } }`, func(t *testing.T, r *rig) {
		first := r.one(plain("<1@x.example>", "mon@example.org", "host=a", "down"))
		r.later(time.Minute)
		r.one(plain("<2@x.example>", "mon@example.org", "host=a", "still down"))
		before := r.seen()
		for _, rule := range []string{
			`rule "host" { then { newIssue(); tag("b") } }`,
			`rule "host" { then { thread("other", "7d"); tag("b") } }`,
			`rule "none" { then { tag("b") } }`,
		} {
			r.rules(rule)
			for _, c := range r.run(intake.ReplayQuery{Rule: "host", Apply: true}).Changes {
				if !strings.Contains(c.Left, "never moved") || c.Applied {
					t.Errorf("%s: got %+v", rule, c)
				}
			}
		}
		r.same(before, "after replays that would move")
		r.rules(`rule "host" { let m = find(mail.subject, "host=(?P<h>\\w+)")
  when m.found
  then { thread(m.h, "7d"); tag("b") } }`)
		r.run(intake.ReplayQuery{Rule: "host", Apply: true})
		if is := r.issue(first.Issue); !slices.Equal(is.Tags, []string{"b"}) {
			t.Errorf("tags %q", is.Tags)
		}
	})
}

// Files that were dropped come back, what is to be blacked out is, also in description, note and search, and all of it can be undone.
func TestReplayOfTextsAndFiles(t *testing.T) {
	onBoth(t, `rule "files" { then { dropAttachments(any(mail.attachments, .name endsWith ".txt")) } }`, func(t *testing.T, r *rig) {
		r.rules(`rule "files" { then { dropAttachments(true) } }`)
		file := func(id, more string) string {
			return strings.Replace(plain(id, "ann@example.org", "Card 4111", "x", append(strings.Fields(more),
				"MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b")...), "\n\nx\n", "\n\n--b\nContent-Type: text/plain\n\nMy card is 4111.\n--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nfile\n--b--\n", 1)
		}
		first := r.one(file("<1@x.example>", ""))
		r.later(time.Minute)
		second := r.one(file("<2@x.example>", "In-Reply-To:<1@x.example>"))
		if len(r.message(first.Message).Attachments) != 0 || first.Issue != second.Issue {
			t.Fatalf("first %+v, second %+v", first, second)
		}
		before := r.seen()
		r.rules("rule \"hide\" { then { redact(`4111`); visibility(\"internal\") } }")
		run := r.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
		for _, id := range []string{first.Message, second.Message} {
			m := r.message(id)
			if len(m.Attachments) != 1 || strings.Contains(m.Text+m.Subject, "4111") {
				t.Errorf("got files %v, text %q, subject %q", m.Attachments, m.Text, m.Subject)
			}
		}
		is, note := r.issue(first.Issue), r.notes(first.Issue)[0]
		if strings.Contains(is.Subject+is.Description+note.Text, "4111") || note.Visibility != "internal" || is.Visibility != "internal" {
			t.Errorf("issue %+v, note %+v", is, note)
		}
		r.rules("")
		r.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		r.same(before, "undone")
	})
}

// Rules that stayed the same change nothing, though the world is another one.
func TestReplayBySameRules(t *testing.T) {
	onBoth(t, worldly, func(t *testing.T, r *rig) {
		for i, subject := range []string{"first", "PROBLEM web1", "PROBLEM web1 still", "Re: first", "more", "hold it", "spam", "refuse"} {
			r.later(time.Minute)
			var more []string
			if i == 3 {
				more = []string{"In-Reply-To: <0@x.example>"}
			}
			r.one(plain(fmt.Sprintf("<%d@x.example>", i), "ann@example.org", subject, fmt.Sprint("text ", i), more...))
		}
		r.later(24 * time.Hour)
		r.pol.Mailboxes[0].New = intake.Defaults{Priority: "low", Status: "open", Team: "others", Tags: []string{"x"}}
		r.pol.Mailboxes[0].Visibility = "internal"
		before := r.seen()
		if run := r.run(intake.ReplayQuery{Verdict: "committed", Apply: true}); len(run.Changes) != 0 || run.Messages != 5 {
			t.Errorf("%d messages, changes %+v", run.Messages, run.Changes)
		}
		r.same(before, "replayed by the same rules")
	})
}

// While mail goes on coming to an issue, two nodes replay all of it, and one undoes. No mail is lost, none is there twice, and the end is as by
// good rules.
func TestReplayWhileMailComes(t *testing.T) {
	onBoth(t, wrongRoute, func(t *testing.T, r *rig) {
		first := r.one(plain("<1@x.example>", "ann@example.org", "My printer", "It is broken."))
		const before, during = 10, 20
		reply := func(i int) string {
			return plain(fmt.Sprintf("<r%d@x.example>", i), "ann@example.org", "Re: My printer", fmt.Sprint("More ", i), "In-Reply-To: <1@x.example>")
		}
		for i := range before {
			r.later(time.Second)
			r.one(reply(i))
		}
		r.rules(rightRoute)
		other := r.intake(r.store)
		var wg sync.WaitGroup
		for _, in := range []*intake.Intake{r.in, other} {
			wg.Go(func() {
				run, err := in.ReplayAll(t.Context(), intake.ReplayQuery{Rule: "route", Apply: true}, "x")
				if err != nil {
					t.Error(err)
					return
				}
				if run.Run == "" { // the other was there first each time
					return
				}
				if _, err := in.ReplayAll(t.Context(), intake.ReplayQuery{Undo: run.Run, Apply: true}, "x"); err != nil && !strings.Contains(err.Error(), "no message was decided last") {
					t.Error(err)
				}
				if _, err := in.ReplayAll(t.Context(), intake.ReplayQuery{Since: ptr(start), Apply: true}, "x"); err != nil {
					t.Error(err)
				}
			})
		}
		for i := range during {
			wg.Go(func() {
				if o := r.one(reply(before + i)); o.Verdict != intake.Committed || o.Issue != first.Issue {
					t.Errorf("reply %d: %+v", i, o)
				}
			})
		}
		wg.Wait()
		r.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
		is := r.issue(first.Issue)
		if is.Assignee != "right" || is.Priority != "normal" || !slices.Equal(is.Tags, []string{"good"}) || len(is.Watchers) != 0 {
			t.Errorf("got assignee %q, priority %q, tags %q, watchers %q", is.Assignee, is.Priority, is.Tags, is.Watchers)
		}
		notes, remarks := 0, 0
		for _, n := range r.notes(first.Issue) {
			switch n.Text {
			case "the right rule was here":
				remarks++
			case "the wrong rule was here":
				t.Error("a wrong remark is there")
			default:
				notes++
			}
		}
		if notes != before+during || remarks != before+during+1 || len(r.issues()) != 1 {
			t.Errorf("%d notes, %d remarks, %d issues", notes, remarks, len(r.issues()))
		}
	})
}

// What a person said of a message in review stands against rules that are replayed over many.
func TestReplayHeedsReview(t *testing.T) {
	t.Parallel()
	r := newRig(t, stops)
	refused := r.one(plain("<1@x.example>", "ann@example.org", "stop one", "Hi"))
	passed := r.one(plain("<2@x.example>", "ann@example.org", "stop two", "Hi"))
	if err := r.in.Reject(t.Context(), refused.Message, "eve"); err != nil {
		t.Fatal(err)
	}
	released, err := r.in.Release(t.Context(), passed.Message, "eve")
	if err != nil {
		t.Fatal(err)
	}
	before := r.seen()
	r.rules(`rule "all" { when mail.subject contains "two" then { discard("x") } }`)
	for _, apply := range []bool{false, true} {
		run := r.run(intake.ReplayQuery{Since: ptr(start), Apply: apply})
		for _, c := range run.Changes {
			if !strings.Contains(c.Left, "a person") {
				t.Errorf("apply %v: got %+v", apply, c)
			}
		}
		if len(run.Changes) != 2 {
			t.Errorf("apply %v: %d changes", apply, len(run.Changes))
		}
	}
	r.same(before, "after a replay over both")
	if got, err := r.replay(refused.Message); err != nil || got.Now != intake.Committed || !got.Applied {
		t.Errorf("named: %+v, %v", got, err)
	}
	_ = released
}

// A mail that a replay put into quarantine comes back to the issue that it had, when a person lets it pass.
func TestReleaseToTheSameIssue(t *testing.T) {
	onBoth(t, "", func(t *testing.T, r *rig) {
		o := r.one(plain("<1@x.example>", "ann@example.org", "Offer", "Buy."))
		r.rules(`rule "look" { then { quarantine("look"); } }`)
		r.run(intake.ReplayQuery{Verdict: "committed", Apply: true})
		if m := r.message(o.Message); m.Verdict != "quarantined" || len(r.issues()) != 0 {
			t.Fatalf("replayed: %s, %d issues", m.Verdict, len(r.issues()))
		}
		got, err := r.in.Release(t.Context(), o.Message, "eve")
		if err != nil || got.Verdict != intake.Committed || got.Issue != o.Issue || len(r.issues()) != 1 {
			t.Errorf("released: %+v, %v, %d issues", got, err, len(r.issues()))
		}
	})
}

// Neither events nor a run's report repeat what is blacked out.
func TestReplayKeepsSecrets(t *testing.T) {
	t.Parallel()
	r := newRig(t, `rule "s" { then { subject("Card 4111"); note("it was 4111") } }`)
	o := r.one(plain("<1@x.example>", "ann@example.org", "Card 4111", "It is 4111."))
	r.later(time.Minute)
	r.one(plain("<2@x.example>", "ann@example.org", "Re: Card 4111", "Yes, 4111.", "In-Reply-To: <1@x.example>"))
	r.rules("rule \"hide\" { then { redact(`4111`) } }")
	r.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
	events, _, err := r.store.Events(t.Context(), pageOf(10))
	if err != nil || len(events) != 2 {
		t.Fatalf("events %v, %v", events, err)
	}
	for _, e := range events {
		if strings.Contains(e.Detail, "4111") {
			t.Errorf("event: %s", e.Detail)
		}
	}
	if is := r.issue(o.Issue); strings.Contains(is.Subject+is.Description, "4111") {
		t.Errorf("issue %+v", is)
	}
	if found, _, err := r.store.Issues(t.Context(), issue.IssueQuery{Words: []string{"4111"}}); err != nil || len(found) != 0 {
		t.Errorf("search finds what is blacked out: %v, %v", found, err)
	}
}

// Of two nodes that replay a message at once the second finds nothing left to do.
func TestReplayInPlaceMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, wrongRoute)
	o := r.one(plain("<1@x.example>", "ann@example.org", "My printer", "It is broken."))
	r.rules(rightRoute)
	first := true
	slow := r.intake(&hasty{r.store, func() {
		if first {
			first = false
			if got, err := r.replay(o.Message); err != nil || !got.Applied {
				t.Errorf("the first: %+v, %v", got, err)
			}
		}
	}})
	if got, err := replayOn(t, slow, o.Message); err != nil || got.Applied || got.Otherwise {
		t.Errorf("the second: %+v, %v", got, err)
	}
	if m := r.message(o.Message); m.Attempt != 2 || r.issue(o.Issue).Assignee != "right" {
		t.Errorf("attempt %d, assignee %q", m.Attempt, r.issue(o.Issue).Assignee)
	}
}

// What an older Postern decided says not what it set: it is left.
func TestReplayOfOlderDecision(t *testing.T) {
	t.Parallel()
	r := newRig(t, wrongRoute)
	o := r.one(plain("<1@x.example>", "ann@example.org", "My printer", "It is broken."))
	m := r.message(o.Message)
	m.Decision.Changes = nil
	if _, err := r.store.Commit(t.Context(), &issue.Commit{Message: m, Replaces: 1}); err != nil {
		t.Fatal(err)
	}
	r.rules(rightRoute)
	got, err := r.in.ReplayAll(t.Context(), intake.ReplayQuery{IDs: []string{o.Message}, Apply: true}, "x")
	if err != nil || len(got.Unable) != 1 || !strings.Contains(got.Unable[0].Reason, "older Postern") || r.issue(o.Issue).Assignee != "wrong" {
		t.Errorf("got %+v, %v", got, err)
	}
}
