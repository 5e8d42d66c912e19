package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/fault"
)

// desk is a poller of one source.
type desk struct{ did []string }

func (d *desk) Sources(context.Context) ([]api.SourceStatus, error) {
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	return []api.SourceStatus{{Name: "box", Kind: "imap", Mailboxes: []string{"support"}, HeardAt: &at, Error: "wrong password", Parked: 1}}, nil
}

func (d *desk) Source(ctx context.Context, name string) (*api.SourceDetail, error) {
	if name != "box" {
		return nil, fault.Errorf(fault.NotFound, "no source is called %q", name)
	}
	all, _ := d.Sources(ctx)
	return &api.SourceDetail{SourceStatus: all[0], PendingItems: []api.SourceItem{}, ParkedItems: []api.SourceItem{{ID: "INBOX/1/7", Reason: "too large"}}}, nil
}

func (d *desk) order(what, name, item string) error {
	switch {
	case name == "far":
		return fault.Errorf(fault.Conflict, "far is polled by node two: ask there")
	case name != "box":
		return fault.Errorf(fault.NotFound, "no source is called %q", name)
	}
	d.did = append(d.did, what+" "+item)
	return nil
}

func (d *desk) Poll(_ context.Context, name string) error        { return d.order("poll", name, "") }
func (d *desk) Retry(_ context.Context, name, item string) error { return d.order("retry", name, item) }
func (d *desk) Drop(_ context.Context, name, item string) error  { return d.order("drop", name, item) }

func (d *desk) Check(_ context.Context, name, test string) ([]api.SourceStep, error) {
	if err := d.order("check", name, ""); err != nil {
		return nil, err
	}
	if test != "" {
		return []api.SourceStep{{Name: "put", State: "ok"}, {Name: "seen", State: "ok", Says: "for " + test}}, nil
	}
	return []api.SourceStep{{Name: "dns", State: "ok"}, {Name: "login", State: "wrong", Says: "no", Do: "mend the password"}}, nil
}

func TestSources(t *testing.T) {
	t.Parallel()
	d := &desk{}
	w := newWorld(t, func(o *api.Options) { o.Sources = d })
	items := w.object(w.get("/api/v1/sources"), 200)["items"].([]any)
	if one := items[0].(map[string]any); len(items) != 1 || one["name"] != "box" || one["error"] != "wrong password" || one["backlog"] != nil || one["heardAt"] != "2026-03-01T11:00:00Z" {
		t.Errorf("%v", items)
	}
	if one := w.object(w.get("/api/v1/sources/box"), 200); one["parkedItems"].([]any)[0].(map[string]any)["id"] != "INBOX/1/7" || one["kind"] != "imap" {
		t.Errorf("%v", one)
	}
	w.problem(w.get("/api/v1/sources/none"), 404)
	for _, r := range [][2]string{{"POST", "/poll"}, {"POST", "/retry?item=INBOX/1/7"}, {"DELETE", "/parked?item=INBOX/1/7"}} {
		if a := w.do(r[0], "/api/v1/sources/box"+r[1], ""); a.status != 204 {
			t.Errorf("%s: %d", r[1], a.status)
		}
	}
	if got := strings.Join(d.did, ", "); got != "poll , retry INBOX/1/7, drop INBOX/1/7" {
		t.Errorf("it did %q", got)
	}
	w.problem(w.do("POST", "/api/v1/sources/box/retry", ""), 400)
	if said := w.problem(w.do("POST", "/api/v1/sources/far/poll", ""), 409); !strings.Contains(said, "node two") {
		t.Errorf("it says %q", said)
	}
	if c := w.object(w.do("POST", "/api/v1/sources/box/check", ""), 200); c["ok"] != false || len(c["steps"].([]any)) != 2 {
		t.Errorf("%v", c)
	}
	if c := w.object(w.do("POST", "/api/v1/sources/box/check?send=true", ""), 200); c["ok"] != true || !strings.Contains(fmt.Sprint(c["steps"]), "for local") {
		t.Errorf("%v", c)
	}
	w.problem(w.do("POST", "/api/v1/sources/box/check?send=perhaps", ""), 400)
	events := w.object(w.get("/api/v1/events"), 200)["items"].([]any)
	if len(events) != 3 || events[0].(map[string]any)["subject"] != "source:box" {
		t.Errorf("%v", events)
	}
	w.problem(newWorld(t).get("/api/v1/sources"), 503)
}
