package api

import (
	"net/http"

	"postern/internal/fault"
	"postern/internal/intake"
)

// explainMessage says why a message became what it is. Conditions of rules are told to those alone who may read rules.
func (a *API) explainMessage(c *call) error {
	if a.o.Explain == nil {
		return say(fault.Unavailable, "this server explains nothing")
	}
	ctx := c.Request().Context()
	m, err := a.message(ctx, c.param("id"))
	if err != nil {
		return err
	}
	o := intake.ExplainOptions{Near: c.who.may(ruleReaders), Rule: c.query.text("rule")}
	if o.Rule != "" && !o.Near {
		return say(fault.Denied, "this token lacks the scope %s: conditions are told to those who may read rules", ScopeRules)
	}
	e, err := a.o.Explain.Explain(ctx, m.ID, o)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, e)
}

func (a *API) explainIssue(c *call) error {
	if a.o.Explain == nil {
		return say(fault.Unavailable, "this server explains nothing")
	}
	ctx := c.Request().Context()
	is, err := a.issue(ctx, c)
	if err != nil {
		return err
	}
	x, err := a.o.Explain.ExplainIssue(ctx, is.Number)
	if err != nil {
		return err
	}
	x.Issue = wholeIssue(x.Issue)
	return c.json(http.StatusOK, x)
}
