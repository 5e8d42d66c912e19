package rules

import (
	"cmp"
	"slices"
	"time"

	"postern/dsl"
)

// A Listed is what a set says of one rule or token.
type Listed struct {
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`  // "rule", "token"
	Stage     string    `json:"stage"` // "envelope", "token", "mail"
	File      string    `json:"file"`
	Line      int       `json:"line"`
	Mailboxes []string  `json:"mailboxes"` // none: all
	Shadow    bool      `json:"shadow,omitempty"`
	Disabled  bool      `json:"disabled,omitempty"`
	Else      bool      `json:"else,omitempty"`
	Until     time.Time `json:"until,omitzero"`
	Sample    float64   `json:"sample,omitempty"` // percent
	Owner     string    `json:"owner,omitempty"`
	Doc       string    `json:"doc,omitempty"`

	UntilText string `json:"-"` // as a rule would write it
}

// List says which rules and tokens there are, in the order of files and blocks. Files are named as people find them.
func (s *Set) List() []Listed {
	all := slices.Concat(s.program.Rules, s.program.Tokens)
	slices.SortStableFunc(all, func(a, b *dsl.Rule) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), a.Pos.Line-b.Pos.Line, a.Pos.Column-b.Pos.Column)
	})
	list := make([]Listed, 0, len(all))
	for _, r := range all {
		l := Listed{Name: r.Name, Kind: "rule", Stage: string(r.Stage), File: s.place(r.Pos).File, Line: r.Pos.Line, Mailboxes: r.Mailboxes,
			Shadow: r.Shadow, Disabled: r.Disabled, Else: r.HasElse(), Until: r.Until, Sample: r.Sample, Owner: r.Owner, Doc: r.Doc, UntilText: r.UntilText()}
		if r.Token {
			l.Kind, l.Stage = "token", StageToken
		}
		if l.Mailboxes == nil {
			l.Mailboxes = []string{}
		}
		list = append(list, l)
	}
	return list
}
