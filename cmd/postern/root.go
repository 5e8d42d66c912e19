package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/app"
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
	dry    bool // nothing is kept, where no server runs
}

// run is the whole program; tests call it.
func run(ctx context.Context, args []string, getenv func(string) string, in io.Reader, out, errs io.Writer) int {
	p := &program{getenv: getenv, in: in, out: out, err: errs}
	root := p.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	code := p.finish(err)
	if code == exitUsage && cmd.Name() == "deliver" {
		// A mail server bounces on a code that it does not know: a slip in its line must not cost anybody's mail.
		return exitLater
	}
	return code
}

// finish prints an error for people and says the exit code.
func (p *program) finish(err error) int {
	if err == nil {
		return exitOK
	}
	var e *exit
	if errors.As(err, &e) {
		if text := e.Error(); text != "" {
			fmt.Fprintln(p.err, "postern: "+strings.TrimSpace(text))
		}
		return e.code
	}
	var wrong *app.ErrConfig
	if errors.As(err, &wrong) {
		fmt.Fprintln(p.err, strings.TrimSpace(wrong.Problems))
		return exitFailed
	}
	fmt.Fprintln(p.err, "postern: "+err.Error())
	return exitFailed
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
  postern eval mail.eml               # what would become of this mail, and why?
  postern find ann@example.org        # where is the mail that Ann sent?`,
		SilenceUsage: true, SilenceErrors: true, Version: version(),
	}
	root.PersistentFlags().StringVarP(&p.config, "config", "c", "", "the configuration file (default ./postern.yaml, where it is there)")
	root.AddCommand(p.serve(), p.check(), p.test(), p.fmt(), p.lsp(), p.rules(), p.parse(), p.eval(), p.deliver(), p.backtest(), p.explain(), p.replay(), p.quarantine(), p.find(), p.issues(), p.sources(), p.webhook(), p.login(),
		p.backup(), p.restore(), p.keys(), p.doctor(), p.initial(), p.versionCommand())
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetHelpCommand(helpCommand(root))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short, c.Long = "Write the completion of commands and flags for a shell", ""
			c.Example = "  source <(postern completion bash)\n  postern completion fish > ~/.config/fish/completions/postern.fish"
		}
	}
	helpful(root)
	return root
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
	return app.Options{Config: p.config, Getenv: p.getenv, Environ: os.Environ(), Stderr: p.err, Version: version(), Now: time.Now}
}
