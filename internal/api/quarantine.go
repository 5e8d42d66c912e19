package api

import (
	"context"
	"errors"
	"net/http"

	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/issue"
)

// listQuarantine lists what waits for a person. What was deleted keeps its place as a message and is left out here, so a
// piece may be shorter than its limit.
func (a *API) listQuarantine(c *call) error {
	q := issue.MessageQuery{
		Page: c.query.page(), Verdict: string(intake.Quarantined), Mailbox: c.query.text("mailbox"),
		Author: c.query.address("author"), Since: c.query.instant("since"),
	}
	var waiting []*issue.Message
	var next issue.Cursor
	for range 10 { // a long run of deleted ones does not make an empty piece
		items, more, err := a.o.Store.Messages(c.Request().Context(), q)
		if err != nil {
			return listed(err, q.Page)
		}
		for _, m := range items {
			if m.DeletedAt == nil {
				waiting = append(waiting, m)
			}
		}
		if next = more; next == "" || len(waiting) > 0 {
			break
		}
		q.After = next
	}
	return c.json(http.StatusOK, list(summaries(waiting), next))
}

// held is the message that the path names, if it waits for a decision.
func (a *API) held(ctx context.Context, c *call) (*issue.Message, error) {
	m, err := a.message(ctx, c.param("id"))
	if err != nil {
		return nil, err
	}
	if m.Verdict != string(intake.Quarantined) {
		return nil, say(fault.Conflict, "message %s is not in quarantine: it is %s", m.ID, m.Verdict)
	}
	return m, nil
}

// waiting is held, and still there to be decided.
func (a *API) waiting(ctx context.Context, c *call) (*issue.Message, error) {
	m, err := a.held(ctx, c)
	if err == nil && m.DeletedAt != nil {
		return nil, say(fault.Conflict, "message %s was deleted", m.ID)
	}
	return m, err
}

// release decides a held message again, past the rule that stopped it, and says what it became.
func (a *API) release(c *call) error {
	if a.o.Release == nil {
		return say(fault.Unavailable, "this server releases nothing")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), decideTime)
	defer cancel()
	m, err := a.waiting(ctx, c)
	if err != nil {
		return err
	}
	setDeadlines(c, decideTime+bodyDeadline)
	out, err := a.o.Release(ctx, m.ID, c.who.actor)
	if err != nil {
		return decided(err)
	}
	if out.Verdict == intake.TryLater { // it is still held
		return refused(true, out.Reason)
	}
	return c.json(http.StatusOK, delivered(out))
}

func (a *API) reject(c *call) error {
	if a.o.Reject == nil {
		return say(fault.Unavailable, "this server rejects nothing afterwards")
	}
	ctx := context.WithoutCancel(c.Request().Context())
	m, err := a.waiting(ctx, c)
	if err != nil {
		return err
	}
	if err := a.o.Reject(ctx, m.ID, c.who.actor); err != nil {
		return decided(err)
	}
	return c.NoContent(http.StatusNoContent)
}

func (a *API) deleteHeld(c *call) error {
	ctx := context.WithoutCancel(c.Request().Context())
	m, err := a.held(ctx, c)
	if err != nil {
		return err
	}
	if err := a.o.Store.DropMessage(ctx, m.ID, a.event(c, "quarantine.delete", "message:"+m.ID, "")); err != nil {
		return decided(err)
	}
	return c.NoContent(http.StatusNoContent)
}

// decided explains why a decision about a message did not happen.
func decided(err error) error {
	kind := fault.KindOf(err)
	if why := (*intake.Unable)(nil); errors.As(err, &why) {
		if kind == fault.Invalid { // not the request is wrong, but what the message is by now
			kind = fault.Conflict
		}
		return say(kind, "%s", why.Reason)
	}
	switch kind {
	case fault.NotFound:
		return say(fault.NotFound, "the message, or its raw mail, is no longer there").because(err)
	case fault.Conflict, fault.Invalid, fault.Denied:
		return say(fault.Conflict, "it cannot be done to this message as it is now: read it again, its verdict and replayedBy say why").because(err)
	}
	return err
}
