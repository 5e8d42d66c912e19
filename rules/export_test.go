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
		x := newIndex(nil)
		x.always, x.rules = newBits(len(p.rules)), len(p.rules)
		for i := range p.rules {
			x.always.add(int32(i))
		}
		p.index = x
	}
	return &c
}

// RuledOut counts the rules for mail that the index does not let ask.
func (s *Set) RuledOut(v *dsl.View) int {
	h := s.mail.index.ask(v)
	defer s.mail.index.done(h)
	return len(s.mail.rules) - h.rules.count()
}
