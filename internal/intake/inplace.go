package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
	"postern/rules"
)

// A placed is a message that has an issue, also one that was withdrawn, about to be decided again in place: same issue, same note.
type placed struct {
	m     *issue.Message
	h     *issue.History
	notes []*issue.Note // the message's, those withdrawn too
	was   rules.Changes // what the rules wanted when they decided it last
	now   time.Time
}

// Why a message is not decided again in place.
const (
	leftOlder     = "an older Postern decided it, and did not write down what it set: left as it is"
	leftElsewhere = "it would belong elsewhere now (%s): a mail is never moved from one issue to another afterwards; left as it is"
	leftReviewed  = "a person refused it after review: name it to have it decided again"
	leftReleased  = "a person let it pass: it is not taken back"
	leftAgain     = "the same mail came again and was taken then, as message "
	leftBlack     = "the rules of now black out some of what would come back: undo it when they do not"
	leftLater     = "the rules want to decide it later: nothing is changed"
)

func (in *Intake) placed(ctx context.Context, m *issue.Message, run *replaying) (*placed, error) {
	p := &placed{m: m, now: issue.Time(in.now()), h: run.shown[m.Issue]}
	var err error
	if p.h == nil {
		if p.h, err = in.store.History(ctx, m.Issue); err != nil {
			return nil, err
		}
	}
	if p.notes, err = in.store.MessageNotes(ctx, m.Issue, m.ID); err != nil {
		return nil, err
	}
	switch {
	case m.Decision.Changes == nil && Verdict(m.Verdict) == Committed:
		return nil, unable(fault.Invalid, "message %s: %s", m.ID, leftOlder)
	case m.Decision.Changes == nil: // what an older Postern had dropped, and a run that was undone had made an issue of: it gives nothing
		return p, nil
	}
	if err := json.Unmarshal(m.Decision.Changes, &p.was); err != nil {
		return nil, fmt.Errorf("read the decision of message %s: %w", m.ID, err)
	}
	return p, nil
}

// made reports whether the message made its issue; else it is a note on it.
func (p *placed) made() bool { return p.h.Issue.Message == p.m.ID }

// former is what the message is now, for who wants it back.
func (p *placed) former() *issue.Former {
	f := &issue.Former{
		Run: p.m.Run, Verdict: p.m.Verdict, Reason: p.m.Reason, Marked: p.m.Marked, Decision: p.m.Decision, Sets: p.h.Given(p.m.ID),
	}
	for _, n := range p.notes {
		was := noteNow(n)
		was.Text = "" // of a mail's note it follows from the mail, and that of a remark never changes
		f.Notes = append(f.Notes, was)
	}
	return f
}

func noteNow(n *issue.Note) issue.NoteChange {
	return issue.NoteChange{ID: n.ID, Text: n.Text, Visibility: n.Visibility, WithdrawnAt: n.WithdrawnAt}
}

// inPlace decides a message again that has an issue, by the rules as they are now and as of its own time, past the rules that a person has
// overruled.
func (in *Intake) inPlace(ctx context.Context, m *issue.Message, overruled []string, run *replaying) (*Replay, error) {
	set := in.rules()
	if set == nil {
		return nil, fault.Errorf(fault.Unavailable, "no rule set is live")
	}
	var r *Replay
	why, err := in.withThen(ctx, m, set, func(w *past, q *question) error {
		q.past = append(q.past, overruled...)
		d, err := in.decideWhole(ctx, w, q)
		if err != nil {
			return err
		}
		p, err := in.placed(ctx, m, run)
		if err != nil {
			return err
		}
		r = &Replay{
			Message: m.ID, Was: Verdict(m.Verdict), Now: d.verdict, Reason: d.reason, Issue: m.Issue, Changes: d.result.Changes, Trace: d.result.Trace,
			Differs: rules.Deviations(w.trace, d.result.Trace),
		}
		r.Left = p.stays(d)
		if r.Left == "" && run.mayNot(m) && (r.Was != r.Now || r.Reason != m.Reason) {
			r.Left = leftReviewed
		}
		if r.Left == "" {
			r.Left, err = in.cameAgain(ctx, m, q, r.Now)
		}
		if r.Left != "" || err != nil {
			return err
		}
		d.facts = w.facts.and(d.facts)
		c, fields := p.again(d, q)
		return in.revise(ctx, p, c, fields, r, run)
	})
	if err == nil && why != "" {
		err = unable(fault.Invalid, "message %s: %s", m.ID, why)
	}
	return r, err
}

