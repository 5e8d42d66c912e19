package rules_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/rules"
)

// A member is one node of several: its folder, its memory and, while it runs, its Live.
type member struct {
	*rules.Live
	dir  string
	side *node
	log  *buffer
}

func newMember(t *testing.T, s *shelf, by string, files map[string]string, change func(*rules.LiveOptions)) *member {
	t.Helper()
	m := &member{dir: t.TempDir(), side: &node{shelf: s}}
	write(t, m.dir, files)
	m.restart(t, by, change)
	return m
}

// restart begins a new Live on what the node remembers.
func (m *member) restart(t *testing.T, by string, change func(*rules.LiveOptions)) {
	t.Helper()
	m.Live, m.log = newLive(t, m.dir, func(o *rules.LiveOptions) {
		o.Archive, o.By, o.Follow = m.side, by, 5*time.Millisecond
		if change != nil {
			change(o)
		}
	})
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// folder edits the node's folder, in one step.
func (m *member) folder(t *testing.T, tag string) {
	t.Helper()
	write(t, m.dir, map[string]string{".new": says(tag)})
	rename(t, filepath.Join(m.dir, ".new"), filepath.Join(m.dir, "1.rules"))
}

func tags(t *testing.T, members ...*member) string {
	t.Helper()
	var out []string
	for _, m := range members {
		out = append(out, tagOf(t, m.Current()))
	}
	return strings.Join(out, " ")
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func by(s *shelf) string {
	var out []string
	for _, p := range s.all() {
		out = append(out, p.By)
	}
	return strings.Join(out, " ")
}

// Two nodes whose folders differ publish each edit once, and never because the other published.
func TestNodesNeverTakeTurns(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	a := newMember(t, s, "a", map[string]string{"1.rules": says("one")}, nil)
	b := newMember(t, s, "b", map[string]string{"1.rules": says("two")}, nil)
	turns := func() {
		t.Helper()
		for range 3 {
			for _, m := range []*member{a, b} {
				_, err := m.Publish(t.Context())
				must(t, err, m.Follow(t.Context()))
			}
		}
	}
	turns()
	if got := by(s); got != "a b" || tags(t, a, b) != "two two" {
		t.Fatalf("published by %q, deciding %q", got, tags(t, a, b))
	}
	if st := a.Status(); st.Number != 2 || st.By != "b" || st.Folder == "" || st.Folder == st.Version || st.LastError != "" || st.Behind != "" {
		t.Errorf("a's status: %+v", st)
	}
	a.restart(t, "a", nil) // it remembers that its folder was published
	b.restart(t, "b", nil)
	turns()
	a.side.seen, b.side.seen = "", "" // their data folders are lost: what was replaced does not come back
	a.restart(t, "a", nil)
	b.restart(t, "b", nil)
	turns()
	if got := by(s); got != "a b" || tags(t, a, b) != "two two" {
		t.Fatalf("after restarts: published by %q, deciding %q", got, tags(t, a, b))
	}
	a.folder(t, "three")
	turns()
	b.folder(t, "one") // also what was live before is an edit
	turns()
	a.folder(t, "one") // and what is live already is none
	turns()
	if got := by(s); got != "a b a b" || tags(t, a, b) != "one one" || a.Status().Folder != "" {
		t.Errorf("published by %q, deciding %q, %+v", got, tags(t, a, b), a.Status())
	}
}

// What a node refused is not published later, when it has come to fit, over what others published meanwhile; before that it is, also
// across a restart.
func TestRefusedDoesNotComeBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		text         string
		others       bool
		decides, who string
	}{
		{"nobody published meanwhile", `rule "r" { then { priority("urgent"); tag("urgent") } }`, false, "urgent", "a a"},
		{"somebody published meanwhile", `rule "r" { then { priority("urgent"); tag("urgent") } }`, true, "two", "a cli"},
	} {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, restarts), func(t *testing.T) {
				t.Parallel()
				s := &shelf{}
				var mu sync.Mutex
				own := options
				own.Vocabulary.Priorities = []string{"normal"}
				change := func(o *rules.LiveOptions) {
					o.Load = func() rules.LoadOptions { mu.Lock(); defer mu.Unlock(); return own }
				}
				a := newMember(t, s, "a", map[string]string{"1.rules": says("one")}, change)
				write(t, a.dir, map[string]string{"1.rules": c.text})
				if _, err := a.Publish(t.Context()); err == nil {
					t.Fatal("it was published")
				}
				if c.others {
					_, err := a.PublishFiles(t.Context(), map[string]string{"1.rules": says("two")}, rules.Edit{By: "cli", After: 1})
					must(t, err)
					_, _ = a.Publish(t.Context()) // it is refused again
				}
				mu.Lock()
				own.Vocabulary.Priorities = []string{"normal", "urgent"}
				mu.Unlock()
				if restarts {
					a.restart(t, "a", change)
				}
				_, _ = a.Publish(t.Context())
				if tags(t, a) != c.decides || by(s) != c.who {
					t.Fatalf("deciding %q, published by %q", tags(t, a), by(s))
				}
				a.folder(t, "three") // an edit
				_, err := a.Publish(t.Context())
				must(t, err)
				if tags(t, a) != "three" {
					t.Errorf("after an edit: deciding %q, by %q", tags(t, a), by(s))
				}
			})
		}
	}
}

