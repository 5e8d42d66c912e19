package rules

import (
	mathbits "math/bits"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"postern/dsl"
)

// An index knows which rules a message may match, by the needs of their conditions (dsl.Rule.Needs). It says yes too
// often, and never no to a rule that matches.
type index struct {
	always bits // rules of which nothing is known
	fields []*indexedField
	groups [][]int32 // rules that need one of the same words: they are told as one, by the numbers from first on
	first  int32     // the number of the first group
	states int       // the nodes of the largest automaton
	pool   sync.Pool
}

// An indexedField is what rules need of one field. Rules and groups are numbers.
type indexedField struct {
	field  *dsl.Field
	equal  map[string][]int32 // folded
	under  map[string][]int32
	nets   map[netip.Prefix][]int32
	bits   []int // the lengths of nets
	sets   []neededSet
	some   []int32
	words  *automaton
	of     [][]int32 // those that need each word
	most   int       // the longest text of equal, in bytes
	places map[string]int32
}

type neededSet struct {
	has   func(string) bool
	under bool
	rules []int32
}

// Bounds on the words of an index, in bytes: on all, since an automaton takes some 50 bytes for each byte, and rules beyond that are
// asked of every message; and on what is looked for of one.
const (
	maxWords    = 4 << 20
	longestWord = 100
)

// beginning is a text up to n bytes, of whole characters.
func beginning(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// newIndex makes the index of rules, which it names by their place.
func newIndex(rules []*dsl.Rule) *index {
	b := indexBuilder{
		index:  &index{always: newBits(len(rules)), first: int32(len(rules)+63) &^ 63},
		fields: map[*dsl.Field]*indexedField{}, groups: map[needKey]int32{}, sets: map[needKey]int{},
	}
	for i, way := range chosen(rules) {
		if way == nil || b.words > maxWords {
			b.always.add(int32(i))
			continue
		}
		for j := range *way {
			b.add(int32(i), &(*way)[j])
		}
	}
	for _, f := range b.index.fields {
		if len(f.of) > 0 {
			list := make([]string, len(f.of))
			for w, i := range f.places {
				list[i] = w
			}
			f.words, f.places = newAutomaton(list), nil
			b.states = max(b.states, len(f.words.nodes))
		}
	}
	x := b.index
	x.pool.New = func() any { return &hits{rules: newBits(int(x.first) + len(x.groups)), seen: newBits(x.states)} }
	return x
}

// An indexBuilder remembers where things are while an index is made.
type indexBuilder struct {
	*index
	fields map[*dsl.Field]*indexedField
	groups map[needKey]int32
	sets   map[needKey]int
	words  int // bytes, of all fields
}

func (b *indexBuilder) field(of *dsl.Field) *indexedField {
	f, ok := b.fields[of]
	if !ok {
		f = &indexedField{field: of, equal: map[string][]int32{}, under: map[string][]int32{}, nets: map[netip.Prefix][]int32{}, places: map[string]int32{}}
		b.fields[of] = f
		b.index.fields = append(b.index.fields, f)
	}
	return f
}

func (b *indexBuilder) add(rule int32, n *dsl.Need) {
	f := b.field(n.Field)
	if n.Words == nil {
		b.put(f, rule, n.Op, n.Text, n)
		return
	}
	g, known := b.groups[keyOf(n)]
	if !known {
		g = int32(len(b.index.groups))
		b.groups[keyOf(n)] = g
		b.index.groups = append(b.index.groups, nil)
		for _, w := range n.Words.Texts {
			b.put(f, b.first+g, n.Op, w, n)
		}
	}
	b.index.groups[g] = append(b.index.groups[g], rule)
}

func (b *indexBuilder) put(f *indexedField, who int32, op dsl.NeedOp, text string, n *dsl.Need) {
	switch op {
	case dsl.NeedEqual:
		f.equal[text] = append(f.equal[text], who)
		f.most = max(f.most, len(text))
	case dsl.NeedUnder:
		f.under[text] = append(f.under[text], who)
	case dsl.NeedSome:
		f.some = append(f.some, who)
	case dsl.NeedContains:
		text = beginning(text, longestWord) // what holds the whole holds its beginning
		i, ok := f.places[text]
		if !ok {
			b.words += len(text)
			i = int32(len(f.of))
			f.places[text] = i
			f.of = append(f.of, nil)
		}
		f.of[i] = append(f.of[i], who)
	case dsl.NeedIn:
		b.set(f, who, n, n.Set.Has)
	case dsl.NeedUnderAny:
		b.set(f, who, n, n.Set.Has)
	case dsl.NeedNetwork:
		if n.Nets != nil {
			b.set(f, who, n, n.Nets.Has)
			return
		}
		p := netip.MustParsePrefix(text)
		f.nets[p] = append(f.nets[p], who)
		if !slices.Contains(f.bits, p.Bits()) {
			f.bits = append(f.bits, p.Bits())
		}
	}
}

func (b *indexBuilder) set(f *indexedField, who int32, n *dsl.Need, has func(string) bool) {
	i, ok := b.sets[keyOf(n)]
	if !ok {
		i = len(f.sets)
		b.sets[keyOf(n)] = i
		f.sets = append(f.sets, neededSet{has: has, under: n.Op == dsl.NeedUnderAny})
	}
	f.sets[i].rules = append(f.sets[i].rules, who)
}

// hits are the rules that a message may match.
type hits struct {
	rules bits
	seen  bits // scratch of automatons
}

// ask finds the rules that a message may match. Give the answer back with done.
func (x *index) ask(v *dsl.View) *hits {
	h, _ := x.pool.Get().(*hits)
	clear(h.rules)
	copy(h.rules, x.always)
	for _, f := range x.fields {
		for s := range f.field.Values(v) {
			f.ask(s, h)
		}
	}
	for i := int(x.first) / 64; i < len(h.rules); i++ {
		for told := h.rules[i]; told != 0; told &= told - 1 {
			h.add(x.groups[i*64+mathbits.TrailingZeros64(told)-int(x.first)])
		}
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
	if s != "" {
		h.add(f.some)
	}
	if len(f.equal) > 0 && len(s) <= f.most*mostFold {
		var room [512]byte
		h.add(f.equal[string(dsl.AppendFold(room[:0], s))])
	}
	if len(f.under) > 0 {
		for d := range dsl.Domains(s) {
			h.add(f.under[d])
		}
	}
	if len(f.bits) > 0 {
		f.askNetworks(s, h)
	}
	for i := range f.sets {
		if f.sets[i].holds(s) {
			h.add(f.sets[i].rules)
		}
	}
	if f.words != nil {
		clear(h.seen)
		f.words.scan(s, h.seen, func(w int32) { h.add(f.of[w]) })
	}
}

func (f *indexedField) askNetworks(s string, h *hits) {
	a, err := dsl.PlainAddr(s)
	if err != nil {
		return
	}
	for _, b := range f.bits {
		if b > a.BitLen() {
			continue // of the other kind
		}
		if p, err := a.Prefix(b); err == nil {
			h.add(f.nets[p])
		}
	}
}

func (set *neededSet) holds(s string) bool {
	if !set.under {
		return set.has(strings.ToLower(s))
	}
	for d := range dsl.Domains(s) {
		if set.has(d) {
			return true
		}
	}
	return false
}
