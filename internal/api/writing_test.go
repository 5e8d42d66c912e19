package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"postern/dsl"
	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/issue"
)

// drafting is a Draft as internal/app makes them, without the checks of a set.
type drafting struct{ files map[string]string }

func (d drafting) Problems() []api.RulesProblem {
	var out []api.RulesProblem
	for name, text := range d.files {
		if _, diags := dsl.Parse(name, []byte(text)); len(diags) > 0 {
			out = append(out, api.RulesProblem{File: name, Line: diags[0].Line, Column: diags[0].Column, Severity: diags[0].Severity.String(), Message: diags[0].Message})
		}
	}
	return out
}

func (d drafting) Workspace() *dsl.Workspace {
	var files []*dsl.File
	for name, text := range d.files {
		f, _ := dsl.Parse(name, []byte(text))
		files = append(files, f)
	}
	return dsl.NewWorkspace(files, dsl.Options{Vocabulary: dsl.Vocabulary{Priorities: []string{"low", "urgent"}}}, nil)
}

func TestWritingRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) {
		o.Draft = func(files map[string]string) (api.Draft, error) {
			if files["bad"] != "" {
				return nil, fault.As(fault.Invalid, errors.New("stored file bad: illegal base64"))
			}
			return drafting{files}, nil
		}
	})
	_, err := w.store.PublishRuleset(t.Context(), issue.Ruleset{Version: strings.Repeat("a", 64), PublishedAt: issue.Time(w.now), Files: map[string]string{"10-lists.rules": "list vip = [\"example.org\"]\n"}}, 0)
	w.must(err)
	var doc struct {
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]schema }
	}
	w.must(json.Unmarshal([]byte(w.get("/api/v1/openapi.json").body), &doc))
	post := func(path, body string, status int) map[string]any {
		t.Helper()
		a := w.do("POST", "/api/v1/rules/"+path, body, "Content-Type: application/json")
		o := w.object(a, status)
		if status == 200 {
			for _, wrong := range conforms(doc.Components.Schemas, doc.Paths["/api/v1/rules/"+path]["post"].Responses["200"].Content["application/json"].Schema, o, path) {
				t.Error(wrong)
			}
		}
		return o
	}
	if p := post("check", `{"files":{"a.rules":"rule"}}`, 200)["problems"].([]any); len(p) != 1 || p[0].(map[string]any)["severity"] != "error" {
		t.Errorf("problems %v", p)
	}
	if p := post("check", `{"files":{}}`, 200)["problems"].([]any); len(p) != 0 {
		t.Errorf("of nothing: %v", p)
	}
	ask := func(path, text string, column int, status int) map[string]any {
		t.Helper()
		b, _ := json.Marshal(text)
		return post(path, fmt.Sprintf(`{"base":"latest","files":{"20.rules":%s},"file":"20.rules","line":1,"column":%d}`, b, column), status)
	}
	text := `rule "ü" { when mail.from.domain in vip then { priority("u") } }`
	got := ask("complete", text, strings.Index(text, "u\")")+1, 200)
	if items := fmt.Sprint(got["items"]); got["column"] != got["endColumn"].(float64)-1 || !strings.Contains(items, "urgent") || got["more"] != false {
		t.Errorf("completions %v", got)
	}
	got = ask("hover", text, strings.Index(text, "vip")+1, 200)
	if got["kind"] != "list" || !strings.Contains(got["markdown"].(string), "1 text") || got["column"] != float64(strings.Index(text, "vip")) {
		t.Errorf("hover %v", got)
	}
	ask("hover", text, 11, 404)
	if c := ask("complete", text, 1000, 200); len(c["items"].([]any)) == 0 && c["line"] != 1.0 {
		t.Errorf("beyond the line: %v", c)
	}
	post("complete", `{"base":"latest","files":{},"file":"none.rules","line":-1,"column":0}`, 200)
	post("check", `{"base":"99","files":{}}`, 404)
	post("check", `{"files":{"bad":"x"}}`, 400)
	post("check", `{"files":7}`, 400)
	for range 5 { // each turn is given back, also by those that failed
		post("check", `{"files":{"bad":"x"}}`, 400)
	}
	if a := newWorld(t).do("POST", "/api/v1/rules/check", `{"files":{}}`, "Content-Type: application/json"); a.status != 503 {
		t.Errorf("a server without: %d", a.status)
	}
}
