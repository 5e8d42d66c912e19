package api

import (
	"context"
	"maps"
	"net/http"
	"time"

	"postern/dsl"
	"postern/internal/fault"
)

// A Draft is a set of rules that somebody is writing.
type Draft interface {
	Problems() []RulesProblem // all that is wrong with it, and what its author may not have meant; tests are not run
	Workspace() *dsl.Workspace
}

// A RulesDraft is what POST /api/v1/rules/check takes.
type RulesDraft struct {
	Base  string            `json:"base,omitempty"` // a published set, by its number, its version or latest, whose files count where files has none of their names
	Files map[string]string `json:"files"`          // as in POST /api/v1/rulesets
}

// A RulesQuestion is what POST /api/v1/rules/complete and /hover take: a place in one of the files, as problems have it.
type RulesQuestion struct {
	RulesDraft
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters
}

// A RulesExtent is a piece of a file, up to just before its end.
type RulesExtent struct {
	Line      int `json:"line"`
	Column    int `json:"column"`
	EndLine   int `json:"endLine"`
	EndColumn int `json:"endColumn"`
}

// RulesFound is what is wrong with a draft.
type RulesFound struct {
	Problems []RulesProblem `json:"problems"`
}

// RulesCompletions are what could stand at a place, instead of the piece of the file that is there.
type RulesCompletions struct {
	RulesExtent
	Items []dsl.Completion `json:"items"`
	More  bool             `json:"more"` // ask again when more is typed
}

// A RulesHover is what there is to say of the word or text at a place.
type RulesHover struct {
	RulesExtent
	dsl.Hover
	Markdown string `json:"markdown"` // all of it, for people
}

const (
	draftsAtOnce = 2 // that are looked at
	draftWait    = 10 * time.Second
)

// draft reads a draft, with the files of the set that it is based on, and waits for its turn.
func (a *API) draft(c *call, body any, in *RulesDraft) (d Draft, done func(), err error) {
	if a.o.Draft == nil {
		return nil, nil, say(fault.Unavailable, "this server does not help to write rules")
	}
	setDeadlines(c, rulesetTime+sized(maxRuleset))
	if err := c.readUpTo(body, maxRuleset); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), draftWait)
	defer cancel()
	select {
	case a.drafts <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, say(fault.Unavailable, "too many ask about rules at once")
	}
	release := func() { <-a.drafts }
	defer func() {
		if err != nil {
			release()
		}
	}()
	files := in.Files
	if in.Base != "" {
		base, err := a.ruleset(ctx, in.Base)
		if err != nil {
			return nil, nil, err
		}
		files = maps.Clone(base.Files)
		if files == nil {
			files = map[string]string{}
		}
		maps.Copy(files, in.Files)
	}
	if d, err = a.o.Draft(files); err != nil {
		return nil, nil, unpublished(err)
	}
	return d, release, nil
}

func (a *API) checkRules(c *call) error {
	var in RulesDraft
	d, done, err := a.draft(c, &in, &in)
	if err != nil {
		return err
	}
	defer done()
	return c.json(http.StatusOK, RulesFound{notNil(d.Problems())})
}

// asked reads a question about a place.
func (a *API) asked(c *call) (w *dsl.Workspace, q RulesQuestion, offset int, done func(), err error) {
	d, done, err := a.draft(c, &q, &q.RulesDraft)
	if err != nil {
		return nil, q, 0, nil, err
	}
	w = d.Workspace()
	return w, q, w.Offset(q.File, q.Line, q.Column), done, nil
}

func (a *API) completeRules(c *call) error {
	w, q, at, done, err := a.asked(c)
	if err != nil {
		return err
	}
	defer done()
	found := w.Complete(q.File, at)
	return c.json(http.StatusOK, RulesCompletions{extent(w, q.File, found.Span), notNil(found.Items), found.More})
}

func (a *API) hoverRules(c *call) error {
	w, q, at, done, err := a.asked(c)
	if err != nil {
		return err
	}
	defer done()
	h := w.Hover(q.File, at)
	if h == nil {
		return say(fault.NotFound, "there is nothing to say of what stands there")
	}
	return c.json(http.StatusOK, RulesHover{extent(w, q.File, h.Span), *h, h.Markdown()})
}

func extent(w *dsl.Workspace, file string, s dsl.Span) RulesExtent {
	from, to := w.Pos(file, s.Start), w.Pos(file, s.End)
	return RulesExtent{from.Line, from.Column, to.Line, to.Column}
}
