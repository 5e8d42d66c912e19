package rules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"postern/dsl"
	"postern/internal/fault"
	"postern/internal/logkey"
)

// Where a published set came from.
const (
	FromFolder  = "folder"
	FromBuiltin = "built-in"
	FromStore   = "stored"
)

// LiveOptions are what a Live follows and tells.
type LiveOptions struct {
	Dir     string // the rules folder
	Builtin bool   // where the folder is missing or empty at the start, use the built-in set
	// Load gives what to compile against. It is asked each time, since the configuration changes too.
	Load func() LoadOptions
	// Simulate decides the tests' mails. A set whose tests fail is not published.
	Simulate Simulate
	// OnPublish hears of each new set that did not come from the store; it stores it. It is asked again, until it
	// succeeds, each time the folder is looked at. May be nil.
	OnPublish func(ctx context.Context, s *Set) error
	Log       *slog.Logger
	Now       func() time.Time // nil means time.Now

	Settle time.Duration // quiet time after a change before the folder is read; 0 means 150 ms
	Poll   time.Duration // how often it is looked at without a notification; 0 means 10 s
}

// Live holds the set that decides now. Publish, Adopt and Watch change it; whoever decides takes Current once and
// keeps that set to the end of his transaction.
type Live struct {
	o      LiveOptions
	dir    string // absolute
	nudge  chan struct{}
	shown  atomic.Pointer[published]
	mu     sync.Mutex // one change at a time
	failed atomic.Pointer[failure]
	stored bool   // what is shown is in the store
	unkept string // why it is not, as it was logged
}

type published struct {
	set  *Set
	from string
	at   time.Time
}

type failure struct {
	text string
	at   time.Time
}

// Status is what a health page shows.
type Status struct {
	Version     string    `json:"version"` // "" while there is none
	From        string    `json:"from"`    // FromFolder, FromBuiltin, FromStore
	Rules       int       `json:"rules"`
	Tests       int       `json:"tests"`
	PublishedAt time.Time `json:"publishedAt"`
	// LastError is why the folder as it is now is not what decides: diagnostics, one a line, each with file, line and column.
	LastError   string    `json:"lastError,omitempty"`
	LastErrorAt time.Time `json:"lastErrorAt,omitzero"`
}

// NewLive makes a Live that has no set yet.
func NewLive(o LiveOptions) *Live {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Settle == 0 {
		o.Settle = 150 * time.Millisecond
	}
	if o.Poll == 0 {
		o.Poll = 10 * time.Second
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		dir = filepath.Clean(o.Dir) // no working directory: relative will have to do
	}
	return &Live{o: o, dir: dir, nudge: make(chan struct{}, 1)}
}

// Current is the set that decides now; nil before the first was published.
func (l *Live) Current() *Set {
	if p := l.shown.Load(); p != nil {
		return p.set
	}
	return nil
}

// Status says what is live, and what is wrong with the folder.
func (l *Live) Status() Status {
	var st Status
	if p := l.shown.Load(); p != nil {
		st.Version, st.From, st.PublishedAt = p.set.Version(), p.from, p.at
		st.Rules, st.Tests = len(p.set.program.Rules)+len(p.set.program.Tokens), len(p.set.program.Tests)
	}
	if f := l.failed.Load(); f != nil {
		st.LastError, st.LastErrorAt = f.text, f.at
	}
	return st
}

// Start publishes the folder's set. stored gives the files that were published last, here or by another node (nil: none
// yet): they are used where the folder is broken, and a folder equal to them is not tested again. With
// nothing good at all it returns what is wrong with the folder.
func (l *Live) Start(ctx context.Context, stored map[string]string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	had := l.holdsRules()
	if !l.o.Builtin || !missing(l.o.Dir) && !isBuiltin(stored) { // a folder that was named, or is there, is meant to hold rules
		had = had || len(stored) > 0
	}
	set, from, err := l.read(had)
	if err == nil && stored != nil {
		if f, bad := fromStored(stored); bad == nil && f.version() == set.version {
			l.show(set, from)
			l.stored = true
			return nil
		}
	}
	if err == nil {
		err = l.test(ctx, set)
	}
	if err == nil {
		l.show(set, from)
		l.store(ctx)
		return nil
	}
	if stored == nil {
		return fmt.Errorf("no rules to start with: %w", err)
	}
	if bad := l.adopt(stored); bad != nil {
		return fmt.Errorf("no rules to start with: %w; and the last published rules no longer fit the configuration: %w", err, bad)
	}
	l.refuse(ctx, err)
	return nil
}

// Publish reads the folder and makes its set the live one, if it compiles and passes its tests; else the last good one
// stays and the error says why. It reports whether the live set is a new one.
func (l *Live) Publish(ctx context.Context) (bool, error) {
	return l.publish(ctx, func() bool { return true })
}

// errMoving: the folder changed while it was read.
var errMoving = errors.New("the rules folder is being changed")

