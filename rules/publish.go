package rules

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"postern/dsl"
	"postern/internal/fault"
)

// Start makes a set the live one: the folder's, where it is new and good, else the latest publication, which is compiled and not
// tested again. With nothing good at all it returns what is wrong.
func (l *Live) Start(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	latest, err := l.o.Archive.Latest(ctx, 0)
	if err != nil {
		return fmt.Errorf("read the published rules: %w", err)
	}
	if l.o.Dir == "" && latest.Number > 0 {
		if err := l.adoptEarlier(ctx, latest); err != nil {
			return fmt.Errorf("no rules to start with: %w", err)
		}
		return nil
	}
	l.settle(ctx)
	set, from, wrong := l.read(ctx, latest.Number > 0 && latest.By != ByBuiltin)
	if wrong == nil && set.version == latest.Version {
		l.show(set, from, latest)
		return l.see(ctx, set, from)
	}
	if wrong == nil {
		fresh, err := l.fresh(ctx, set, from, latest)
		if err != nil {
			return err
		}
		if fresh {
			l.known = latest.Number
			if wrong = l.test(ctx, set); wrong == nil {
				return l.put(ctx, set, from)
			}
		}
	}
	if latest.Number == 0 {
		return fmt.Errorf("no rules to start with: %w", wrong)
	}
	if bad := l.adoptEarlier(ctx, latest); bad != nil && wrong != nil {
		return fmt.Errorf("no rules to start with: %w; and the last published rules no longer fit the configuration: %w", wrong, bad)
	} else if bad != nil {
		return fmt.Errorf("no rules to start with: %w", bad)
	}
	if wrong != nil {
		l.refuse(ctx, wrong, latest.Number)
	} else {
		l.folder.Store(&set.version)
	}
	return nil
}

// fresh reports whether the folder's set is to be published: it is not what the node published of its folder last. A
// node that remembers nothing does not bring back what others have replaced. What it refused it tries again, since the configuration may
// have changed, until others publish: then it would undo what is newer. The built-in set is no edit of anybody's: it takes the place of
// another built-in one only.
func (l *Live) fresh(ctx context.Context, set *Set, from string, latest Publication) (bool, error) {
	if latest.Number == 0 {
		return true, nil
	}
	if from == FromBuiltin {
		return latest.By == ByBuiltin && latest.Version != set.version, nil
	}
	refused, after, err := l.o.Archive.Refused(ctx)
	if err != nil || refused == set.version && latest.Number > after {
		return false, err
	}
	seen, err := l.o.Archive.Seen(ctx)
	if err != nil || seen != "" {
		return seen != set.version, err
	}
	known, err := l.o.Archive.Has(ctx, set.version)
	return !known, err
}

func (l *Live) see(ctx context.Context, set *Set, from string) error {
	l.failed.Store(nil)
	l.folder.Store(nil)
	if from == FromBuiltin {
		return nil
	}
	return l.o.Archive.See(ctx, set.version)
}

// Publish reads the folder and makes its set the live one, if it is new, compiles and passes its tests; else the last good one
// stays and the error says why. It reports whether it was published.
func (l *Live) Publish(ctx context.Context) (bool, error) {
	return l.publish(ctx, func() bool { return true })
}

// errMoving: the folder changed while it was read.
var errMoving = errors.New("the rules folder is being changed")

// publish asks still, when the folder has been read, whether it is as it was before.
func (l *Live) publish(ctx context.Context, still func() bool) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waits = false
	if err := l.follow(ctx); err != nil && !fault.Is(err, fault.Invalid) {
		l.waits = true
		l.heard(ctx, noAnswer, err)
		return false, err
	}
	if l.o.Dir == "" {
		return false, nil
	}
	cur := l.shown.Load()
	set, from, err := l.read(ctx, cur != nil && cur.from != FromBuiltin && cur.pub.By != ByBuiltin && len(cur.set.files) > 0)
	if !still() {
		return false, errMoving
	}
	if err != nil {
		l.refuse(ctx, err, l.known)
		return false, err
	}
	if cur != nil && cur.set.version == set.version {
		return false, l.see(ctx, set, from)
	}
	latest := Publication{}
	if cur != nil {
		latest = cur.pub
	}
	fresh, err := l.fresh(ctx, set, from, latest)
	if err != nil {
		l.waits = true
		return false, err
	}
	if !fresh {
		l.failed.Store(nil)
		l.folder.Store(&set.version)
		return false, nil
	}
	if err := l.test(ctx, set); err != nil {
		if ctx.Err() == nil { // else we are stopping, and the set may be good
			l.refuse(ctx, err, l.known)
		}
		return false, err
	}
	if err := l.put(ctx, set, from); err != nil {
		l.waits = true
		l.heard(ctx, noRoom, err)
		return false, err
	}
	return true, nil
}