// A person's publication and rollback hold on all nodes, whatever their folders hold, also across a restart.
func TestRollbackStays(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	a := newMember(t, s, "a", map[string]string{"1.rules": says("one")}, nil)
	a.folder(t, "two")
	_, err := a.Publish(t.Context())
	must(t, err)
	b := newMember(t, s, "b", map[string]string{"1.rules": says("two")}, nil)
	p, err := b.Rollback(t.Context(), 1, rules.Edit{By: "cli", After: 2})
	if err != nil || p.Number != 3 || p.Note != "back to number 1" || p.By != "cli" {
		t.Fatalf("rolled back to %+v, %v", p, err)
	}
	must(t, a.Follow(t.Context()))
	for range 2 {
		for _, m := range []*member{a, b} {
			_, err := m.Publish(t.Context())
			must(t, err)
		}
		if tags(t, a, b) != "one one" || by(s) != "a a cli" {
			t.Fatalf("deciding %q, published by %q", tags(t, a, b), by(s))
		}
		a.restart(t, "a", nil)
		b.restart(t, "b", nil)
	}
	if _, err := a.Rollback(t.Context(), 9, rules.Edit{After: 3}); !fault.Is(err, fault.NotFound) {
		t.Errorf("back to what never was: %v", err)
	}
}

func TestPublishFiles(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	a := newMember(t, s, "a", map[string]string{"1.rules": says("one")}, nil)
	files := map[string]string{"1.rules": "list l = file(\"lists/l.txt\")\n" + `rule "r" { then { "x" in l ? tag("two") : nil } }`, "lists/l.txt": "x\n"}
	p, err := a.PublishFiles(t.Context(), files, rules.Edit{By: "token:x", Note: "why", After: 1})
	if err != nil || p.Number != 2 || p.Files != nil || tags(t, a) != "two" {
		t.Fatalf("published %+v, %v, deciding %q", p, err, tags(t, a))
	}
	if got := s.all()[1]; got.Note != "why" || got.By != "token:x" || got.At.IsZero() || got.Files["lists/l.txt"] != "x\n" || got.Version != a.Current().Version() {
		t.Errorf("kept %+v", got)
	}
	if p, err := a.PublishFiles(t.Context(), files, rules.Edit{After: 2}); err != nil || p.Number != 2 || len(s.all()) != 2 {
		t.Errorf("the same again: %+v, %v, %d kept", p, err, len(s.all()))
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		after int64
		kind  fault.Kind
		says  string
	}{
		{"another came first", map[string]string{"1.rules": says("x")}, 1, fault.Conflict, "the latest publication is number 2"},
		{"broken", map[string]string{"1.rules": "rule \"r\" { then { tagg(\"x\") } }\nrule \"s\" { then { tagg(\"y\") } }"}, 2, fault.Invalid, "1.rules:2:19"},
		{"tests fail", map[string]string{"1.rules": tested}, 2, fault.Invalid, "1.rules:27:12"},
		{"a name that leads out", map[string]string{"../1.rules": says("x")}, 2, fault.Invalid, "no name of a file"},
		{"an absolute name", map[string]string{"/1.rules": says("x")}, 2, fault.Invalid, "no name of a file"},
		{"a rules file too large", map[string]string{"1.rules": strings.Repeat("\n", rules.MaxRulesFile+1)}, 2, fault.TooLarge, "1.rules"},
		{"nothing", map[string]string{}, 2, fault.Invalid, "no *.rules file"},
		{"no rules", map[string]string{"l.txt": "x", "sub/1.rules": "", ".1.rules": ""}, 2, fault.Invalid, "no *.rules file"},
		{"too much", map[string]string{"a": strings.Repeat("\n", 2*rules.MaxFiles)}, 2, fault.TooLarge, "together"},
	} {
		_, err := a.PublishFiles(t.Context(), c.files, rules.Edit{By: "cli", After: c.after})
		if !fault.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err, a.errors(err)), c.says) || len(s.all()) != 2 || tags(t, a) != "two" {
			t.Errorf("%s: got %v of kind %v, want %v saying %q; %d kept", c.name, err, fault.KindOf(err), c.kind, c.says, len(s.all()))
		}
	}
	write(t, a.dir, map[string]string{"1.rules": tested})
	if _, err := a.Publish(t.Context()); err == nil {
		t.Error("published although its tests fail")
	}
	if _, err := a.PublishFiles(t.Context(), map[string]string{"1.rules": tested}, rules.Edit{After: 2}); !strings.HasPrefix(a.errors(err), "1.rules:27:12: ") {
		t.Errorf("what the folder holds, handed over: %s", a.errors(err))
	}
	a.folder(t, "one")
	if _, err := a.Publish(t.Context()); err != nil || tags(t, a) != "two" {
		t.Error(err, tags(t, a))
	}
	if a.Status().LastError != "" {
		t.Errorf("what was refused in the hands of its author shows as the node's trouble: %+v", a.Status())
	}
}

