package api

import (
	"net/http"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// A RuleStatistic is what one rule of a set did.
type RuleStatistic struct {
	Rule      string        `json:"rule"`
	Stage     string        `json:"stage"` // "envelope", "token", "mail"
	File      string        `json:"file"`
	Line      int           `json:"line"`
	Shadow    bool          `json:"shadow,omitempty"`
	Disabled  bool          `json:"disabled,omitempty"`
	Matches   int64         `json:"matches"` // in this set
	Errors    int64         `json:"errors"`
	Took      time.Duration `json:"took"`                // of those that matched or failed
	Ever      int64         `json:"ever"`                // matches in all sets that had a rule of that name
	LastMatch *time.Time    `json:"lastMatch,omitempty"` // in any of them
	Failing   int           `json:"failing,omitempty"`   // so often in a row on this node, 20 times or more, and not once well since
	Idle      bool          `json:"idle"`                // it was there 90 days ago, and has not matched since
}

// RulesetStats is what the rules of a published set did.
type RulesetStats struct {
	Ruleset *issue.Ruleset  `json:"ruleset"` // without its files
	Rules   []RuleStatistic `json:"rules"`   // in their order
}

func (a *API) rulesetStats(c *call) error {
	if a.o.Statistics == nil {
		return say(fault.Unavailable, "this server counts no rules")
	}
	ctx := c.Request().Context()
	r, err := a.ruleset(ctx, c.param("id"))
	if err != nil {
		return err
	}
	stats, err := a.o.Statistics(ctx, r)
	if err != nil {
		return err
	}
	r.Files = nil
	return c.json(http.StatusOK, RulesetStats{Ruleset: r, Rules: notNil(stats)})
}
