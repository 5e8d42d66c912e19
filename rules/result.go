package rules

import (
	"context"
	"time"

	"postern/dsl"
)

// What a rule can say instead of letting the message become an issue or a note.
const (
	Rejected    = "rejected"
	Discarded   = "discarded"
	Quarantined = "quarantined"
	TryLater    = "try later"
)

// A Result is what the rules made of a message.
type Result struct {
	Ruleset string  // the set's version
	Verdict string  // "" when no rule said anything: it becomes an issue or a note
	Reason  string  // one line, for the sender where the verdict is told
	Bounce  bool    // with Rejected: the rule asks for a bounce where the sender is no longer connected
	Changes Changes // none after Rejected, Discarded and TryLater
	Trace   []Entry // of all stages so far, bounded
	Failed  int     // rules that failed, took none of their actions, and were skipped
	Spent   bool    // the message's budget is spent, and the verdict is Quarantined

	// Unlisted are entries that the trace has no room for, of rules that acted or failed: to be counted, without what they did.
	Unlisted []Entry

	// Failing are rules that failed for the FailsInARow-th time in a row just now: to be told once.
	Failing []Failing

	// Err is set when nothing could be decided: a look-up failed or ctx ended. The message has to be
	// decided again later; nothing else in the result counts.
	Err error

	steps []step // what was applied, for the stage after this one
}

// Host answers what an action asks about issues that are there. An error means that it cannot say now,
// and ends the decision: see [Result.Err].
type Host interface {
	// Thread finds the open end of a thread(key): the issue that the key leads to, if the last message of that key is
	// no older than within (0: whatever its age). Nil when there is none.
	Thread(ctx context.Context, key string, within time.Duration) (*dsl.Issue, error)
	// Issue is the issue with that number, nil when there is none that this message may join.
	Issue(ctx context.Context, number int) (*dsl.Issue, error)
	// New is the issue that the message would start, with the mailbox's defaults and nothing that rules said.
	New(ctx context.Context) (*dsl.Issue, error)
}

// Options are what one decision starts from.
type Options struct {
	Budget   dsl.Budget // of this stage; zero values mean [DefaultBudget]'s
	Envelope *Result    // for Decide: what the envelope rules said of this recipient; nil when none were asked
	Tokens   []Token    // for Decide: the commands in the mail that its sender may use, in order
	Witness  Witness    // hears of each rule that did not match, and then every rule is run; nil for nobody
	// OnFailing says what becomes of rules that fail again and again.
	OnFailing OnFailing
	Past      []string // rules whose verdict a person has overruled: they may do all else, and end nothing

	// Now tells the time for the trace's durations; nil means time.Now. The clock that rules see is View.Now.
	Now func() time.Time
}

// A Witness hears of a rule that was run and did not match, while everything is as the rule saw it.
type Witness func(r *dsl.Rule, run *dsl.Run)

type witnessKey struct{}

// Witnessing gives a witness to the decisions that are made with the context and have none, as those of tests.
func Witnessing(ctx context.Context, w Witness) context.Context {
	return context.WithValue(ctx, witnessKey{}, w)
}

// DefaultBudget is what the rules of one message may cost together. Steps are what normally ends a script that runs
// away: they are the same on every machine. The time is the last resort, and long, since a busy machine must
// not send honest mail to quarantine; ten thousand ordinary rules take a few milliseconds.
var DefaultBudget = dsl.Budget{Steps: 2_000_000, Time: 2 * time.Second, Bytes: 64 << 20}
