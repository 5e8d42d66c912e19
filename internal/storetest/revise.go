package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// again makes the commit that decides a committed message again in place, as the replay "run" does.
func (w *world) again(c *issue.Commit, done issue.Committed, r issue.Revision) *issue.Commit {
	at := w.tick(time.Second)
	before := w.message(done.Message)
	m := *before
	m.Run, m.Attempt = "run", before.Attempt+1
	m.Decision.Ruleset, m.Decision.Changes = "r2", json.RawMessage(`{"priority":"low"}`)
	m.Former = &issue.Former{Verdict: before.Verdict, Reason: before.Reason, Decision: before.Decision, Run: before.Run}
	r.Number, r.By, r.At = done.Issue, done.Message, at
	if r.Withdrawn {
		m.Verdict, m.Reason = "discarded", "spam"
	}
	return &issue.Commit{
		Message: &m, Replaces: before.Attempt, Revise: &r, Threads: c.Threads, Participants: c.Participants,
		Event: &issue.Event{ID: issue.NewID(at), At: at, Actor: "cli", Action: "replay", Subject: "message:" + m.ID, Detail: "run run"},
	}
}

// gave is all that the commit of a new issue gave it, with some of it otherwise.
func gave(is *issue.Issue, others ...issue.Set) []issue.Set {
	var out []issue.Set
	for _, f := range []string{"subject", "type", "class", "priority", "status", "assignee", "team", "template", "visibility", "due"} {
		out = append(out, issue.Set{Field: f, Value: is.Value(f)})
	}
	for _, t := range is.Tags {
		out = append(out, issue.Set{Field: "tags." + t, Value: issue.There})
	}
	for _, one := range is.Watchers {
		out = append(out, issue.Set{Field: "watchers." + one, Value: issue.There})
	}
	for k, v := range is.Fields {
		out = append(out, issue.Set{Field: "fields." + k, Value: v})
	}
	for _, s := range others {
		out = slices.DeleteFunc(out, func(o issue.Set) bool { return o.Field == s.Field })
		if s.Value != "" || s.Field == "assignee" {
			out = append(out, s)
		}
	}
	return out
}

// revises: what the first message gave is mended where nobody else has set it since.
func revises(w *world) {
	c := w.mail()
	c.NewIssue.Assignee, c.NewIssue.Tags = "wrong", []string{"printer", "spam"}
	done := w.commit(c)
	high := "high"
	r := w.reply(done.Issue, "It is urgent.")
	r.Change.Priority, r.Change.AddTags = &high, []string{"fire"}
	reply := w.commit(r)

	description := "The scanner burns."
	again := w.again(c, done, issue.Revision{
		Sets: gave(c.NewIssue, issue.Set{Field: "assignee", Value: "right"}, issue.Set{Field: "priority", Value: "low"},
			issue.Set{Field: "tags.spam"}, issue.Set{Field: "tags.office", Value: issue.There}, issue.Set{Field: "fields.rack", Value: "7"}),
		Description: &description,
	})
	got := w.commit(again)
	if got.Issue != done.Issue {
		w.Errorf("got issue %d, want the same, %d", got.Issue, done.Issue)
	}
	want := *c.NewIssue
	want.Number, want.Assignee, want.Priority, want.Description = done.Issue, "right", "high", description
	want.Tags, want.Fields = []string{"printer", "fire", "office"}, map[string]string{"host": "p1", "rack": "7"}
	want.UpdatedAt = again.Revise.At
	w.same(w.issue(done.Issue), &want, "the issue")
	w.same(w.message(done.Message), wantMessage(again, got), "the message, with what it was before")
	for tag, n := range map[string]int{"spam": 0, "office": 1} {
		list, _, err := w.s.Issues(background(), issue.IssueQuery{Tag: tag})
		w.must(err, "issues by tag")
		if len(list) != n {
			w.Errorf("issues with tag %q: got %d, want %d", tag, len(list), n)
		}
	}
	w.until("the index has its new words", func() bool { return w.finds("scanner") == 1 && w.finds("printer", "1") == 1 })
	list, _, err := w.s.Messages(background(), issue.MessageQuery{Run: "run"})
	w.must(err, "messages of a run")
	if len(list) != 1 || list[0].ID != done.Message || list[0].Former != nil {
		w.Errorf("messages of the run: got %+v, want the one, without its former decision", list)
	}

	// What the reply gave is taken back, and what the first message gives shows.
	w.commit(w.again(r, reply, issue.Revision{}))
	want.Priority, want.Tags = "low", []string{"printer", "office"}
	want.UpdatedAt = w.issue(done.Issue).UpdatedAt
	w.same(w.issue(done.Issue), &want, "after the reply gives nothing")
	h, err := w.s.History(background(), done.Issue)
	w.must(err, "history")
	if h.Others(done.Message, func(string) bool { return true }) {
		w.Errorf("somebody else has set something: %+v", h.Sets)
	}
	_, err = w.s.History(background(), 999)
	w.kind(err, fault.NotFound, "the history of nothing")

	late := w.again(c, done, issue.Revision{Sets: gave(c.NewIssue)})
	late.Replaces = 1
	_, err = w.s.Commit(background(), late)
	w.kind(err, fault.Conflict, "what was decided again meanwhile")
	for name, wrong := range map[string]func(c *issue.Commit){
		"a new message":    func(c *issue.Commit) { c.Replaces = 0 },
		"a change besides": func(c *issue.Commit) { c.Change = &issue.IssueChange{Number: done.Issue} },
	} {
		bad := w.again(c, done, issue.Revision{Sets: gave(c.NewIssue)})
		wrong(bad)
		_, err := w.s.Commit(background(), bad)
		w.kind(err, fault.Invalid, name)
	}
}