// publish asks still, when the folder has been read, whether it is as it was before.
func (l *Live) publish(ctx context.Context, still func() bool) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	set, from, err := l.read(l.holdsRules())
	if !still() {
		return false, errMoving
	}
	if err != nil {
		l.refuse(ctx, err)
		return false, err
	}
	if cur := l.Current(); cur != nil && cur.version == set.version && reflect.DeepEqual(cur.vocabulary, set.vocabulary) {
		l.failed.Store(nil)
		l.store(ctx)
		return false, nil
	}
	if err := l.test(ctx, set); err != nil {
		if ctx.Err() == nil { // else we are stopping, and the set may be good
			l.refuse(ctx, err)
		}
		return false, err
	}
	l.show(set, from)
	l.store(ctx)
	return true, nil
}

// Adopt makes files that were published before, here or by another node, the live set. They are compiled and not tested again.
func (l *Live) Adopt(stored map[string]string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.adopt(stored)
}

func (l *Live) adopt(stored map[string]string) error {
	set, diags := FromFiles(stored, l.load())
	if set == nil {
		return fault.As(fault.Invalid, errorsOf(diags))
	}
	if cur := l.Current(); cur == nil || cur.version != set.version || !reflect.DeepEqual(cur.vocabulary, set.vocabulary) {
		l.show(set, FromStore)
	}
	l.stored = true
	return nil
}

func (l *Live) load() LoadOptions {
	if l.o.Load == nil {
		return LoadOptions{}
	}
	return l.o.Load()
}

// holdsRules reports whether what is live came of somebody's files.
func (l *Live) holdsRules() bool {
	p := l.shown.Load()
	return p != nil && p.from != FromBuiltin && len(p.set.files) > 0
}

// read compiles what the folder holds now. Where there were rules, a folder that vanished or was emptied is no edit (a
// volume is not mounted, a deployment is half done): what it held stays live.
func (l *Live) read(had bool) (*Set, string, error) {
	set, diags := Load(l.o.Dir, l.load())
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

// errorsOf leaves the warnings out.
func errorsOf(diags dsl.Diagnostics) dsl.Diagnostics {
	var out dsl.Diagnostics
	for _, d := range diags {
		if d.Severity == dsl.SeverityError {
			out = append(out, d)
		}
	}
	return out
}

func (l *Live) test(ctx context.Context, s *Set) error {
	if r := s.Test(ctx, l.o.Simulate); !r.OK() {
		return fault.As(fault.Invalid, r)
	}
	return nil
}

func (l *Live) show(s *Set, from string) {
	l.shown.Store(&published{set: s, from: from, at: l.o.Now().UTC()})
	l.failed.Store(nil)
	l.stored = false
	l.o.Log.Info("rules published", logkey.Ruleset, s.Short(), logkey.Source, from, logkey.Path, l.o.Dir)
}

// store hands the live set on, once. A store that is down now is asked again later; the set decides all the same.
func (l *Live) store(ctx context.Context) {
	p := l.shown.Load()
	if l.stored || l.o.OnPublish == nil || p == nil {
		return
	}
	if err := l.o.OnPublish(ctx, p.set); err != nil {
		if l.unkept != err.Error() { // said once, however often it is tried
			l.unkept = err.Error()
			l.o.Log.WarnContext(ctx, "the published rules could not be stored; trying again", logkey.Ruleset, p.set.Short(), logkey.Error, err)
		}
		return
	}
	l.stored, l.unkept = true, ""
}

// mostReported bounds the lines that one broken edit writes into the log.
const mostReported = 20

// refuse reports why the folder's rules are not published. The same trouble is told once.
func (l *Live) refuse(ctx context.Context, err error) {
	if old := l.failed.Load(); old != nil && old.text == err.Error() {
		return
	}
	l.failed.Store(&failure{err.Error(), l.o.Now().UTC()})
	keeps := "none"
	if cur := l.Current(); cur != nil {
		keeps = cur.Short()
	}
	for i, p := range problems(err, l.o.Dir) {
		if i == mostReported {
			break
		}
		l.o.Log.ErrorContext(ctx, "rules not published, the last good ones stay", logkey.Ruleset, keeps,
			logkey.Path, p.at, logkey.Error, p.text)
	}
}

// A problem is what is wrong in one place, "file:line:column".
type problem struct{ at, text string }

// problems takes an error apart into what is wrong in each place, or in the folder as a whole.
func problems(err error, dir string) []problem {
	var out []problem
	var diags dsl.Diagnostics
	var report Report
	switch {
	case errors.As(err, &diags):
		for _, d := range diags {
			out = append(out, problem{d.Pos.String(), d.Message})
		}
	case errors.As(err, &report):
		for _, t := range report.Tests {
			for _, f := range t.Failures {
				out = append(out, problem{f.Pos.String(), fmt.Sprintf("test %q: %s", t.Name, f.message())})
			}
		}
	default:
		out = append(out, problem{dir, err.Error()})
	}
	return out
}

func (l *Live) warn(diags dsl.Diagnostics) {
	for i, d := range diags {
		if d.Severity == dsl.SeverityWarning && i < mostReported {
			l.o.Log.Warn("a rule may not do what was meant", logkey.Path, d.Pos.String(), logkey.Error, d.Message)
		}
	}
}
