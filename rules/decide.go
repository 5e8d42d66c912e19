package rules

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	mathbits "math/bits"
	"slices"
	"time"

	"postern/dsl"
)

// Envelope asks the envelope rules about one recipient, before there is a body. Hand the result to Decide with the
// same recipient's mail.
//
// Where AsksAtRecipient says no it need not be asked.
func (s *Set) Envelope(ctx context.Context, v *dsl.View, o Options) *Result {
	o.Envelope, o.Tokens = nil, nil
	return s.decide(ctx, v, nil, o, string(dsl.StageEnvelope), &s.envelope)
}

// AsksAtRecipient reports whether the set has envelope rules for a mailbox.
func (s *Set) AsksAtRecipient(mailbox string) bool { return s.envelope.mailbox(mailbox).count() > 0 }

// Decide lets the rules say what becomes of a mail: first the commands its sender wrote, then the mail rules.
// v.Issue is what the message starts or joins as it is before the rules; afterwards it is what they made
// of it, in a copy.
func (s *Set) Decide(ctx context.Context, v *dsl.View, host Host, o Options) *Result {
	return s.decide(ctx, v, host, o, string(dsl.StageMail), &s.mail)
}

// A decision is one walk through the rules.
type decision struct {
	set    *Set
	ctx    context.Context
	view   *dsl.View
	host   Host
	budget dsl.Budget
	past   []string
	watch  Witness
	fails  OnFailing
	now    func() time.Time
	at     time.Time // when the rule before this one was done

	board board
	trace recorder
	res   *Result
	runs  [2]*dsl.Run // of the rules, and of the shadow rules: these can spend only their own budget
}

func (s *Set) decide(ctx context.Context, v *dsl.View, host Host, o Options, stage string, p *plan) *Result {
	d := &decision{set: s, ctx: ctx, view: v, host: host, budget: budget(o.Budget), past: o.Past, watch: o.Witness, fails: o.OnFailing, now: o.Now,
		res: &Result{Ruleset: s.version}, board: newBoard(v, s.vocabulary)}
	if d.now == nil {
		d.now = time.Now
	}
	if d.watch == nil {
		d.watch, _ = ctx.Value(witnessKey{}).(Witness)
	}
	d.at = d.now()
	defer d.close()
	d.trace.entries = make([]Entry, 0, min(len(p.rules)+len(o.Tokens), maxUnmatched)+8)
	if e := o.Envelope; e != nil {
		d.trace.entries = append(d.trace.entries, e.Trace...)
		d.trace.unlisted = slices.Clone(e.Unlisted)
		d.res.Failed = e.Failed
		d.board.carry(e.steps)
	}
	if len(o.Tokens) > 0 {
		d.trace.begin(StageToken)
		d.tokens(o.Tokens)
		d.trace.end()
	}
	if !d.over() {
		d.trace.begin(stage)
		d.walk(p)
		d.trace.end()
	}
	return d.finish()
}

func budget(b dsl.Budget) dsl.Budget {
	b.Steps = cmp.Or(b.Steps, DefaultBudget.Steps)
	b.Time = cmp.Or(b.Time, DefaultBudget.Time)
	b.Bytes = cmp.Or(b.Bytes, DefaultBudget.Bytes)
	return b
}

// over reports whether nothing more is to be asked, in this stage or the next.
func (d *decision) over() bool { return d.res.Verdict != "" || d.res.Err != nil }

func (d *decision) finish() *Result {
	d.res.Trace, d.res.Unlisted = d.trace.entries, d.trace.unlisted
	switch d.res.Verdict {
	case Rejected, Discarded, TryLater:
		d.board.rewind(0)
		d.view.Issue = d.board.before
	}
	if d.res.Err != nil {
		d.view.Issue = d.board.before
		return d.res
	}
	d.res.Changes = d.board.changes
	d.res.steps = d.board.steps
	return d.res
}

func (d *decision) run(shadow bool) *dsl.Run {
	i, b := 0, d.budget
	if shadow {
		i, b.Time = 1, b.Time/2 // both runs look at the same clock: shadows alone cannot run it out
	}
	if d.runs[i] == nil {
		d.runs[i] = d.set.program.NewRun(d.ctx, d.view, b)
	}
	return d.runs[i]
}

