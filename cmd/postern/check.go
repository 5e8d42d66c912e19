package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"postern/internal/app"
	"postern/internal/config"
)

func (p *program) check() *cobra.Command {
	var schema, show bool
	c := p.withJSON(&cobra.Command{
		Use: "check", Short: "Read configuration and rules, and say what is wrong", Args: cobra.NoArgs,
		Long: `Reads the configuration and the rules without starting anything. Everything that is wrong is told at once, a line
each: file:line:col: message. Exits 1 when something is an error; warnings alone exit 0.`,
		Example: `  postern check
  postern check --show      # the configuration as it counts, secrets hidden
  postern check --schema > postern.schema.json   # for editors`,
		RunE: func(*cobra.Command, []string) error {
			if schema {
				_, err := p.out.Write(config.Schema())
				return err
			}
			checked := app.Check(p.options())
			if p.json {
				if err := p.printJSON(map[string]any{"ok": !checked.Wrong, "problems": nonNil(checked.Problems)}); err != nil {
					return err
				}
			} else {
				for _, line := range checked.Problems {
					fmt.Fprintln(p.out, line)
				}
			}
			if checked.Wrong {
				return &exit{code: exitFailed}
			}
			if show {
				y, err := checked.Config.YAML()
				if err != nil {
					return err
				}
				_, err = p.out.Write(y)
				return err
			}
			if !p.json {
				prog := checked.Rules.Program()
				fmt.Fprintf(p.out, "ok: %d mailboxes, %d rules, %d tokens, %d tests\n", len(checked.Config.Mailboxes), len(prog.Rules), len(prog.Tokens), len(prog.Tests))
			}
			return nil
		},
	})
	c.Flags().BoolVar(&schema, "schema", false, "print the configuration's JSON Schema and do nothing else")
	c.Flags().BoolVar(&show, "show", false, "print the configuration as it counts, secrets hidden")
	return c
}

func (p *program) test() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "test", Short: "Run the tests that stand in the rules", Args: cobra.NoArgs,
		Long: `Runs every test block of the rules. What fails is told a line each, file:line:col: message, with the rules that
matched below it. Exits 1 when a test fails or the rules are wrong.`,
		Example: `  postern test`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checked := app.Check(p.options())
			if checked.Wrong {
				for _, line := range checked.Problems {
					fmt.Fprintln(p.out, line)
				}
				return &exit{code: exitFailed}
			}
			report := checked.Test(cmd.Context())
			if p.json {
				if err := p.printJSON(report); err != nil {
					return err
				}
			} else {
				if err := report.Write(p.out, true); err != nil {
					return err
				}
				fmt.Fprintf(p.out, "%d passed, %d failed\n", len(report.Tests)-report.Failed(), report.Failed())
			}
			if !report.OK() {
				return &exit{code: exitFailed}
			}
			return nil
		},
	})
}

func (p *program) initial() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "init [FOLDER]", Short: "Write a commented configuration and rules to start from", Args: cobra.MaximumNArgs(1),
		Example: `  postern init
  postern init /etc/postern`,
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			made, err := writeStart(dir, force)
			for _, f := range made {
				fmt.Fprintln(p.out, "wrote", f)
			}
			if errors.Is(err, os.ErrExist) {
				return fmt.Errorf("%w; --force overwrites", err)
			}
			if err == nil {
				fmt.Fprintln(p.out, "next: postern check, postern test, postern serve")
			}
			return err
		},
	}
	c.Flags().BoolVar(&force, "force", false, "overwrite files that are there")
	return c
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
