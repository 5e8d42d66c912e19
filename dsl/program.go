package dsl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// Stage says when a rule runs.
type Stage string

const (
	StageEnvelope Stage = "envelope" // at RCPT, before the body
	StageMail     Stage = "mail"     // with the whole mail; the default
)

// Vocabulary is what literal arguments are checked against: the names in the configuration. A nil
// list lets every name pass.
type Vocabulary struct {
	Mailboxes, Types, Classes, Priorities, Statuses, Teams, Fields []string
}

// Options say what a program is compiled against.
type Options struct {
	Vocabulary Vocabulary
	// Now is the time by which a rule is over; zero means the clock's.
	Now time.Time
	// Pause is called between rules, by who compiles them while something else waits for the processor.
	Pause func()
	// Watch makes a program that tells what its conditions say: see Watching.
	Watch bool
	// Open opens a file that a list or a test names, below the rules folder. Without it file() is an error.
	Open func(path string) (io.ReadCloser, error)
}

// A Program is compiled rules, tokens and tests. It is immutable and safe for many goroutines.
type Program struct {
	Rules   []*Rule
	Tokens  []*Rule
	Tests   []*Test
	Defines []*Define
	Points  []*Point // of a watched program

	instead *Define // of the define of its name: a mutant
}

// A Rule is one compiled rule or token.
type Rule struct {
	Name      string
	Pos       Pos      // of the name
	Mailboxes []string // what `in` names; empty means all
	Stage     Stage
	Shadow    bool
	Token     bool
	Attributes

	lets       []*expression
	when       *expression
	needs      needs  // of when
	point      *Point // of a watched rule without a condition
	statements []*expression
	otherwise  []*expression // of else
	bound      []boundLet    // what is known of lets, for Explain
	again      *again
}

// Condition is `when` as it was parsed, before anything was resolved, patched or folded; nil when the
// rule has none. It is parsed anew at each call.
func (rule *Rule) Condition() ast.Node { return parsed(rule.when) }

// Len is the number of statements in then, or in else for a condition that is false.
func (rule *Rule) Len(matched bool) int { return len(rule.branch(matched)) }

// HasElse says whether the rule does something where its condition is false.
func (rule *Rule) HasElse() bool { return len(rule.otherwise) > 0 }

func (rule *Rule) branch(matched bool) []*expression {
	if matched {
		return rule.statements
	}
	return rule.otherwise
}

// Match evaluates the rule's lets, then its condition; without a condition it is true. An error is
// ErrBudget (errors.Is), or the rule's own: a *RuleError, which is ErrRuleBudget where the rule took more than its share.
func (rule *Rule) Match(run *Run) (bool, error) {
	run.beginRule()
	if run.tried++; run.tried%4 == 1 || run.spent {
		if err := run.pause(); err != nil {
			return false, rule.failed(err)
		}
	}
	run.look()
	run.lets = run.lets[:0]
	for _, l := range rule.lets {
		v, err := l.run(run)
		if err != nil {
			return false, rule.failed(err)
		}
		run.lets = append(run.lets, v)
	}
	if rule.when == nil {
		run.saw(rule.point, true)
		return true, nil
	}
	v, err := rule.when.run(run)
	if err != nil {
		return false, rule.failed(err)
	}
	yes, ok := v.(bool)
	if !ok {
		return false, rule.failed(rule.when.failure(0, "when is neither true nor false, but "+typeName(typeOf(v)), nil))
	}
	return yes, nil
}

// Do evaluates the i-th statement of then, or of else where the rule did not match, after Match in the same run. It returns the actions in the order
// in which they were evaluated. Apply them before the next statement is evaluated: the slice is used
// again. After an error there are none.
func (rule *Rule) Do(run *Run, matched bool, i int) ([]Action, error) {
	statements := rule.branch(matched)
	if i < 0 || i >= len(statements) {
		return nil, fmt.Errorf("rule %q has no statement %d", rule.Name, i)
	}
	if i > 0 || run.spent { // the clock was looked at just now, for the condition
		if err := run.pause(); err != nil {
			return nil, rule.failed(err)
		}
	}
	run.look()
	run.actions = run.actions[:0]
	s := statements[i]
	run.statement = &s.frag
	v, err := s.run(run)
	if err == nil {
		err = run.weigh(v) // a list may hold another very many times
	}
	if err == nil {
		err = s.onlyActions(v, 0)
	}
	if err != nil {
		return nil, rule.failed(err)
	}
	return run.actions, nil
}

// failed names the rule in an error that has no place yet.
func (rule *Rule) failed(err error) error {
	if errors.Is(err, ErrBudget) {
		return fmt.Errorf("%s: rule %q: %w", rule.Pos, rule.Name, ErrBudget)
	}
	var placed *RuleError
	if errors.As(err, &placed) {
		return err
	}
	return &RuleError{Diagnostic: Diagnostic{Pos: rule.Pos, Message: plainMessage(err.Error())}, Err: err}
}

// onlyActions makes sure that a statement's value, where its type was not known before, is an
// action, a list of actions or nil.
func (e *expression) onlyActions(v any, depth int) error {
	switch v := v.(type) {
	case nil, Action:
		return nil
	case []any:
		for _, a := range v {
			if depth > deepest {
				break
			}
			if err := e.onlyActions(a, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return e.failure(0, "a statement's value must be an action, a list of actions or nil, not "+typeName(typeOf(v)), nil)
}

// A RuleError is what failed in a rule while it ran, with its place.
type RuleError struct {
	Diagnostic
	Err error // may be nil
}

func (e *RuleError) Error() string { return e.String() }

// Unwrap returns the cause.
func (e *RuleError) Unwrap() error { return e.Err }

// run evaluates an expression. No panic leaves it.
func (e *expression) run(r *Run) (v any, err error) { return e.runOn(&r.vm, r) }

// runOn evaluates it on a machine of its own: one that is running cannot be used.
func (e *expression) runOn(m *vm.VM, r *Run) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, e.failure(0, fmt.Sprint(p), nil)
		}
	}()
	v, err = m.Run(e.program, &r.env)
	if err == nil {
		return v, nil
	}
	if r.spent || errors.Is(err, ErrBudget) {
		return nil, ErrBudget
	}
	var inner *RuleError // of a define, with its own place
	if errors.As(err, &inner) {
		return nil, inner
	}
	var fe *file.Error
	if errors.As(err, &fe) {
		return nil, e.failure(fe.From, plainMessage(fe.Message), fe.Prev)
	}
	return nil, e.failure(0, plainMessage(err.Error()), err)
}

// failure is an error at a rune of the expression.
func (e *expression) failure(at int, message string, cause error) error {
	d := e.frag.src.diagnostic(e.frag.offset(at), SeverityError, message, "")
	return &RuleError{Diagnostic: d, Err: cause}
}

// plainMessage turns what Go's runtime says of a value of the wrong kind into a sentence.
func plainMessage(s string) string {
	if strings.HasPrefix(s, "interface conversion:") {
		if strings.Contains(s, "is nil, not") {
			return "there is no value here (nil)"
		}
		return "a value is of the wrong kind: " + readable.Replace(strings.TrimPrefix(s, "interface conversion: "))
	}
	if strings.HasPrefix(s, "reflect: ") {
		return "a value is of the wrong kind here"
	}
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return readable.Replace(s)
}

// background is the context of what is evaluated while rules are loaded or tested.
func background() context.Context { return context.Background() }
