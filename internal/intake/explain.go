package intake

import (
	"cmp"
	"context"
	"slices"
	"time"

	"postern/dsl"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/rules"
)

// An Explanation says why a message became what it is.
type Explanation struct {
	Message    string    `json:"message"`
	Mailbox    string    `json:"mailbox"`
	ReceivedAt time.Time `json:"receivedAt"`
	Subject    string    `json:"subject"`
	Verdict    string    `json:"verdict"`
	Reason     string    `json:"reason,omitempty"`
	Issue      int64     `json:"issue,omitempty"`
	Ruleset    string    `json:"ruleset"`       // the version that decided
	Run        string    `json:"run,omitempty"` // the replay that had it decided again

	Trust  string        `json:"trust,omitempty"`  // of the sender; "" where it is not known any more
	Thread string        `json:"thread,omitempty"` // by what it joined its issue: "own <id>"
	Fields []FieldReason `json:"fields"`           // what rules set
	Rules  []rules.Entry `json:"rules"`            // those that had something to do, or failed

	Near []rules.NearMiss `json:"near"`           // that nearly matched, the nearest first
	Left int              `json:"left,omitempty"` // rules that were not looked at, for want of time
	Note string           `json:"note,omitempty"` // why what is here is not all
}

// A FieldReason is which rule gave a field its value.
type FieldReason struct {
	Field   string   `json:"field"` // as in traces: "priority", "tags", "fields.order", "verdict"
	Rule    string   `json:"rule"`
	Stage   string   `json:"stage"`
	File    string   `json:"file"`
	Line    int      `json:"line"`
	Actions []string `json:"actions"`
	Message string   `json:"message"` // on which it acted
}

// An IssueExplanation says why an issue is as it is: which rule set each field last, on which of its mails.
type IssueExplanation struct {
	Issue    *issue.Issue  `json:"issue"`
	Fields   []FieldReason `json:"fields"`   // what no rule set came with the first mail, or is the mailbox's default
	Messages []Explanation `json:"messages"` // oldest first, without what nearly matched
	More     bool          `json:"more,omitempty"`
}

const (
	nearShown       = 5
	explainTime     = 5 * time.Second // for looking at rules that did not match
	explainFactor   = 10              // times a message's budget: each part is evaluated again
	messagesOfIssue = 200
)

// ExplainOptions choose what is told of rules that did not match.
type ExplainOptions struct {
	Near bool   // whether it is told: conditions are for those who may read rules
	Rule string // only of this rule, however far it was from matching
}

// Explain says why a message became what it is.
func (in *Intake) Explain(ctx context.Context, id string, o ExplainOptions) (*Explanation, error) {
	m, err := in.store.Message(ctx, id)
	if err != nil {
		return nil, err
	}
	e := explained(m)
	if o.Near || o.Rule != "" {
		err = in.nearly(ctx, m, e, o)
	}
	return e, err
}

// ExplainIssue says why an issue is as it is.
func (in *Intake) ExplainIssue(ctx context.Context, number int64) (*IssueExplanation, error) {
	h, err := in.store.History(ctx, number)
	if err != nil {
		return nil, err
	}
	x := &IssueExplanation{Issue: h.Issue, Fields: []FieldReason{}, Messages: []Explanation{}}
	items, next, err := in.store.Messages(ctx, issue.MessageQuery{Issue: number, Page: issue.Page{Limit: messagesOfIssue}})
	if err != nil {
		return nil, err
	}
	x.More = next != ""
	for _, item := range slices.Backward(items) { // they come newest first
		m, err := in.store.Message(ctx, item.ID)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		e := explained(m)
		x.Messages = append(x.Messages, *e)
		for _, f := range e.Fields {
			if !ofIssue(f.Field) || Verdict(m.Verdict) != Committed {
				continue
			}
			if by := h.Owner(f.Field); by != "" && by != m.ID { // a later one set it, or a replay left it as it was
				continue
			}
			if !gathers(f.Field) {
				x.Fields = slices.DeleteFunc(x.Fields, func(old FieldReason) bool { return old.Field == f.Field })
			}
			x.Fields = append(x.Fields, f)
		}
	}
	return x, nil
}

// ofIssue leaves out what is a message's alone.
func ofIssue(field string) bool {
	switch field {
	case "verdict", "thread", "visibility", "quiet", "attachments", "redact":
		return false
	}
	return true
}