// cameAgain says that the same mail is there as another message: it came while this one had been refused, and its slot was nobody's.
func (in *Intake) cameAgain(ctx context.Context, m *issue.Message, q *question, now Verdict) (left string, err error) {
	if now != Committed || claims(Verdict(m.Verdict)) {
		return "", nil
	}
	_, held, err := in.jobOf(m, q.p, q.mailbox).slot(ctx)
	if err != nil || held == nil || held.ID == m.ID {
		return "", err
	}
	return leftAgain + held.ID, nil
}

// stays says why a message stays as it is, "" where it need not.
func (p *placed) stays(d *decision) string {
	v, ch := d.view.Issue, &d.result.Changes
	switch {
	case d.verdict == TryLater:
		return leftLater
	case d.verdict != Committed && Verdict(p.m.Verdict) == Committed && slices.ContainsFunc(traceOf(p.m), func(e rules.Entry) bool { return e.Overruled }):
		return leftReleased
	case d.verdict != Committed:
		return ""
	case v.IsNew && !p.made():
		return fmt.Sprintf(leftElsewhere, "an issue of its own")
	case !v.IsNew && (p.made() || int64(v.Number) != p.m.Issue):
		return fmt.Sprintf(leftElsewhere, fmt.Sprint("issue ", v.Number))
	case Verdict(p.m.Verdict) == Committed && ch.ThreadKey != p.was.ThreadKey:
		return fmt.Sprintf(leftElsewhere, fmt.Sprintf("key %q, it was %q", ch.ThreadKey, p.was.ThreadKey))
	}
	return ""
}

// again makes the commit of a message decided again, and says what of it changes beside the issue's fields.
func (p *placed) again(d *decision, q *question) (*issue.Commit, []issue.Revised) {
	full := assemble(d, q, p.m.Envelope)
	m := *p.m
	m.Verdict, m.Reason, m.Marked, m.Decision = full.Message.Verdict, full.Message.Reason, full.Message.Marked, full.Message.Decision
	c := &issue.Commit{Message: &m, Participants: full.Participants}
	said := refile(c, q, &p.was, &d.result.Changes)
	if d.verdict != Committed {
		return c, append(said, p.withdraw(c, threadNames(q.p, p.was.ThreadKey), d.result.Changes.Redact)...)
	}
	c.Threads = full.Threads // those that are there already, and claims on them: no reply comes between
	rev := &issue.Revision{Number: p.m.Issue, By: m.ID, At: p.now}
	remarks := full.Notes
	if p.made() {
		rev.Sets = setsOfNew(full.NewIssue)
		if !slices.Equal(p.was.Redact, d.result.Changes.Redact) {
			rev.Description = &full.NewIssue.Description
		}
	} else {
		rev.Sets = setsOfChange(full.Change)
		remarks = full.Notes[1:]
		if i := slices.IndexFunc(p.notes, func(n *issue.Note) bool { return n.ID == m.Note }); i >= 0 {
			n := noteNow(p.notes[i])
			n.WithdrawnAt, n.Visibility = nil, full.Notes[0].Visibility
			if !slices.Equal(p.was.Redact, d.result.Changes.Redact) {
				n.Text = full.Notes[0].Text
			}
			rev.Notes = append(rev.Notes, n)
		}
	}
	kept, fresh := p.remarks(remarks)
	rev.Notes, c.Notes = append(rev.Notes, kept...), fresh
	c.Revise = rev
	return c, append(said, p.noteChanges(c)...)
}

// remarks are what becomes of those that rules have written, and the new ones. Texts that stay keep their note.
func (p *placed) remarks(want []*issue.Note) (kept []issue.NoteChange, fresh []*issue.Note) {
	want = slices.Clone(want)
	for _, live := range []bool{true, false} { // one that was withdrawn comes back rather than being written once more
		for _, n := range p.notes {
			if n.ID == p.m.Note || (n.WithdrawnAt == nil) != live {
				continue
			}
			c := noteNow(n)
			if i := slices.IndexFunc(want, func(o *issue.Note) bool { return o.Text == n.Text }); i >= 0 {
				want = slices.Delete(want, i, i+1)
				c.WithdrawnAt = nil
			} else if live {
				c.WithdrawnAt = &p.now
			}
			kept = append(kept, c)
		}
	}
	for _, n := range want {
		n.ID, n.Issue, n.CreatedAt = issue.NewID(p.now), p.m.Issue, p.now
	}
	return kept, want
}

