package rules

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"postern/internal/logkey"
)

// patience is how many settling times we wait for a folder in which something changes all the time.
const patience = 10

// Watch follows the folder until ctx ends: it publishes at once, then after each change, when the folder has been
// quiet for a moment, and after Reload. What cannot be published is logged and shown in Status; the last good set stays.
//
// Meanwhile it follows what others publish.
func (l *Live) Watch(ctx context.Context) {
	follow := time.NewTicker(l.o.Follow)
	defer follow.Stop()
	if l.o.Dir == "" {
		for {
			select {
			case <-ctx.Done():
				return
			case <-follow.C:
			case <-l.nudge:
			}
			_ = l.Follow(ctx) // told by the log and Status
		}
	}
	w := newWatcher(l.dir, l.o.Log)
	defer w.close()
	poll := time.NewTicker(l.o.Poll)
	defer poll.Stop()
	settle := time.NewTimer(0) // the first look
	defer settle.Stop()
	var seen string     // the folder's print when it was read last
	var since time.Time // of the first change after that

	soon := func() {
		if since.IsZero() {
			since = time.Now()
		}
		settle.Reset(l.o.Settle)
	}
	impatient := func() bool { return !since.IsZero() && time.Since(since) > patience*l.o.Settle }
	look := func(now bool) {
		w.refresh()
		p := fingerprint(l.dir)
		// A file that is being written in place may be empty or half there just now, and still make sense: what was
		// written a moment ago has to settle, an empty file longest, and what changes during the reading is read again.
		settled := l.o.Settle
		if p.empty {
			settled *= patience
		}
		if age := time.Since(p.latest); !now && age >= 0 && age < settled && p.hash != seen && !impatient() {
			soon()
			return
		}
		_, err := l.publish(ctx, func() bool {
			return fingerprint(l.dir).hash == p.hash || impatient()
		})
		if errors.Is(err, errMoving) {
			soon()
			return
		}
		seen, since = p.hash, time.Time{} // other errors are told by the log and Status
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.events():
			if w.concerns(e) && !impatient() {
				soon()
			}
		case err := <-w.errors():
			// Events were lost, most likely: look as if something had changed.
			l.o.Log.WarnContext(ctx, "watching the rules folder", logkey.Path, l.dir, logkey.Error, err)
			soon()
		case <-settle.C:
			look(false)
		case <-l.nudge:
			look(true)
		case <-poll.C:
			if fingerprint(l.dir).hash != seen {
				look(false)
			} else if l.owes() {
				look(true)
			}
		case <-follow.C:
			_ = l.Follow(ctx) // told by the log and Status
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

// owes reports whether what the folder holds could not be published because of the archive.
func (l *Live) owes() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waits
}

func missing(dir string) bool {
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
}
