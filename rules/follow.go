package rules

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"postern/internal/logkey"
)

// patience is how many settling times a folder in which something changes all the time is waited for.
const patience = 10

// Watch follows the folder until ctx ends: it publishes at once, then after each change, when the folder has been
// quiet for a moment, and after Reload. What cannot be published is logged and shown in Status; the last good set stays.
func (l *Live) Watch(ctx context.Context) {
	w := newWatcher(l.dir, l.o.Log)
	defer w.close()
	poll := time.NewTicker(l.o.Poll)
	defer poll.Stop()
	settle := time.NewTimer(0) // the first look
	defer settle.Stop()
	var since time.Time // of the first change that is not read yet
	var seen string

	look := func() {
		since = time.Time{}
		w.refresh()
		seen = fingerprint(l.dir)
		_, _ = l.Publish(ctx) // told by the log and Status
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.events():
			if !w.concerns(e) {
				continue
			}
			now := time.Now()
			if since.IsZero() {
				since = now
			}
			if now.Sub(since) < patience*l.o.Settle {
				settle.Reset(l.o.Settle)
			}
		case err := <-w.errors():
			// Events were lost, most likely: look as if something had changed.
			l.o.Log.WarnContext(ctx, "watching the rules folder", logkey.Path, l.dir, logkey.Error, err)
			settle.Reset(l.o.Settle)
		case <-settle.C:
			look()
		case <-l.nudge:
			look()
		case <-poll.C:
			if fingerprint(l.dir) != seen {
				look()
			} else {
				l.retryStore(ctx)
			}
		}
	}
}

// Reload asks Watch to look at the folder now, as for SIGHUP or a changed configuration. It does not wait.
func (l *Live) Reload() {
	select {
	case l.nudge <- struct{}{}:
	default: // asked already
	}
}

func (l *Live) retryStore(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store(ctx)
}

func missing(dir string) bool {
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
}
