package api_test

import (
	"context"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/issue"
)

// A fake watcher keeps one candidate.
type watcher struct{ is *issue.Shadow }

func (w *watcher) Start(_ context.Context, n api.NewShadow, by string) (*api.StartedShadow, error) {
	switch {
	case n.Files["a.rules"] == "bad":
		return nil, &api.InvalidRules{Problems: []api.RulesProblem{{File: "a.rules", Line: 1, Column: 1, Message: "bad"}}}
	case w.is != nil:
		return nil, fault.Errorf(fault.Conflict, "a candidate is watched: stop it first")
	case n.Share > 100:
		return nil, fault.Errorf(fault.Invalid, "share must be a percentage")
	}
	w.is = &issue.Shadow{ID: "s1", Share: n.Share, By: by, Note: n.Note}
	return &api.StartedShadow{Shadow: *w.is, Warnings: []api.RulesProblem{{Message: "odd"}}}, nil
}

func (w *watcher) Stop(context.Context) (*issue.Shadow, error) {
	if w.is == nil {
		return nil, fault.Errorf(fault.NotFound, "none")
	}
	return w.is, nil
}

func (w *watcher) Report(ctx context.Context) (*api.ShadowReport, error) {
	sh, err := w.Stop(ctx)
	if err != nil {
		return nil, err
	}
	return &api.ShadowReport{Shadow: *sh, Compared: 7, Rules: []api.RuleDifferences{{Rule: "r", Messages: 2}}}, nil
}

func TestShadow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Shadows = &watcher{} })
	post := func(body string) answer {
		return w.do("POST", "/api/v1/shadow", body, "Content-Type: application/json")
	}
	w.problem(w.get("/api/v1/shadow"), 404)
	w.problem(w.do("DELETE", "/api/v1/shadow", ""), 404)
	if p := w.object(post(`{"files":{"a.rules":"bad"},"for":"24h","share":10}`), 422); p["problems"] == nil {
		t.Errorf("refused with %v", p)
	}
	w.problem(post(`{"files":{},"for":"24h","share":101}`), 400)
	w.problem(post(`{"files":{},"for":"24h","share":1,"note":"`+strings.Repeat("x", 2001)+`"}`), 400)
	if r := w.object(post(`{"files":{},"for":"24h","share":10,"note":"why"}`), 201); r["id"] != "s1" || r["by"] != "local" || r["note"] != "why" || len(r["warnings"].([]any)) != 1 {
		t.Errorf("started %v", r)
	}
	if d := w.problem(post(`{"files":{},"for":"24h","share":10}`), 409); !strings.Contains(d, "stop it first") {
		t.Errorf("a second one: %q", d)
	}
	if r := w.object(w.get("/api/v1/shadow"), 200); r["compared"] != 7.0 || len(r["rules"].([]any)) != 1 {
		t.Errorf("report %v", r)
	}
	w.object(w.do("DELETE", "/api/v1/shadow", ""), 200)
	if events := w.get("/api/v1/events").body; !strings.Contains(events, `"shadow.start"`) || !strings.Contains(events, `"shadow.stop"`) {
		t.Errorf("events: %s", events)
	}
	if a := newWorld(t).get("/api/v1/shadow"); a.status != 503 {
		t.Errorf("a server that watches none: %d", a.status)
	}
}
