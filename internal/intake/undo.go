package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/rules"
)

// undo makes a message what it was before the run that decided it last, under the same rule as a replay: what somebody else has changed
// since stays. It is a run like any other, and can be undone.
func (in *Intake) undo(ctx context.Context, m *issue.Message, run *replaying) (*Replay, error) {
	f := m.Former
	switch {
	case m.Run != run.undo:
		return nil, unable(fault.Invalid, "message %s was decided again since", m.ID)
	case m.DeletedAt != nil:
		return nil, unable(fault.Invalid, "message %s was deleted since", m.ID)
	case Verdict(m.Verdict) == Quarantined && m.Raw.SHA256 == "":
		return nil, unable(fault.Invalid, "message %s: its mail is gone (keep.quarantine)", m.ID)
	case f == nil:
		return nil, unable(fault.Invalid, "message %s: what it was before the run is gone (keep.trace)", m.ID)
	}
	r := &Replay{
		Message: m.ID, Was: Verdict(m.Verdict), Now: Verdict(f.Verdict), Reason: f.Reason, Issue: m.Issue, Trace: []rules.Entry{},
		Differs: rules.Deviations(traceOf(m), entriesOf(f.Decision.Trace)),
	}
	back := *m
	back.Verdict, back.Reason, back.Marked, back.Decision = f.Verdict, f.Reason, f.Marked, f.Decision
	c := &issue.Commit{Message: &back}
	if m.Issue == 0 {
		p := &placed{m: m, h: &issue.History{Issue: &issue.Issue{}}}
		return r, in.revise(ctx, p, c, nil, r, run)
	}
	p, err := in.placed(ctx, m, run)
	if err != nil {
		return nil, err
	}
	var was rules.Changes // a former decision without a note of it had no issue: nothing of it is hidden
	_ = json.Unmarshal(f.Decision.Changes, &was)
	r.Changes = was
	if r.Now == Committed {
		c.Revise = &issue.Revision{Number: m.Issue, By: m.ID, At: p.now, Sets: f.Sets, Notes: p.formerNotes(f)}
	}
	do := func(w *past, q *question) error {
		var fields []issue.Revised
		if q != nil {
			var err error
			if r.Left, err = in.cameAgain(ctx, m, q, r.Now); r.Left != "" || err != nil {
				return err
			}
			if shows, err := in.shows(ctx, w, q, f, &p.was, &was); shows || err != nil {
				r.Left = leftBlack
				return err
			}
			fields = refile(c, q, &p.was, &was)
			if !slices.Equal(p.was.Redact, was.Redact) {
				p.reword(c.Revise, cut(newRedaction(was.Redact).text(q.p.newText), issue.InlineText))
			}
		}
		switch {
		case r.Now != Committed:
			fields = append(fields, p.withdraw(c, p.names(), was.Redact)...)
		default:
			c.Threads = p.names()
			fields = append(fields, p.noteChanges(c)...)
		}
		return in.revise(ctx, p, c, fields, r, run)
	}
	taken := claims(r.Now) && !claims(r.Was) // its slot was nobody's
	if !taken && slices.Equal(p.was.Redact, was.Redact) && slices.Equal(p.was.DropAttachments, was.DropAttachments) {
		return r, do(nil, nil)
	}
	why, err := in.withThen(ctx, m, in.rules(), do)
	if err == nil && why != "" {
		err = unable(fault.Invalid, "message %s: %s", m.ID, why)
	}
	return r, err
}

// shows reports whether something would be seen again, in the mail or in what rules made of it, that the rules of now black out.
func (in *Intake) shows(ctx context.Context, w *past, q *question, f *issue.Former, is, was *rules.Changes) (bool, error) {
	more := func(have, than *rules.Changes) []string {
		return slices.DeleteFunc(slices.Clone(have.Redact), func(p string) bool { return slices.Contains(than.Redact, p) })
	}
	if len(more(is, was)) == 0 || q.set == nil {
		return false, nil
	}
	d, err := in.decideWhole(ctx, w, q)
	if err != nil {
		return false, err
	}
	said := slices.AppendSeq([]string{q.p.msg.HTML, f.Reason}, q.p.msg.Texts())
	for _, s := range f.Sets {
		said = append(said, s.Field, s.Value)
	}
	said = append(said, was.Notes...)
	hide := newRedaction(more(&d.result.Changes, was))
	return slices.ContainsFunc(said, func(text string) bool { return hide.text(text) != text }), nil
}

// formerNotes are the message's notes as they were; those that the run wrote go.
func (p *placed) formerNotes(f *issue.Former) (out []issue.NoteChange) {
	for _, n := range p.notes {
		c := noteNow(n)
		if i := slices.IndexFunc(f.Notes, func(o issue.NoteChange) bool { return o.ID == n.ID }); i >= 0 {
			c.Visibility, c.WithdrawnAt = f.Notes[i].Visibility, f.Notes[i].WithdrawnAt
		} else if c.WithdrawnAt == nil {
			c.WithdrawnAt = &p.now
		}
		out = append(out, c)
	}
	return out
}

// reword gives the issue that the message made, or its note, the mail's text as it was.
func (p *placed) reword(r *issue.Revision, text string) {
	if r == nil {
		return
	}
	if p.made() {
		r.Description = &text
		return
	}
	for i := range r.Notes {
		if r.Notes[i].ID == p.m.Note {
			r.Notes[i].Text = text
		}
	}
}

// names are the ids by which replies find the issue, as a claim on them: they lead there already.
func (p *placed) names() []issue.ThreadName {
	if p.m.MessageID == "" || len(p.m.MessageID) > 500 {
		return nil
	}
	return []issue.ThreadName{{ID: p.m.MessageID, Kind: issue.Own}}
}

func entriesOf(trace json.RawMessage) []rules.Entry {
	var out []rules.Entry
	if err := json.Unmarshal(trace, &out); err != nil && len(trace) > 0 {
		return []rules.Entry{{Error: fmt.Sprint(err)}}
	}
	return out
}
