package dsl

import (
	"cmp"
	"slices"
	"strconv"
)

// What a rule does may be of no use because of others: one above ends the stage for all mail that it is for, or one below sets what it
// sets. Both are told where they follow from the conditions as they are written: each way in which the one can be true holds all facts
// of a way in which the other is.

// mostCompared bounds how many ways are held against each other in a set; what is beyond is not told.
const mostCompared = 2_000_000

// deed begins what is remembered of a rule.
func (c *compiler) deed(f *File, b *RuleBlock, rule *Rule, lets []boundLet) *deed {
	d := &deed{rule: rule, file: f, at: b.offset, sure: true}
	if c.quiet || b.Token {
		return d
	}
	for i := range lets {
		if m := lets[i].meaning; m != nil {
			d.sure = d.sure && m.sure
			d.asks = append(d.asks, m.asks...)
		}
	}
	switch {
	case b.when == nil:
		d.ways, d.known = []way{{}}, true
	case rule.when != nil:
		m := rule.when.meaning
		d.sure = d.sure && m.sure
		d.asks = append(d.asks, m.asks...)
		d.never, d.cond = m.never, m.cond
		rule.when.meaning = nil // the rule stays, and what only warnings need does not
		if d.cond.node != nil {
			d.ways, d.known = d.cond.ways()
		}
		if !d.known {
			d.ways = []way{{}} // whatever they are, they hold no facts that are known
		}
	}
	if !b.Disabled {
		c.deeds = append(c.deeds, d)
	}
	return d
}

// unused reports lists and defines that nothing names.
func (c *compiler) unused() {
	for _, name := range c.listNames {
		if l := c.lists[name]; !l.used {
			c.warn(l.block.value.src, l.block.offset, "unused", "nothing uses the list "+name, "remove it, or use it: mail.from.domain in "+name)
		}
	}
	for _, d := range c.defined {
		if !d.used {
			c.warn(d.block.value.src, d.block.offset, "unused", "nothing uses the define "+d.Name, "remove it, or use it in a condition: when "+d.Name)
		}
	}
}

// overlooked reports rules that others make of no use.
func (c *compiler) overlooked() {
	for _, stage := range []Stage{StageEnvelope, StageMail} {
		var of []*deed
		for _, d := range c.deeds {
			if d.rule.Stage == stage {
				of = append(of, d)
			}
		}
		o := &overlook{c: c, deeds: of, left: mostCompared}
		o.shadowed()
		o.overwritten()
	}
}

// An overlook is a look at all rules of a stage, in their order.
type overlook struct {
	c     *compiler
	deeds []*deed
	left  int // ways that may still be compared
}

// An entry is one way of a rule's condition.
type entry struct {
	rule int // its place
	way  way
}

// waysIndex finds ways by the fact in each that the fewest others have.
type waysIndex struct {
	by    map[literal][]entry
	plain []entry // that need nothing
	often map[literal]int
}

func (o *overlook) newIndex(deeds []int) *waysIndex {
	x := &waysIndex{by: map[literal][]entry{}, often: map[literal]int{}}
	for _, i := range deeds {
		for _, w := range o.deeds[i].ways {
			for _, l := range w {
				x.often[l]++
			}
		}
	}
	return x
}

func (x *waysIndex) add(rule int, w way) {
	if len(w) == 0 {
		x.plain = append(x.plain, entry{rule, w})
		return
	}
	best := w[0]
	for _, l := range w[1:] {
		if x.often[l] < x.often[best] {
			best = l
		}
	}
	x.by[best] = append(x.by[best], entry{rule, w})
}

// find is the first entry of a rule from one place up to another whose facts are all among those of a way, and whose rule fits.
func (o *overlook) find(x *waysIndex, w way, from, to int, fits func(rule int) bool) (int, bool) {
	best := -1
	try := func(list []entry) {
		at, _ := slices.BinarySearchFunc(list, from, func(e entry, rule int) int { return cmp.Compare(e.rule, rule) })
		for _, e := range list[at:] {
			if o.left--; o.left < 0 || e.rule > to || best >= 0 && e.rule >= best {
				return
			}
			if e.way.within(w) && fits(e.rule) {
				best = e.rule
				return
			}
		}
	}
	try(x.plain)
	for _, l := range w {
		try(x.by[l])
	}
	return best, best >= 0
}