// finds counts the issues that a search finds.
func (w *world) finds(words ...string) int {
	w.Helper()
	list, _, err := w.s.Issues(background(), issue.IssueQuery{Words: words})
	w.must(err, "search")
	return len(list)
}

// revisedNotes: a message's notes change, go, and come back.
func revisedNotes(w *world) {
	first := w.mail()
	number := w.commit(first).Issue
	c := w.reply(number, "Secretword 1234.")
	remark := &issue.Note{ID: issue.NewID(c.Message.ReceivedAt), Kind: "rule", Text: "remarkword", Visibility: "internal", Message: c.Message.ID, CreatedAt: c.Message.ReceivedAt}
	c.Notes = append(c.Notes, remark)
	done := w.commit(c)
	w.until("the index has both", func() bool { return w.finds("secretword") == 1 && w.finds("remarkword") == 1 })

	at := w.now()
	again := w.again(c, done, issue.Revision{Notes: []issue.NoteChange{
		{ID: done.Note, Text: "█ 1234.", Visibility: "internal"}, {ID: remark.ID, Text: remark.Text, Visibility: "internal", WithdrawnAt: &at},
	}})
	again.Notes = []*issue.Note{{ID: issue.NewID(w.now()), Kind: "rule", Text: "otherword", Visibility: "internal", Message: c.Message.ID, CreatedAt: w.now(), Issue: number}}
	w.commit(again)
	notes := w.notes(number)
	if len(notes) != 2 || notes[0].Text != "█ 1234." || notes[0].Visibility != "internal" || notes[1].Text != "otherword" {
		w.Fatalf("notes: got %+v, want the mail's as it is now and the new remark", notes)
	}
	all, err := w.s.MessageNotes(background(), number, c.Message.ID)
	w.must(err, "the message's notes")
	if len(all) != 3 || all[1].WithdrawnAt == nil || !all[1].WithdrawnAt.Equal(at) || all[0].WithdrawnAt != nil {
		w.Errorf("the message's notes: got %+v, want three, the second withdrawn", all)
	}
	w.until("the index follows", func() bool {
		return w.finds("secretword") == 0 && w.finds("remarkword") == 0 && w.finds("1234") == 1 && w.finds("otherword") == 1
	})

	var gone, back []issue.NoteChange
	for _, n := range all {
		gone = append(gone, issue.NoteChange{ID: n.ID, Text: n.Text, Visibility: n.Visibility, WithdrawnAt: &at})
		back = append(back, issue.NoteChange{ID: n.ID, Text: n.Text, Visibility: n.Visibility})
	}
	w.commit(w.again(c, done, issue.Revision{Withdrawn: true, Notes: gone}))
	w.same(w.notes(number), []*issue.Note{}, "notes of a message that was thrown away afterwards")
	if w.issue(number).WithdrawnAt != nil {
		w.Errorf("the issue went with a note")
	}
	w.until("the index has none", func() bool { return w.finds("1234") == 0 })
	w.commit(w.again(c, done, issue.Revision{Notes: back}))
	if n := len(w.notes(number)); n != 3 {
		w.Errorf("got %d notes, want all back", n)
	}
	w.until("the index has them", func() bool { return w.finds("remarkword", "1234") == 1 })
}

