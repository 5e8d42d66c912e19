package rules_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/rules"
)

// What is half written decides nothing: not while an editor that writes in place has emptied the file, or has written a part of it that
// would make sense; not while a deployment has taken old files away; not on a reload, and not at a start.
func TestHalfWritten(t *testing.T) {
	t.Parallel()
	const first = `rule "refuses" { then { set("order", "1") } }` + "\n"
	const second = `rule "as well" { then { tag("old") } }` + "\n"
	whole := func(tag string) string { return first + strings.ReplaceAll(second, "old", tag) }
	settle := 100 * time.Millisecond
	in := func(t *testing.T, path, text string) { // as it is: half a file stays for long, counted in settling times
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		edit func(t *testing.T, l *rules.Live, path string) // up to where the file holds whole("new")
	}{
		{"emptied first", func(t *testing.T, _ *rules.Live, path string) {
			in(t, path, "")
			time.Sleep(8 * settle)
			in(t, path, whole("new"))
		}},
		{"half of it first", func(t *testing.T, _ *rules.Live, path string) {
			in(t, path, first)
			time.Sleep(4 * settle)
			in(t, path, whole("new"))
		}},
		{"piece by piece", func(t *testing.T, _ *rules.Live, path string) {
			for n := range len(whole("new")) / 16 {
				in(t, path, whole("new")[:16*n])
				time.Sleep(settle / 4)
			}
			in(t, path, whole("new"))
		}},
		{"reload while it is empty", func(t *testing.T, l *rules.Live, path string) {
			in(t, path, "")
			l.Reload()
			time.Sleep(2 * settle)
			l.Reload()
			time.Sleep(2 * settle)
			in(t, path, whole("new"))
		}},
		{"taken away first", func(t *testing.T, _ *rules.Live, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			time.Sleep(4 * settle)
			in(t, path, whole("new"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "rules")
			write(t, dir, map[string]string{"1.rules": whole("old"), "2.rules": `rule "other" { when mail.isList then { stop() } }`})
			l, log := newLive(t, dir, func(o *rules.LiveOptions) { o.Settle = settle })
			if err := l.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			watch(t, l)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var wg sync.WaitGroup
			wg.Go(func() { // mail comes all the time
				for ctx.Err() == nil {
					v := newView()
					l.Current().Decide(context.Background(), v, &issues{}, rules.Options{})
					if v.Issue.Fields["order"] != "1" || len(v.Issue.Tags) != 1 {
						t.Errorf("decided by half: %v %v\n%s", v.Issue.Fields, v.Issue.Tags, log)
						return
					}
					time.Sleep(time.Millisecond)
				}
			})
			c.edit(t, l, filepath.Join(dir, "1.rules"))
			wait(t, "the new rules decide", func() bool { return tagOf(t, l.Current()) == "new" })
			stop()
			wg.Wait()
		})
	}
	t.Run("at a start", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "rules")
		write(t, dir, map[string]string{"1.rules": ""})
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(3 * settle)
			in(t, filepath.Join(dir, "1.rules"), whole("new"))
		})
		l, _ := newLive(t, dir, func(o *rules.LiveOptions) { o.Settle = settle })
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := tagOf(t, l.Current()); got != "new" {
			t.Errorf("it starts with %q", got)
		}
		wg.Wait()
	})
	t.Run("emptied for good", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "rules")
		write(t, dir, map[string]string{"1.rules": whole("old")})
		l, _ := newLive(t, dir, func(o *rules.LiveOptions) { o.Settle = settle / 4 })
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		watch(t, l)
		in(t, filepath.Join(dir, "1.rules"), "")
		wait(t, "no rules decide", func() bool { return tagOf(t, l.Current()) == "" })
	})
}
