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
	t.Run("emptied while it is read, in a folder that is never quiet", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "rules")
		path := filepath.Join(dir, "1.rules")
		write(t, dir, map[string]string{"1.rules": whole("old"), "2.rules": `rule "other" { when mail.isList then { stop() } }`})
		var mu sync.Mutex
		turns := -1 // how often somebody looked into the archive, which comes before the folder is read
		archive := &watched{node: &node{shelf: &shelf{}}, before: func() {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case turns < 0 || turns >= 20:
				return
			case turns%2 == 0:
				in(t, path, "")
			default:
				in(t, path, whole("new"))
			}
			turns++
		}}
		l, log := newLive(t, dir, func(o *rules.LiveOptions) {
			o.Archive, o.By, o.Follow, o.Settle = archive, "a", 50*time.Millisecond, 10*time.Millisecond
		})
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		watch(t, l)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer stop()
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				in(t, filepath.Join(dir, "x.log"), strings.Repeat("x", n))
				time.Sleep(time.Millisecond)
			}
		})
		time.Sleep(2 * settle)
		mu.Lock()
		in(t, path, whole("new"))
		turns = 0
		mu.Unlock()
		wait(t, "the new rules decide, and the file is left alone", func() bool {
			v := newView()
			l.Current().Decide(context.Background(), v, &issues{}, rules.Options{})
			if v.Issue.Fields["order"] != "1" || len(v.Issue.Tags) != 1 {
				t.Fatalf("decided by half: %v %v\n%s", v.Issue.Fields, v.Issue.Tags, log)
			}
			mu.Lock()
			defer mu.Unlock()
			return turns >= 20 && v.Issue.Tags[0] == "new"
		})
	})
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

// watched is an archive that does something before it answers.
type watched struct {
	*node
	before func()
}

func (a *watched) Latest(ctx context.Context, known int64) (rules.Publication, error) {
	a.before()
	return a.node.Latest(ctx, known)
}
