package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/issue"
)

// A fake publisher finds fault with files that say so, and compares by names.
type publisher struct{ store issue.Store }

func (p publisher) Check(_ context.Context, files map[string]string) ([]api.RulesProblem, error) {
	for name, text := range files {
		if text == "bad" {
			return nil, &api.InvalidRules{Problems: []api.RulesProblem{{File: name, Line: 1, Column: 2, Message: "unknown name bad"}}}
		}
	}
	return []api.RulesProblem{{File: "a.rules", Line: 3, Message: "never matches"}}, nil
}

func (p publisher) Publish(ctx context.Context, files map[string]string, by, note string, after int64) (*api.PublishedRuleset, error) {
	warnings, err := p.Check(ctx, files)
	if err != nil {
		return nil, err
	}
	if last, err := p.store.LatestRuleset(ctx); err == nil && last.Number == after && maps.Equal(last.Files, files) {
		return &api.PublishedRuleset{Ruleset: *last, Warnings: warnings}, nil
	}
	r := issue.Ruleset{Version: fmt.Sprintf("%064x", len(files["a.rules"])), Files: files, By: by, Note: note}
	n, err := p.store.PublishRuleset(ctx, r, after)
	r.Number, r.Files = n, nil
	return &api.PublishedRuleset{Ruleset: r, Warnings: warnings}, err
}

func (p publisher) Rollback(ctx context.Context, number int64, by, note string, after int64) (*issue.Ruleset, error) {
	old, err := p.store.Ruleset(ctx, number)
	if err != nil {
		return nil, err
	}
	r, err := p.Publish(ctx, old.Files, by, note, after)
	if err != nil {
		return nil, err
	}
	return &r.Ruleset, nil
}

func (publisher) Diff(from, to map[string]string) []api.FileDiff {
	if maps.Equal(from, to) {
		return nil
	}
	return []api.FileDiff{{Name: "a.rules", Change: "changed", Text: from["a.rules"] + " → " + to["a.rules"]}}
}

