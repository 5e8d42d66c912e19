package dsl

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm"
)

// mostActions bounds what one statement may ask for.
const mostActions = 1000

// An env is what expr evaluates in. One type serves all places; what may be named where is checked
// by resolve. The names with $ cannot be written in a rule.
type env struct {
	Mail     *Mail     `expr:"mail"`
	Envelope *Envelope `expr:"envelope"`
	Mailbox  *Mailbox  `expr:"mailbox"`
	Sender   *Sender   `expr:"sender"`
	Issue    *Issue    `expr:"issue"`
	Value    string    `expr:"value"`
	Verdict  string    `expr:"verdict"`
	Reason   string    `expr:"reason"`
	Sent     []Sent    `expr:"sent"`
	Outcome  *Effects  `expr:"outcome"`

	Run  *Run             `expr:"$run"`
	Step func(...any) any `expr:"$step"` // called in each turn of each predicate
}

// A Run is the evaluation of one message. It belongs to one goroutine.
type Run struct {
	ctx       context.Context // of one message, which is all that a Run lives for
	view      *View
	env       env
	vm        vm.VM
	inner     []*vm.VM // of defines that are being evaluated, by depth
	depth     int
	shared    float64 // what share says, 0 before
	kept      []kept  // what defines said
	instead   *Define // of the define of its name
	purse             // what it has spent of its budget
	tried     int     // rules: the clock is looked at before some of them
	lists     bool    // it computes lists while rules are loaded, and no message
	lets      []any   // of the rule that was matched last
	actions   []Action
	recents   map[time.Duration]int // what recent said
	watcher   Watcher
	statement *fragment  // that is evaluated: where its actions stand
	caches    [4]lowered // of long texts, which many rules ask for
	next      int
	language  [2]string // the text that was asked for its language last, and that
}

type lowered struct{ from, to, folded string }

// NewRun begins one message's evaluation. The view's pointers may be nil here: they are then empty.
// What the caller changes in it between calls is seen by what is evaluated next.
func (p *Program) NewRun(ctx context.Context, v *View, b Budget) *Run {
	r := newRun(ctx, v, b)
	r.instead = p.instead
	return r
}

func newRun(ctx context.Context, v *View, b Budget) *Run {
	if v == nil {
		v = &View{}
	}
	r := &Run{ctx: ctx, view: v, purse: newPurse(b)}
	r.watcher, _ = ctx.Value(watchKey{}).(Watcher)
	r.env.Run = r
	r.env.Step = func(...any) any {
		if err := r.step(); err != nil {
			panic(err) // expr's VM recovers it and returns it as an error
		}
		return nil
	}
	r.look()
	return r
}

// look takes over what the view points at now.
func (r *Run) look() {
	keep(&r.env.Mail, r.view.Mail)
	keep(&r.env.Envelope, r.view.Envelope)
	keep(&r.env.Mailbox, r.view.Mailbox)
	keep(&r.env.Sender, r.view.Sender)
	keep(&r.env.Issue, r.view.Issue)
}

// keep sets dst to src, or to an empty value when there is none: scripts meet no nil.
func keep[T any](dst **T, src *T) {
	if src != nil {
		*dst = src
	} else if *dst == nil {
		*dst = new(T)
	}
}

// Close ends the run: it lets go of the message.
func (r *Run) Close() { *r = Run{purse: purse{spent: true}, view: &View{}, ctx: context.Background()} }

// SetValue sets what `value` says in a token.
func (r *Run) SetValue(s string) { r.env.Value = s }

// makeList counts a list that is about to be made.
func (r *Run) makeList(n int) error {
	most := mostElements
	if r.lists {
		most = mostListed
	}
	if n > most {
		return fmt.Errorf("%w: more than %d elements", errTooLong, most)
	}
	if err := r.step(); err != nil {
		return err
	}
	return r.make(16 * n)
}

// weigh counts the elements of a value before something is done to it that costs as much as it has
// elements. A list that holds another many times counts it as often, which is what comparing costs.
func (r *Run) weigh(v any) error { return r.weighAt(v, 0) }

// deepestValue bounds lists in lists: what walks through them is recursive, and a stack overflow is fatal.
const deepestValue = 10_000

func (r *Run) weighAt(v any, depth int) error {
	if depth > deepestValue {
		return fmt.Errorf("lists lie more than %d deep in each other", deepestValue)
	}
	switch v := v.(type) {
	case nil, string, bool, int, float64, time.Time, time.Duration:
		return nil
	case []any:
		for _, e := range v {
			if err := r.step(); err != nil {
				return err
			}
			if err := r.weighAt(e, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, e := range v {
			if err := r.step(); err != nil {
				return err
			}
			if err := r.weighAt(e, depth+1); err != nil {
				return err
			}
		}
	default:
		if reflect.TypeOf(v).Kind() == reflect.Slice {
			r.steps += reflect.ValueOf(v).Len()
			return r.step()
		}
	}
	return nil
}

// record adds an action to those of the statement.
func (r *Run) record(a Action) (any, error) {
	if len(r.actions) >= mostActions {
		return nil, fmt.Errorf("more than %d actions in one statement", mostActions)
	}
	r.actions = append(r.actions, a)
	return a, nil
}

const longText = 256 // bytes; the lower-case form of longer texts is kept

// cached finds or makes the entry of a long text. Texts are told apart by where they lie in memory,
// which a text that is held here keeps.
func (r *Run) cached(s string) (*lowered, error) {
	for i := range r.caches {
		c := &r.caches[i]
		if sameText(c.from, s) {
			return c, nil
		}
	}
	if err := r.make(len(s)); err != nil {
		return nil, err
	}
	c := &r.caches[r.next%len(r.caches)]
	r.next++
	*c = lowered{from: s, to: strings.ToLower(s)}
	return c, nil
}

// lower is the text in lower case.
func (r *Run) lower(s string) (string, error) {
	if len(s) < longText {
		return strings.ToLower(s), r.step()
	}
	c, err := r.cached(s)
	if err != nil {
		return "", err
	}
	return c.to, nil
}

// folded is the text in lower case with each run of white space as one space.
func (r *Run) folded(s string) (string, error) {
	if len(s) < longText {
		return foldSpace(strings.ToLower(s)), r.step()
	}
	c, err := r.cached(s)
	if err != nil {
		return "", err
	}
	if c.folded == "" {
		if err := r.make(len(s)); err != nil {
			return "", err
		}
		c.folded = foldSpace(c.to)
	}
	return c.folded, nil
}
