package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// RuleSets checks, publishes and compares sets of rules. Files are texts by path below the rules folder.
type RuleSets interface {
	// Check says what is wrong with a set, an *InvalidRules, or else what its author may not have meant, and publishes nothing.
	Check(ctx context.Context, files map[string]string) (warnings []RulesProblem, err error)
	// Publish and Rollback make a set the one that decides, on top of the publication number after: fault.Conflict where
	// another came first.
	Publish(ctx context.Context, files map[string]string, by, note string, after int64) (*PublishedRuleset, error)
	Rollback(ctx context.Context, number int64, by, note string, after int64) (*issue.Ruleset, error)
	Diff(from, to map[string]string) []FileDiff
}

// A FileDiff is how one file of a set differs from the same file of another.
type FileDiff struct {
	Name    string `json:"name"`
	Change  string `json:"change"` // "added", "removed", "changed"
	Added   int    `json:"added"`  // lines
	Removed int    `json:"removed"`
	Text    string `json:"text"` // a unified diff, cut where it is long
}

// InvalidRules is all that is wrong with a set of rules.
type InvalidRules struct{ Problems []RulesProblem }

func (e *InvalidRules) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	}
	return b.String()
}

// A RulesProblem is one thing that is wrong with a set of rules, or one expectation that a test of it did not meet.
type RulesProblem struct {
	File      string       `json:"file"`
	Line      int          `json:"line"`
	Column    int          `json:"column"`
	EndLine   int          `json:"endLine,omitempty"` // just behind what it is about
	EndColumn int          `json:"endColumn,omitempty"`
	Severity  string       `json:"severity,omitempty"` // "error", "warning"
	Code      string       `json:"code,omitempty"`     // what kind of warning it is: "never", "shadowed", …
	Message   string       `json:"message"`
	Hint      string       `json:"hint,omitempty"`
	Snippet   string       `json:"snippet,omitempty"` // the line, and a caret under the column
	Related   []RulesPlace `json:"related,omitempty"` // other places that it is about
}

// A RulesPlace is a place in a set of rules, and what stands there.
type RulesPlace struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// A NewRuleset is what POST /api/v1/rulesets takes.
type NewRuleset struct {
	Files map[string]string `json:"files"` // content by path below the rules folder; bytes that are no text as "base64:\n" and base64
	Note  string            `json:"note"`  // why
	After *int64            `json:"after"` // the number of the publication that it was made from, 0 for none
}

// A PublishedRuleset is a publication, with what its author may not have meant.
type PublishedRuleset struct {
	issue.Ruleset
	Warnings []RulesProblem `json:"warnings"`
}

// CheckedRules is what was found of a set that nothing is wrong with.
type CheckedRules struct {
	Warnings []RulesProblem `json:"warnings"`
}

// A RollBack is what POST /api/v1/rulesets/{id}/rollback takes.
type RollBack struct {
	Note  string `json:"note"`
	After *int64 `json:"after"` // the number of the publication that it takes the place of
}

// A RulesetDiff is how two publications differ.
type RulesetDiff struct {
	From  *issue.Ruleset `json:"from"`
	To    *issue.Ruleset `json:"to"`
	Files []FileDiff     `json:"files"`
}

const (
	maxRuleset  = 72 << 20        // bytes of a set's JSON
	maxNote     = 2000            // bytes
	rulesetTime = 2 * time.Minute // to check, test and publish a set
	latest      = "latest"
	shortest    = 8 // digits of a version that name it
)

func (a *API) listRulesets(c *call) error {
	q := issue.RulesetQuery{Page: c.query.page(), Version: c.query.text("version")}
	items, next, err := a.o.Store.Rulesets(c.Request().Context(), q)
	if err != nil {
		return listed(err, q.Page)
	}
	return c.json(http.StatusOK, list(items, next))
}

// ruleset reads a publication by its number, by the beginning of its version (the last of that version), or the latest.
func (a *API) ruleset(ctx context.Context, id string) (*issue.Ruleset, error) {
	none := say(fault.NotFound, "no rule set %q was published: name one by its number, %d or more digits of its version, or %q", clip(id, 64), shortest, latest)
	known := func(r *issue.Ruleset, err error) (*issue.Ruleset, error) {
		if fault.Is(err, fault.NotFound) {
			return nil, none.because(err)
		}
		return r, err
	}
	if id == latest {
		return known(a.o.Store.LatestRuleset(ctx))
	}
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && len(id) < shortest {
		return known(a.o.Store.Ruleset(ctx, n))
	}
	if len(id) < shortest || len(id) > 64 || strings.Trim(id, "0123456789abcdef") != "" {
		return nil, none
	}
	found, _, err := a.o.Store.Rulesets(ctx, issue.RulesetQuery{Page: issue.Page{Limit: 1}, Version: id})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, none
	}
	return known(a.o.Store.Ruleset(ctx, found[0].Number))
}