func TestRulesets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Rules = publisher{o.Store} })
	post := func(path string, body any) answer {
		t.Helper()
		b, err := json.Marshal(body)
		w.must(err)
		return w.do("POST", path, string(b), "Content-Type: application/json")
	}
	type set map[string]any
	files := func(text string) map[string]string { return map[string]string{"a.rules": text} }

	a := post("/api/v1/rulesets", set{"files": files("one"), "note": "first", "after": 0})
	if r := w.object(a, 201); r["number"] != 1.0 || r["by"] != "local" || r["note"] != "first" || r["files"] != nil || len(r["warnings"].([]any)) != 1 || a.header.Get("Location") != "/api/v1/rulesets/1" {
		t.Errorf("published %v %v", r, a.header)
	}
	w.object(post("/api/v1/rulesets", set{"files": files("three"), "note": "", "after": 1}), 201)
	w.object(post("/api/v1/rulesets", set{"files": files("three"), "note": "", "after": 2}), 200) // it is that already
	if d := w.problem(post("/api/v1/rulesets", set{"files": files("four"), "after": 1}), 409); !strings.Contains(d, "number 2, not 1") {
		t.Errorf("another came first: %q", d)
	}
	if d := w.problem(post("/api/v1/rulesets", set{"files": files("four")}), 400); !strings.Contains(d, "after is missing") {
		t.Errorf("no after: %q", d)
	}
	bad := post("/api/v1/rulesets", set{"files": files("bad"), "after": 2})
	if p := w.object(bad, 422); !strings.Contains(fmt.Sprint(p["problems"]), "line:1 message:unknown name bad") || p["detail"] != "the rules are not published: a.rules:1:2: unknown name bad" {
		t.Errorf("refused with %v", p)
	}
	if a := post("/api/v1/rulesets?check=true", set{"files": files("bad")}); a.status != 422 {
		t.Errorf("checked: %d", a.status)
	}
	if a := post("/api/v1/rulesets?check=true", set{"files": files("fine")}); a.status != 200 || a.body != `{"warnings":[{"file":"a.rules","line":3,"column":0,"message":"never matches"}]}` {
		t.Errorf("checked: %d %s", a.status, a.body)
	}
	if a := post("/api/v1/rulesets", set{"files": files(strings.Repeat("x", 100<<10)), "note": strings.Repeat("n", 3000), "after": 2}); a.status != 400 {
		t.Errorf("a note of 3000 bytes: %d", a.status)
	}
	w.object(post("/api/v1/rulesets/1/rollback", set{"note": "oops", "after": 2}), 201)
	w.problem(post("/api/v1/rulesets/9/rollback", set{"after": 3}), 404)
	w.problem(post("/api/v1/rulesets/1/rollback", set{"after": 2}), 409)

	got := w.get("/api/v1/rulesets").body
	for _, want := range []string{`"number":3`, `"number":2`, `"number":1`, `"note":"oops"`} {
		if !strings.Contains(got, want) || strings.Contains(got, `"files"`) {
			t.Errorf("the list lacks %s, or has files: %s", want, got)
		}
	}
	for id, want := range map[string]string{
		"latest": `"number":3`, "2": `"files":{"a.rules":"three"}`, fmt.Sprintf("%064x", 3): `"number":3`, fmt.Sprintf("%064x", 5): `"number":2`, "00000000": `"number":3`,
	} {
		if a := w.get("/api/v1/rulesets/" + id); a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%s: got %d %s, want %s", id, a.status, a.body, want)
		}
	}
	for _, id := range []string{"0", "-1", "9", "abc", "00000000g", "ffffffff", strings.Repeat("0", 65), "%2e%2e", "LATEST"} {
		w.problem(w.get("/api/v1/rulesets/"+id), 404)
	}
	for target, want := range map[string]string{
		"/api/v1/rulesets/2/diff": "one → three", "/api/v1/rulesets/1/diff": " → one", "/api/v1/rulesets/latest/diff?from=2": "three → one",
		"/api/v1/rulesets/3/diff?from=1": `"files":[]`,
	} {
		if a := w.get(target); a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%s: got %d %s, want %s", target, a.status, a.body, want)
		}
	}
	w.problem(w.get("/api/v1/rulesets/2/diff?from=77"), 404)
	events := w.get("/api/v1/events").body
	if !strings.Contains(events, `"ruleset.rollback","subject":"ruleset:3","detail":"oops"`) || strings.Count(events, `"ruleset.publish"`) != 2 {
		t.Errorf("events: %s", events)
	}

	// Who is at the socket may say who he is; who is not may not.
	body := `{"files":{"a.rules":"five!"},"after":3}`
	r := w.object(serve(w.api.SocketHandler("local"), "POST", "/api/v1/rulesets", body, "Content-Type: application/json", api.UserHeader+": ann"), 201)
	if r["by"] != "local:ann" {
		t.Errorf("by the socket: %v", r)
	}
	body = `{"files":{"a.rules":"sixsix"},"after":4}`
	r = w.object(w.do("POST", "/api/v1/rulesets", body, "Content-Type: application/json", api.UserHeader+": ann"), 201)
	if r["by"] != "local" {
		t.Errorf("by a listener: %v", r)
	}

	// Only whose token may see and publish rules does.
	for scope, want := range map[string]int{"read": 403, "write": 403, "rules": 200, "admin": 200} {
		secret := w.token("t-"+scope, scope)
		if a := w.get("/api/v1/rulesets", "Authorization: Bearer "+secret); a.status != want {
			t.Errorf("%s reads: %d, want %d", scope, a.status, want)
		}
		want = map[int]int{403: 403, 200: 400}[want]
		if a := w.do("POST", "/api/v1/rulesets", "{}", "Content-Type: application/json", "Authorization: Bearer "+secret); a.status != want {
			t.Errorf("%s publishes: %d, want %d", scope, a.status, want)
		}
	}
}
