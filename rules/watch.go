package rules

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"

	"postern/internal/logkey"
)

// maxWatched bounds the folders and files that are looked at below the rules folder: somebody may have
// pointed us at a home directory.
const maxWatched = 5000

// A watcher hears of changes below one folder, which need not be there yet and may be replaced as a
// whole. Notifications are a convenience: where they fail or cannot be had (network file systems, no watches
// left) the caller's comparing of prints finds the change a little later.
type watcher struct {
	dir   string // absolute
	log   *slog.Logger
	fs    *fsnotify.Watcher // nil where the system gives none
	known map[string]os.FileInfo
}

func newWatcher(dir string, log *slog.Logger) *watcher {
	w := &watcher{dir: dir, log: log, known: map[string]os.FileInfo{}}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("the rules folder is looked at from time to time only: no file notifications", logkey.Path, dir, logkey.Error, err)
		return w
	}
	w.fs = notify
	return w
}

func (w *watcher) close() {
	if w.fs != nil {
		w.fs.Close()
	}
}

// events and errors block for ever where there are no notifications.
func (w *watcher) events() <-chan fsnotify.Event {
	if w.fs == nil {
		return nil
	}
	return w.fs.Events
}

func (w *watcher) errors() <-chan error {
	if w.fs == nil {
		return nil
	}
	return w.fs.Errors
}

// concerns reports whether an event is about the folder, something in it, or a folder above it. What else
// happens beside the rules folder, such as a log being written, does not matter.
func (w *watcher) concerns(e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod {
		return false
	}
	return within(w.dir, e.Name) || within(e.Name, w.dir)
}

func within(dir, name string) bool {
	return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// refresh watches what there is to watch now: the folder and the ones in it, and the nearest folder above, where
// a missing one will appear and a replaced one changes. It is called before each reading, so that what changes
// after the reading is heard.
func (w *watcher) refresh() {
	if w.fs == nil {
		return
	}
	want := map[string]os.FileInfo{}
	add := func(dir string) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			want[dir] = info
		}
	}
	add(existing(filepath.Dir(w.dir)))
	for _, dir := range foldersBelow(w.dir) {
		add(dir)
	}
	for dir := range w.known {
		if _, ok := want[dir]; !ok {
			_ = w.fs.Remove(dir) // gone, and its watch with it
			delete(w.known, dir)
		}
	}
	for dir, info := range want {
		old, ok := w.known[dir]
		if ok && os.SameFile(old, info) {
			continue
		}
		if ok {
			_ = w.fs.Remove(dir) // the watch is on the folder that was renamed away
		}
		if err := w.fs.Add(dir); err != nil {
			w.log.Warn("this folder is looked at from time to time only: no file notifications", logkey.Path, dir, logkey.Error, err)
		}
		w.known[dir] = info
	}
}

// existing is dir or the nearest folder above it that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return dir
		}
		dir = up
	}
}

// foldersBelow lists dir and the folders in it, without hidden ones (.git, and the dated folders of a ConfigMap,
// whose content never changes: a link in the folder itself does).
func foldersBelow(dir string) []string {
	var found []string
	// Through DirFS, which follows dir itself where that is a link.
	_ = fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || !e.IsDir():
			return nil // what vanished meanwhile is not watched
		case len(found) == maxWatched:
			return fs.SkipAll
		case name != "." && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		}
		found = append(found, filepath.Join(dir, name))
		return nil
	})
	return found
}
