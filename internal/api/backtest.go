package api

import (
	"context"
	"net/http"
	"time"

	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/issue"
)

// A NewBacktest is what POST /api/v1/backtest takes: the set to be tried, and on which messages.
type NewBacktest struct {
	Set      string            `json:"set,omitempty"`   // a published one, as /api/v1/rulesets/{id} takes it; neither it nor files: the one that decides
	Files    map[string]string `json:"files,omitempty"` // or one that was not published, as POST /api/v1/rulesets takes it
	Last     int               `json:"last,omitempty"`  // how many messages at most; 1000 unless told, or all since
	Since    *time.Time        `json:"since,omitempty"` // received at or after this time
	Mailbox  string            `json:"mailbox,omitempty"`
	Examples int               `json:"examples,omitempty"` // of each difference, 3 unless told
}

// backtestTime is how long one may take.
const backtestTime = 30 * time.Minute

func (a *API) backtest(c *call) error {
	if a.o.Backtest == nil {
		return say(fault.Unavailable, "this server decides nothing again")
	}
	if !c.who.may(reading) { // what a rule does may tell all of a mail
		return say(fault.Denied, "this token lacks the scope %s: differences show what is in mail", ScopeRead)
	}
	var n NewBacktest
	setDeadlines(c, backtestTime+sized(maxRuleset))
	if err := c.readUpTo(&n, maxRuleset); err != nil {
		return err
	}
	switch {
	case n.Set != "" && n.Files != nil:
		return say(fault.Invalid, "set and files are both given: name a published set, or send one")
	case n.Last < 0 || n.Last > intake.MaxLast:
		return say(fault.Invalid, "last is not a number from 1 to %d", intake.MaxLast)
	case n.Examples < 0 || n.Examples > intake.MaxExamples:
		return say(fault.Invalid, "examples is not a number from 1 to %d", intake.MaxExamples)
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), backtestTime)
	defer cancel()
	if n.Set != "" {
		r, err := a.ruleset(ctx, n.Set)
		if err != nil {
			return err
		}
		n.Files = r.Files
	}
	b := intake.Backtest{Last: n.Last, Mailbox: n.Mailbox, Examples: n.Examples}
	if n.Since != nil {
		b.Since = issue.Time(*n.Since)
	}
	r, err := a.o.Backtest(ctx, n.Files, b)
	if err != nil {
		return unpublished(err)
	}
	return c.json(http.StatusOK, r)
}
