package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/app"
	"postern/internal/fault"
)

// Exit codes. The last two are those of sysexits.h, which a mail server's pipe understands.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitData   = 65 // EX_DATAERR: refused for good
	exitLater  = 75 // EX_TEMPFAIL: try again later
)

// exit is an error that carries an exit code. With no text, all was said already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// A program is what all subcommands share.
type program struct {
	getenv func(string) string
	in     io.Reader
	out    io.Writer
	err    io.Writer
	config string
	json   bool
}

// run is the whole program; tests call it.
func run(ctx context.Context, args []string, getenv func(string) string, in io.Reader, out, errs io.Writer) int {
	p := &program{getenv: getenv, in: in, out: out, err: errs}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	return p.finish(err)
}

// finish prints an error for people and says the exit code.
func (p *program) finish(err error) int {
	if err == nil {
		return exitOK
	}
	var e *exit
	if errors.As(err, &e) {
		if text := e.Error(); text != "" {
			fmt.Fprintln(p.err, "postern: "+text)
		}
		return e.code
	}
	var wrong *app.ErrConfig
	if errors.As(err, &wrong) {
		fmt.Fprintln(p.err, wrong.Problems)
		return exitFailed
	}
	fmt.Fprintln(p.err, "postern: "+err.Error())
	return exitFailed
}

// later gives errors that pass the code that makes a mail server's pipe try again.
func later(err error) error {
	if err == nil {
		return nil
	}
	var e *exit
	if errors.As(err, &e) {
		return err
	}
	switch fault.KindOf(err) {
	case fault.TooLarge, fault.Denied:
		return &exit{exitData, err}
	default:
		return &exit{exitLater, err}
	}
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "postern",
		Short: "Turns incoming mail into issues",
		Long: `Postern takes mail by SMTP and LMTP, lets the rules of an administrator decide what each message
becomes, and keeps issues in an embedded SQLite file or in MongoDB.`,
		Example: `  postern serve                       # SMTP on 127.0.0.1:2525, HTTP on 127.0.0.1:8025, data in ./data
  postern init                        # a commented configuration and rules to start from
  postern check && postern test       # are configuration and rules right?
  postern eval --mailbox support mail.eml`,
		SilenceUsage: true, SilenceErrors: true, Version: version(),
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exit{exitUsage, err} })
	root.PersistentFlags().StringVarP(&p.config, "config", "c", "", "the configuration file (default ./postern.yaml, where it is there)")
	root.AddCommand(p.serve(), p.check(), p.test(), p.fmt(), p.parse(), p.eval(), p.deliver(), p.replay(), p.quarantine(), p.find(), p.issues(),
		p.backup(), p.restore(), p.keys(), p.doctor(), p.initial(), p.versionCommand())
	for _, c := range root.Commands() {
		wrapArgs(c)
	}
	return root
}

// wrapArgs gives wrong arguments the exit code of wrong usage.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &exit{exitUsage, fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

// withJSON adds --json to a command that a program might read.
func (p *program) withJSON(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&p.json, "json", false, "print JSON for programs")
	return c
}

func (p *program) printJSON(v any) error {
	enc := json.NewEncoder(p.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func (p *program) options() app.Options {
	return app.Options{Config: p.config, Getenv: p.getenv, Stderr: p.err, Version: version(), Now: time.Now}
}

// version is what the build was made from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

func (p *program) versionCommand() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "version", Short: "Say which version this is", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if p.json {
				return p.printJSON(map[string]string{"version": version()})
			}
			_, err := fmt.Fprintln(p.out, "postern", version())
			return err
		},
	})
}
