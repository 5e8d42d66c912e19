package rules

import (
	"context"
	"fmt"
	"reflect"

	"postern/internal/fault"
	"postern/internal/logkey"
)

// maxBack is how many publications a node goes back at its start to find one that fits its configuration.
const maxBack = 50

// adopt makes a publication the live set. It is compiled and not tested: it was, where it was published. What does not fit this
// node's configuration changes nothing, and Status says so.
func (l *Live) adopt(ctx context.Context, p Publication) error {
	names := l.load()
	l.known, l.names = p.Number, names.Vocabulary
	if cur := l.shown.Load(); cur != nil && cur.set.version == p.Version && l.fits(cur.set) {
		l.show(cur.set, cur.from, p)
		return nil
	}
	set, diags := FromFiles(p.Files, names)
	if set == nil {
		err := fault.As(fault.Invalid, fmt.Errorf("publication %d by %s does not fit this node's configuration: %w", p.Number, p.By, errorsOf(diags)))
		l.fallBehind(ctx, err)
		return err
	}
	l.show(set, FromStore, p)
	return nil
}

// fits reports whether a set was compiled against the names that there are now.
func (l *Live) fits(s *Set) bool { return reflect.DeepEqual(s.vocabulary, l.load().Vocabulary) }

func (l *Live) fallBehind(ctx context.Context, err error) {
	if old := l.behind.Load(); old != nil && old.text == err.Error() {
		return
	}
	l.behind.Store(&failure{err.Error(), l.o.Now().UTC()})
	l.tell(ctx, "the published rules do not fit this node's configuration, the last good ones stay", err)
}

// adoptEarlier is for a start at which the latest publication does not fit: the last one that does decides.
func (l *Live) adoptEarlier(ctx context.Context, latest Publication) error {
	bad := l.adopt(ctx, latest)
	if bad == nil {
		return nil
	}
	for n := latest.Number - 1; n > 0 && n >= latest.Number-maxBack; n-- {
		p, err := l.o.Archive.Get(ctx, n)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if set, _ := FromFiles(p.Files, l.load()); set != nil {
			why := l.behind.Load()
			l.show(set, FromStore, p)
			l.behind.Store(why)
			l.known = latest.Number // dealt with
			return nil
		}
	}
	return bad
}

// follow takes up what others published, and compiles what is live again where the configuration has changed.
func (l *Live) follow(ctx context.Context) error {
	cur := l.shown.Load()
	known := l.known
	again := cur != nil && !reflect.DeepEqual(l.names, l.load().Vocabulary)
	if again {
		known = 0 // its files are wanted in any case
	}
	latest, err := l.o.Archive.Latest(ctx, known)
	switch {
	case err != nil:
		return err
	case latest.Number > known:
		return l.adopt(ctx, latest)
	case again: // what is kept nowhere
		return l.adopt(ctx, Publication{Number: cur.pub.Number, Version: cur.set.version, Files: cur.set.Files(), By: cur.pub.By, At: cur.pub.At})
	}
	return nil
}

// Follow asks what others published. Watch does so every LiveOptions.Follow; an error of the archive is told once.
func (l *Live) Follow(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.follow(ctx)
	if fault.Is(err, fault.Invalid) {
		return err // told
	}
	l.heard(ctx, noAnswer, err)
	return err
}

// Trouble with the archive, as it is logged.
const (
	noAnswer = "it could not be asked what others published"
	noRoom   = "they could not be stored"
	notNoted = "it could not be noted that they were refused"
)

// heard logs trouble with the archive, once until it is over.
func (l *Live) heard(ctx context.Context, what string, err error) {
	switch {
	case err == nil:
		delete(l.trouble, what)
	case ctx.Err() == nil && !l.trouble[what]:
		l.trouble[what] = true
		l.o.Log.WarnContext(ctx, "rules: "+what+"; trying again", logkey.Error, err)
	}
}
