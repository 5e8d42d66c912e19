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
	l := c.Log
	if a.o.Quiet && (l.Level == "info" || l.Level == "debug") {
		l.Level = "warn"
	}
	a.log = Logger(a.o.Stderr, l)
	for _, p := range warnings {
		a.log.Warn("configuration problem", logkey.Reason, p.String())
	}
	a.policy.Store(policy(c))
	a.conf = config.NewWatcher(config.WatcherOptions{First: c, Getenv: a.o.Getenv, Log: a.part("config"), Now: a.o.Now, Apply: a.apply})
	return nil
}

// apply makes a changed configuration count, from the next transaction on: all of it, or nothing.
func (a *App) apply(_ context.Context, _, c *config.Config) error {
	if mail := a.mail.Load(); mail != nil {
		if err := mail.Apply(settings(c)); err != nil {
			return err
		}
	}
	a.policy.Store(policy(c))
	a.rules.Reload() // the names that rules may use may have changed
	return nil
}

// Logger is the log of a configuration that has not been read yet.
func (a *App) Logger() *slog.Logger { return a.log }