// withdrawn: an issue that should not be goes from lists and search and keeps its number; whoever writes to it brings it back.
func withdrawn(w *world) {
	c := w.mail()
	done := w.commit(c)
	w.until("it is found", func() bool { return w.finds("printer", "1") == 1 })
	again := w.again(c, done, issue.Revision{Withdrawn: true})
	got := w.commit(again)
	if got.Issue != done.Issue {
		w.Errorf("got issue %d, want it to keep number %d", got.Issue, done.Issue)
	}
	w.same(w.message(done.Message), wantMessage(again, got), "its message")
	is := w.issue(done.Issue)
	if is.WithdrawnAt == nil || !is.WithdrawnAt.Equal(again.Revise.At) || is.Subject != c.NewIssue.Subject {
		w.Errorf("got %+v, want it withdrawn and else as it was", is)
	}
	list, _, err := w.s.Issues(background(), issue.IssueQuery{})
	w.must(err, "issues")
	if len(list) != 0 || w.finds("printer", "1") != 0 {
		w.Errorf("a withdrawn issue is listed, or found")
	}
	list, _, err = w.s.Issues(background(), issue.IssueQuery{Withdrawn: true})
	w.must(err, "withdrawn issues")
	if len(list) != 1 || list[0].Number != done.Issue {
		w.Errorf("withdrawn issues: got %+v, want the one", list)
	}
	w.restart()
	if w.issue(done.Issue).WithdrawnAt == nil {
		w.Errorf("after opening again it is not withdrawn")
	}

	reply := w.commit(w.reply(done.Issue, "Is anybody there?"))
	if w.issue(reply.Issue).WithdrawnAt != nil || len(w.notes(reply.Issue)) != 1 {
		w.Errorf("a reply did not bring its issue back")
	}
	_, err = w.s.Commit(background(), w.again(c, done, issue.Revision{Withdrawn: true}))
	w.kind(err, fault.Conflict, "withdrawing what somebody else has written to")

	other := w.mail()
	did := w.commit(other)
	w.commit(w.again(other, did, issue.Revision{Withdrawn: true}))
	w.commit(w.again(other, did, issue.Revision{Sets: gave(other.NewIssue)}))
	if w.issue(did.Issue).WithdrawnAt != nil {
		w.Errorf("what should be after all is not there again")
	}
}

// emptied: what a person has deleted is gone from what was withdrawn, too; what retention takes of a decision it takes of the one before.
func emptied(w *world) {
	c := w.mail()
	done := w.commit(c)
	r := w.reply(done.Issue, "Secretword.")
	reply := w.commit(r)
	at := w.now()
	w.commit(w.again(r, reply, issue.Revision{Withdrawn: true, Notes: []issue.NoteChange{{ID: reply.Note, Text: "Secretword.", WithdrawnAt: &at}}}))
	w.commit(w.again(c, done, issue.Revision{Withdrawn: true}))
	for _, id := range []string{reply.Message, done.Message} {
		w.must(w.s.DropMessage(background(), id, issue.Event{ID: issue.NewID(w.now()), At: w.now(), Action: "quarantine.delete"}), "drop")
	}
	notes, err := w.s.MessageNotes(background(), done.Issue, reply.Message)
	w.must(err, "notes")
	if is := w.issue(done.Issue); is.Description != "" || len(notes) != 1 || notes[0].Text != "" {
		w.Errorf("deleted: got description %q, notes %+v, want them empty", is.Description, notes)
	}

	other := w.mail()
	did := w.commit(other)
	w.commit(w.again(other, did, issue.Revision{Sets: gave(other.NewIssue)}))
	if w.message(did.Message).Former == nil {
		w.Errorf("the former decision is not kept")
	}
	_, err = w.s.Retain(background(), issue.Retention{Trace: w.tick(time.Hour)})
	w.must(err, "retention")
	if m := w.message(did.Message); m.Former != nil || m.Decision.Changes != nil || m.Run != "run" {
		w.Errorf("after retention of traces: got former %+v, changes %s, run %q", m.Former, m.Decision.Changes, m.Run)
	}
}