// maxPuts is how often a node publishes its folder anew because others publish at the same time.
const maxPuts = 10

// put publishes the folder's set on top of whatever is the latest: it is an edit that nobody has seen yet.
func (l *Live) put(ctx context.Context, set *Set, from string) error {
	p := Publication{Version: set.version, Files: set.Files(), At: l.o.Now().UTC(), By: l.o.By}
	if from == FromBuiltin {
		p.By = ByBuiltin
	}
	after := l.known
	for try := 0; ; try++ {
		n, err := l.o.Archive.Publish(ctx, p, after)
		if err == nil {
			p.Number = n
			break
		}
		if !fault.Is(err, fault.Conflict) || try == maxPuts {
			return err
		}
		latest, err := l.o.Archive.Latest(ctx, 0)
		if err != nil {
			return err
		}
		if latest.Version == set.version { // another node has the same edit
			p = latest
			break
		}
		if from == FromBuiltin {
			return l.adopt(ctx, latest) // somebody's rules came first
		}
		after = latest.Number
	}
	l.heard(ctx, noRoom, nil)
	l.show(set, from, p)
	return l.see(ctx, set, from)
}

// read compiles what the folder holds now. Where there were rules, a folder that vanished or was emptied is no edit (a
// volume is not mounted, a deployment is half done): what it held stays live.
func (l *Live) read(ctx context.Context, had bool) (*Set, string, error) {
	l.found = ""
	if l.o.Dir == "" {
		set, diags := Builtin(l.load())
		if set == nil {
			return nil, "", fault.As(fault.Invalid, errorsOf(diags))
		}
		return set, FromBuiltin, nil
	}
	set, version, diags := load(l.o.Dir, l.load())
	l.found = version
	empty := set != nil && len(set.files) == 0 || set == nil && missing(l.o.Dir)
	switch {
	case empty && had:
		return nil, "", fault.Errorf(fault.Invalid, "%s holds no rules any more; to have none, leave an empty file there, none.rules", l.o.Dir)
	case empty && l.o.Builtin:
		set, diags = Builtin(l.load())
		if set == nil {
			return nil, "", fault.As(fault.Invalid, errorsOf(diags))
		}
		return set, FromBuiltin, nil
	case set == nil:
		return nil, "", fault.As(fault.Invalid, errorsOf(diags))
	}
	if cur := l.Current(); cur == nil || cur.version != set.version {
		l.warn(diags)
	}
	return set, FromFolder, nil
}

// test runs a set's tests, once.
func (l *Live) test(ctx context.Context, s *Set) error {
	if t := l.tested; t != nil && t.version == s.version && t.dir == s.dir && l.fits(t) { // the report names files as people find them
		return l.verdict
	}
	err := l.passes(ctx, s)
	if ctx.Err() == nil {
		l.tested, l.verdict = s, err
	}
	return err
}

// longestTests is how long the tests of a set may take before it is published: meanwhile no other can be.
const longestTests = 2 * time.Minute

// passes runs a set's tests, of which too many is a failure too.
func (l *Live) passes(ctx context.Context, s *Set) error {
	within, cancel := context.WithTimeout(ctx, longestTests)
	defer cancel()
	pause := l.load().pause()
	r := s.Test(within, func(ctx context.Context, s *Set, t *dsl.Test) (*dsl.Outcome, []Entry, error) {
		pause()
		return l.o.Simulate(ctx, s, t)
	})
	switch {
	case r.OK():
		return nil
	case within.Err() != nil && ctx.Err() == nil:
		return fault.Errorf(fault.Invalid, "the tests take longer than %v: %d of %d were run", longestTests, len(r.Tests), len(s.program.Tests))
	}
	return fault.As(fault.Invalid, r)
}

// An Edit says who publishes a set that is handed over, and why.
type Edit struct {
	By, Note string
	After    int64 // the number of the publication that it was made from
}

// Bounds on files that are handed over.
const maxNames = 2000

// Published is what came of an edit: the publication, and what its author may not have meant.
type Published struct {
	Publication
	Warnings dsl.Diagnostics
}

// PublishFiles publishes a set that somebody hands over, as [Set.Files] or [ReadFiles] give it: checked and tested as any, and
// only on top of the publication that he knew (else fault.Conflict). What is live already is not published again.
func (l *Live) PublishFiles(ctx context.Context, files map[string]string, e Edit) (Published, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.first(ctx, e); err != nil {
		return Published{}, err
	}
	set, warnings, err := l.Compile(files)
	if err != nil {
		return Published{}, err
	}
	if cur := l.shown.Load(); cur != nil && cur.set.version == set.version && cur.pub.Number == e.After {
		return Published{cur.pub, warnings}, nil
	}
	if err := l.test(ctx, set); err != nil {
		return Published{}, err
	}
	p, err := l.edit(ctx, set, e)
	return Published{p, warnings}, err
}

