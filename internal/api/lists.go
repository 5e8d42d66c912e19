package api

import (
	"net/http"
	"strings"

	"postern/internal/issue"
)

// listLedger answers where the mail is that Ann sent on Tuesday. A word is any piece of text without a space.
func (a *API) listLedger(c *call) error {
	words, err := a.bounded(strings.Fields(c.query.text("q")))
	if err != nil {
		return err
	}
	q := issue.LedgerQuery{Page: c.query.page(), Words: words, Address: c.query.address("address"), Since: c.query.instant("since")}
	lines, next, err := a.o.Store.Ledger(c.Request().Context(), q)
	if err != nil {
		return listed(err, q.Page)
	}
	return c.json(http.StatusOK, list(lines, next))
}

func (a *API) listEvents(c *call) error {
	events, next, err := a.o.Store.Events(c.Request().Context(), c.query.page())
	if err != nil {
		return listed(err, c.query.page())
	}
	return c.json(http.StatusOK, list(events, next))
}