// errors is all that a report has to say.
func (m *member) errors(err error) string {
	var r rules.Report
	if !errors.As(err, &r) {
		return ""
	}
	var b strings.Builder
	_ = r.Write(&b, true)
	return b.String()
}

// Of those who publish from the same publication at once one wins, the others hear it, and all end with the same set.
func TestPublishAtOnce(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	var all []*member
	for i := range 4 {
		m := newMember(t, s, fmt.Sprint("n", i), map[string]string{"1.rules": says("start")}, nil)
		watch(t, m.Live)
		all = append(all, m)
	}
	for round := range 5 {
		before := int64(len(s.all()))
		var won, lost int
		var mu sync.Mutex
		var g sync.WaitGroup
		for i, m := range all {
			g.Go(func() {
				_, err := m.PublishFiles(t.Context(), map[string]string{"1.rules": says(fmt.Sprint("t", round, i))}, rules.Edit{By: "cli", After: before})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case fault.Is(err, fault.Conflict):
					lost++
				default:
					t.Errorf("publish: %v", err)
				}
			})
		}
		g.Wait()
		if won != 1 || lost != 3 {
			t.Fatalf("%d won, %d lost", won, lost)
		}
		wait(t, "all agree", func() bool {
			for _, m := range all {
				if st := m.Status(); st.Number != before+1 || st.Version != s.all()[before].Version {
					return false
				}
			}
			return true
		})
	}
	// The same edit in all folders at once is one publication.
	n := len(s.all())
	for _, m := range all {
		m.folder(t, "deployed")
	}
	wait(t, "all took it up", func() bool { return tags(t, all...) == "deployed deployed deployed deployed" })
	for _, m := range all {
		m.Reload()
	}
	time.Sleep(50 * time.Millisecond)
	if got := len(s.all()); got != n+1 {
		t.Errorf("%d publications of one edit, by %s", got-n, by(s))
	}
	// Different edits at once are one publication each, and all agree on the last.
	n = len(s.all())
	for i, m := range all {
		m.folder(t, fmt.Sprint("own", i))
	}
	defer func() {
		if t.Failed() {
			t.Log(n, by(s), tags(t, all...))
			for _, m := range all {
				t.Logf("%+v\n%s", m.Status(), m.log)
			}
		}
	}()
	wait(t, "each is published and all agree", func() bool {
		pubs := s.all()
		for _, m := range all {
			if m.Status().Number != int64(n+4) || m.Status().Version != pubs[len(pubs)-1].Version {
				return false
			}
		}
		return len(pubs) == n+4
	})
}

