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
	do := func(q *question) error {
		var fields []issue.Revised
		if q != nil {
			fields = refile(c, q, &p.was, &was)
			if !slices.Equal(p.was.Redact, was.Redact) {
				p.reword(c.Revise, cut(newRedaction(was.Redact).text(q.p.newText), issue.InlineText))
			}
		}
		switch {
		case r.Now != Committed:
			fields = append(fields, p.withdraw(c, p.names())...)
		default:
			c.Threads = p.names()
			fields = append(fields, p.noteChanges(c)...)
		}
		return in.revise(ctx, p, c, fields, r, run)
	}
	if slices.Equal(p.was.Redact, was.Redact) && slices.Equal(p.was.DropAttachments, was.DropAttachments) {
		return r, do(nil)
	}
	why, err := in.withThen(ctx, m, in.rules(), func(_ *past, q *question) error { return do(q) })
	if err == nil && why != "" {
		err = unable(fault.Invalid, "message %s: %s", m.ID, why)
	}
	return r, err
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