func (d *decision) close() {
	for _, r := range d.runs {
		if r != nil {
			r.Close()
		}
	}
}

func (d *decision) tokens(tokens []Token) {
	for _, t := range tokens {
		for _, r := range d.set.commands(t.Name, d.view.Mailbox.Name) {
			if t.Ignored != "" {
				d.trace.skipped(r, dsl.Skip(t.Ignored))
				continue
			}
			d.run(r.Shadow).SetValue(t.Value)
			if why := d.skips(r); why != "" {
				d.trace.skipped(r, why)
			} else if d.try(r) == stopped {
				return
			}
		}
	}
}

// walk tries the mailbox's rules in order. Those that the index rules out are not run: they would not match.
func (d *decision) walk(p *plan) {
	mine := p.mailbox(d.view.Mailbox.Name)
	may := p.index.ask(d.view)
	defer p.index.done(may)
	for w, todo := range mine {
		run := todo & may.rules[w]
		if d.watch != nil {
			run = todo
		}
		unseen := uint64(0)
		if d.trace.full() {
			todo, unseen = run, todo&^run
		}
		for ; todo != 0; todo &= todo - 1 {
			i := mathbits.TrailingZeros64(todo)
			r := p.rules[w*64+i]
			if why := d.skips(r); why != "" {
				d.trace.skipped(r, why)
			} else if run&(1<<i) == 0 {
				d.trace.passed(r, 0)
			} else if d.try(r) == stopped {
				d.trace.omitted += mathbits.OnesCount64(unseen & (1<<i - 1))
				return
			}
		}
		d.trace.omitted += mathbits.OnesCount64(unseen)
	}
}

// skips says why a rule is not asked about this message, "" where it is.
func (d *decision) skips(r *dsl.Rule) dsl.Skip {
	if d.fails == SetAsideFailing && d.set.failures.failing(r) {
		return SkipSetAside
	}
	if r.Until.IsZero() && r.Sample == 0 {
		return "" // as nearly all: without a run, which a message may not need
	}
	return r.Skipped(d.run(r.Shadow))
}

// What trying a rule means for the ones after it.
type next bool

const (
	goesOn  next = false
	stopped next = true
)

// try evaluates one rule and applies what it asks for.
func (d *decision) try(r *dsl.Rule) next {
	began := d.at
	run := d.run(r.Shadow)
	matched, err := r.Match(run)
	if err == nil && !matched && d.watch != nil {
		d.watch(r, run)
	}
	if err == nil && !matched && !r.HasElse() {
		d.worked(r)
		d.at = d.now()
		d.trace.passed(r, d.at.Sub(began))
		return goesOn
	}
	mark := d.board.mark()
	does := doing{rule: r, matched: matched}
	if err == nil {
		err = d.act(run, &does)
	}
	d.at = d.now()
	e := d.trace.entry(r, d.at.Sub(began))
	e.Matched, e.Else, e.Actions, e.Fields, e.Overruled = matched, does.otherwise, does.actions, does.fields, does.overruled
	if err != nil {
		e.Error = describe(err)
	}
	d.trace.add(e)
	d.count(r, err)

	if r.Shadow {
		// Its stop stops nothing, and its failing or overspending is only its own.
		d.board.rewind(mark)
		return goesOn
	}
	if err != nil {
		d.board.rewind(mark)
		return d.failed(r, err)
	}
	if does.verdict != "" {
		d.res.Verdict, d.res.Reason, d.res.Bounce = does.verdict, does.reason, does.bounce
	}
	return next(does.ended)
}

// count counts what is the rule's own failing: not that a message's budget is spent, or a store does not answer.
func (d *decision) count(r *dsl.Rule, err error) {
	if err == nil {
		d.worked(r)
		return
	}
	var own *dsl.RuleError // which costs memory: not where all is well
	if d.fails != IgnoreFailing && d.ctx.Err() == nil && errors.As(err, &own) {
		if f, now := d.set.failures.failed(r, d.trace.stage, own.Pos, d.at); now {
			d.res.Failing = append(d.res.Failing, f)
		}
	}
}

