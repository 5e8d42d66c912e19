package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"postern/dsl"
	"postern/internal/api"
	"postern/internal/config"
	"postern/internal/intake"
	"postern/internal/mongo"
	"postern/internal/sqlite"
	"postern/rules"
)

// What commands do without a server, and mostly without a store.

// ControlSocket is where a running server of that configuration is reached.
func ControlSocket(o Options) (string, error) {
	c, _, err := loadConfig(o)
	if err != nil {
		return "", err
	}
	return filepath.Join(c.Data, controlSocket), nil
}

// A Checked is a configuration and its rules, read and found right or wrong.
type Checked struct {
	Config   *config.Config
	Rules    *rules.Set // nil when something is wrong
	Policy   *intake.Policy
	Problems []string // what to print, line by line: "file:line:col: message", what stands there, a hint; warnings too
	Found    []api.RulesProblem
	Wrong    bool // one of them is an error
}

// Check reads configuration and rules, and opens nothing.
func Check(o Options) *Checked {
	out := &Checked{}
	c, found := config.Load(config.Find(o.Config), o.Getenv)
	for _, p := range append(found, config.UnknownVariables(o.Environ)...) {
		out.Problems = append(out.Problems, p.String())
		one := api.RulesProblem{File: p.File, Line: p.Line, Column: p.Column, Severity: "error", Message: p.Message}
		if p.Warning {
			one.Severity = "warning"
		}
		out.Found = append(out.Found, one)
	}
	if c != nil {
		for _, p := range oddHooks(c) {
			out.Problems = append(out.Problems, p.String())
			out.Found = append(out.Found, api.RulesProblem{File: p.File, Line: p.Line, Column: p.Column, Severity: "warning", Message: p.Message})
		}
	}
	if out.Config = c; c == nil {
		out.Wrong = true
		return out
	}
	out.Policy = policy(c)
	load := rules.LoadOptions{Vocabulary: out.Policy.Vocabulary}
	if c.RulesInStore() { // whatever is in it was checked before it was published
		out.Rules, _ = rules.FromFiles(nil, load)
		return out
	}
	set, diags := rules.Load(rulesDir(c), load)
	if c.Rules == "" && (set == nil && !exists(rulesDir(c)) || set != nil && len(set.Files()) == 0) {
		set, diags = rules.Builtin(load)
	}
	out.take(set, diags)
	return out
}

// Take has rules checked that live in the store.
func (c *Checked) Take(files map[string]string) {
	c.take(rules.FromFiles(files, rules.LoadOptions{Vocabulary: c.Policy.Vocabulary}))
}

func (c *Checked) take(set *rules.Set, diags dsl.Diagnostics) {
	for _, d := range diags {
		c.Problems = append(c.Problems, strings.TrimSuffix(d.Text(), "\n"))
	}
	c.Found = append(c.Found, problemsOf(diags)...)
	c.Rules, c.Wrong = set, set == nil
}

// Test runs the tests of the rules.
func (c *Checked) Test(ctx context.Context) rules.Report {
	return c.Rules.Test(ctx, c.Simulate())
}

// Simulate decides the mails of tests.
func (c *Checked) Simulate() rules.Simulate { return intake.Simulate(c.Policy) }

// Restore reads a backup into the store of a configuration, which must be empty, with no server running on it.
func Restore(ctx context.Context, o Options, dir string) (err error) {
	c, _, err := loadConfig(o)
	if err != nil {
		return err
	}
	held, err := lockData(c.Data)
	if err != nil {
		return err
	}
	defer held.release()
	log := Logger(o.Stderr, c.Log.Format, level(c.Log))
	if c.Store.MongoDB.IsSet() {
		s, err := mongo.Open(ctx, c.Store.MongoDB.Reveal(), mongo.Options{Password: c.Store.Password.Reveal(), Log: log, Now: o.Now})
		if err != nil {
			return err
		}
		return errors.Join(s.Restore(ctx, dir), s.Close())
	}
	s, err := sqlite.Open(ctx, c.Store.SQLite, sqlite.Options{Log: log, Now: o.Now})
	if err != nil {
		return err
	}
	return errors.Join(s.Restore(ctx, dir), s.Close())
}

// Background runs what a command needs beside it, the ledger, until stop is called.
func (a *App) Background(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = a.intake.Run(ctx) }()
	return func() { cancel(); <-done; _ = a.flushCounts(context.WithoutCancel(ctx)) }
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
