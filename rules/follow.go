package rules

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"postern/internal/logkey"
)

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
	l.mu.Lock()
	q := quiet{read: l.started}
	l.mu.Unlock()
	var since time.Time // of the first change after it was read last

	soon := func(d time.Duration) {
		if since.IsZero() {
			since = time.Now()
		}
		settle.Reset(max(d, time.Millisecond))
	}
	impatient := func(need time.Duration) bool { return !since.IsZero() && time.Since(since) > patience*need }
	look := func() {
		w.refresh()
		p := fingerprint(l.dir)
		lasts, need := q.look(p), p.settles(q.read, l.o.Settle)
		if lasts < need && p.hash != q.read.hash && !impatient(need) {
			soon(need - lasts)
			return
		}
		_, err := l.publish(ctx, func() bool {
			after := fingerprint(l.dir) // a rules file may have been emptied while it was read, whatever our patience
			return after.hash == p.hash || impatient(need) && after.rules == p.rules
		})
		if errors.Is(err, errMoving) {
			soon(need)
			return
		}
		q.read, since = p, time.Time{} // other errors are told by the log and Status
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.events():
			if w.concerns(e) {
				q.told = time.Now()
				if !impatient(l.o.Settle) {
					soon(l.o.Settle)
				}
			}
		case err := <-w.errors():
			// Events were lost, most likely: look as if something had changed.
			l.o.Log.WarnContext(ctx, "watching the rules folder", logkey.Path, l.dir, logkey.Error, err)
			soon(l.o.Settle)
		case <-settle.C:
			look()
		case <-l.nudge:
			look()
		case <-poll.C:
			if fingerprint(l.dir).hash != q.read.hash || l.owes() {
				look()
			}
		case <-follow.C:
			_ = l.Follow(ctx) // told by the log and Status
		}
	}
}

// Reload asks Watch to look at the folder now, as for SIGHUP or a changed configuration. It does not wait; what is being
// written there has its time to settle all the same.
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
