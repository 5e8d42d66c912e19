package rules_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"postern/dsl"
	"postern/rules"
)

// facts are what a golden file says beside its rules. What is left out is as in newView.
type facts struct {
	*dsl.View
	Text    string             // looked through for tokens
	Threads map[string]int     // where thread keys lead
	Issues  map[int]*dsl.Issue // that are there
	Down    bool               // look-ups fail
	AtDoor  bool               // the envelope rules run first
	Past    []string           // rules that a person has overruled
	Budget  struct{ Steps, Bytes int }
}

// decided is what a golden file expects.
type decided struct {
	Verdict string        `json:"verdict,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	Bounce  bool          `json:"bounce,omitempty"`
	Failed  int           `json:"failed,omitempty"`
	Spent   bool          `json:"spent,omitempty"`
	Error   string        `json:"error,omitempty"`
	Changes rules.Changes `json:"changes"`
	Issue   *dsl.Issue    `json:"issue"`
	Trace   []rules.Entry `json:"trace"`
}

// Each file holds rules, facts and the whole decision; `go test ./rules -update` rewrites the decision.
func TestGolden(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/decide/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, name)
		})
	}
}

func golden(t *testing.T, name string) {
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	f := facts{View: newView()}
	want := -1
	for i, part := range ar.Files {
		switch part.Name {
		case "facts.json":
			d := json.NewDecoder(bytes.NewReader(part.Data))
			d.DisallowUnknownFields()
			if err := d.Decode(&f); err != nil {
				t.Fatalf("facts.json: %v", err)
			}
		case "want.json":
			want = i
		default:
			files[part.Name] = string(part.Data)
		}
	}
	got := run(t, compile(t, files), &f)
	if *update {
		if want < 0 {
			ar.Files = append(ar.Files, txtar.File{Name: "want.json"})
			want = len(ar.Files) - 1
		}
		ar.Files[want].Data = got
		if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want < 0 {
		t.Fatal("no want.json: run with -update and review")
	}
	if diff := cmp.Diff(string(ar.Files[want].Data), string(got)); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
}

func run(t *testing.T, s *rules.Set, f *facts) []byte {
	o := rules.Options{Now: still, Past: f.Past, Budget: dsl.Budget{Steps: f.Budget.Steps, Bytes: f.Budget.Bytes, Time: time.Minute}}
	v := f.View
	var r *rules.Result
	if f.AtDoor {
		r = s.Envelope(t.Context(), v, o)
		o.Envelope = r
		v.Issue = newIssue()
	}
	if r == nil || r.Verdict == "" {
		o.Tokens = s.FindTokens(f.Text, "")
		r = s.Decide(t.Context(), v, &issues{keys: f.Threads, known: f.Issues, down: f.Down}, o)
	}
	d := decided{Verdict: r.Verdict, Reason: r.Reason, Bounce: r.Bounce, Failed: r.Failed, Spent: r.Spent, Changes: r.Changes, Issue: v.Issue, Trace: r.Trace}
	if r.Err != nil {
		d.Error = r.Err.Error()
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}
