package api

import (
	"context"
	"net/http"
	"time"

	"postern/internal/fault"
)

// Sources tells of the ways in, and has accounts polled.
type Sources interface {
	Sources(ctx context.Context) ([]SourceStatus, error)
	Source(ctx context.Context, name string) (*SourceDetail, error) // NotFound where the configuration has none
	// Poll, Retry and Drop are a Conflict, which says so, where another node polls the source.
	Poll(ctx context.Context, name string) error
	Retry(ctx context.Context, name, item string) error
	Drop(ctx context.Context, name, item string) error
	// Check tries each step of polling; where test is not "", it is who wants that a mail is put there, seen again and removed.
	Check(ctx context.Context, name, test string) ([]SourceStep, error)
}

// A SourceStatus is what is known of an account that mail is fetched from, or of a hook, on all nodes.
type SourceStatus struct {
	Name      string   `json:"name"`
	Kind      string   `json:"kind"` // "imap", "pop3", "graph" or "hook"
	Mailboxes []string `json:"mailboxes"`
	DryRun    bool     `json:"dryRun,omitempty"`
	State     string   `json:"state,omitempty"`  // of an account on the node that is asked: "polling", "waiting", "backing off", "standing by", …
	Holder    string   `json:"holder,omitempty"` // the node that polls it

	HeardAt        *time.Time `json:"heardAt"` // last contact with success
	MailAt         *time.Time `json:"mailAt"`
	Mails          int64      `json:"mails"` // that came since the beginning
	Error          string     `json:"error"` // what is wrong now
	ErrorAt        *time.Time `json:"errorAt"`
	Rejected       int64      `json:"rejected"` // requests to a hook that proved nothing
	SilenceSeconds int64      `json:"silenceSeconds"`
	Silent         bool       `json:"silent"` // that is longer than usual

	Backlog    *int          `json:"backlog"`    // mails that lay before it at the last poll; null: not known
	LagSeconds float64       `json:"lagSeconds"` // of the last mail, from its arrival at the server or provider to the commit; of a hook, on this node
	Pending    int           `json:"pending"`    // mails that are asked for again later
	Parked     int           `json:"parked"`     // that are put aside
	Unsettled  int           `json:"unsettled"`  // taken, and not yet moved or deleted at the server
	PolledAt   *time.Time    `json:"polledAt"`
	NextPoll   *time.Time    `json:"nextPoll"`
	Slow       bool          `json:"slow,omitempty"` // what it is the fallback for works
	Import     *SourceImport `json:"import"`
}

// A SourceImport is the first fetching of what lay in an account.
type SourceImport struct {
	Began time.Time  `json:"began"`
	Ended *time.Time `json:"ended"`
	Done  int64      `json:"done"`
	Total int64      `json:"total"` // -1: not known
}

// A SourceDetail is an account with the mails that it could not take.
type SourceDetail struct {
	SourceStatus
	PendingItems []SourceItem `json:"pendingItems"`
	ParkedItems  []SourceItem `json:"parkedItems"`
}

// A SourceItem is a mail at a server.
type SourceItem struct {
	ID      string     `json:"id"` // names it at the server
	Folder  string     `json:"folder"`
	Size    int64      `json:"size"` // -1: not known
	Reason  string     `json:"reason"`
	Since   time.Time  `json:"since"`
	Tries   int        `json:"tries"`
	Next    *time.Time `json:"next"`    // try
	Message string     `json:"message"` // in quarantine, with its raw mail; "": it lies at the server only
}

// A SourceStep is one thing that a check tried.
type SourceStep struct {
	Name  string `json:"name"`
	State string `json:"state"` // "ok", "warning", "wrong"
	Says  string `json:"says"`
	Do    string `json:"do"` // what to do about it
	Took  int64  `json:"tookMillis"`
}

// A SourceCheck is what a check found.
type SourceCheck struct {
	OK    bool         `json:"ok"`
	Steps []SourceStep `json:"steps"`
}

// checkTime bounds a check: servers may be slow, and each step has its own bound. With a test mail there is as much again.
const checkTime = 3 * time.Minute

func (a *API) listSources(c *call) error {
	if a.o.Sources == nil {
		return say(fault.Unavailable, "this server has no sources")
	}
	all, err := a.o.Sources.Sources(c.Request().Context())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, list(all, ""))
}

func (a *API) getSource(c *call) error {
	if a.o.Sources == nil {
		return say(fault.Unavailable, "this server has no sources")
	}
	s, err := a.o.Sources.Source(c.Request().Context(), c.param("name"))
	if err != nil {
		return aboutSource(err)
	}
	return c.json(http.StatusOK, s)
}

func (a *API) checkSource(c *call) error {
	if a.o.Sources == nil {
		return say(fault.Unavailable, "this server has no sources")
	}
	within, test := checkTime, ""
	if c.query.flags["send"] {
		within, test = 2*checkTime, c.who.actor
	}
	setDeadlines(c, within+bodyDeadline)
	ctx, cancel := context.WithTimeout(c.Request().Context(), within)
	defer cancel()
	steps, err := a.o.Sources.Check(ctx, c.param("name"), test)
	if err != nil {
		return aboutSource(err)
	}
	out := SourceCheck{OK: true, Steps: notNil(steps)}
	for _, s := range steps {
		out.OK = out.OK && s.State != "wrong"
	}
	return c.json(http.StatusOK, out)
}

func (a *API) pollSource(c *call) error {
	return a.orderSource(c, "source.poll", func(ctx context.Context, s Sources, name string) error { return s.Poll(ctx, name) })
}

func (a *API) retrySource(c *call) error {
	return a.orderSource(c, "source.retry", func(ctx context.Context, s Sources, name string) error {
		return s.Retry(ctx, name, c.query.texts["item"])
	})
}

func (a *API) dropParked(c *call) error {
	return a.orderSource(c, "source.drop", func(ctx context.Context, s Sources, name string) error {
		return s.Drop(ctx, name, c.query.texts["item"])
	})
}

// orderSource does something to a source and records who wanted it.
func (a *API) orderSource(c *call, what string, f func(context.Context, Sources, string) error) error {
	if a.o.Sources == nil {
		return say(fault.Unavailable, "this server has no sources")
	}
	setDeadlines(c, decideTime+bodyDeadline)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), decideTime)
	defer cancel()
	name := c.param("name")
	if err := f(ctx, a.o.Sources, name); err != nil {
		return aboutSource(err)
	}
	if err := a.o.Store.AppendEvent(ctx, a.event(c, what, "source:"+name, c.query.texts["item"])); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// aboutSource shows what was said for the caller: the names are the configuration's, and the sentences ours.
func aboutSource(err error) error {
	switch kind := fault.KindOf(err); kind {
	case fault.NotFound, fault.Conflict, fault.Invalid, fault.Unavailable:
		return say(kind, "%s", err.Error()).because(err)
	}
	return err
}
