package rules

import (
	"maps"

	"postern/dsl"
)

// Linear is the set without its index: every rule is asked, one after the other.
func (s *Set) Linear() *Set {
	c := *s
	c.files = maps.Clone(s.files)
	for _, p := range []*plan{&c.envelope, &c.mail} {
		blind := make([]*dsl.Rule, len(p.rules))
		for i := range blind {
			blind[i] = &dsl.Rule{} // of which nothing is known
		}
		p.index = newIndex(blind)
	}
	return &c
}

// RuledOut counts the rules for mail that the index does not let ask.
func (s *Set) RuledOut(v *dsl.View) int {
	h := s.mail.index.ask(v)
	defer s.mail.index.done(h)
	n := 0
	for i := range s.mail.rules {
		if !h.rules.has(int32(i)) {
			n++
		}
	}
	return n
}
