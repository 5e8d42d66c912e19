package rules_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/dsl"
	"postern/rules"
)

// A buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// wait waits until a condition holds.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

func newLive(t testing.TB, dir string, change func(*rules.LiveOptions)) (*rules.Live, *buffer) {
	t.Helper()
	log := &buffer{}
	o := rules.LiveOptions{
		Dir: dir, Load: func() rules.LoadOptions { return options }, Simulate: simulate,
		Log: slog.New(slog.NewTextHandler(log, nil)), Settle: 20 * time.Millisecond, Poll: time.Hour,
	}
	if change != nil {
		change(&o)
	}
	return rules.NewLive(o), log
}

// watch runs Watch until the test ends.
func watch(t *testing.T, l *rules.Live) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Watch(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// says makes a set whose one rule gives a tag.
func says(tag string) string { return `rule "r" { then { tag("` + tag + `") } }` }

func tagOf(t *testing.T, s *rules.Set) string {
	t.Helper()
	if s == nil {
		return "none"
	}
	v := newView()
	decide(t, s, v, rules.Options{})
	return strings.Join(v.Issue.Tags, " ")
}

func TestPublish(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"1.rules": says("one")})
	kept := &shelf{}
	l, log := newLive(t, dir, func(o *rules.LiveOptions) { o.Archive = &node{shelf: kept} })
	if l.Current() != nil {
		t.Fatal("a set before the first")
	}
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := l.Current()
	if changed, err := l.Publish(t.Context()); changed || err != nil {
		t.Errorf("the same files: changed %v, %v", changed, err)
	}
	if l.Current() != first || len(kept.all()) != 1 {
		t.Errorf("the same files made a new set; kept %d", len(kept.all()))
	}

	// Broken: nothing changes, and the log and the status say where.
	write(t, dir, map[string]string{"1.rules": "rule \"r\" {\n    then { tagg(\"x\") }\n}"})
	for range 2 {
		if changed, err := l.Publish(t.Context()); changed || err == nil {
			t.Fatalf("broken rules: changed %v, %v", changed, err)
		}
	}
	st := l.Status()
	if l.Current() != first || st.Version != first.Version() || !strings.Contains(st.LastError, dir+"/1.rules:2:12: ") || st.LastErrorAt.IsZero() {
		t.Errorf("status %+v, want the first set and the place of the error", st)
	}
	if n := strings.Count(log.String(), "rules not published"); n != 1 {
		t.Errorf("reported %d times, want once:\n%s", n, log)
	}
	if !strings.Contains(log.String(), "path="+dir+"/1.rules:2:12 ") {
		t.Errorf("the log lacks the place:\n%s", log)
	}

	// Its own tests fail: the same.
	write(t, dir, map[string]string{"1.rules": tested})
	if _, err := l.Publish(t.Context()); err == nil || l.Current() != first {
		t.Errorf("a set whose tests fail was published (%v)", err)
	}
	if st := l.Status(); !strings.Contains(st.LastError, "1.rules:27:12: ") {
		t.Errorf("status %+v, want the failing test's place", st)
	}

	// Back to what it was: nothing is wrong any more.
	write(t, dir, map[string]string{"1.rules": says("one")})
	if changed, err := l.Publish(t.Context()); changed || err != nil || l.Status().LastError != "" {
		t.Errorf("changed %v, %v, status %+v", changed, err, l.Status())
	}
	write(t, dir, map[string]string{"1.rules": says("two")})
	if changed, err := l.Publish(t.Context()); !changed || err != nil || tagOf(t, l.Current()) != "two" || len(kept.all()) != 2 {
		t.Errorf("changed %v, %v, kept %d", changed, err, len(kept.all()))
	}
}

