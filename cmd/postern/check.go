package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"postern/internal/app"
	"postern/internal/config"
)

func (p *program) check() *cobra.Command {
	var schema, quiet bool
	c := p.withJSON(&cobra.Command{
		Use: "check", Short: "Read configuration and rules, and say what is wrong", Args: none,
		Long: `Reads the configuration and the rules without starting anything. Everything that is wrong is told at once, a line
each: file:line:col: message. Exits 1 when something is an error; warnings alone exit 0. When all is well it prints the
configuration as it counts, after defaults, file and environment, secrets hidden. With --json each problem has its file,
line, column, endLine, endColumn, severity, message, hint, the code of a warning, and the related places.`,
		Example: `  postern check
  postern check --quiet     # only what is wrong
  postern check --schema > postern.schema.json   # for editors`,
		RunE: func(*cobra.Command, []string) error {
			if schema {
				_, err := p.out.Write(config.Schema())
				return err
			}
			return p.checked(app.Check(p.options()), quiet)
		},
	})
	c.Flags().BoolVar(&schema, "schema", false, "print the configuration's JSON Schema and do nothing else")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print only what is wrong")
	return c
}

// checked tells what was found, and how the configuration counts where nothing is wrong.
func (p *program) checked(c *app.Checked, quiet bool) error {
	if p.json {
		if err := p.printJSON(map[string]any{"ok": !c.Wrong, "problems": nonNil(c.Found)}); err != nil {
			return err
		}
	} else {
		for _, line := range c.Problems {
			fmt.Fprintln(p.out, line)
		}
	}
	if c.Wrong {
		return &exit{code: exitFailed}
	}
	if p.json || quiet {
		return nil
	}
	y, err := c.Config.YAML()
	if err != nil {
		return err
	}
	if c.Config.RulesInStore() {
		_, err = fmt.Fprintf(p.out, "# The configuration as it counts (%s):\n%s# ok: %s; the rules live in the store\n", c.Config.File, y, count(len(c.Config.Mailboxes), "mailbox"))
		return err
	}
	from := cmp.Or(c.Config.File, "no file: the defaults")
	prog := c.Rules.Program()
	_, err = fmt.Fprintf(p.out, "# The configuration as it counts (%s):\n%s# ok: %s, %s, %s, %s\n",
		from, y, count(len(c.Config.Mailboxes), "mailbox"), count(len(prog.Rules), "rule"), count(len(prog.Tokens), "token"), count(len(prog.Tests), "test"))
	return err
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
