package app

import (
	"postern/internal/api"
	"postern/internal/fault"
	"postern/rules"
)

// A draft is a set of rules that somebody is writing, as the API knows it.
type draft struct{ *rules.Draft }

var _ api.Draft = draft{}

// Problems are those that check finds.
func (d draft) Problems() []api.RulesProblem { return problemsOf(d.Check()) }

// draft takes files by the configuration of now.
func (a *App) draft(files map[string]string) (api.Draft, error) {
	d, err := rules.DraftOf(files, rules.LoadOptions{Vocabulary: a.policy.Load().Vocabulary})
	switch {
	case err != nil && fault.KindOf(err) == fault.Internal: // one of them is no base64
		return nil, fault.As(fault.Invalid, err)
	case err != nil:
		return nil, err
	}
	return draft{d}, nil
}
