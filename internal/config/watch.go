package config

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"postern/internal/fault"
	"postern/internal/logkey"
)

// WatcherOptions are what a Watcher is made of.
type WatcherOptions struct {
	First  *Config // what Load made at start
	Getenv func(string) string
	Log    *slog.Logger
	Now    func() time.Time
	// Apply makes a changed configuration live in the other parts, or returns an error with nothing
	// changed: then the old one stays here too. It is called by one goroutine at a time. May be nil.
	Apply func(ctx context.Context, old, next *Config) error
}

// A Watcher holds the live configuration and replaces it when its file changes, all or nothing.
type Watcher struct {
	o    WatcherOptions
	live atomic.Pointer[Config]

	mu     sync.Mutex // one reload at a time
	status atomic.Pointer[Status]
}

// Status is what came of the last reload.
type Status struct {
	At       time.Time // zero before the first
	Err      error     // why the old configuration stayed; nil when all is well
	Problems Problems  // what was wrong with the file, warnings too
	Restart  []string  // keys that have changed since the start and are read only then
}

// NewWatcher makes a Watcher around the first configuration. Run watches.
func NewWatcher(o WatcherOptions) *Watcher {
	w := &Watcher{o: o}
	w.live.Store(o.First)
	w.status.Store(&Status{})
	return w
}

// Config returns the live configuration.
func (w *Watcher) Config() *Config { return w.live.Load() }

// Status returns what came of the last reload.
func (w *Watcher) Status() Status { return *w.status.Load() }

// Reload reads everything again, as SIGHUP asks. The error (Invalid, or what Apply said) means that
// the old configuration stays.
func (w *Watcher) Reload(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.live.Load()
	next, problems := Load(old.File, w.o.Getenv)
	status := &Status{At: w.o.Now(), Problems: problems, Restart: w.status.Load().Restart}
	if next != nil && same(old, next) { // whoever loaded it has told its warnings
		w.status.Store(status)
		return nil
	}
	for _, p := range problems {
		w.o.Log.WarnContext(ctx, "configuration problem", logkey.Reason, p.String())
	}
	switch {
	case next == nil:
		status.Err = problems.Err()
	default:
		if w.o.Apply != nil {
			if err := w.o.Apply(ctx, old, next); err != nil {
				status.Err = fmt.Errorf("apply the changed configuration: %w", err)
				break
			}
		}
		w.live.Store(next)
		status.Restart = NeedRestart(w.o.First, next)
		w.o.Log.InfoContext(ctx, "configuration reloaded", logkey.Path, old.File)
		if len(status.Restart) > 0 {
			w.o.Log.WarnContext(ctx, "a restart is needed for some changes", logkey.Reason, strings.Join(status.Restart, ", "))
		}
	}
	if status.Err != nil {
		w.o.Log.ErrorContext(ctx, "configuration not reloaded, the old one stays", logkey.Path, old.File, logkey.Error, status.Err)
	}
	w.status.Store(status)
	return status.Err
}

// quiet is how long a file must stay unchanged before it is read: an editor writes in several steps.
const quiet = 150 * time.Millisecond

// Run reloads when the file, or a secret or authority it names, changes, until ctx ends. It watches folders, so
// that it also sees files that are replaced, as editors and mounted secrets do it. Without a file it
// only waits.
func (w *Watcher) Run(ctx context.Context) error {
	if w.o.First.File == "" {
		<-ctx.Done()
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fault.Errorf(fault.Unavailable, "watch the configuration: %w", err)
	}
	defer watcher.Close()
	w.follow(ctx, watcher)
	timer := time.NewTimer(quiet) // what changed before we watched
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-watcher.Events:
			if w.concerns(e) {
				timer.Reset(quiet)
			}
		case err := <-watcher.Errors:
			w.o.Log.WarnContext(ctx, "watching the configuration", logkey.Error, err)
			timer.Reset(quiet) // events may be lost
		case <-timer.C:
			// Most editors empty a file before they write it, and an empty file is a valid one.
			if info, err := os.Stat(w.Config().File); err == nil && info.Size() > 0 && info.Mode().IsRegular() {
				_ = w.Reload(ctx) // it has logged what is wrong
				w.follow(ctx, watcher)
			}
		}
	}
}

// follow watches the folders of the files that the live configuration was made of.
func (w *Watcher) follow(ctx context.Context, watcher *fsnotify.Watcher) {
	var folders []string
	for _, f := range w.files() {
		folders = append(folders, filepath.Dir(f))
	}
	for _, old := range watcher.WatchList() {
		if !slices.Contains(folders, old) {
			_ = watcher.Remove(old)
		}
	}
	for _, folder := range folders {
		if err := watcher.Add(folder); err != nil { // adding one twice is harmless
			w.o.Log.WarnContext(ctx, "cannot watch the configuration: SIGHUP reloads it", logkey.Path, folder, logkey.Error, err)
		}
	}
}

func (w *Watcher) files() []string {
	c := w.Config()
	return append([]string{c.File}, c.Secrets...)
}

// concerns reports whether an event is about one of our files, or about the ..data link that a mounted secret swaps.
func (w *Watcher) concerns(e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod {
		return false
	}
	return strings.HasPrefix(filepath.Base(e.Name), "..") ||
		slices.ContainsFunc(w.files(), func(f string) bool { return filepath.Clean(f) == filepath.Clean(e.Name) })
}

// same reports whether two configurations say the same.
func same(a, b *Config) bool {
	for _, k := range keysOf(reflect.TypeFor[Config]()) {
		if differs(a, b, k.name) {
			return false
		}
	}
	return true
}

// NeedRestart lists the keys that are read at start only and are not the same in both.
func NeedRestart(a, b *Config) []string {
	var changed []string
	walk(reflect.TypeFor[Config](), "", func(path string, k key) {
		if k.restart && differs(a, b, path) {
			changed = append(changed, path)
		}
	})
	return changed
}

func differs(a, b *Config, path string) bool {
	x, y := field(reflect.ValueOf(a).Elem(), path), field(reflect.ValueOf(b).Elem(), path)
	return !reflect.DeepEqual(x.Interface(), y.Interface())
}
