package rules

import (
	"slices"

	"postern/dsl"
)

// A plan is the rules of one stage in order, with what tells which of them a message need not be asked of: those of
// other mailboxes, and those whose conditions its index rules out.
type plan struct {
	rules []*dsl.Rule
	named map[string]bits // for each mailbox that any `in` names: its rules and those for all
	other bits            // for a mailbox that none names
	index *index
}

func newPlan(all []*dsl.Rule, stage dsl.Stage) plan {
	p := plan{named: map[string]bits{}}
	for _, r := range all {
		if r.Stage == stage && !r.Disabled {
			p.rules = append(p.rules, r)
		}
	}
	for _, r := range p.rules {
		for _, mb := range r.Mailboxes {
			if p.named[mb] == nil {
				p.named[mb] = newBits(len(p.rules))
			}
		}
	}
	p.other = newBits(len(p.rules))
	for i, r := range p.rules {
		if len(r.Mailboxes) == 0 {
			p.other.add(int32(i))
		}
		for mb, mine := range p.named {
			if len(r.Mailboxes) == 0 || slices.Contains(r.Mailboxes, mb) {
				mine.add(int32(i))
			}
		}
	}
	p.index = newIndex(p.rules)
	return p
}

// mailbox are the rules of a mailbox.
func (p *plan) mailbox(name string) bits {
	if b, ok := p.named[name]; ok {
		return b
	}
	return p.other
}
