package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/rules"
)

// A ReplayQuery chooses stored messages to be decided again: those named, or those that all the rest applies to; or a run to be undone.
type ReplayQuery struct {
	IDs     []string   `json:"ids,omitempty"`
	Rule    string     `json:"rule,omitempty"`    // on which it acted
	Version string     `json:"version,omitempty"` // that rules of this version decided; its beginning will do
	Verdict string     `json:"verdict,omitempty"`
	Mailbox string     `json:"mailbox,omitempty"`
	Since   *time.Time `json:"since,omitempty"`
	Until   *time.Time `json:"until,omitempty"` // that came then or before
	Undo    string     `json:"undo,omitempty"`  // a run: its messages become what they were before
	Apply   bool       `json:"apply,omitempty"` // else only what would change is told
}

// A ReplayRun is what came of it.
type ReplayRun struct {
	Run      string    `json:"run,omitempty"` // its id, by which events name it; "" where nothing was to be changed
	Messages int       `json:"messages"`      // chosen
	Changes  []*Replay `json:"changes"`       // those that are decided otherwise, oldest first
	Unable   []Skipped `json:"unable"`        // those that cannot be decided again
	More     bool      `json:"more,omitempty"`
	Oldest   time.Time `json:"oldest,omitzero"`   // where there are more: when the oldest that was chosen came; a run until then takes the rest
	Stopped  string    `json:"stopped,omitempty"` // why it ended before all were looked at
}

// A Skipped is a message that could not be decided again, and why.
type Skipped struct {
	Message string `json:"message"`
	Reason  string `json:"reason"`
}

// maxFailed is how many messages the store may fail on before a run ends.
const maxFailed = 3

// maxReplayed is how many messages one run takes.
const maxReplayed = 10_000

// A replaying is a run under way.
type replaying struct {
	id     string // "" where messages are decided again for another reason, or only shown
	actor  string
	action string // of events
	apply  bool
	undo   string
	gone   map[string]bool // messages that give their issues nothing any more, by this run

	named bool                     // the messages are named, one by one
	shown map[int64]*issue.History // where nothing is written: issues as they would be so far
}

func newReplaying(action, actor string, apply bool) *replaying {
	return &replaying{action: action, actor: actor, apply: apply, gone: map[string]bool{}, shown: map[int64]*issue.History{}}
}

// mayNot reports whether a person has refused a message after review, which only who names that message overrules.
func (run *replaying) mayNot(m *issue.Message) bool { return m.Reason == afterReview && !run.named }

// detail is what an event says of one message.
func (run *replaying) detail(r *Replay) string {
	d := fmt.Sprintf("%s, now %s", r.Was, r.Now)
	if run.id != "" {
		d = "run " + run.id + ": " + d
	}
	for i, f := range r.Fields {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		d += sep + f.Name()
	}
	return cut(d, maxDetail)
}

const maxDetail = 2000 // bytes

// ReplayAll decides the chosen messages again by the rules as they are now, or makes them what they were before a run. Without Apply it
// changes nothing. Messages are taken as they came, oldest first; but an issue that should not be goes after the mails that answered it, which
// else would keep it.
func (in *Intake) ReplayAll(ctx context.Context, q ReplayQuery, actor string) (*ReplayRun, error) {
	ids, more, err := in.chosen(ctx, q)
	if err != nil {
		return nil, err
	}
	r := &ReplayRun{Messages: len(ids), Changes: []*Replay{}, Unable: []Skipped{}, More: more}
	if more {
		m, err := in.store.Message(ctx, ids[0])
		if err != nil {
			return nil, err
		}
		r.Oldest = m.ReceivedAt
	}
	run := newReplaying("replay", actor, q.Apply)
	run.named = len(q.IDs) > 0
	if run.undo = q.Undo; run.undo != "" {
		run.action = "replay.undo"
	}
	if q.Apply {
		run.id = issue.NewID(in.now())
		r.Run = run.id
	}
	became := make([]*Replay, len(ids))
	wait := make([]bool, len(ids)) // for those that come after
	failed := 0
	one := func(i int) error {
		got, err := in.replayOne(ctx, ids[i], run)
		var no *Unable
		switch {
		case errors.As(err, &no):
			r.Unable = append(r.Unable, Skipped{ids[i], no.Reason})
		case fault.Is(err, fault.NotFound) && len(q.IDs) > 0:
			return unable(fault.NotFound, "%s: there is no such message", ids[i])
		case fault.Is(err, fault.NotFound): // it went meanwhile
		case fault.Is(err, fault.Unavailable) && ctx.Err() == nil && failed < maxFailed:
			failed++
			r.Unable = append(r.Unable, Skipped{ids[i], err.Error()})
		case err != nil:
			return err
		default:
			if wait[i] = got.others; got.Otherwise || got.Left != "" || run.named {
				became[i] = got // of the rest there is nothing to tell, and there may be thousands
			}
		}
		return nil
	}
	for i := range ids {
		if err = one(i); err != nil {
			break
		}
	}
	for i := len(ids) - 1; i >= 0 && err == nil; i-- {
		if wait[i] {
			err = one(i)
		}
	}
	untell(became)
	for _, got := range became {
		if got != nil && (got.Otherwise || got.Left != "" || len(q.IDs) > 0) {
			r.Changes = append(r.Changes, got)
		}
	}
	if err != nil && len(r.Changes) == 0 {
		return nil, err
	}
	if !slices.ContainsFunc(r.Changes, func(c *Replay) bool { return c.Applied }) {
		r.Run = ""
	}
	if err != nil { // what was done is done, and is told
		r.Stopped = err.Error()
	}
	return r, nil
}

