package api

import (
	"context"
	"net/http"

	"postern/internal/fault"
	"postern/internal/issue"
)

// Shadows has a candidate set of rules asked beside the one that decides.
type Shadows interface {
	// Start is an *InvalidRules where the set does not compile, fault.Conflict while another candidate is watched.
	Start(ctx context.Context, n NewShadow, by string) (*StartedShadow, error)
	Stop(ctx context.Context) (*issue.Shadow, error)   // NotFound: there never was one
	Report(ctx context.Context) (*ShadowReport, error) // the same
}

// A NewShadow is what POST /api/v1/shadow takes.
type NewShadow struct {
	Files map[string]string `json:"files"` // as in POST /api/v1/rulesets
	For   string            `json:"for"`   // how long, such as 24h or 7d
	Share float64           `json:"share"` // percent of mails
	Note  string            `json:"note"`
}

// A StartedShadow is a candidate, with what its author may not have meant, and which of its tests fail: they would keep it from being
// published.
type StartedShadow struct {
	issue.Shadow
	Warnings []RulesProblem `json:"warnings"`
}

// A ShadowReport is what a candidate would have decided differently.
type ShadowReport struct {
	Shadow    issue.Shadow      `json:"shadow"`
	Running   bool              `json:"running"`
	Nodes     int               `json:"nodes"`    // that have found something
	Compared  int64             `json:"compared"` // messages
	Different int64             `json:"different"`
	Missed    int64             `json:"missed"` // not compared: there was too much to do
	Trouble   string            `json:"trouble,omitempty"`
	Rules     []RuleDifferences `json:"rules"` // most messages first
	Others    int64             `json:"others,omitempty"`
}

// RuleDifferences are those that one rule makes.
type RuleDifferences struct {
	Rule     string              `json:"rule"` // "": a setting, or none that is known
	File     string              `json:"file"`
	Line     int                 `json:"line"`
	Gone     bool                `json:"gone"` // it decides now, and would no longer
	Messages int64               `json:"messages"`
	Examples []DifferenceExample `json:"examples"`
}

// A DifferenceExample is a message that would be decided differently.
type DifferenceExample struct {
	Message string            `json:"message"`
	Issue   int64             `json:"issue"`
	Differs []FieldDifference `json:"differs"`
}

// A FieldDifference is what is decided of one field now, and what the candidate makes of it.
type FieldDifference struct {
	Field string `json:"field"`
	Was   string `json:"was"`
	Is    string `json:"is"`
}

func (a *API) startShadow(c *call) error {
	if a.o.Shadows == nil {
		return say(fault.Unavailable, "this server watches no candidate")
	}
	setDeadlines(c, rulesetTime+sized(maxRuleset))
	var n NewShadow
	if err := c.readUpTo(&n, maxRuleset); err != nil {
		return err
	}
	if len(n.Note) > maxNote {
		return say(fault.Invalid, "note is longer than %d bytes", maxNote)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), rulesetTime)
	defer cancel()
	sh, err := a.o.Shadows.Start(ctx, n, c.who.actor)
	if err != nil {
		return unpublished(err)
	}
	if err := a.o.Store.AppendEvent(ctx, a.event(c, "shadow.start", "shadow:"+sh.ID, sh.Note)); err != nil {
		return err
	}
	return c.json(http.StatusCreated, sh)
}

func (a *API) stopShadow(c *call) error {
	if a.o.Shadows == nil {
		return say(fault.Unavailable, "this server watches no candidate")
	}
	ctx := context.WithoutCancel(c.Request().Context())
	sh, err := a.o.Shadows.Stop(ctx)
	if err != nil {
		return noShadow(err)
	}
	if err := a.o.Store.AppendEvent(ctx, a.event(c, "shadow.stop", "shadow:"+sh.ID, "")); err != nil {
		return err
	}
	return c.json(http.StatusOK, sh)
}

func (a *API) shadowReport(c *call) error {
	if a.o.Shadows == nil {
		return say(fault.Unavailable, "this server watches no candidate")
	}
	r, err := a.o.Shadows.Report(c.Request().Context())
	if err != nil {
		return noShadow(err)
	}
	return c.json(http.StatusOK, r)
}

func noShadow(err error) error {
	if fault.Is(err, fault.NotFound) {
		return say(fault.NotFound, "no candidate was ever watched").because(err)
	}
	return err
}
