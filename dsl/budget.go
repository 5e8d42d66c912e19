package dsl

import (
	"errors"
	"fmt"
	"time"
)

// ErrBudget says that a message's budget is spent. It is the message's trouble, not that of the
// rule in which it showed.
var ErrBudget = errors.New("the message's budget for rules is spent")

// ErrRuleBudget says that one rule took more than its share of the message's budget. It is that rule's failure alone.
var ErrRuleBudget = errors.New("this takes more than one rule may")

// A Budget bounds what all rules of one message may cost together. Zero values mean DefaultBudget's. One rule
// may spend a quarter of the steps and bytes and half of the time.
type Budget struct {
	Steps int           // turns of predicates, and elements looked at
	Time  time.Duration // on the clock
	Bytes int           // of text and lists that expressions make
}

// DefaultBudget is generous for rules and small for attackers.
var DefaultBudget = Budget{Steps: 2_000_000, Time: 2 * time.Second, Bytes: 64 << 20}

// The share of a rule, as a divisor. That of time is the larger, since a busy machine must not make honest rules fail.
const (
	ruleShare     = 4
	ruleTimeShare = 2
)

// A purse holds a message's budget and what was spent of it, by all rules and by the one that runs.
type purse struct {
	budget Budget
	begin  time.Time
	steps  int
	bytes  int
	spent  bool // the message's

	rule share
}

// A share is up to where the rule that runs may spend. Where none runs, as for lists and tests, that is all.
type share struct {
	none         bool
	steps, bytes int
	time         time.Duration
	begin        time.Time // when the clock was first looked at; zero before
}

func newPurse(b Budget) purse {
	orDefault(&b.Steps, DefaultBudget.Steps)
	orDefault(&b.Time, DefaultBudget.Time)
	orDefault(&b.Bytes, DefaultBudget.Bytes)
	return purse{budget: b, begin: time.Now(), rule: share{none: true, steps: b.Steps, bytes: b.Bytes, time: b.Time}}
}

func orDefault[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// beginRule gives the next rule its share. The clock is not asked: a rule begins when it first looks.
func (p *purse) beginRule() {
	p.rule = share{steps: p.steps + p.budget.Steps/ruleShare, bytes: p.bytes + p.budget.Bytes/ruleShare, time: p.budget.Time / ruleTimeShare}
}

// Away leaves time out of the budgets that was spent waiting for somebody else, as for a store.
func (r *Run) Away(d time.Duration) {
	r.begin = r.begin.Add(d)
	if !r.rule.begin.IsZero() {
		r.rule.begin = r.rule.begin.Add(d)
	}
}

// step counts one turn, and looks at the clock from time to time.
func (r *Run) step() error {
	r.steps++
	if r.spent || r.steps > r.budget.Steps {
		return r.spend()
	}
	if r.steps > r.rule.steps {
		return fmt.Errorf("%w: %d steps", ErrRuleBudget, r.budget.Steps/ruleShare)
	}
	if r.steps%8 == 0 {
		return r.pause()
	}
	return nil
}

// pause looks at the clock and at the context.
func (r *Run) pause() error {
	now := time.Now()
	if r.spent || now.Sub(r.begin) > r.budget.Time || r.ctx.Err() != nil {
		return r.spend()
	}
	if r.rule.begin.IsZero() {
		r.rule.begin = now
	}
	if now.Sub(r.rule.begin) > r.rule.time {
		return fmt.Errorf("%w: %v", ErrRuleBudget, r.rule.time)
	}
	return nil
}

func (r *Run) spend() error {
	r.spent = true
	return ErrBudget
}

// make counts bytes that are about to be made. What is more than a rule may ever make is not the message's trouble.
func (r *Run) make(n int) error {
	if n < 0 || n > r.rule.bytes-r.bytes {
		return r.tooLarge()
	}
	if n > r.budget.Bytes-r.bytes {
		return r.spend()
	}
	r.bytes += n
	if n > 4096 {
		return r.pause()
	}
	return nil
}

// tooLarge is for what must not be made.
func (r *Run) tooLarge() error {
	if r.rule.none {
		return r.spend()
	}
	return fmt.Errorf("%w: texts and lists of %d KiB", ErrRuleBudget, r.budget.Bytes/ruleShare>>10)
}

// makeRepeated counts n times size bytes.
func (r *Run) makeRepeated(size, n int) error {
	if size > 0 && n > r.budget.Bytes/size {
		return r.tooLarge()
	}
	return r.make(size * n)
}