// reviseRace: replays of all messages of an issue, several at once, and mail that goes on coming: each message is revised once and
// no mail's word is lost.
func reviseRace(w *world) {
	const n = 12
	c := w.mail()
	done := w.commit(c)
	var replies []*issue.Commit
	var were []issue.Committed
	bad := "bad"
	for i := range n {
		r := w.reply(done.Issue, fmt.Sprint("note ", i))
		r.Change.Assignee, r.Change.AddTags = &bad, []string{fmt.Sprint("bad", i)}
		replies, were = append(replies, r), append(were, w.commit(r))
	}
	var live, first, second []*issue.Commit
	for i := range n {
		r := w.reply(done.Issue, fmt.Sprint("late ", i))
		r.Change.Fields = map[string]string{fmt.Sprint("f", i): "late"}
		live = append(live, r)
		first = append(first, w.again(replies[i], were[i], issue.Revision{}))
		second = append(second, w.again(replies[i], were[i], issue.Revision{}))
	}
	var won atomic.Int64
	together(3*n, func(i int) {
		list := [][]*issue.Commit{live, first, second}[i%3]
		_, err := w.s.Commit(background(), list[i/3])
		switch {
		case err == nil && i%3 > 0:
			won.Add(1)
		case err != nil && (i%3 == 0 || !fault.Is(err, fault.Conflict)):
			w.Errorf("commit: %v", err)
		}
	})
	if won.Load() != n {
		w.Errorf("got %d revisions, want each message's once, %d", won.Load(), n)
	}
	is := w.issue(done.Issue)
	if is.Assignee != "" || len(is.Tags) != 1 {
		w.Errorf("got assignee %q, tags %q: want what there was before all that", is.Assignee, is.Tags)
	}
	if len(is.Fields) != n+1 || len(w.notes(done.Issue)) != 2*n {
		w.Errorf("got %d fields and %d notes, want %d and %d: mail is lost", len(is.Fields), len(w.notes(done.Issue)), n+1, 2*n)
	}
}

// withdrawRace: of a reply and the withdrawal of its issue at once, whichever comes first, the reply is there and so is its issue.
func withdrawRace(w *world) {
	for range 8 {
		c := w.mail()
		done := w.commit(c)
		r := w.mail()
		r.Message.InReplyTo = []string{c.Message.MessageID}
		r.Threads = append(r.Threads, issue.ThreadName{ID: c.Message.MessageID, Kind: issue.Mentioned})
		gone := w.again(c, done, issue.Revision{Withdrawn: true})
		together(2, func(i int) {
			if i == 0 {
				if _, err := w.s.Commit(background(), gone); err != nil && !fault.Is(err, fault.Conflict) {
					w.Errorf("withdraw: %v", err)
				}
				return
			}
			got, err := w.tilNoConflict(func() (*issue.Commit, error) { return w.decide(r, c.Message.MessageID, r.Message.MessageID) })
			if err != nil || got.Issue != done.Issue {
				w.Errorf("reply: got %+v, %v, want it on issue %d", got, err, done.Issue)
			}
		})
		if w.issue(done.Issue).WithdrawnAt != nil || len(w.notes(done.Issue)) != 1 {
			w.Errorf("issue %d: withdrawn at %v, %d notes: want it there with its reply", done.Issue, w.issue(done.Issue).WithdrawnAt, len(w.notes(done.Issue)))
		}
	}
}

// crashRevision: a crash at any write leaves all of a revision or none.
func crashRevision(w *world) {
	w.arm()
	for n := int32(1); ; n++ {
		if n > maxSteps {
			w.Fatalf("more than %d writes a revision", maxSteps)
		}
		c := w.mail()
		c.NewIssue.Assignee = "wrong"
		remark := &issue.Note{ID: issue.NewID(w.now()), Kind: "rule", Text: "remark", Message: c.Message.ID, CreatedAt: w.now()}
		c.Notes = []*issue.Note{remark}
		done := w.commit(c)
		w.must(w.s.Recover(background()), "recover")
		at := w.now()
		again := w.again(c, done, issue.Revision{
			Sets:  gave(c.NewIssue, issue.Set{Field: "assignee", Value: "right"}),
			Notes: []issue.NoteChange{{ID: remark.ID, Text: "remark", WithdrawnAt: &at}},
		})
		var count atomic.Int32
		var where atomic.Value
		w.failing(func(step string) error {
			if count.Add(1) < n {
				return nil
			}
			where.CompareAndSwap(nil, step)
			return errFault
		})
		_, err := w.s.Commit(background(), again)
		w.crash()
		step := fmt.Sprintf("crash %d, before %q", n, where.Load())
		m := w.message(done.Message)
		is, notes := w.issue(done.Issue), w.notes(done.Issue)
		switch {
		case m.Run == "run" && (is.Assignee != "right" || len(notes) != 0):
			w.Errorf("%s: the message is decided again, its issue has assignee %q and %d notes", step, is.Assignee, len(notes))
		case m.Run == "" && (is.Assignee != "wrong" || len(notes) != 1):
			w.Errorf("%s: the message is not decided again, its issue has assignee %q and %d notes", step, is.Assignee, len(notes))
		case m.Run == "" && err == nil:
			w.Errorf("%s: it was acknowledged and is lost", step)
		}
		if where.Load() == nil {
			w.must(err, "without a crash")
			return
		}
	}
}