// A changed configuration makes the same files a new set, or no set at all.
func TestPublishAgainstNewNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"1.rules": `rule "r" { then { priority("urgent") } }`})
	o := options
	l, _ := newLive(t, dir, func(lo *rules.LiveOptions) { lo.Load = func() rules.LoadOptions { return o } })
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := l.Current()
	o.Vocabulary.Priorities = []string{"a", "urgent"}
	if changed, err := l.Publish(t.Context()); changed || err != nil || l.Current() == first || l.Current().Version() != first.Version() {
		t.Errorf("changed %v, %v, a new set %v", changed, err, l.Current() != first)
	}
	second := l.Current()
	o.Vocabulary.Priorities = []string{"a", "b"}
	if changed, err := l.Publish(t.Context()); changed || err == nil || l.Current() != second || l.Status().Behind == "" {
		t.Errorf("rules that no longer fit the configuration were published: %+v", l.Status())
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	good := map[string]string{"1.rules": says("stored")}
	broken := map[string]string{"1.rules": "rule {"}
	for _, c := range []struct {
		name    string
		folder  map[string]string // nil: there is none
		builtin bool
		older   map[string]string // published before what is
		stored  map[string]string
		from    string // "" for an error
		tag     string
		wrong   bool // the status says what is wrong
	}{
		{name: "folder", folder: map[string]string{"1.rules": says("folder")}, from: rules.FromFolder, tag: "folder"},
		{name: "folder before store", folder: map[string]string{"1.rules": says("folder")}, stored: good, from: rules.FromFolder, tag: "folder"},
		{name: "no folder", from: ""},
		{name: "no folder, built-in", builtin: true, from: rules.FromBuiltin},
		{name: "empty folder", folder: map[string]string{}, from: rules.FromFolder},
		{name: "empty folder, built-in", folder: map[string]string{}, builtin: true, from: rules.FromBuiltin},
		{name: "empty folder, built-in, and was so before", folder: map[string]string{}, builtin: true, stored: rules.BuiltinFiles(), from: rules.FromBuiltin},
		{name: "a folder that was emptied", folder: map[string]string{}, builtin: true, stored: good, from: rules.FromStore, tag: "stored", wrong: true},
		{name: "a folder that was removed", builtin: true, stored: good, from: rules.FromStore, tag: "stored", wrong: true},
		{name: "published before and replaced", folder: map[string]string{"1.rules": says("older")}, older: map[string]string{"1.rules": says("older")}, stored: good, from: rules.FromStore, tag: "stored"},
		{name: "the stored one no longer fits", folder: broken, older: map[string]string{"1.rules": says("older")}, stored: broken, from: rules.FromStore, tag: "older", wrong: true},
		{name: "a named folder that has gone", stored: good, from: rules.FromStore, tag: "stored", wrong: true},
		{name: "broken", folder: broken, builtin: true, from: ""},
		{name: "broken, stored", folder: broken, builtin: true, stored: good, from: rules.FromStore, tag: "stored", wrong: true},
		{name: "tests fail, stored", folder: map[string]string{"1.rules": tested}, stored: good, from: rules.FromStore, tag: "stored", wrong: true},
		{name: "both broken", folder: broken, stored: broken, from: ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "rules")
			if c.folder != nil {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, dir, c.folder)
			}
			s := &shelf{}
			for _, files := range []map[string]string{c.older, c.stored} {
				if len(files) == 0 {
					continue
				}
				by := "somebody"
				if maps.Equal(files, rules.BuiltinFiles()) {
					by = rules.ByBuiltin
				}
				s.put(by, files)
			}
			l, _ := newLive(t, dir, func(o *rules.LiveOptions) { o.Builtin, o.Archive = c.builtin, &node{shelf: s} })
			err := l.Start(t.Context())
			st := l.Status()
			if c.from == "" {
				if err == nil || l.Current() != nil || !strings.Contains(err.Error(), dir) {
					t.Fatalf("started with %+v, error %v", st, err)
				}
				return
			}
			if err != nil || st.From != c.from || tagOf(t, l.Current()) != c.tag || (st.LastError != "") != c.wrong {
				t.Errorf("from %q with tag %q, error %v, status %+v", st.From, tagOf(t, l.Current()), err, st)
			}
		})
	}
}

// What was published before is not tested again at a restart.
func TestStartTestsNotTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"1.rules": tested})
	s, _ := rules.Load(dir, options)
	kept := &shelf{}
	kept.put("somebody", s.Files())
	l, _ := newLive(t, dir, func(o *rules.LiveOptions) {
		o.Archive = &node{shelf: kept}
		o.Simulate = func(context.Context, *rules.Set, *dsl.Test) (*dsl.Outcome, []rules.Entry, error) {
			t.Error("tested again")
			return nil, nil, errors.New("no")
		}
	})
	if err := l.Start(t.Context()); err != nil || l.Current().Version() != s.Version() {
		t.Errorf("not started: %v", err)
	}
}

// An edit that is made while the store is down is published when it is back; until then the set that all nodes have decides.
func TestStoreLater(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"1.rules": says("one")})
	s := &shelf{}
	l, log := newLive(t, dir, func(o *rules.LiveOptions) {
		o.Poll, o.Follow, o.Archive = 5*time.Millisecond, 5*time.Millisecond, &node{shelf: s}
	})
	s.fail(errors.New("down"))
	if err := l.Start(t.Context()); err == nil {
		t.Fatal("started without knowing what is published")
	}
	s.fail(nil)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	watch(t, l)
	for _, broken := range []struct {
		name string
		down func()
	}{
		{"all", func() { s.fail(errors.New("down")) }},
		{"writes", func() { s.mu.Lock(); defer s.mu.Unlock(); s.hook = func() error { return errors.New("full") } }},
	} {
		broken.down()
		write(t, dir, map[string]string{"1.rules": says(broken.name)})
		wait(t, "the trouble is told", func() bool { return strings.Contains(log.String(), "trying again") })
		time.Sleep(50 * time.Millisecond)
		if got := tagOf(t, l.Current()); got == broken.name {
			t.Errorf("%s: a set that the other nodes cannot know decides", broken.name)
		}
		if n := strings.Count(log.String(), "trying again"); n > 3 {
			t.Errorf("said %d times:\n%s", n, log)
		}
		s.mu.Lock()
		s.down, s.hook = nil, nil
		s.mu.Unlock()
		wait(t, "the set is published", func() bool { return tagOf(t, l.Current()) == broken.name })
	}
	if got := len(s.all()); got != 3 {
		t.Errorf("%d publications", got)
	}
}