// withdraw makes the commit take back what the message gave. What gave nothing before has nothing to be taken. What is to be blacked out is so in
// what stays of it: the issue is shown still, and may come back.
func (p *placed) withdraw(c *issue.Commit, names []issue.ThreadName, redact []string) []issue.Revised {
	if Verdict(p.m.Verdict) != Committed {
		return nil
	}
	c.Threads = names
	c.Revise = &issue.Revision{Number: p.m.Issue, By: p.m.ID, Withdrawn: true, At: p.now}
	hide := newRedaction(redact)
	if p.made() {
		if text := hide.text(p.h.Issue.Description); text != p.h.Issue.Description {
			c.Revise.Description = &text
		}
		for _, s := range p.h.Given(p.m.ID) {
			if v := hide.text(s.Value); v != s.Value {
				s.Value = v
				c.Revise.Sets = append(c.Revise.Sets, s)
			}
		}
	}
	for _, n := range p.notes {
		w := noteNow(n)
		if n.ID == p.m.Note {
			w.Text = hide.text(w.Text)
		}
		if w.WithdrawnAt == nil {
			w.WithdrawnAt = &p.now
		}
		c.Revise.Notes = append(c.Revise.Notes, w)
	}
	return p.noteChanges(c)
}

// noteChanges says what becomes of notes, and leaves out of the revision those that stay as they are.
func (p *placed) noteChanges(c *issue.Commit) (out []issue.Revised) {
	c.Revise.Notes = slices.DeleteFunc(c.Revise.Notes, func(n issue.NoteChange) bool {
		i := slices.IndexFunc(p.notes, func(o *issue.Note) bool { return o.ID == n.ID })
		if i < 0 {
			return true
		}
		was, what := p.notes[i], "note"
		if was.ID != p.m.Note {
			what = "remark"
		}
		switch {
		case was.WithdrawnAt == nil && n.WithdrawnAt != nil:
			out = append(out, issue.Revised{Field: what, Was: told(was, p.m), Is: "withdrawn"})
		case was.WithdrawnAt != nil && n.WithdrawnAt == nil:
			out = append(out, issue.Revised{Field: what, Was: "withdrawn", Is: cmp.Or(told(was, p.m), "there")})
		case was.Visibility != n.Visibility:
			out = append(out, issue.Revised{Field: "visibility", Was: was.Visibility, Is: n.Visibility})
		case was.Text != n.Text: // what is blacked out is not told
		default:
			return true
		}
		return false
	})
	for _, n := range c.Notes {
		out = append(out, issue.Revised{Field: "remark", Is: cut(n.Text, shownText)})
	}
	return out
}

// told is the beginning of a remark; a mail's own text is not told.
func told(n *issue.Note, m *issue.Message) string {
	if n.ID == m.Note {
		return ""
	}
	return cut(n.Text, shownText)
}

const shownText = 200 // bytes of a text of which it is told that it changes

// refile gives a message the texts and files that it has when the rules want is and not was, and says what differs.
func refile(c *issue.Commit, q *question, was, is *rules.Changes) (out []issue.Revised) {
	m := c.Message
	if !slices.Equal(was.Redact, is.Redact) {
		hide := newRedaction(is.Redact)
		m.Text, m.TextBlob, m.HTMLBlob, m.Spans, m.HTMLSpans = "", issue.Blob{}, issue.Blob{}, nil, nil
		keepTexts(c, q.p, hide)
		retitle(m, q.p, hide)
		out = append(out, issue.Revised{Field: "blacked out", Was: fmt.Sprintf("%d patterns", len(was.Redact)), Is: fmt.Sprintf("%d patterns", len(is.Redact))})
	}
	if !slices.Equal(was.Redact, is.Redact) || !slices.Equal(was.DropAttachments, is.DropAttachments) {
		before := fileNames(m.Attachments)
		kept := *q.mailbox // a file that is there was not too large when it came
		for _, a := range m.Attachments {
			if kept.MaxFile > 0 {
				kept.MaxFile = max(kept.MaxFile, a.Size)
			}
		}
		as := *q
		as.mailbox = &kept
		keepFiles(c, is.DropAttachments, &as, newRedaction(is.Redact))
		if now := fileNames(m.Attachments); now != before {
			out = append(out, issue.Revised{Field: "attachments", Was: before, Is: now})
		}
	}
	return out
}

func fileNames(list []issue.Attachment) string {
	names := make([]string, 0, len(list))
	for _, a := range list {
		names = append(names, a.Name)
	}
	return cut(fmt.Sprintf("%q", names), shownText)
}