// untell takes away that a field stays as it is where another message of the run changes it.
func untell(became []*Replay) {
	type place struct {
		issue int64
		field string
	}
	changed := map[place]bool{}
	for _, r := range became {
		if r == nil || r.Left != "" {
			continue
		}
		for _, f := range r.Fields {
			if f.Left == "" {
				changed[place{r.Issue, f.Field}] = true
			}
		}
	}
	for _, r := range became {
		if r != nil {
			r.Fields = slices.DeleteFunc(r.Fields, func(f issue.Revised) bool { return f.Left != "" && changed[place{r.Issue, f.Field}] })
		}
	}
}

// chosen are the ids of messages, oldest first.
func (in *Intake) chosen(ctx context.Context, q ReplayQuery) (ids []string, more bool, err error) {
	if q.Undo != "" {
		return in.ofRun(ctx, q)
	}
	others := q.Rule != "" || q.Version != "" || q.Verdict != "" || q.Mailbox != "" || q.Since != nil || q.Until != nil
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
	mq := issue.MessageQuery{Verdict: q.Verdict, Mailbox: q.Mailbox}
	if q.Since != nil {
		mq.Since = issue.Time(*q.Since)
	}
	return in.listed(ctx, mq, func(m *issue.Message) (bool, error) { return in.chooses(ctx, q, m) })
}

// ofRun are the messages that a run decided and nobody decided since.
func (in *Intake) ofRun(ctx context.Context, q ReplayQuery) (ids []string, more bool, err error) {
	if len(q.IDs) > 0 || q.Rule != "" || q.Version != "" || q.Verdict != "" || q.Mailbox != "" || q.Since != nil || q.Until != nil {
		return nil, false, unable(fault.Invalid, "a run is undone as a whole: name no messages besides")
	}
	ids, more, err = in.listed(ctx, issue.MessageQuery{Run: q.Undo}, func(*issue.Message) (bool, error) { return true, nil })
	if err == nil && len(ids) == 0 {
		err = unable(fault.NotFound, "no message was decided last by run %s: there is none of that id, or all that it decided has been decided again since", q.Undo)
	}
	return ids, more, err
}

// listed are the ids of the messages that a query and a function choose, oldest first.
func (in *Intake) listed(ctx context.Context, mq issue.MessageQuery, chooses func(*issue.Message) (bool, error)) (ids []string, more bool, err error) {
	mq.Limit = 200
	for {
		items, next, err := in.store.Messages(ctx, mq)
		if err != nil {
			return nil, false, err
		}
		for _, m := range items {
			ok, err := chooses(m)
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
	if q.Until != nil && m.ReceivedAt.After(*q.Until) {
		return false, nil
	}
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

// replayOne decides one again, or makes it what it was, or says what would come of it. Of two who do so at once the second finds what the
// first has done.
func (in *Intake) replayOne(ctx context.Context, id string, run *replaying) (*Replay, error) {
	for try := range maxConflicts {
		m, err := in.store.Message(ctx, id)
		if err != nil {
			return nil, err
		}
		if m.ReplayedBy != "" {
			return nil, replayed(m)
		}
		var r *Replay
		switch {
		case run.undo != "":
			r, err = in.undo(ctx, m, run)
		case run.apply || m.Issue != 0:
			r, err = in.again(ctx, m, nil, run)
		default:
			r, err = in.would(ctx, m, run)
		}
		if !fault.Is(err, fault.Conflict) {
			return r, err
		}
		pause(ctx, try)
	}
	return nil, unable(fault.Conflict, "%v", keepsChanging(id))
}

// would says what would become of a message without an issue, by the facts of its own time.
func (in *Intake) would(ctx context.Context, m *issue.Message, run *replaying) (*Replay, error) {
	set := in.rules()
	if set == nil {
		return nil, fault.Errorf(fault.Unavailable, "no rule set is live")
	}
	d, then, why, err := in.asOfThen(ctx, m, set, nil)
	switch {
	case err != nil:
		return nil, err
	case why != "":
		return nil, unable(fault.Invalid, "message %s: %s", m.ID, why)
	}
	d.acknowledged(m)
	r := &Replay{
		Message: m.ID, Was: Verdict(m.Verdict), Now: d.verdict, Reason: d.reason, Changes: d.result.Changes, Trace: d.result.Trace,
		Differs: rules.Deviations(then, d.result.Trace),
	}
	r.Otherwise = r.Was != r.Now || r.Reason != m.Reason || len(r.Differs) > 0
	switch {
	case run.mayNot(m) && r.Otherwise:
		r.Left = leftReviewed
	case r.Now == TryLater && r.Was != TryLater:
		r.Left = leftLater
	}
	return r, nil
}
