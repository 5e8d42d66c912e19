package mail

import "golang.org/x/net/html/atom"

// A look is what elements hand on to those inside them, which may change it.
type look uint8

const (
	tiny    look = 1 << iota // letters too small to read
	faint                    // letters of the colour of their ground
	unseen                   // visibility: hidden
	asTyped                  // white space counts
)

// A scope is an open element that changes the look of what is in it, or hides it whatever its look.
type scope struct {
	tag    atom.Atom
	deep   int  // how many elements of that name are open inside, itself included; of an <li>: lists
	tables int  // that it stands in
	before look // what holds again behind it
	gone   bool
}

// scopeMax bounds how many are known at once. What lies deeper is seen.
const scopeMax = 50

func (r *renderer) hides() bool { return r.gone > 0 || r.look&(tiny|faint|unseen) != 0 && !r.all }

// enter opens the scope of a tag that has an effect.
func (r *renderer) enter(tag atom.Atom, e *effect) {
	if isVoid(tag) || tag == 0 || len(r.scopes) >= scopeMax {
		return
	}
	next := r.look&^e.set | e.on
	gone := e.gone && !r.all
	if next == r.look && !gone {
		if len(r.scopes) == 0 || e.set == 0 {
			return
		}
	}
	r.hid = r.hid || e.gone || next&^asTyped != 0
	r.scopes = append(r.scopes, scope{tag, 1, r.tables, r.look, gone})
	r.look = next
	if gone {
		r.gone++
	}
}

// leave closes all but the n outermost scopes.
func (r *renderer) leave(n int) {
	for len(r.scopes) > n {
		s := r.scopes[len(r.scopes)-1]
		r.look = s.before
		if s.gone {
			r.gone--
		}
		r.scopes = r.scopes[:len(r.scopes)-1]
	}
}

// startInScope closes what a start tag closes by itself. Senders leave end tags out: a paragraph or a cell that is hidden must not take
// with it all that follows.
func (r *renderer) startInScope(tag atom.Atom) {
	for n := len(r.scopes); n > 0 && r.closedBy(&r.scopes[n-1], tag); n-- {
		r.leave(n - 1)
	}
	for n := len(r.scopes) - 1; n >= 0; n-- {
		s := &r.scopes[n]
		if s.tag == tag && part(tag) == 0 && tag != atom.Li || s.tag == atom.Li && isList(tag) {
			s.deep++
			return
		}
	}
}

// closedBy says whether a start tag ends an element without its end tag (HTML standard, section 13.1.2.4).
func (r *renderer) closedBy(s *scope, tag atom.Atom) bool {
	switch s.tag {
	case atom.P:
		if isBlock(tag) || part(tag) > 0 {
			return true
		}
	case atom.Li:
		return tag == atom.Li && s.deep == 1
	case atom.Dt, atom.Dd:
		return tag == atom.Dt || tag == atom.Dd
	}
	return part(tag) > 0 && r.tables > 0 && s.tables == r.tables && part(s.tag) <= part(tag)
}

// endInScope closes what an end tag closes.
func (r *renderer) endInScope(tag atom.Atom) {
	for n := len(r.scopes); n > 0; n-- {
		s := &r.scopes[n-1]
		inside := tag == atom.Table && s.tables >= r.tables || part(tag) > 0 && s.tables == r.tables && part(s.tag) <= part(tag)
		if !(inside && r.tables > 0) && !(s.tag == atom.P && tag != atom.P && (isBlock(tag) || part(tag) > 0)) {
			break
		}
		r.leave(n - 1)
	}
	if part(tag) > 0 {
		return
	}
	for n := len(r.scopes) - 1; n >= 0; n-- {
		s := &r.scopes[n]
		switch {
		case s.tag == atom.Li && isList(tag):
		case s.tag == tag && (tag != atom.Li || s.deep == 1):
		default:
			continue
		}
		if s.deep--; s.deep == 0 {
			r.leave(n)
		}
		return
	}
}

// part orders the parts of a table by what may hold what: 0 for all else.
func part(tag atom.Atom) int {
	switch tag {
	case atom.Td, atom.Th, atom.Caption:
		return 1
	case atom.Tr:
		return 2
	case atom.Tbody, atom.Thead, atom.Tfoot:
		return 3
	}
	return 0
}

func isList(tag atom.Atom) bool {
	return tag == atom.Ul || tag == atom.Ol || tag == atom.Menu || tag == atom.Dir
}
