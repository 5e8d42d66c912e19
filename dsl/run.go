package dsl

import (
	"context"
	"errors"
	"time"
)

// ErrBudget says that a message's budget is spent. It is the message's trouble, not that of the
// rule in which it showed.
var ErrBudget = errors.New("the message's budget for rules is spent")

// A Budget bounds what all rules of one message may cost together. Zero values mean DefaultBudget's.
type Budget struct {
	Steps int           // turns of predicates, and elements looked at
	Time  time.Duration // on the clock
	Bytes int           // of text and lists that expressions make
}

// DefaultBudget is generous for rules and small for attackers.
var DefaultBudget = Budget{Steps: 2_000_000, Time: 2 * time.Second, Bytes: 64 << 20}

// A Run is the evaluation of one message. It belongs to one goroutine.
type Run struct {
	ctx  context.Context
	view *View
}

// NewRun begins one message's evaluation.
func (p *Program) NewRun(ctx context.Context, v *View, b Budget) *Run {
	return &Run{ctx: ctx, view: v}
}

// Close ends the run.
func (r *Run) Close() {}

// SetValue sets what `value` says in a token.
func (r *Run) SetValue(s string) {}

// Match evaluates the rule's lets, then its condition; without a condition it is true. An error is
// ErrBudget, or the rule's own.
func (rule *Rule) Match(run *Run) (bool, error) { return false, nil }

// Len is the number of statements in then.
func (rule *Rule) Len() int { return 0 }

// Do evaluates the i-th statement, after Match in the same run, and returns the actions in the order
// in which they were evaluated. Apply them before the next statement is evaluated.
func (rule *Rule) Do(run *Run, i int) ([]Action, error) { return nil, nil }

// Check evaluates the expectation. When it does not hold, got says what there was instead.
func (e *Expect) Check(o *Outcome) (ok bool, got string, err error) { return false, "", nil }

// A RuleError is what failed in a rule while it ran, with its place.
type RuleError struct {
	Diagnostic
	Err error // may be nil
}

func (e *RuleError) Error() string { return e.String() }

// Unwrap returns the cause.
func (e *RuleError) Unwrap() error { return e.Err }
