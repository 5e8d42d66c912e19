package config_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/config"
	"postern/internal/fault"
)

// buffer is a log that a test reads while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func watcher(t *testing.T, path string, apply func(context.Context, *config.Config, *config.Config) error) (*config.Watcher, *buffer) {
	t.Helper()
	first, problems := config.Load(path, none)
	if first == nil {
		t.Fatal(problems)
	}
	log := &buffer{}
	return config.NewWatcher(config.WatcherOptions{
		First: first, Getenv: none, Log: slog.New(slog.NewTextHandler(log, nil)), Now: time.Now, Apply: apply,
	}), log
}

func replace(t *testing.T, path, src string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReloadIsAllOrNothing(t *testing.T) {
	t.Parallel()
	const good = "keep: {raw: 10d}\nmailboxes: {a: {addresses: [a@example.com]}}\n"
	path := write(t, good)
	refuse := error(nil)
	applied := 0
	w, log := watcher(t, path, func(_ context.Context, _, _ *config.Config) error { applied++; return refuse })
	ctx := t.Context()

	replace(t, path, "keep: {raw: 20d}\nmailboxes: {b: {adresses: [b@example.com]}}\n")
	if err := w.Reload(ctx); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), path+`:2:17: unknown key "adresses"`) {
		t.Errorf("a broken edit: %v", err)
	}
	if c := w.Config(); c.Keep.Raw != 10*24*time.Hour || c.Mailboxes[0].Name != "a" || applied != 0 || w.Status().Err == nil {
		t.Errorf("after a broken edit: %v, applied %d", c.Keep, applied)
	}
	if !strings.Contains(log.String(), "unknown key") {
		t.Errorf("not in the log: %s", log)
	}

	replace(t, path, good)
	if err := w.Reload(ctx); err != nil || w.Status().Err != nil || applied != 0 {
		t.Errorf("back to the old one: %v, applied %d", err, applied)
	}

	replace(t, path, "keep: {raw: 20d}\nsmtp: {listen: [127.0.0.1:2526], hostname: mx.example.com}\n")
	refuse = errors.New("the rules do not compile")
	if err := w.Reload(ctx); err == nil || w.Config().Keep.Raw != 10*24*time.Hour {
		t.Errorf("refused by a part: %v, %v", err, w.Config().Keep)
	}
	refuse = nil
	if err := w.Reload(ctx); err != nil || w.Config().Keep.Raw != 20*24*time.Hour {
		t.Errorf("a good edit: %v, %v", err, w.Config().Keep)
	}
	if got := w.Status().Restart; !cmp.Equal(got, []string{"smtp.listen", "smtp.hostname"}) {
		t.Errorf("restart for %q", got)
	}
}

func TestRunSeesChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, secret := filepath.Join(dir, "postern.yaml"), filepath.Join(dir, "secrets", "mongodb")
	if err := os.Mkdir(filepath.Dir(secret), 0o700); err != nil {
		t.Fatal(err)
	}
	replace(t, secret, "old\n")
	replace(t, path, "store: {mongodb: \"mongodb://u@h/postern\", password-file: secrets/mongodb}\n")
	changes := make(chan *config.Config, 10)
	w, _ := watcher(t, path, func(_ context.Context, _, next *config.Config) error { changes <- next; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()

	next := func(what string) *config.Config {
		t.Helper()
		select {
		case c := <-changes:
			return c
		case <-time.After(15 * time.Second):
			t.Fatalf("%s was not seen", what)
			return nil
		}
	}
	replace(t, path, "keep: {raw: 2d}\nstore: {mongodb: \"mongodb://u@h/postern\", password-file: secrets/mongodb}\n")
	if c := next("an edit"); c.Keep.Raw != 48*time.Hour {
		t.Errorf("keep %v", c.Keep)
	}
	// As editors do it: a new file takes the old one's name.
	replace(t, path+"~", "keep: {raw: 3d}\nstore: {mongodb: \"mongodb://u@h/postern\", password-file: secrets/mongodb}\n")
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
	if c := next("a replaced file"); c.Keep.Raw != 72*time.Hour {
		t.Errorf("keep %v", c.Keep)
	}
	replace(t, secret, "new\n")
	if c := next("a new password"); c.Store.Password.Reveal() != "new" {
		t.Error("the old password")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// As Kubernetes mounts a configuration: postern.yaml is a link through ..data, which is swapped.
func TestRunSeesASwappedMount(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	version := func(name, src string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		replace(t, filepath.Join(dir, name, "postern.yaml"), src)
		if err := os.Symlink(name, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("..one", "keep: {raw: 1d}\n")
	path := filepath.Join(dir, "postern.yaml")
	if err := os.Symlink("..data/postern.yaml", path); err != nil {
		t.Fatal(err)
	}
	changes := make(chan *config.Config, 10)
	w, _ := watcher(t, path, func(_ context.Context, _, next *config.Config) error { changes <- next; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	version("..two", "keep: {raw: 2d}\n")
	select {
	case c := <-changes:
		if c.Keep.Raw != 48*time.Hour {
			t.Errorf("keep %v", c.Keep)
		}
	case <-time.After(15 * time.Second):
		t.Error("the swap was not seen")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