// revise shows what becomes of an issue, or does it.
func (in *Intake) revise(ctx context.Context, p *placed, c *issue.Commit, fields []issue.Revised, r *Replay, run *replaying) error {
	m := c.Message
	if rev := c.Revise; rev != nil {
		if rev.Withdrawn && p.made() {
			busy, err := in.worked(ctx, p, run)
			if err != nil {
				return err
			}
			if busy {
				r.Left, r.others = fmt.Sprintf("others have worked on issue %d: it is not withdrawn", m.Issue), true
				return nil
			}
		}
		h := p.h.Clone()
		fields = append(h.Revise(rev), fields...)
		if !run.apply {
			run.shown[m.Issue] = h
		}
	}
	r.Fields = fields
	changes := slices.ContainsFunc(fields, func(f issue.Revised) bool { return f.Left == "" })
	if !changes && r.Was == r.Now && p.m.Reason == m.Reason && len(r.Differs) == 0 {
		return nil
	}
	r.Otherwise = true
	if r.Was == Committed && r.Now != Committed {
		run.gone[m.ID] = true
	}
	if !run.apply {
		return nil
	}
	m.Former, m.Run, m.Attempt, c.Replaces = p.former(), run.id, p.m.Attempt+1, p.m.Attempt
	c.Bodies = append([]*spool.Body{}, c.Bodies...)
	c.Event = in.event(&issue.Event{Actor: run.actor, Action: run.action, Subject: "message:" + m.ID, Detail: run.detail(r)})
	if _, err := in.store.Commit(ctx, c); err != nil {
		return err
	}
	r.Applied, r.Became = true, m.ID
	return nil
}

// worked reports whether anybody else has worked on an issue: wrote to it, or set something, other than messages that this run takes back.
func (in *Intake) worked(ctx context.Context, p *placed, run *replaying) (bool, error) {
	counts := func(by string) bool { return !run.gone[by] }
	if p.h.Others(p.m.ID, counts) {
		return true, nil
	}
	page := issue.Page{Limit: 200}
	for {
		notes, next, err := in.store.Notes(ctx, p.m.Issue, page)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(notes, func(n *issue.Note) bool { return n.Message != p.m.ID && counts(n.Message) }) {
			return true, nil
		}
		if next == "" {
			return false, nil
		}
		page.After = next
	}
}

// setsOfNew are all fields that a new issue starts with.
func setsOfNew(is *issue.Issue) []issue.Set {
	var out []issue.Set
	for _, f := range []string{"subject", "type", "class", "priority", "status", "assignee", "team", "template", "visibility", "due"} {
		out = append(out, issue.Set{Field: f, Value: is.Value(f)})
	}
	out[4].Closed = is.ClosedAt
	out = append(out, presence("tags.", is.Tags, issue.There)...)
	out = append(out, presence("watchers.", is.Watchers, issue.There)...)
	return append(out, own(is.Fields)...)
}

// setsOfChange are the fields that a change of an issue sets.
func setsOfChange(c *issue.IssueChange) []issue.Set {
	var out []issue.Set
	for _, f := range []struct {
		name  string
		value *string
	}{
		{"subject", c.Subject}, {"type", c.Type}, {"class", c.Class}, {"priority", c.Priority}, {"status", c.Status}, {"assignee", c.Assignee},
		{"team", c.Team}, {"template", c.Template}, {"visibility", c.Visibility},
	} {
		if f.value == nil {
			continue
		}
		s := issue.Set{Field: f.name, Value: *f.value}
		if f.name == "status" && s.Value == closedStatus { // whether it was closed before, the store knows
			s.Closed = &c.UpdatedAt
		}
		out = append(out, s)
	}
	if c.DueAt != nil {
		is := issue.Issue{DueAt: c.DueAt}
		out = append(out, issue.Set{Field: "due", Value: is.Value("due")})
	}
	out = append(out, presence("tags.", c.AddTags, issue.There)...)
	out = append(out, presence("tags.", c.RemoveTags, "")...)
	out = append(out, presence("watchers.", c.AddWatchers, issue.There)...)
	out = append(out, presence("watchers.", c.DropWatchers, "")...)
	return append(out, own(c.Fields)...)
}

// closedStatus is the status that the rules' close() gives.
const closedStatus = "closed"

func presence(prefix string, names []string, value string) (out []issue.Set) {
	for _, n := range names {
		out = append(out, issue.Set{Field: prefix + n, Value: value})
	}
	return out
}

func own(fields map[string]string) (out []issue.Set) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		out = append(out, issue.Set{Field: "fields." + name, Value: fields[name]})
	}
	return out
}
