package rules

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"postern/dsl"
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
	Dir     string // the rules folder; "" where rules live in the archive alone
	Builtin bool   // with nothing published, and no rules in the folder, use the built-in set
	// Load gives what to compile against. It is asked each time, since the configuration changes too.
	Load func() LoadOptions
	// Simulate decides the tests' mails. A set whose tests fail is not published.
	Simulate Simulate
	// Archive keeps what is published; nil: nothing is kept, and nobody else publishes.
	Archive Archive
	By      string // who publishes the folder: the node
	Log     *slog.Logger
	Now     func() time.Time // nil means time.Now

	Settle time.Duration // quiet time after a change before the folder is read; 0 means 150 ms
	Poll   time.Duration // how often it is looked at without a notification; 0 means 10 s
	Follow time.Duration // how often it is asked what others published; 0 means 2 s
}

// Live holds the set that decides now. What this node publishes (publish.go) and what it hears of others (adopt.go)
// change it; whoever decides takes Current once and keeps that set to the end of his transaction.
type Live struct {
	o      LiveOptions
	dir    string // absolute
	nudge  chan struct{}
	shown  atomic.Pointer[published]
	failed atomic.Pointer[failure] // why the folder is not published
	behind atomic.Pointer[failure] // why the latest publication does not decide here
	folder atomic.Pointer[string]  // the version that the folder holds, where it is not what decides

	mu      sync.Mutex     // one change at a time; it guards what follows
	known   int64          // the latest publication that was dealt with …
	names   dsl.Vocabulary // … and the names that it was held against
	found   string         // the version of what the folder held when it was read last
	tested  *Set           // the last set whose tests were run, and what came of them
	verdict error
	started print           // of the folder, when it was read at the start
	waits   bool            // what the folder holds could not be stored yet
	trouble map[string]bool // with the archive, as it was logged
}

type published struct {
	set  *Set
	from string
	pub  Publication // without its files
}

type failure struct {
	text string
	at   time.Time
}

// Status is what a health page shows.
type Status struct {
	Version     string    `json:"version"` // "" while there is none
	Number      int64     `json:"number"`  // of its publication
	From        string    `json:"from"`    // FromFolder, FromBuiltin, FromStore
	By          string    `json:"by"`
	Rules       int       `json:"rules"`
	Tests       int       `json:"tests"`
	PublishedAt time.Time `json:"publishedAt"`
	// LastError is why the folder as it is now was refused: diagnostics, one a line, each with file, line and column.
	LastError   string    `json:"lastError,omitempty"`
	LastErrorAt time.Time `json:"lastErrorAt,omitzero"`
	// Behind is why the latest publication does not decide on this node: it does not fit the node's configuration.
	Behind string `json:"behind,omitempty"`
	// Folder is the version of a good set in the folder that others have replaced since.
	Folder string `json:"folder,omitempty"`
	// Failing are rules that fail again and again on this node.
	Failing []Failing `json:"failing,omitempty"`
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
	if o.Follow == 0 {
		o.Follow = 2 * time.Second
	}
	if o.Archive == nil {
		o.Archive = nowhere{}
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		dir = filepath.Clean(o.Dir) // no working directory: relative will have to do
	}
	return &Live{o: o, dir: dir, nudge: make(chan struct{}, 1), trouble: map[string]bool{}}
}

// Current is the set that decides now; nil before the first was published.
func (l *Live) Current() *Set {
	if p := l.shown.Load(); p != nil {
		return p.set
	}
	return nil
}

// Status says what is live, and what is wrong with what is not.
func (l *Live) Status() Status {
	var st Status
	if p := l.shown.Load(); p != nil {
		st.Version, st.From, st.Number, st.By, st.PublishedAt = p.set.Version(), p.from, p.pub.Number, p.pub.By, p.pub.At
		st.Failing = p.set.Failing()
		st.Rules, st.Tests = len(p.set.program.Rules)+len(p.set.program.Tokens), len(p.set.program.Tests)
	}
	if f := l.failed.Load(); f != nil {
		st.LastError, st.LastErrorAt = f.text, f.at
	}
	if f := l.behind.Load(); f != nil {
		st.Behind = f.text
	}
	if v := l.folder.Load(); v != nil {
		st.Folder = *v
	}
	return st
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

func (l *Live) load() LoadOptions {
	if l.o.Load == nil {
		return LoadOptions{}
	}
	o := l.o.Load()
	o.Gently = l.Current() != nil
	return o
}

// show makes a set the live one.
func (l *Live) show(s *Set, from string, p Publication) {
	p.Files, l.known, l.names = nil, p.Number, s.vocabulary
	old := l.shown.Swap(&published{set: s, from: from, pub: p})
	l.behind.Store(nil)
	if old == nil || old.pub.Number != p.Number || old.set.version != s.version {
		l.o.Log.Info("rules published", logkey.Ruleset, s.Short(), "number", p.Number, "by", p.By, logkey.Source, from)
	}
}

// mostReported bounds the lines that one broken edit writes into the log.
const mostReported = 20

// refuse remembers that the folder's rules are not published, and reports why. The same trouble is told once.
func (l *Live) refuse(ctx context.Context, err error, latest int64) {
	if before, _, bad := l.o.Archive.Refused(ctx); l.found != "" && (bad != nil || before != l.found) {
		l.heard(ctx, notNoted, l.o.Archive.Refuse(ctx, l.found, latest))
	}
	if old := l.failed.Load(); old != nil && old.text == err.Error() {
		return
	}
	l.failed.Store(&failure{err.Error(), l.o.Now().UTC()})
	l.folder.Store(nil)
	l.tell(ctx, "rules not published, the last good ones stay", err)
}

// tell logs what is wrong, a line for each place.
func (l *Live) tell(ctx context.Context, what string, err error) {
	keeps := "none"
	if cur := l.Current(); cur != nil {
		keeps = cur.Short()
	}
	for i, p := range problems(err, l.o.Dir) {
		if i == mostReported {
			break
		}
		l.o.Log.ErrorContext(ctx, what, logkey.Ruleset, keeps, logkey.Path, p[0], logkey.Error, p[1])
	}
}

// A Problem is what is wrong in one place.
type Problem struct {
	dsl.Pos
	Text string
}

// Problems are what the tests did not find as they expect it, in order.
func (r Report) Problems() []Problem {
	var out []Problem
	for _, t := range r.Tests {
		for _, f := range t.Failures {
			out = append(out, Problem{f.Pos, t.title() + ": " + f.message()})
		}
	}
	return out
}

// problems takes an error apart into what is wrong in each place, "file:line:column", or in the folder as a whole.
func problems(err error, dir string) (out [][2]string) {
	var diags dsl.Diagnostics
	var report Report
	switch {
	case errors.As(err, &diags):
		for _, d := range diags {
			out = append(out, [2]string{d.Pos.String(), d.Message})
		}
	case errors.As(err, &report):
		for _, p := range report.Problems() {
			out = append(out, [2]string{p.Pos.String(), p.Text})
		}
	default:
		out = append(out, [2]string{dir, err.Error()})
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
