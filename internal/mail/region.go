package mail

import (
	"sort"

	"golang.org/x/net/html/atom"
)

// markedBy begins the reason of a span that an element of the HTML gave away.
const markedBy = "marked by "

// A region is the lines from one up to, not with, another that an element with a mark holds.
type region struct {
	from, to int
	own      int // where the element itself ends
	mark     *elementMark
}

// regions returns the lines of the marked elements, in order. An element in another follows it.
func (l *layout) regions() []region {
	if len(l.marks) == 0 || len(l.lines) == 0 {
		return nil
	}
	l.closeMarks()
	regions := make([]region, 0, len(l.marks))
	for _, m := range l.marks {
		end := l.lineAt(m.end)
		r := region{l.lineAt(m.start), end, end, m.kind}
		if m.kind.extent == markRest {
			r.to = len(l.lines)
		}
		if r.from < r.to {
			regions = append(regions, r)
		}
	}
	return regions
}

// lineAt returns the first line that begins at or after a place in the HTML.
func (l *layout) lineAt(at int32) int {
	return sort.Search(len(l.lines), func(i int) bool { return l.lines[i].at >= at })
}

// closeMarks finds where the marked elements end: at their end tags, or with the page.
func (l *layout) closeMarks() {
	n := 0
	var open openTags
	for i := sort.Search(len(l.tags), func(i int) bool { return l.tags[i].start >= l.marks[0].start }); i < len(l.tags); i++ {
		t := &l.tags[i]
		if !t.closes {
			m := -1
			if n < len(l.marks) && l.marks[n].start == t.start {
				l.marks[n].end = int32(len(l.src))
				if m = n; isVoid(t.name) {
					l.marks[n].end = t.end
				}
				n++
			}
			open.push(t.name, m)
			continue
		}
		open.pop(t.name, func(m int) {
			if m >= 0 {
				l.marks[m].end = t.end
			}
		})
	}
}

// openTags are the elements that are open, each with a number of the caller's. What has no end tag (<br>, or <p> by
// HTML's rules) is closed by what is around it.
type openTags struct {
	stack []openTag
	count map[atom.Atom]int
}

type openTag struct {
	name atom.Atom
	n    int
}

func (o *openTags) push(name atom.Atom, n int) {
	if name == 0 || isVoid(name) {
		return
	}
	if o.count == nil {
		o.count = map[atom.Atom]int{}
	}
	o.stack = append(o.stack, openTag{name, n})
	o.count[name]++
}

// pop closes the innermost element of that name, and those in it that are open. It says whether there is one.
func (o *openTags) pop(name atom.Atom, closed func(n int)) bool {
	if o.count[name] == 0 {
		return false
	}
	for {
		t := o.stack[len(o.stack)-1]
		o.stack = o.stack[:len(o.stack)-1]
		o.count[t.name]--
		closed(t.n)
		if t.name == name {
			return true
		}
	}
}

// region covers the history that an element beginning at line i holds, and returns the line below it, or
// i for none.
//
// Where the history itself is marked with ">", the element may hold more: people write their answers between
// such quotes and below them, inside the element. Then only what stands above the first of them belongs to it.
func (q *quotes) region(i, free int) int {
	for len(q.regions) > 0 && q.regions[0].from < i {
		q.regions = q.regions[1:]
	}
	if len(q.regions) == 0 || q.regions[0].from != i {
		return i
	}
	r := q.regions[0]
	q.regions = q.regions[1:]
	r.to = min(r.to, q.count())
	if r.mark.extent == markAttribution && r.to-i > attributionLines {
		return i
	}
	kind, _ := q.separator(i, q.line(i))
	if kind == "" && r.mark.drawn && !q.fields(i, min(r.own, q.count(), i+2*headerLines)) {
		return i // a line drawn for another reason
	}
	reason := markedBy + r.mark.whose
	first, above := i, 0
	for ; first < r.to && !q.quoted(first); first++ { // not before it is clear that all of it is covered
		above += btoi(q.line(first) != "")
	}
	switch {
	case kind == "" && r.mark.extent == markHistory:
		kind = SpanQuote
	case kind == "":
		kind = q.older()
	}
	switch {
	case first == r.to && r.mark.extent == markAttribution:
		if next := q.skipBlank(r.to, 3); next < q.count() && q.quoted(next) {
			r.to = q.quoteEnd(next)
		}
	case first < r.to && r.mark.extent != markRest && kind == SpanQuote && above <= attributionLines+1:
		r.to = q.quoteEnd(first)
	}
	if r.mark.extent == markRest {
		i = q.ruleAbove(i, free)
	}
	q.cover(i, r.to, kind, reason)
	return r.to
}

// fields says whether lines [i, j) hold three that begin with a word and a colon.
func (q *quotes) fields(i, j int) bool {
	n := 0
	for ; i < j && n < 3; i++ {
		n += btoi(fieldLike(q.line(i)))
	}
	return n == 3
}