func (a *API) getRuleset(c *call) error {
	r, err := a.ruleset(c.Request().Context(), c.param("id"))
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, r)
}

func (a *API) diffRulesets(c *call) error {
	if a.o.Rules == nil {
		return say(fault.Unavailable, "this server compares no rules")
	}
	ctx := c.Request().Context()
	to, err := a.ruleset(ctx, c.param("id"))
	if err != nil {
		return err
	}
	from := &issue.Ruleset{}
	if id := c.query.text("from"); id != "" {
		if from, err = a.ruleset(ctx, id); err != nil {
			return err
		}
	} else if from, err = a.o.Store.Ruleset(ctx, to.Number-1); fault.Is(err, fault.NotFound) {
		from = &issue.Ruleset{} // it was the first
	} else if err != nil {
		return err
	}
	d := RulesetDiff{From: from, To: to, Files: notNil(a.o.Rules.Diff(from.Files, to.Files))}
	from.Files, to.Files = nil, nil
	return c.json(http.StatusOK, d)
}

// publishRuleset checks, tests and publishes a set; with check it only says what is wrong.
func (a *API) publishRuleset(c *call) error {
	if a.o.Rules == nil {
		return say(fault.Unavailable, "this server publishes no rules")
	}
	setDeadlines(c, rulesetTime+sized(maxRuleset))
	var n NewRuleset
	if err := c.readUpTo(&n, maxRuleset); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), rulesetTime)
	defer cancel()
	if c.query.flags["check"] {
		warnings, err := a.o.Rules.Check(ctx, n.Files)
		if err != nil {
			return unpublished(err)
		}
		return c.json(http.StatusOK, CheckedRules{notNil(warnings)})
	}
	if err := edited(n.Note, n.After); err != nil {
		return err
	}
	r, err := a.o.Rules.Publish(ctx, n.Files, c.who.actor, n.Note, *n.After)
	if err != nil {
		return unpublished(err)
	}
	r.Warnings = notNil(r.Warnings)
	if r.Number == *n.After { // it is what decides already
		return c.json(http.StatusOK, r)
	}
	return a.published(ctx, c, &r.Ruleset, r, "ruleset.publish")
}

func (a *API) rollbackRuleset(c *call) error {
	if a.o.Rules == nil {
		return say(fault.Unavailable, "this server publishes no rules")
	}
	var b RollBack
	if err := c.read(&b); err != nil {
		return err
	}
	if err := edited(b.Note, b.After); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), rulesetTime)
	defer cancel()
	setDeadlines(c, rulesetTime+bodyDeadline)
	old, err := a.ruleset(ctx, c.param("id"))
	if err != nil {
		return err
	}
	r, err := a.o.Rules.Rollback(ctx, old.Number, c.who.actor, b.Note, *b.After)
	if err != nil {
		return unpublished(err)
	}
	return a.published(ctx, c, r, r, "ruleset.rollback")
}

func edited(note string, after *int64) error {
	if after == nil {
		return say(fault.Invalid, "after is missing: the number of the publication that you know as the latest, 0 for none")
	}
	if len(note) > maxNote {
		return say(fault.Invalid, "note is longer than %d bytes", maxNote)
	}
	return nil
}

func (a *API) published(ctx context.Context, c *call, r *issue.Ruleset, answer any, action string) error {
	if err := a.o.Store.AppendEvent(ctx, a.event(c, action, fmt.Sprint("ruleset:", r.Number), r.Note)); err != nil {
		return err
	}
	c.Response().Header().Set("Location", fmt.Sprint("/api/v1/rulesets/", r.Number))
	return c.json(http.StatusCreated, answer)
}

// unpublished explains why a set does not decide.
func unpublished(err error) error {
	var wrong *InvalidRules
	switch kind := fault.KindOf(err); {
	case errors.As(err, &wrong):
		r := say(fault.Invalid, "the rules are not published: %d problems", len(wrong.Problems)).as(http.StatusUnprocessableEntity)
		if len(wrong.Problems) == 1 {
			r.detail = "the rules are not published: " + wrong.Error()
		}
		r.problems = wrong.Problems
		return r
	case kind == fault.Conflict, kind == fault.Invalid, kind == fault.TooLarge, kind == fault.NotFound:
		return say(kind, "%s", err) // told by us, of what the caller sent
	}
	return err
}
