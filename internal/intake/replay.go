package intake

import (
	"context"
	"errors"
	"slices"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/rules"
)

// A ReplayQuery chooses stored messages to be decided again: those named, or those that all the rest applies to.
type ReplayQuery struct {
	IDs     []string   `json:"ids,omitempty"`
	Rule    string     `json:"rule,omitempty"`    // on which it acted
	Version string     `json:"version,omitempty"` // that rules of this version decided; its beginning will do
	Verdict string     `json:"verdict,omitempty"`
	Mailbox string     `json:"mailbox,omitempty"`
	Since   *time.Time `json:"since,omitempty"`
	Apply   bool       `json:"apply,omitempty"` // else only what would change is told
}

// A ReplayRun is what came of it.
type ReplayRun struct {
	Run      string    `json:"run,omitempty"` // its id, by which events name it; "" where nothing was to be changed
	Messages int       `json:"messages"`      // chosen
	Changes  []*Replay `json:"changes"`       // those that are decided otherwise, oldest first
	Unable   []Skipped `json:"unable"`        // those that cannot be decided again
	More     bool      `json:"more,omitempty"`
}

// A Skipped is a message that could not be decided again, and why.
type Skipped struct {
	Message string `json:"message"`
	Reason  string `json:"reason"`
}

// maxReplayed is how many messages one run takes.
const maxReplayed = 10_000

// ReplayAll decides the chosen messages again by the rules as they are now, oldest first as they came. Without Apply it changes nothing. What made
// an issue is never changed, only shown.
func (in *Intake) ReplayAll(ctx context.Context, q ReplayQuery, actor string) (*ReplayRun, error) {
	ids, more, err := in.chosen(ctx, q)
	if err != nil {
		return nil, err
	}
	r := &ReplayRun{Messages: len(ids), Changes: []*Replay{}, Unable: []Skipped{}, More: more}
	ev := &issue.Event{Actor: actor, Action: "replay"}
	if q.Apply {
		r.Run = issue.NewID(in.now())
		ev.Detail = "run " + r.Run + ": "
	}
	for _, id := range ids {
		one, err := in.replayOne(ctx, id, q.Apply, ev)
		var no *Unable
		switch {
		case errors.As(err, &no):
			r.Unable = append(r.Unable, Skipped{id, no.Reason})
		case fault.Is(err, fault.NotFound) && len(q.IDs) > 0:
			return nil, unable(fault.NotFound, "%s: there is no such message", id)
		case err != nil:
			return r, err
		case one.Applied || one.Was != one.Now || len(one.Differs) > 0 || len(q.IDs) > 0:
			r.Changes = append(r.Changes, one)
		}
	}
	return r, nil
}

// chosen are the ids of messages, oldest first.
func (in *Intake) chosen(ctx context.Context, q ReplayQuery) (ids []string, more bool, err error) {
	others := q.Rule != "" || q.Version != "" || q.Verdict != "" || q.Mailbox != "" || q.Since != nil
	switch {
	case len(q.IDs) > 0 && others:
		return nil, false, unable(fault.Invalid, "messages are named, and chosen by what they are besides: do one or the other")
	case len(q.IDs) > maxReplayed:
		return nil, false, unable(fault.Invalid, "more than %d messages at once", maxReplayed)
	case len(q.IDs) > 0:
		return q.IDs, false, nil
	case !others:
		return nil, false, unable(fault.Invalid, "which messages? Name them, or choose them by rule, version, verdict, mailbox or time")
	}
	mq := issue.MessageQuery{Verdict: q.Verdict, Mailbox: q.Mailbox, Page: issue.Page{Limit: 200}}
	if q.Since != nil {
		mq.Since = issue.Time(*q.Since)
	}
	for {
		items, next, err := in.store.Messages(ctx, mq)
		if err != nil {
			return nil, false, err
		}
		for _, m := range items {
			ok, err := in.chooses(ctx, q, m)
			switch {
			case err != nil:
				return nil, false, err
			case ok && len(ids) == maxReplayed:
				slices.Reverse(ids)
				return ids, true, nil
			case ok:
				ids = append(ids, m.ID)
			}
		}
		if next == "" {
			slices.Reverse(ids)
			return ids, false, nil
		}
		mq.After = next
	}
}

// chooses looks into a message of a list.
func (in *Intake) chooses(ctx context.Context, q ReplayQuery, m *issue.Message) (bool, error) {
	if m.ReplayedBy != "" || len(q.Version) > len(m.Decision.Ruleset) || m.Decision.Ruleset[:len(q.Version)] != q.Version {
		return false, nil
	}
	if q.Rule == "" {
		return true, nil
	}
	whole, err := in.store.Message(ctx, m.ID)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(traceOf(whole), func(e rules.Entry) bool { return e.Rule == q.Rule && !e.Shadow && (e.Acted() || e.Error != "") }), nil
}

// replayOne decides one again, or says what would come of it.
func (in *Intake) replayOne(ctx context.Context, id string, apply bool, ev *issue.Event) (*Replay, error) {
	m, err := in.store.Message(ctx, id)
	if err != nil {
		return nil, err
	}
	if apply && Verdict(m.Verdict) != Committed {
		e := *ev
		e.Subject = "message:" + id
		return in.again(ctx, m, nil, &e)
	}
	set := in.rules()
	if set == nil {
		return nil, fault.Errorf(fault.Unavailable, "no rule set is live")
	}
	d, then, why, err := in.asOfThen(ctx, m, set, nil)
	switch {
	case err != nil:
		return nil, err
	case why != "":
		return nil, unable(fault.Invalid, "message %s: %s", id, why)
	}
	r := &Replay{
		Message: id, Was: Verdict(m.Verdict), Now: d.verdict, Reason: d.reason, Issue: m.Issue, Changes: d.result.Changes, Trace: d.result.Trace,
		Differs: rules.Deviations(then, d.result.Trace),
	}
	switch {
	case r.Was == Committed:
		r.Note = "it made an issue before: shown, not changed"
	case r.Now == TryLater:
		r.Note = "the rules want to decide it later: nothing would be changed"
	}
	return r, nil
}