// steady says whether no rule can change what a way says.
func (o *overlook) steady(w way) bool {
	return !slices.ContainsFunc(w, func(l literal) bool { return o.c.facts[l>>1].issue })
}

// certain says whether a rule is asked of all mail of its mailboxes, and does what it does.
func (d *deed) certain() bool {
	return !d.rule.Shadow && d.rule.Until.IsZero() && d.rule.Sample == 0 && d.sure
}

// covers says whether a rule is for all mailboxes that another is for.
func (d *deed) covers(o *deed) bool {
	if len(d.rule.Mailboxes) == 0 {
		return true
	}
	return len(o.rule.Mailboxes) > 0 && !slices.ContainsFunc(o.rule.Mailboxes, func(m string) bool { return !slices.Contains(d.rule.Mailboxes, m) })
}

// stops says whether a branch always ends the stage.
func (b *branch) stops() bool {
	return slices.ContainsFunc(b.events, func(e event) bool { return e.kind == eventEnd && e.always && e.fixed && !e.after })
}

// stopping are the ways in which a rule always ends the stage.
func (d *deed) stopping() (ways []way) {
	if !d.known || !d.certain() {
		return nil
	}
	then := d.then.stops()
	if then && d.rule.HasElse() && d.otherwise.stops() {
		return []way{{}}
	}
	if then {
		ways = append(ways, d.ways...)
	}
	if d.rule.HasElse() && d.otherwise.stops() {
		opposite := d.cond.at(d.cond.node, true)
		if more, ok := opposite.ways(); ok {
			ways = append(ways, more...)
		}
	}
	return ways
}

// shadowed reports rules that are never reached.
func (o *overlook) shadowed() {
	var ending []int
	stopping := make([][]way, len(o.deeds))
	for i, d := range o.deeds {
		if stopping[i] = d.stopping(); len(stopping[i]) > 0 {
			ending = append(ending, i)
		}
	}
	if len(ending) == 0 {
		return
	}
	x := o.newIndex(ending)
	for i, d := range o.deeds {
		if !d.never && len(d.ways) > 0 {
			o.shadow(x, i)
		}
		for _, w := range stopping[i] {
			if o.steady(w) {
				x.add(i, w)
			}
		}
	}
}

func (o *overlook) shadow(x *waysIndex, i int) {
	d := o.deeds[i]
	ways := d.ways
	if d.rule.HasElse() {
		ways = []way{{}} // it has something to do for all mail
	}
	var by []int
	for _, w := range ways {
		e, ok := o.find(x, w, 0, i-1, func(rule int) bool { return o.deeds[rule].covers(d) })
		if !ok {
			return
		}
		if !slices.Contains(by, e) {
			by = append(by, e)
		}
	}
	var related []Related
	for _, e := range by[:min(len(by), 3)] {
		related = append(related, Related{o.deeds[e].rule.Pos, "the rule " + strconv.Quote(o.deeds[e].rule.Name) + " ends the stage for all mail that this one is for"})
	}
	o.c.warn(d.file.src, d.at, "shadowed", "this rule is never reached", "put it above that one, or make that one's condition narrower", related...)
}

// overwritten reports what is set for nothing: something below sets it anew before anything looks at it.
func (o *overlook) overwritten() {
	setting := map[string][]int{} // the rules that set a field in any case
	for i, d := range o.deeds {
		d.then.twice(o.c)
		d.otherwise.twice(o.c)
		if !d.certain() || !d.known || d.then.fails {
			continue
		}
		for field := range d.then.firsts() {
			if !slices.Contains(d.asks, field) && !slices.Contains(d.asks, everything) {
				setting[field] = append(setting[field], i)
			}
		}
	}
	for field, rules := range setting {
		x := o.newIndex(rules)
		for _, i := range rules {
			for _, w := range o.deeds[i].ways {
				if o.steady(w) {
					x.add(i, w)
				}
			}
		}
		next := o.barriers(field)
		for i, d := range o.deeds {
			if e, ok := d.then.last(field); ok && !d.never && !d.rule.Shadow && i < rules[len(rules)-1] {
				o.overwrite(x, i, next[i], e)
			}
		}
	}
}

