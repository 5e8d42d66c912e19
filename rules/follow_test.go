package rules_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/rules"
)

// The folder as people, editors and deployments change it. The poll is far off: only notifications count.
func TestWatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir string) // before the start
		edit func(t *testing.T, dir string) // while it runs; afterwards the tag is "new"
	}{
		{"written in place", plainFolder, func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"1.rules": says("new")})
		}},
		{"renamed over, as editors do", plainFolder, func(t *testing.T, dir string) {
			write(t, dir, map[string]string{".1.rules.swp": says("new")})
			rename(t, filepath.Join(dir, ".1.rules.swp"), filepath.Join(dir, "1.rules"))
		}},
		{"a new file", plainFolder, func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"2.rules": `rule "n" { then { untag("old"); tag("new") } }`})
		}},
		{"a file removed", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"1.rules": says("new"), "2.rules": `rule "n" { then { untag("new"); tag("old") } }`})
		}, func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "2.rules")); err != nil {
				t.Fatal(err)
			}
		}},
		{"a list in a folder", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{
				"lists/l.txt": "x\n",
				"1.rules":     "list l = file(\"lists/l.txt\")\n" + `rule "r" { then { "new" in l ? tag("new") : tag("old") } }`,
			})
		}, func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"lists/l.txt": "x\nnew\n"})
		}},
		{"a folder that appears", func(t *testing.T, dir string) {}, func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"1.rules": says("new")})
		}},
		{"the folder replaced", plainFolder, func(t *testing.T, dir string) {
			write(t, dir+".next", map[string]string{"1.rules": says("half")})
			rename(t, dir, dir+".old")
			rename(t, dir+".next", dir)
			write(t, dir, map[string]string{"1.rules": says("new")}) // also the new one is watched
		}},
		{"a ConfigMap", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"..1/1.rules": says("old")})
			link(t, "..1", filepath.Join(dir, "..data"))
			link(t, "..data/1.rules", filepath.Join(dir, "1.rules"))
		}, func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"..2/1.rules": says("new")})
			link(t, "..2", filepath.Join(dir, "..data_tmp"))
			rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
		}},
		{"a link to a release", func(t *testing.T, dir string) {
			write(t, dir+"-1", map[string]string{"1.rules": says("old")})
			link(t, filepath.Base(dir)+"-1", dir)
		}, func(t *testing.T, dir string) {
			write(t, dir+"-2", map[string]string{"1.rules": says("new")})
			link(t, filepath.Base(dir)+"-2", dir+".tmp")
			rename(t, dir+".tmp", dir)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "conf", "rules")
			if err := os.Mkdir(filepath.Dir(dir), 0o755); err != nil {
				t.Fatal(err)
			}
			c.make(t, dir)
			l, log := newLive(t, dir, func(o *rules.LiveOptions) { o.Builtin = true })
			if err := l.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			watch(t, l)
			c.edit(t, dir)
			wait(t, "the new rules decide", func() bool { return tagOf(t, l.Current()) == "new" })
			if st := l.Status(); st.LastError != "" {
				t.Errorf("status %+v\n%s", st, log)
			}
		})
	}
}

func plainFolder(t *testing.T, dir string) {
	write(t, dir, map[string]string{"1.rules": says("old")})
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

// Where there were rules, a folder that vanishes is reported and changes nothing.
func TestWatchVanished(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "rules")
	plainFolder(t, dir)
	l, log := newLive(t, dir, func(o *rules.LiveOptions) { o.Builtin = true })
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	watch(t, l)
	rename(t, dir, dir+".away")
	wait(t, "the loss is reported", func() bool { return strings.Contains(l.Status().LastError, "holds no rules any more") })
	wait(t, "the log names the folder", func() bool { return strings.Contains(log.String(), "path="+dir+" ") })
	if got := tagOf(t, l.Current()); got != "old" {
		t.Errorf("tag %q, want the last good rules\n%s", got, log)
	}
	rename(t, dir+".away", dir)
	wait(t, "all is well again", func() bool { return l.Status().LastError == "" })
}

// Reload is heard at once, where nothing is being written.
func TestReload(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "rules")
	plainFolder(t, dir)
	long := time.Now().Add(-time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "1.rules"), long, long); err != nil {
		t.Fatal(err)
	}
	var names atomic.Pointer[rules.LoadOptions]
	names.Store(&options)
	l, _ := newLive(t, dir, func(o *rules.LiveOptions) {
		o.Settle, o.Follow, o.Load = 5*time.Second, time.Hour, func() rules.LoadOptions { return *names.Load() }
	})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	watch(t, l)
	changed := options
	changed.Vocabulary.Priorities = []string{"other"}
	before := l.Current()
	names.Store(&changed)
	began := time.Now()
	l.Reload()
	wait(t, "the rules are compiled against the new names", func() bool { return l.Current() != before })
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

// What no notification tells is found by looking: here a link far above the folder leads elsewhere.
func TestPoll(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	for _, release := range []string{"old", "new"} {
		write(t, base, map[string]string{release + "/etc/rules/1.rules": says(release)})
	}
	link(t, "old", filepath.Join(base, "current"))
	l, _ := newLive(t, filepath.Join(base, "current", "etc", "rules"), func(o *rules.LiveOptions) { o.Poll = 10 * time.Millisecond })
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	watch(t, l)
	if got := tagOf(t, l.Current()); got != "old" {
		t.Fatalf("tag %q", got)
	}
	link(t, "new", filepath.Join(base, "next"))
	rename(t, filepath.Join(base, "next"), filepath.Join(base, "current"))
	wait(t, "the new rules decide", func() bool { return tagOf(t, l.Current()) == "new" })
	write(t, base, map[string]string{"new/etc/rules/1.rules": says("newer")})
	wait(t, "the new folder is watched", func() bool { return tagOf(t, l.Current()) == "newer" })
}

// Rules change while mail is decided: each decision is wholly of one set. Run it with -race.
func TestReloadWhileDeciding(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "rules")
	pair := func(n int) map[string]string {
		return map[string]string{"1.rules": fmt.Sprintf(`
rule "a" { then { set("order", "%d") } }
rule "b" { then { set("product", "%d") } }`, n, n)}
	}
	write(t, dir, pair(0))
	l, _ := newLive(t, dir, func(o *rules.LiveOptions) { o.Settle = 20 * time.Millisecond })
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	watch(t, l)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var decisions atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				s, v := l.Current(), newView()
				r := s.Decide(context.Background(), v, &issues{}, rules.Options{})
				if a, b := v.Issue.Fields["order"], v.Issue.Fields["product"]; a != b || a == "" || r.Failed > 0 || r.Ruleset != s.Version() {
					t.Errorf("decided by two sets at once: %q and %q, %+v", a, b, r)
					return
				}
				decisions.Add(1)
			}
		})
	}
	for n := 1; n <= 5; n++ {
		write(t, dir, pair(n))
		wait(t, "the next rules decide", func() bool {
			v := newView()
			decide(t, l.Current(), v, rules.Options{})
			return v.Issue.Fields["order"] == fmt.Sprint(n)
		})
	}
	stop()
	wg.Wait()
	if decisions.Load() == 0 {
		t.Error("nothing was decided")
	}
}
