package rules

import (
	"strings"
	"sync"

	"postern/dsl"
)

// An index knows which rules a message may match, by the needs of their conditions (dsl.Rule.Needs). It says yes too
// often, and never no to a rule that matches.
type index struct {
	always bits // rules of which nothing is known
	fields []indexedField
	rules  int
	states int // the nodes of the largest automaton
	pool   sync.Pool
}

// An indexedField is what rules need of one field.
type indexedField struct {
	field dsl.Field
	equal map[string][]int32 // folded
	under map[string][]int32
	sets  []neededSet
	words *automaton
	of    [][]int32 // the rules that need each word
	most  int       // the longest text of equal, in bytes
}

type neededSet struct {
	set   *dsl.Entries
	under bool
	rules []int32
}

// newIndex makes the index of rules, which it names by their place.
func newIndex(rules []*dsl.Rule) *index {
	x := &index{always: newBits(len(rules)), rules: len(rules)}
	at := map[string]*indexedField{}
	words := map[string]map[string]int{} // of each field: their place in of
	sets := map[setName]int{}            // their place among the sets of their field
	var order []string
	for i, r := range rules {
		needs, known := r.Needs()
		if !known {
			x.always.add(int32(i))
			continue
		}
		for _, n := range needs {
			name := n.Field.String()
			f, ok := at[name]
			if !ok {
				f = &indexedField{field: n.Field, equal: map[string][]int32{}, under: map[string][]int32{}}
				at[name], words[name] = f, map[string]int{}
				order = append(order, name)
			}
			f.add(int32(i), n, words[name], sets)
		}
	}
	for _, name := range order {
		f := at[name]
		if len(f.of) > 0 {
			list := make([]string, len(f.of))
			for w, i := range words[name] {
				list[i] = w
			}
			f.words = newAutomaton(list)
			x.states = max(x.states, len(f.words.nodes))
		}
		x.fields = append(x.fields, *f)
	}
	x.pool.New = func() any { return &hits{rules: newBits(x.rules), seen: newBits(x.states)} }
	return x
}

// A setName tells the sets of lists apart.
type setName struct {
	field string
	set   *dsl.Entries
	under bool
}

func (f *indexedField) add(rule int32, n dsl.Need, words map[string]int, sets map[setName]int) {
	switch n.Op {
	case dsl.NeedEqual:
		f.equal[n.Text] = append(f.equal[n.Text], rule)
		f.most = max(f.most, len(n.Text))
	case dsl.NeedUnder:
		f.under[n.Text] = append(f.under[n.Text], rule)
	case dsl.NeedIn, dsl.NeedUnderAny:
		name := setName{n.Field.String(), n.Set, n.Op == dsl.NeedUnderAny}
		i, ok := sets[name]
		if !ok {
			i = len(f.sets)
			sets[name] = i
			f.sets = append(f.sets, neededSet{set: n.Set, under: name.under})
		}
		f.sets[i].rules = append(f.sets[i].rules, rule)
	case dsl.NeedContains:
		i, ok := words[n.Text]
		if !ok {
			i = len(f.of)
			words[n.Text] = i
			f.of = append(f.of, nil)
		}
		f.of[i] = append(f.of[i], rule)
	}
}

// hits are the rules that a message may match.
type hits struct {
	rules bits
	seen  bits // scratch of automatons
}

// ask finds the rules that a message may match. Give the answer back with done.
func (x *index) ask(v *dsl.View) *hits {
	h, _ := x.pool.Get().(*hits)
	copy(h.rules, x.always)
	for i := range x.fields {
		f := &x.fields[i]
		f.field.Each(v, func(s string) { f.ask(s, h) })
	}
	return h
}

func (x *index) done(h *hits) { x.pool.Put(h) }

func (h *hits) add(rules []int32) {
	for _, r := range rules {
		h.rules.add(r)
	}
}

// mostFold is how many bytes of a text one byte of its folded form can come from.
const mostFold = 4

func (f *indexedField) ask(s string, h *hits) {
	if len(f.equal) > 0 && len(s) <= f.most*mostFold {
		h.add(f.equal[dsl.Fold(s)])
	}
	if len(f.under) > 0 {
		dsl.Domains(s, func(d string) { h.add(f.under[d]) })
	}
	for i := range f.sets {
		set := &f.sets[i]
		found := false
		if set.under {
			dsl.Domains(s, func(d string) {
				found = found || set.set.Has(d)
			})
		} else {
			found = set.set.Has(strings.ToLower(s))
		}
		if found {
			h.add(set.rules)
		}
	}
	if f.words != nil {
		clear(h.seen)
		f.words.scan(s, h.seen, func(w int32) { h.add(f.of[w]) })
	}
}
