package rules_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/dsl"
	"postern/rules"
)

const fails = `
	rule "order" { when fromJSON(mail.text).order == 7 then { tag("order") } }
	shadow rule "on trial" { when mail.subject startsWith "x" then { attachTo(fromJSON(mail.text).order) } }
	rule "next" { then { tag("seen") } }`

// asked decides mail with a text and a subject, and returns what is said of the rule "order".
func asked(t *testing.T, s *rules.Set, text string, mode rules.OnFailing) (*rules.Result, rules.Entry) {
	t.Helper()
	v := newView()
	v.Mail.Text = text
	r := decide(t, s, v, rules.Options{OnFailing: mode})
	if !strings.Contains(strings.Join(r.Changes.AddTags, " "), "seen") {
		t.Fatalf("the next rule did not run: %+v", r)
	}
	for _, e := range r.Trace {
		if e.Rule == "order" {
			return r, e
		}
	}
	t.Fatal("it is not in the trace")
	return nil, rules.Entry{}
}

// A rule that fails 20 times in a row is told once; one time that ends well begins anew, whether it matches or not.
func TestFailingIsTold(t *testing.T) {
	t.Parallel()
	for _, well := range []string{`{"order": 7}`, `{"order": 8}`} {
		s := compileOne(t, fails)
		for i := range 2*rules.FailsInARow - 2 {
			text := "no JSON"
			if i == rules.FailsInARow-1 {
				text = well
			}
			r, _ := asked(t, s, text, rules.ReportFailing)
			if len(r.Failing) > 0 || len(s.Failing()) > 0 {
				t.Fatalf("told after %d: %+v", i, r.Failing)
			}
		}
		var told []rules.Failing
		for range 5 {
			r, e := asked(t, s, "no JSON", rules.ReportFailing)
			told = append(told, r.Failing...)
			if e.Error == "" || e.Skipped != "" {
				t.Errorf("it is reported, and goes on: %+v", e)
			}
		}
		if len(told) != 1 || told[0].Rule != "order" || told[0].Times != 20 || told[0].Stage != "mail" || told[0].At.Line != 2 || told[0].Since != noon {
			t.Errorf("told %+v", told)
		}
		if f := s.Failing(); len(f) != 1 || f[0].Times != 23 {
			t.Errorf("failing: %+v", f)
		}
		if asked(t, s, well, rules.ReportFailing); len(s.Failing()) != 0 {
			t.Errorf("failing still: %+v", s.Failing())
		}
	}
}

// By setting it is not asked any more, which its trace says, until the set is published anew. What is decided again, and tests, do
// not count, and ask it.
func TestFailingIsSetAside(t *testing.T) {
	t.Parallel()
	s := compileOne(t, fails)
	for range 3 * rules.FailsInARow {
		asked(t, s, "no JSON", rules.IgnoreFailing)
	}
	if len(s.Failing()) != 0 {
		t.Fatalf("it counts what does not count: %+v", s.Failing())
	}
	for i := range rules.FailsInARow + 5 {
		_, e := asked(t, s, "no JSON", rules.SetAsideFailing)
		if aside := e.Skipped == string(rules.SkipSetAside); aside != (i >= rules.FailsInARow) || aside == (e.Error != "") {
			t.Errorf("mail %d: %+v", i, e)
		}
	}
	if _, e := asked(t, s, `{"order": 7}`, rules.SetAsideFailing); e.Matched || e.Skipped == "" {
		t.Errorf("asked again: %+v", e)
	}
	if _, e := asked(t, s, `{"order": 7}`, rules.IgnoreFailing); !e.Matched {
		t.Errorf("not asked by a test: %+v", e)
	}
	if _, e := asked(t, compileOne(t, fails), `{"order": 7}`, rules.SetAsideFailing); !e.Matched {
		t.Errorf("published anew it begins anew: %+v", e)
	}
	if _, e := asked(t, s, `{"order": 7}`, rules.ReportFailing); !e.Matched || len(s.Failing()) != 0 {
		t.Errorf("with the setting taken back it is asked: %+v", e)
	}
}

// That a message's budget is spent is no failing of the rule in which it showed, and a shadow rule's failing counts as any.
func TestFailingIsTheRulesOwn(t *testing.T) {
	t.Parallel()
	s := compileOne(t, `
		shadow rule "on trial" { when fromJSON(mail.text) == 1 then { tag("x") } }
		rule "a" { when any(1..100, # < 0) then { tag("x") } }
		rule "b" { when any(1..100, # < 0) then { tag("x") } }
		rule "c" { when any(1..100, # < 0) then { tag("x") } }
		rule "shows" { when any(1..100, # < 0) then { tag("x") } }
		`)
	for range rules.FailsInARow {
		r := decide(t, s, newView(), rules.Options{Budget: dsl.Budget{Steps: 300, Time: time.Minute}, OnFailing: rules.ReportFailing})
		if !r.Spent || !strings.Contains(r.Reason, "shows") {
			t.Fatalf("%+v", r)
		}
	}
	var names []string
	for _, f := range s.Failing() {
		names = append(names, f.Rule)
	}
	if fmt.Sprint(names) != "[on trial a b c]" {
		t.Errorf("failing: %v", names)
	}
}

// Many messages at once are told of once.
func TestFailingAtOnce(t *testing.T) {
	t.Parallel()
	s := compileOne(t, fails)
	var mu sync.Mutex
	told := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				v := newView()
				r := s.Decide(t.Context(), v, &issues{}, rules.Options{OnFailing: rules.SetAsideFailing})
				mu.Lock()
				told += len(r.Failing)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if f := s.Failing(); told != 1 || len(f) != 1 {
		t.Errorf("told %d times; failing: %+v", told, f)
	}
}
