package app

import (
	"context"
	"log/slog"

	"postern/internal/config"
	"postern/internal/logkey"
)

// loadConfig reads the configuration, or says all that is wrong with it.
func loadConfig(o Options) (*config.Config, config.Problems, error) {
	c, found := config.Load(config.Find(o.Config), o.Getenv)
	if c == nil {
		return nil, found, &ErrConfig{Problems: found.String()}
	}
	return c, found, nil
}

func (a *App) openConfig() error {
	c, warnings, err := loadConfig(a.o)
	if err != nil {
		return err
	}
	a.setLevel(c)
	a.log = Logger(a.o.Stderr, c.Log.Format, &a.level)
	for _, p := range append(warnings, config.UnknownVariables(a.o.Environ)...) {
		a.log.Warn("configuration problem", logkey.Reason, p.String())
	}
	a.policy.Store(policy(c))
	a.conf = config.NewWatcher(config.WatcherOptions{First: c, Getenv: a.o.Getenv, Log: a.part("config"), Now: a.o.Now, Apply: a.apply})
	return nil
}

// setLevel makes the log as talkative as the configuration asks, or a command allows.
func (a *App) setLevel(c *config.Config) {
	level := level(c.Log)
	if a.o.Quiet {
		level = max(level, slog.LevelWarn)
	}
	a.level.Set(level)
}

// apply makes a changed configuration count, from the next transaction on: all of it, or nothing.
func (a *App) apply(_ context.Context, _, c *config.Config) error {
	if err := proven(c); err != nil {
		return err
	}
	if mail := a.mail.Load(); mail != nil {
		if err := mail.Apply(settings(c)); err != nil {
			return err
		}
	}
	a.setLevel(c)
	a.policy.Store(policy(c))
	a.hooks.Apply(Hooks(c))
	a.poller.Apply(a.sources(c))
	a.shadow.retake()
	a.rules.Reload() // the names that rules may use may have changed
	return nil
}

// Logger is the log of a configuration that has not been read yet.
func (a *App) Logger() *slog.Logger { return a.log }
