package dsl

import (
	"cmp"
	"slices"
)

// A Need is one fact about a message. A rule's needs are what its condition cannot be true without: at least one
// of them holds for every message that the rule matches. They let an index rule out thousands of rules without running them.
type Need struct {
	Field *Field // the same for all needs of it in a set
	Op    NeedOp
	Text  string    // folded (see Fold); of NeedUnder, a domain; of NeedNetwork, a netip.Prefix
	Words *Words    // instead of Text: one of these; shared by all needs of one list
	Set   *Entries  // of NeedIn and NeedUnderAny: in lower case, shared as well
	Nets  *Networks // instead of the Text of NeedNetwork, shared as well
}

// Words are several texts of needs.
type Words struct {
	Texts []string // folded
	least int      // the length of the shortest
}

// NeedOp says how a field's value stands to a need's text.
type NeedOp uint8

const (
	NeedEqual    NeedOp = iota // is the text
	NeedContains               // has the text in it
	NeedSome                   // is not empty
	NeedIn                     // its lower case is in the set
	NeedUnder                  // is the domain, or below it
	NeedUnderAny               // is a domain of the set, or below one
	NeedNetwork                // is an address in the network
)

const (
	mostNeeds   = 10_000    // that a condition may have: beyond, it is asked of every message
	mostChoices = 4         // of one condition
	mostCopied  = 2_000_000 // of all conditions of a set: a define may bring ten thousand into each rule that names it
)

// Needs returns what the rule's condition needs, in several ways where there are: of each at least one need holds for every message that
// the rule matches. A way without needs says that the rule never matches. There is none where nothing is known: of a rule without a condition, of
// one with else, which has something to do for every message, and of conditions that need nothing that an index could look up.
func (rule *Rule) Needs() [][]Need { return rule.needs }

// needs are ways to say what must hold for something to be true: in each, at least one of them. Without any nothing is known.
type needs [][]Need

var never = needs{{}}

func oneNeed(n Need) needs { return needs{{n}} }

func (a needs) known() bool   { return len(a) > 0 }
func (a needs) isNever() bool { return len(a) > 0 && len(a[0]) == 0 }

// either is what holds when a or b does.
func (u *unit) either(a, b needs) needs {
	switch {
	case !a.known() || !b.known():
		return nil
	case a.isNever():
		return b
	case b.isNever():
		return a
	}
	out := make(needs, 0, len(a))
	for _, way := range a {
		other := b[0]
		if i := slices.IndexFunc(b, func(w []Need) bool { return w[0].Field == way[0].Field && w[0].Op == way[0].Op }); i >= 0 {
			other = b[i] // (domain == x and subject contains s) or (domain == y and subject contains t): domains with domains
		}
		n := len(way) + len(other)
		if u.c.copied += n; n > mostNeeds || u.c.copied > mostCopied {
			continue
		}
		out = append(out, slices.Concat(way, other))
	}
	return out
}

// both is what holds when a and b do: whatever either needs, the more telling first.
func (a needs) both(b needs) needs {
	switch {
	case !a.known() || b.isNever():
		return b
	case !b.known() || a.isNever():
		return a
	}
	out := slices.Concat(a, b)
	slices.SortStableFunc(out, func(x, y []Need) int { return cmp.Compare(worth(y), worth(x)) })
	return out[:min(len(out), mostChoices)]
}

// worth is how much needs rule out, roughly: as much as the least telling of them.
func worth(any []Need) int {
	least := 1 << 20
	for i := range any {
		least = min(least, any[i].worth())
	}
	return least*mostNeeds - len(any)
}

func (n *Need) worth() int {
	switch {
	case n.Field.flag:
		return 1
	case n.Op == NeedSome:
		return 2
	case n.Op == NeedContains && n.Words != nil:
		return min(n.Words.least, 50)
	case n.Op == NeedContains:
		return min(len(n.Text), 50)
	}
	return 100
}

// Share guesses which share of all messages the need holds for.
func (n *Need) Share() float64 {
	switch w := n.worth(); {
	case w >= 100:
		return 0.001
	case n.Field.flag || w < 2:
		return 0.5
	default:
		return min(0.3, 0.5/float64(w*w))
	}
}

// anyOf is a need of one of several texts, for each of some fields.
func (u *unit) anyOf(op NeedOp, pieces []piece, texts *Words) needs {
	if texts == nil || len(pieces) == 0 {
		return nil
	}
	if len(texts.Texts) == 0 {
		return never
	}
	if u.c.copied += len(pieces); u.c.copied > mostCopied {
		return nil
	}
	way := make([]Need, len(pieces))
	for i, p := range pieces {
		way[i] = Need{Field: p.field, Op: op, Words: texts}
		if len(texts.Texts) == 1 {
			way[i].Text, way[i].Words = texts.Texts[0], nil
		}
	}
	return needs{way}
}

// words folds texts; nil where there are too many.
func (u *unit) words(texts []string) *Words {
	if len(texts) > mostNeeds {
		return nil
	}
	w := &Words{Texts: make([]string, len(texts)), least: 1 << 20}
	for i, s := range texts {
		w.Texts[i] = Fold(s)
		w.least = min(w.least, len(s))
	}
	u.c.copied += len(texts)
	if u.c.copied > mostCopied {
		return nil
	}
	return w
}

// Networks are networks that an address may be in.
type Networks = networks

// Has says whether an address is in one of them.
func (n *networks) Has(ip string) bool { return n.has(ip) }

// networkNeeds are needs of each network, where there are few: then many rules are looked up at once.
func networkNeeds(f *Field, nets *networks) needs {
	const few = 20
	if len(nets.prefixes) > few {
		return oneNeed(Need{Field: f, Op: NeedNetwork, Nets: nets})
	}
	way := make([]Need, 0, len(nets.prefixes))
	for p := range nets.prefixes {
		way = append(way, Need{Field: f, Op: NeedNetwork, Text: p.String()})
	}
	slices.SortFunc(way, func(a, b Need) int { return cmp.Compare(a.Text, b.Text) })
	return needs{way}
}