// barriers are for each rule the place of the next one below that looks at the field, or may end the stage.
func (o *overlook) barriers(field string) []int {
	next := make([]int, len(o.deeds))
	barrier := len(o.deeds)
	for i := len(o.deeds) - 1; i >= 0; i-- {
		next[i] = barrier
		if o.deeds[i].bars(field) {
			barrier = i
		}
	}
	return next
}

func (d *deed) bars(field string) bool {
	bars := func(e event) bool {
		return e.kind == eventEnd && !d.rule.Shadow || e.kind == eventLook && (e.field == field || e.field == everything)
	}
	return slices.Contains(d.asks, field) || slices.Contains(d.asks, everything) ||
		slices.ContainsFunc(d.then.events, bars) || slices.ContainsFunc(d.otherwise.events, bars)
}

func (o *overlook) overwrite(x *waysIndex, i, barrier int, e event) {
	d := o.deeds[i]
	ways := d.ways
	var by []int
	for _, w := range ways {
		r, ok := o.find(x, w, i+1, barrier, func(rule int) bool { return o.deeds[rule].covers(d) })
		if !ok {
			return
		}
		if !slices.Contains(by, r) {
			by = append(by, r)
		}
	}
	if len(by) == 0 {
		return
	}
	var related []Related
	for _, r := range by[:min(len(by), 3)] {
		related = append(related, Related{o.deeds[r].then.firsts()[e.field].place(), "the rule " + strconv.Quote(o.deeds[r].rule.Name) + " sets it for all mail that this one is for"})
	}
	e.warn(o.c, "what is set here is always overwritten by a rule below", "remove it, or put it below that rule", related)
}

// place is where it happens.
func (e event) place() Pos { return e.src.pos(e.from) }

func (e event) warn(c *compiler, message, hint string, related []Related) {
	d := e.src.between(e.from, e.to, SeverityWarning, message, hint)
	d.Code, d.Related = "overwritten", related
	c.report(d)
}

// firsts are the fields that a branch sets in any case, before it looks at them or may end the stage.
func (b *branch) firsts() map[string]event {
	var out map[string]event
	looked := map[string]bool{}
	for _, e := range b.events {
		switch e.kind {
		case eventEnd:
			return out
		case eventLook:
			if e.field == everything {
				return out
			}
			looked[e.field] = true
		case eventSet:
			if _, ok := out[e.field]; !ok && e.always && e.fixed && !looked[e.field] {
				if out == nil {
					out = map[string]event{}
				}
				out[e.field] = e
			}
		}
	}
	return out
}

// last is where a branch sets a field the last time, if nothing looks at it afterwards and the stage goes on.
func (b *branch) last(field string) (last event, ok bool) {
	for _, e := range b.events {
		switch {
		case e.kind == eventSet && e.field == field:
			last, ok = e, e.fixed
		case e.kind == eventEnd, e.kind == eventLook && (e.field == field || e.field == everything):
			ok = false
		}
	}
	return last, ok
}

// twice reports what a branch sets and then sets anew.
func (b *branch) twice(c *compiler) {
	var set []event // and not looked at since
	for _, e := range b.events {
		switch e.kind {
		case eventEnd:
			set = nil
		case eventLook:
			set = slices.DeleteFunc(set, func(s event) bool { return e.field == everything || s.field == e.field })
		case eventSet:
			if e.always {
				set = slices.DeleteFunc(set, func(s event) bool {
					if s.field != e.field {
						return false
					}
					s.warn(c, "what is set here is set anew below", "remove one of them", []Related{{e.place(), "it is set anew here"}})
					return true
				})
			}
			if e.fixed {
				set = append(set, e)
			}
		}
	}
}