// gathers reports whether what several rules say of a field adds up.
func gathers(field string) bool { return field == "tags" || field == "watchers" || field == "notes" }

// explained is what the message itself tells.
func explained(m *issue.Message) *Explanation {
	e := &Explanation{
		Message: m.ID, Mailbox: m.Mailbox, ReceivedAt: m.ReceivedAt, Subject: m.Subject, Verdict: m.Verdict, Reason: m.Reason, Issue: m.Issue,
		Ruleset: m.Decision.Ruleset, Run: m.Run, Fields: []FieldReason{}, Rules: []rules.Entry{}, Near: []rules.NearMiss{},
	}
	if w, ok := pastOf(nil, m); ok {
		e.Trust, e.Thread = w.facts.Sender.Trust, w.facts.Thread.By
	}
	trace := traceOf(m)
	if trace == nil && len(m.Decision.Trace) == 0 {
		e.Note = "the trace of its decision is gone (keep.trace), or no rule was asked"
	}
	for _, r := range trace {
		ignored := r.Stage == rules.StageToken && r.Skipped != ""
		if r.Rule == "" || !r.Acted() && r.Error == "" && !ignored {
			continue
		}
		e.Rules = append(e.Rules, r)
		if r.Shadow || r.Error != "" || ignored {
			continue
		}
		for _, field := range r.Fields {
			if !gathers(field) {
				e.Fields = slices.DeleteFunc(e.Fields, func(old FieldReason) bool { return old.Field == field })
			}
			e.Fields = append(e.Fields, FieldReason{
				Field: field, Rule: r.Rule, Stage: r.Stage, File: r.File, Line: r.Line, Actions: r.Deeds(field), Message: m.ID,
			})
		}
	}
	return e
}

// nearly decides the message again by the set that decided it, as of then, and looks at what did not match.
func (in *Intake) nearly(ctx context.Context, m *issue.Message, e *Explanation, o ExplainOptions) error {
	set, note, err := in.setOf(ctx, m.Decision.Ruleset)
	if err != nil {
		return err
	}
	d, _, why, err := in.asOfThen(ctx, m, set, nil) // for what rules want blacked out
	if err != nil {
		return err
	}
	if why != "" {
		e.Note = "what nearly matched cannot be told: " + why
		return nil
	}
	hide := newRedaction(d.result.Changes.Redact)
	end := time.Now().Add(explainTime)
	s := &rules.Search{Rule: o.Rule, Most: nearShown, Hide: hide.text, More: func() bool { return time.Now().Before(end) }}
	if d, _, _, err = in.asOfThen(ctx, m, set, s.Witness); err != nil {
		return err
	}
	if d != nil && d.result.Spent {
		note = "the budget was spent before all rules were looked at"
	}
	e.Near, e.Left = append(e.Near, s.Found()...), s.Left
	if note != "" {
		e.Note = note
	}
	return nil
}

// setOf is a published set; the live one, and a note that says so, where that version is not stored or does not compile any more.
func (in *Intake) setOf(ctx context.Context, version string) (set *rules.Set, note string, err error) {
	live := in.rules()
	if live == nil {
		return nil, "", fault.Errorf(fault.Unavailable, "no rule set is live")
	}
	if live.Version() == version {
		return live, "", nil
	}
	note = "the rules that decided it are not stored: what nearly matched is told by those of now"
	found, _, err := in.store.Rulesets(ctx, issue.RulesetQuery{Version: version, Page: issue.Page{Limit: 1}})
	if err != nil || len(found) == 0 {
		return live, note, err
	}
	r, err := in.store.Ruleset(ctx, found[0].Number)
	if err != nil {
		return nil, "", err
	}
	if set, _ := rules.FromFiles(r.Files, rules.LoadOptions{Vocabulary: in.policy().Vocabulary}); set != nil {
		return set, "", nil
	}
	return live, "the rules that decided it do not fit the configuration any more: what nearly matched is told by those of now", nil
}

// generous is a budget for looking at each condition again, piece by piece.
func generous(b dsl.Budget) dsl.Budget {
	d := rules.DefaultBudget
	return dsl.Budget{
		Steps: explainFactor * cmp.Or(b.Steps, d.Steps), Time: explainFactor * cmp.Or(b.Time, d.Time), Bytes: explainFactor * cmp.Or(b.Bytes, d.Bytes),
	}
}
