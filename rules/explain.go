package rules

import (
	"cmp"
	"slices"
	"strings"

	"postern/dsl"
)

// A NearMiss is a rule that did not match, and which part of its condition was false.
type NearMiss struct {
	Rule      string    `json:"rule"`
	Stage     string    `json:"stage"`
	File      string    `json:"file"`
	Line      int       `json:"line"`
	Missing   int       `json:"missing"` // so many parts would have to be otherwise
	Condition *dsl.Part `json:"condition"`

	held int
}

// A Search looks for the rules that nearly matched: as a [Witness] it hears of those that did not. It belongs to one decision.
type Search struct {
	Rule string              // only this one, however far it was from matching; "" for those that came near
	Most int                 // how many
	Hide func(string) string // what stands for a text that is shown; nil shows all
	More func() bool         // whether there is time for another one; nil: there is
	Left int                 // rules that were not looked at, for want of time
	near []NearMiss
}

// Witness is what decides hear of.
func (s *Search) Witness(r *dsl.Rule, run *dsl.Run) {
	if r.Shadow || s.Rule != "" && r.Name != s.Rule {
		return
	}
	if s.More != nil && !s.More() {
		s.Left++
		return
	}
	p := r.Explain(run, s.Hide)
	if p == nil {
		return
	}
	n := NearMiss{Rule: r.Name, Stage: string(r.Stage), File: r.Pos.File, Line: r.Pos.Line, Condition: p}
	if r.Token {
		n.Stage = StageToken
	}
	n.Missing, n.held = p.Missing()
	if s.Rule == "" && n.held == 0 {
		return // nothing of it was true
	}
	// The nearest first; of those, the ones of which most was true.
	i, _ := slices.BinarySearchFunc(s.near, n, func(a, b NearMiss) int {
		return cmp.Or(cmp.Compare(a.Missing, b.Missing), cmp.Compare(b.held, a.held), -1)
	})
	s.near = slices.Insert(s.near, i, n)
	s.near = s.near[:min(len(s.near), s.Most)]
}

// Found are the rules that came nearest.
func (s *Search) Found() []NearMiss { return s.near }

// actionFields are the fields that actions set where those are not named alike.
var actionFields = map[string]string{
	"assign": "assignee", "tag": "tags", "untag": "tags", "watch": "watchers", "unwatch": "watchers", "note": "notes", "close": "status", "reopen": "status",
	"thread": "thread", "attachTo": "thread", "newIssue": "thread", "dropAttachments": "attachments",
	"reject": "verdict", "bounce": "verdict", "discard": "verdict", "quarantine": "verdict", "tryLater": "verdict",
}

// Deeds are the entry's actions that set a field.
func (e Entry) Deeds(field string) []string {
	out := []string{}
	for _, a := range e.Actions {
		name, rest, _ := strings.Cut(a, "(")
		sets := cmp.Or(actionFields[name], name)
		if name == "set" {
			quoted, _, _ := strings.Cut(strings.TrimPrefix(rest, `"`), `"`)
			if sets = quoted; strings.HasPrefix(field, "fields.") {
				sets = "fields." + quoted
			}
		}
		if sets == field {
			out = append(out, a)
		}
	}
	return out
}