// Check says what is wrong with a set that somebody hands over, and what he may not have meant; it publishes nothing.
func (l *Live) Check(ctx context.Context, files map[string]string) (warnings dsl.Diagnostics, err error) {
	set, warnings, err := l.Compile(files)
	if err != nil {
		return nil, err
	}
	return warnings, l.passes(ctx, set)
}

// Try compiles files that somebody hands over, and runs their tests; failing is what would keep them from being published.
func (l *Live) Try(ctx context.Context, files map[string]string) (set *Set, warnings dsl.Diagnostics, failing []Problem, err error) {
	if set, warnings, err = l.Compile(files); err != nil {
		return nil, nil, nil, err
	}
	return set, warnings, set.Test(ctx, l.o.Simulate).Problems(), nil
}

// Compile compiles files that somebody hands over, and publishes nothing.
func (l *Live) Compile(files map[string]string) (*Set, dsl.Diagnostics, error) {
	if err := wellNamed(files); err != nil {
		return nil, nil, err
	}
	set, diags := FromFiles(files, l.load())
	if set == nil {
		return nil, nil, fault.As(fault.Invalid, errorsOf(diags))
	}
	if len(set.files.rulesFiles()) == 0 { // the wrong folder, most likely
		return nil, nil, fault.Errorf(fault.Invalid, "there is no *.rules file among them; to have no rules, send an empty one, none.rules")
	}
	return set, diags, nil
}

// Rollback publishes an earlier publication again. It was tested then, and whoever goes back is in a hurry: it is only compiled.
func (l *Live) Rollback(ctx context.Context, number int64, e Edit) (Publication, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.first(ctx, e); err != nil {
		return Publication{}, err
	}
	p, err := l.o.Archive.Get(ctx, number)
	if err != nil {
		return Publication{}, err
	}
	set, diags := FromFiles(p.Files, l.load())
	if set == nil {
		return Publication{}, fault.As(fault.Invalid, fmt.Errorf("publication %d does not fit the configuration: %w", number, errorsOf(diags)))
	}
	if e.Note == "" {
		e.Note = fmt.Sprintf("back to number %d", number)
	}
	return l.edit(ctx, set, e)
}

// first checks that nobody published after what an edit was made from.
func (l *Live) first(ctx context.Context, e Edit) error {
	if err := l.follow(ctx); err != nil && !fault.Is(err, fault.Invalid) {
		return err
	}
	if l.known != e.After {
		return fault.Errorf(fault.Conflict, "the latest publication is number %d, and yours was made from number %d: look at what changed, then publish again", l.known, e.After)
	}
	return nil
}

func (l *Live) edit(ctx context.Context, set *Set, e Edit) (Publication, error) {
	p := Publication{Version: set.version, Files: set.Files(), At: l.o.Now().UTC(), By: e.By, Note: e.Note}
	n, err := l.o.Archive.Publish(ctx, p, e.After)
	if err != nil {
		return Publication{}, err
	}
	p.Number = n
	l.show(set, FromStore, p)
	p.Files = nil
	return p, nil
}

// wellNamed checks files that came from elsewhere.
func wellNamed(files map[string]string) error {
	if len(files) > maxNames {
		return fault.Errorf(fault.TooLarge, "%d files: at most %d may make a set", len(files), maxNames)
	}
	size, rules := 0, 0
	for name, text := range files {
		if !fs.ValidPath(name) || name == "." || len(name) > 500 {
			return fault.Errorf(fault.Invalid, "%q is no name of a file below the rules folder", name)
		}
		if isRulesFile(name) && len(text) > MaxRulesFile {
			return fault.Errorf(fault.TooLarge, "%s is larger than %d MiB", name, MaxRulesFile>>20)
		}
		if size += len(text); isRulesFile(name) {
			rules += len(text)
		}
	}
	if rules > MaxRules {
		return fault.Errorf(fault.TooLarge, "the rules files are larger than %d MiB together", MaxRules>>20)
	}
	if size > MaxFiles*4/3+maxNames*16 { // base64 at most
		return fault.Errorf(fault.TooLarge, "the files are larger than %d MiB together", MaxFiles>>20)
	}
	return nil
}

// ReadFiles reads what a folder's set is made of: its *.rules files and those that they name. What is wrong with them it does not say.
func ReadFiles(dir string) (map[string]string, error) {
	d, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	bad, err := d.readRules()
	if err != nil {
		return nil, err
	}
	for _, err := range bad {
		return nil, err
	}
	parsed, options, _ := d.read.parse(d.open, LoadOptions{})
	for _, f := range parsed {
		f.Rules = nil // they name no files
	}
	dsl.Compile(parsed, options)
	return d.read.stored(), nil
}
