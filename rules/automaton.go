package rules

import (
	mathbits "math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/dsl"
)

// An automaton finds which of many words stand in a text, in one pass over it, without looking at the case of letters:
// Aho and Corasick, "Efficient string matching", 1975. Each node is what was read so far of some word; they are numbered
// by depth, the root first. A text spends nearly all its bytes at shallow nodes: for these a table says where each
// byte leads. Deeper ones have few edges, and are many.
type automaton struct {
	class   [256]uint8 // bytes that are in no word are all alike: class 0
	classes int
	table   []int32 // of the first nodes, a row of classes each
	dense   int32   // how many have a row
	nodes   []node
	edges   []edge // of each node in order of their bytes
}

type node struct {
	first, last int32 // its edges
	fail        int32 // the longest other node whose path ends this one's
	next        int32 // the nearest node along fail that ends a word, 0 for none
	word        int32 // the word that ends here, -1 for none
}

type edge struct {
	c  byte
	to int32
}

// maxTable is how many entries a table has at most: 4 MB.
const maxTable = 1 << 20

// newAutomaton makes one of folded words. Equal words must come once.
func newAutomaton(words []string) *automaton {
	a := &automaton{classes: 1}
	a.grow(words)
	for _, e := range a.edges {
		if a.class[e.c] == 0 && a.classes < 256 {
			a.class[e.c] = uint8(a.classes)
			a.classes++
		}
	}
	a.dense = int32(min(len(a.nodes), maxTable/a.classes))
	a.table = make([]int32, int(a.dense)*a.classes)
	for i := range a.nodes {
		n := &a.nodes[i]
		if f := &a.nodes[n.fail]; f.word >= 0 && i > 0 {
			n.next = n.fail
		} else {
			n.next = f.next
		}
		edges := a.edges[n.first:n.last]
		for _, e := range edges {
			if i > 0 {
				a.nodes[e.to].fail = a.step(n.fail, e.c) // shallower than e.to: it is ready
			}
		}
		if int32(i) < a.dense {
			row := a.table[i*a.classes : (i+1)*a.classes]
			if i > 0 {
				copy(row, a.table[int(n.fail)*a.classes:])
			}
			for _, e := range edges {
				row[a.class[e.c]] = e.to
			}
		}
	}
	return a
}

// grow makes the nodes and edges of a trie, numbered by depth.
func (a *automaton) grow(words []string) {
	sorted := make([]int32, len(words))
	for i := range sorted {
		sorted[i] = int32(i)
	}
	slices.SortFunc(sorted, func(x, y int32) int { return strings.Compare(words[x], words[y]) })
	// Each node is a run of sorted words that begin alike.
	type run struct {
		from, to int32
		depth    int
	}
	queue := []run{{0, int32(len(sorted)), 0}}
	for i := 0; i < len(queue); i++ {
		r := queue[i]
		n := node{first: int32(len(a.edges)), word: -1}
		for from := r.from; from < r.to; {
			w := words[sorted[from]]
			if len(w) == r.depth {
				n.word = sorted[from]
				from++
				continue
			}
			to := from + 1
			for to < r.to && words[sorted[to]][r.depth] == w[r.depth] {
				to++
			}
			a.edges = append(a.edges, edge{w[r.depth], int32(len(queue))})
			queue = append(queue, run{from, to, r.depth + 1})
			from = to
		}
		n.last = int32(len(a.edges))
		a.nodes = append(a.nodes, n)
	}
}

// step is where c leads from a node.
func (a *automaton) step(at int32, c byte) int32 {
	for at >= a.dense {
		n := &a.nodes[at]
		for _, e := range a.edges[n.first:n.last] {
			if e.c == c {
				return e.to
			}
		}
		at = n.fail
	}
	return a.table[int(at)*a.classes+int(a.class[c])]
}

// scan calls found with each word that stands in the text, once or more often. Nodes whose words were told are
// kept in seen, which has a bit for each.
func (a *automaton) scan(text string, seen bits, found func(word int32)) {
	at := int32(0)
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			i += size
			var b [utf8.UTFMax]byte
			for _, c := range b[:utf8.EncodeRune(b[:], dsl.FoldRune(r))] {
				at = a.step(at, c)
				a.tell(at, seen, found)
			}
			continue
		}
		i++
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if at = a.step(at, c); at != 0 {
			a.tell(at, seen, found)
		}
	}
}

// tell calls found for the words that end at a node. What was told is not told again, so that the words of a long text
// cost no more than its length and their number.
func (a *automaton) tell(at int32, seen bits, found func(word int32)) {
	for at != 0 && !seen.has(at) {
		seen.add(at)
		n := &a.nodes[at]
		if n.word >= 0 {
			found(n.word)
		}
		at = n.next
	}
}

// bits are a set of small numbers.
type bits []uint64

func newBits(n int) bits { return make(bits, (n+63)/64) }

func (b bits) add(i int32)      { b[i>>6] |= 1 << (i & 63) }
func (b bits) has(i int32) bool { return b[i>>6]&(1<<(i&63)) != 0 }

func (b bits) count() int {
	n := 0
	for _, w := range b {
		n += mathbits.OnesCount64(w)
	}
	return n
}