func (d *decision) worked(r *dsl.Rule) {
	if d.fails != IgnoreFailing {
		d.set.failures.worked(r)
	}
}

func (d *decision) failed(r *dsl.Rule, err error) next {
	var down *hostError
	switch {
	case d.ctx.Err() != nil:
		d.res.Err = fmt.Errorf("decide by rule %q: %w", r.Name, context.Cause(d.ctx))
		return stopped
	case errors.As(err, &down):
		d.res.Err = fmt.Errorf("decide by rule %q: %w", r.Name, down.err)
		return stopped
	case errors.Is(err, dsl.ErrBudget):
		d.res.Spent, d.res.Verdict = true, Quarantined
		d.res.Reason = fmt.Sprintf("%v, at rule %q (%s:%d)", dsl.ErrBudget, r.Name, r.Pos.File, r.Pos.Line)
		return stopped
	default:
		d.res.Failed++
		return goesOn
	}
}

// doing is what a rule's statements have done so far.
type doing struct {
	rule    *dsl.Rule
	matched bool
	actions []string
	fields  []string
	ended   bool
	verdict string
	reason  string
	bounce  bool

	otherwise bool // it does what stands in else
	overruled bool
}

// act evaluates the statements of then or else in order. Each action is applied before the next statement is evaluated.
func (d *decision) act(run *dsl.Run, does *doing) error {
	does.otherwise = !does.matched
	for i := range does.rule.Len(does.matched) {
		actions, err := does.rule.Do(run, does.matched, i)
		if err != nil {
			return err
		}
		for _, a := range actions {
			does.actions = d.trace.action(does.actions, a)
			if err := d.apply(a, does); err != nil {
				return err
			}
			if does.ended {
				return nil
			}
		}
	}
	return nil
}

// A hostError is a look-up that could not be made now: the fault of no rule.
type hostError struct{ err error }

func (e *hostError) Error() string { return "look-up failed: " + e.err.Error() }
func (e *hostError) Unwrap() error { return e.err }

// apply does one action: the ones that end the stage and the ones that look something up here, the rest on the board.
func (d *decision) apply(a dsl.Action, does *doing) error {
	end := func(verdict string) error {
		if slices.Contains(d.past, does.rule.Name) && !does.rule.Shadow {
			does.overruled = true
			return nil
		}
		does.bounce = a.Name == "bounce"
		does.ended, does.verdict, does.reason = true, verdict, reason(a)
		does.note("verdict")
		return nil
	}
	st := step{action: a}
	var err error
	if d.host == nil && placement(&Changes{}, st) != "" {
		return wrong(a, "there is no issue yet at this stage")
	}
	asked := time.Now()
	switch a.Name {
	case "stop":
		does.ended = true
		return nil
	case "reject", "bounce":
		return end(Rejected)
	case "discard":
		return end(Discarded)
	case "quarantine":
		return end(Quarantined)
	case "tryLater":
		return end(TryLater)
	case "thread":
		st.target, err = d.host.Thread(d.ctx, text(a, 0), duration(a, 1))
	case "attachTo":
		st.target, err = d.host.Issue(d.ctx, number(a, 0))
		if err == nil && st.target == nil {
			return wrong(a, "there is no issue %d that this message may join", number(a, 0))
		}
	case "newIssue":
		st.target, err = d.host.New(d.ctx)
	}
	if err != nil {
		return &hostError{err}
	}
	if st.target != nil || a.Name == "thread" {
		d.waited(time.Since(asked))
	}
	if len(d.board.steps) == maxSteps {
		return wrong(a, "more than %d actions for one message", maxSteps)
	}
	field, err := d.board.put(st)
	if err != nil {
		return err
	}
	does.note(field)
	return nil
}

// waited leaves the time of a look-up out of what rules may take: a slow store is no fault of theirs.
func (d *decision) waited(took time.Duration) {
	for _, r := range d.runs {
		if r != nil {
			r.Away(took)
		}
	}
}

// note remembers that a field was set.
func (does *doing) note(field string) {
	if field != "" {
		does.fields = with(does.fields, field)
	}
}