// A node that the published set does not fit keeps its last good one and says why; so it does across a restart, and until its
// configuration or the set is mended.
func TestBehind(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	var mu sync.Mutex
	own := options
	own.Vocabulary.Priorities = []string{"normal"}
	load := func(o *rules.LiveOptions) {
		o.Load = func() rules.LoadOptions { mu.Lock(); defer mu.Unlock(); return own }
	}
	urgent := map[string]string{"1.rules": `rule "r" { then { priority("urgent"); tag("urgent") } }`}
	a := newMember(t, s, "a", map[string]string{"1.rules": says("one")}, nil)
	b := newMember(t, s, "b", map[string]string{"1.rules": says("one")}, load)
	_, err := a.PublishFiles(t.Context(), urgent, rules.Edit{By: "cli", After: 1})
	must(t, err)
	for range 2 {
		if err := b.Follow(t.Context()); err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		st := b.Status()
		if tags(t, b) != "one" || st.Number != 1 || !strings.Contains(st.Behind, "publication 2 by cli") || !strings.Contains(st.Behind, "1.rules:1:28") {
			t.Fatalf("deciding %q, status %+v", tags(t, b), st)
		}
		b.restart(t, "b", load)
	}
	for range 3 { // told once
		_ = b.Follow(t.Context())
	}
	if n := strings.Count(b.log.String(), "do not fit this node"); n != 1 {
		t.Errorf("told %d times:\n%s", n, b.log)
	}
	mu.Lock()
	own.Vocabulary.Priorities = []string{"normal", "urgent"}
	mu.Unlock()
	_, err = b.Publish(t.Context()) // as Reload has Watch do
	must(t, err)
	if st := b.Status(); tags(t, b) != "urgent" || st.Number != 2 || st.Behind != "" {
		t.Errorf("mended: deciding %q, status %+v", tags(t, b), st)
	}
	if by(s) != "a cli" {
		t.Errorf("published by %q", by(s))
	}
}

// Where rules live in the store the folder does not exist; the first start publishes the built-in set, once for all nodes.
func TestRulesInStore(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	inStore := func(o *rules.LiveOptions) { o.Dir, o.Builtin = "", true }
	a := newMember(t, s, "a", map[string]string{"1.rules": says("ignored")}, inStore)
	b := newMember(t, s, "b", nil, inStore)
	if st := b.Status(); by(s) != rules.ByBuiltin || st.Version != a.Status().Version || st.Number != 1 {
		t.Fatalf("published by %q, status %+v", by(s), st)
	}
	watch(t, b.Live)
	_, err := a.PublishFiles(t.Context(), map[string]string{"1.rules": says("two")}, rules.Edit{By: "cli", After: 1})
	must(t, err)
	wait(t, "the other hears it", func() bool { return tags(t, b) == "two" })
	a.folder(t, "ignored too")
	_, err = a.Publish(t.Context())
	must(t, err)
	a.restart(t, "a", inStore)
	if tags(t, a) != "two" || len(s.all()) != 2 {
		t.Errorf("deciding %q, %d kept", tags(t, a), len(s.all()))
	}
}

// What was cut off between two steps of a publication is done by the next start, once.
func TestCrashWhilePublishing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		kept bool // the set was kept, and the node did not come to remember it
	}{{"before it was kept", false}, {"after it was kept", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{}
			a := newMember(t, s, "a", map[string]string{"1.rules": says("one")}, nil)
			a.folder(t, "two")
			if c.kept {
				files, err := rules.ReadFiles(a.dir)
				must(t, err)
				s.put("a", files)
			} else {
				s.fail(errors.New("gone"))
				if _, err := a.Publish(t.Context()); err == nil || tags(t, a) != "one" {
					t.Fatalf("published into nothing: %v, deciding %q", err, tags(t, a))
				}
				s.fail(nil)
			}
			a.restart(t, "a", nil)
			if tags(t, a) != "two" || by(s) != "a a" {
				t.Errorf("deciding %q, published by %q", tags(t, a), by(s))
			}
			a.restart(t, "a", nil)
			if by(s) != "a a" {
				t.Errorf("published by %q", by(s))
			}
		})
	}
}

// Mail is decided while sets are published, followed and recompiled: each decision is of one whole set. For the race detector.
func TestNodesWhileDeciding(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	a := newMember(t, s, "a", map[string]string{"1.rules": says("v0")}, nil)
	b := newMember(t, s, "b", map[string]string{"1.rules": says("v0")}, nil)
	watch(t, a.Live)
	watch(t, b.Live)
	ctx, cancel := context.WithCancel(t.Context())
	var g sync.WaitGroup
	for _, m := range []*member{a, b} {
		for range 2 {
			g.Go(func() {
				for ctx.Err() == nil {
					set := m.Current()
					v := newView()
					res := set.Decide(ctx, v, nil, rules.Options{})
					if res.Err == nil && (res.Ruleset != set.Version() || len(v.Issue.Tags) != 1) {
						t.Errorf("set %s decided as %s: %v", set.Version(), res.Ruleset, v.Issue.Tags)
					}
					m.Status()
				}
			})
		}
	}
	for i := range 20 {
		_, err := []*member{a, b}[i%2].PublishFiles(t.Context(), map[string]string{"1.rules": says(fmt.Sprint("v", i+1))}, rules.Edit{After: int64(len(s.all()))})
		must(t, err)
	}
	wait(t, "both have the last", func() bool { return tags(t, a, b) == "v20 v20" })
	cancel()
	g.Wait()
}
