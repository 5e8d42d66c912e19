// Package app builds the program from its configuration and runs it. It is the one package that knows all the others.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/api"
	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/keys"
	"postern/internal/logkey"
	"postern/internal/metrics"
	"postern/internal/mongo"
	"postern/internal/spool"
	"postern/internal/sqlite"
	"postern/internal/webclient"
	"postern/poller"
	"postern/receiver/smtp"
	"postern/receiver/webhook"
	"postern/rules"
)

// Options are what a program is started with.
type Options struct {
	Config  string // the file; "" for ./postern.yaml where it is there, else the defaults
	Getenv  func(string) string
	Environ []string // NAME=value, as os.Environ lists them: misspelt ones of ours are warned of
	Stderr  io.Writer
	Version string
	Now     func() time.Time
	Quiet   bool // only warnings and errors are logged, for a command
	Dry     bool // rules that are read are not kept in the store, for a command that changes nothing

	Client *webclient.Client // what providers of webhooks are asked by; nil: one that goes to public addresses only
	// Reach changes how OAuth providers and Microsoft Graph are reached, for tests.
	Reach func(webclient.Options) webclient.Options
}

// An App is a whole Postern: opened, and running while Run runs.
type App struct {
	o       Options
	log     *slog.Logger
	level   slog.LevelVar
	conf    *config.Watcher
	policy  atomic.Pointer[intake.Policy]
	lock    *lock
	keys    *keys.Ring
	spool   *spool.Dir
	store   issue.Store
	rules   *rules.Live
	intake  *intake.Intake
	shadow  *shadower
	metrics *metrics.Metrics
	counter rules.Counter // of what rules did, until it is written
	api     *api.API
	hooks   *webhook.Server
	poller  *poller.Manager
	silence *silence
	tokens  tokens // of sources that log in with OAuth

	mail    atomic.Pointer[smtp.Server] // while Run runs
	greeted atomic.Bool
	lags    sync.Map       // of each hook, how long its last mail took from its provider's receipt to the commit
	closers []func() error // what is open, in the order of opening
	ready   chan struct{}
	addrs   Addrs
}

// Addrs are the addresses a running App listens on.
type Addrs struct {
	SMTP, LMTP, HTTP, Metrics []string
	Control                   string
}

// ErrConfig says that the configuration or the rules are wrong; the text has a line for each problem, with its place.
type ErrConfig struct{ Problems string }

func (e *ErrConfig) Error() string { return e.Problems }

// Open reads the configuration, takes the data folder, and opens the store and the rules. What it opened is closed again
// when it fails.
func Open(ctx context.Context, o Options) (_ *App, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &App{o: o, ready: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err := a.openConfig(); err != nil {
		return nil, err
	}
	c := a.conf.Config()
	if a.lock, err = lockData(c.Data); err != nil {
		return nil, err
	}
	a.onClose(func() error { a.lock.release(); return nil })
	var made bool
	if a.keys, made, err = keys.Open(c.KeyPath(), o.Now()); err != nil {
		return nil, err
	}
	if a.spool, err = spool.Open(filepath.Join(c.Data, "spool")); err != nil {
		return nil, err
	}
	if err := a.openStore(ctx, c, made); err != nil {
		return nil, err
	}
	if made {
		a.log.InfoContext(ctx, "made a key file: keep a copy of it, apart from the data", logkey.Path, c.KeyPath())
	}
	if err := a.openRules(ctx, c); err != nil {
		return nil, err
	}
	a.metrics = metrics.New()
	if err := a.metrics.Register(metrics.Ruleset(a.ruleset)); err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	a.intake = intake.New(intake.Options{
		Store: a.store, Spool: a.spool, Policy: a.policy.Load, Rules: a.rules.Current, Log: a.part("intake"), Now: o.Now,
		Memory: int64(c.Limits.Memory), Observer: a, Test: a.testMail,
	})
	node, err := nodeName(c)
	if err != nil {
		return nil, err
	}
	a.shadow = &shadower{app: a, node: node}
	a.openHooks(c)
	a.openSources(c, node)
	a.silence = &silence{app: a}
	if err := a.metrics.Register(metrics.Ways(a.silence.now)); err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	return a, a.openAPI(c)
}

func (a *App) part(name string) *slog.Logger { return a.log.With(logkey.Component, name) }

func (a *App) onClose(f func() error) { a.closers = append(a.closers, f) }

// Close closes what is open, last first.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// level is the least level that a configuration wants to read.
func level(c config.Log) (l slog.Level) {
	_ = l.UnmarshalText([]byte(c.Level)) // checked when it was read
	return l
}

// Logger makes a log in the format of a configuration, "text" or "json".
func Logger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// openStore opens the store, and holds the key file against it. One that was made just now does not stay where the store has
// another: it would only be in the way of the right one.
func (a *App) openStore(ctx context.Context, c *config.Config, made bool) (err error) {
	log := a.part("store")
	if c.Store.MongoDB.IsSet() {
		a.store, err = mongo.Open(ctx, c.Store.MongoDB.Reveal(), mongo.Options{Password: c.Store.Password.Reveal(), Log: log, Now: a.o.Now})
	} else {
		a.store, err = sqlite.Open(ctx, c.Store.SQLite, sqlite.Options{Log: log, Now: a.o.Now})
	}
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	a.onClose(a.store.Close)
	a.onClose(a.closeTokens)
	if err := a.store.Recover(ctx); err != nil {
		return fmt.Errorf("finish what a crash left in the store: %w", err)
	}
	have, err := a.store.Once(ctx, "keys", a.keys.Fingerprint())
	if err != nil {
		return fmt.Errorf("compare the keys with the store's: %w", err)
	}
	if have != a.keys.Fingerprint() && made {
		return errors.Join(fault.Errorf(fault.Invalid, "there is no key file %s, and this store was made with one (%s): put it back; every node needs the same file",
			c.KeyPath(), have), os.Remove(c.KeyPath()))
	}
	if have != a.keys.Fingerprint() {
		return fault.Errorf(fault.Invalid, "%s is not the key file of this store (it has %s, the store was made with %s): every node needs the same file",
			c.KeyPath(), a.keys.Fingerprint(), have)
	}
	return nil
}

// Handler is the API as local commands use it: the one who may open the data folder may do everything.
func (a *App) Handler() http.Handler { return a.control() }

// Store is for tests.
func (a *App) Store() issue.Store { return a.store }
