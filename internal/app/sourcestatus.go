package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/internal/api"
	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/poller"
)

// sourceDesk is the poller, with the hooks, as the API sees them.
type sourceDesk struct{ app *App }

var _ api.Sources = sourceDesk{}

// Sources are accounts and hooks, by name.
func (d sourceDesk) Sources(ctx context.Context) ([]api.SourceStatus, error) {
	all, err := d.app.poller.Status(ctx)
	if err != nil {
		return nil, err
	}
	records, err := d.app.store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	var out []api.SourceStatus
	for _, st := range all {
		out = append(out, sourceStatus(&st))
	}
	for _, h := range d.app.conf.Config().Hooks {
		if i := slices.IndexFunc(records, func(r *issue.SourceRecord) bool { return r.Name == h.Name }); i >= 0 {
			out = append(out, d.hook(h, records[i]))
		} else {
			out = append(out, d.hook(h, &issue.SourceRecord{Name: h.Name}))
		}
	}
	slices.SortFunc(out, func(a, b api.SourceStatus) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Source is one of them.
func (d sourceDesk) Source(ctx context.Context, name string) (*api.SourceDetail, error) {
	for _, h := range d.app.conf.Config().Hooks {
		if h.Name != name {
			continue
		}
		rec, err := d.app.store.Source(ctx, name)
		if fault.Is(err, fault.NotFound) {
			rec, err = &issue.SourceRecord{Name: name}, nil
		}
		if err != nil {
			return nil, err
		}
		return &api.SourceDetail{SourceStatus: d.hook(h, rec), PendingItems: []api.SourceItem{}, ParkedItems: []api.SourceItem{}}, nil
	}
	st, err := d.app.poller.StatusOf(ctx, name)
	if err != nil {
		return nil, err
	}
	out := &api.SourceDetail{SourceStatus: sourceStatus(&st), PendingItems: []api.SourceItem{}, ParkedItems: []api.SourceItem{}}
	for _, p := range st.Pending {
		i := sourceItem(p.Item, p.Reason, p.Since)
		i.Tries, i.Next = p.Tries, instant(p.Next)
		out.PendingItems = append(out.PendingItems, i)
	}
	for _, p := range st.Parked {
		i := sourceItem(p.Item, p.Reason, p.At)
		i.Message = p.Message
		out.ParkedItems = append(out.ParkedItems, i)
	}
	return out, nil
}

// account refuses the names of hooks, which Sources tells of too: nothing is fetched by them.
func (d sourceDesk) account(name string) error {
	if slices.ContainsFunc(d.app.conf.Config().Hooks, func(h config.Hook) bool { return h.Name == name }) {
		return fault.Errorf(fault.Invalid, "%s is a hook: its provider calls, and nothing is fetched", name)
	}
	return nil
}

// Poll has an account polled now.
func (d sourceDesk) Poll(ctx context.Context, name string) error {
	if err := d.account(name); err != nil {
		return err
	}
	return d.app.poller.Poll(ctx, name)
}

// Retry has a mail asked for again.
func (d sourceDesk) Retry(ctx context.Context, name, item string) error {
	if err := d.account(name); err != nil {
		return err
	}
	return d.app.poller.Retry(ctx, name, item)
}

// Drop forgets a mail that could not be taken.
func (d sourceDesk) Drop(ctx context.Context, name, item string) error {
	if err := d.account(name); err != nil {
		return err
	}
	return d.app.poller.Drop(ctx, name, item)
}

// maxSteps bounds what one check tells.
const maxSteps = 200

// Check tries each step of polling an account; with test, by whom it was asked for, a mail is put into it too, and seen again.
func (d sourceDesk) Check(ctx context.Context, name, test string) (out []api.SourceStep, err error) {
	if err := d.account(name); err != nil {
		return nil, err
	}
	if err = d.app.poller.Check(ctx, name, telling(&out)); err != nil || test == "" {
		return out, err
	}
	if slices.ContainsFunc(out, func(s api.SourceStep) bool { return s.State == "wrong" }) {
		telling(&out)(poller.Step{Name: "put", OK: true, Warn: true, Says: "no test mail was put there", Todo: "mend what is wrong first"})
		return out, nil
	}
	return out, d.app.test(ctx, &TestQuery{Source: name}, test, telling(&out))
}

// telling notes steps.
func telling(out *[]api.SourceStep) func(poller.Step) {
	return func(s poller.Step) {
		one := api.SourceStep{Name: s.Name, State: "ok", Says: s.Says, Do: s.Todo, Took: s.Took.Milliseconds()}
		switch {
		case !s.OK:
			one.State = "wrong"
		case s.Warn:
			one.State = "warning"
		}
		if len(*out) < maxSteps {
			*out = append(*out, one)
		}
	}
}

func (d sourceDesk) hook(h config.Hook, r *issue.SourceRecord) api.SourceStatus {
	since, silent := poller.Silent(r, 0, d.app.o.Now())
	out := api.SourceStatus{
		Name: h.Name, Kind: "hook", Mailboxes: h.Mailboxes, HeardAt: instant(r.HeardAt), MailAt: instant(r.MailAt), Mails: r.Mails, Error: r.Error,
		ErrorAt: instant(r.ErrorAt), Rejected: r.Rejected, SilenceSeconds: int64(since / time.Second), Silent: silent && h.Active,
	}
	if lag, ok := d.app.lags.Load(h.Name); ok {
		out.LagSeconds = lag.(time.Duration).Seconds()
	}
	if h.Mailbox != "-" {
		out.Mailboxes = []string{h.Mailbox}
	}
	if out.Mailboxes == nil {
		out.Mailboxes = []string{}
	}
	return out
}

func sourceStatus(st *poller.Status) api.SourceStatus {
	out := api.SourceStatus{
		Name: st.Name, Kind: st.Protocol, Mailboxes: st.Mailboxes, DryRun: st.DryRun, State: st.Doing, Holder: st.Holder,
		HeardAt: instant(st.HeardAt), MailAt: instant(st.MailAt), Mails: st.Mails, Error: st.Error, ErrorAt: instant(st.ErrorAt),
		SilenceSeconds: int64(st.Silence / time.Second), Silent: st.Silent, LagSeconds: st.Lag.Seconds(), Pending: len(st.Pending),
		Parked: len(st.Parked), Unsettled: st.Unsettled, PolledAt: instant(st.Polled), NextPoll: instant(st.Next), Slow: st.Slow,
	}
	if st.Backlog >= 0 {
		out.Backlog = &st.Backlog
	}
	if i := st.Import; i != nil {
		out.Import = &api.SourceImport{Began: i.Began, Ended: instant(i.Ended), Done: i.Done, Total: i.Total}
	}
	return out
}

func sourceItem(i poller.Item, reason string, since time.Time) api.SourceItem {
	return api.SourceItem{ID: i.ID, Folder: i.Folder, Size: i.Size, Reason: reason, Since: since}
}

// instant is a time, or nil for none.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = issue.Time(t)
	return &t
}
