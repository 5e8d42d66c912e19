package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// helpByExample is how each command tells of itself: what it does, how it is called, and only then every flag.
const helpByExample = `{{if .HasExample}}Examples:
{{.Example}}

{{end}}Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

{{.CommandPath}} COMMAND --help tells more of a command.{{end}}
`

// helpful makes wrong usage of a command, and of those below it, exit with its own code and a line that says where help is.
func helpful(root *cobra.Command) {
	root.SetUsageTemplate(helpByExample)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err) })
	eachCommand(root, func(c *cobra.Command) {
		c.SuggestionsMinimumDistance = 2
		if c.HasSubCommands() && !c.Runnable() {
			c.Args, c.RunE = cobra.ArbitraryArgs, misnamed
			return
		}
		if check := c.Args; check != nil {
			c.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return usage(cmd, err)
				}
				return nil
			}
		}
	})
}

func eachCommand(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, f)
	}
}

// misnamed is what a command does that only has others below it. Postern alone is a cry for help.
func misnamed(cmd *cobra.Command, args []string) error {
	if len(args) == 0 && !cmd.HasParent() {
		return cmd.Help()
	}
	if len(args) == 0 {
		var names []string
		for _, sub := range cmd.Commands() {
			names = append(names, sub.Name())
		}
		return usage(cmd, fmt.Errorf("%s wants one of %s", cmd.CommandPath(), strings.Join(names, ", ")))
	}
	said := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		said += " (did you mean " + strings.Join(names, " or ") + "?)"
	}
	return usage(cmd, errors.New(said))
}

// helpCommand is help about a command, for those who write it so.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Tell more of a command",
		Example: `  postern help quarantine list`,
		RunE: func(_ *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if err != nil {
				return usage(root, err)
			}
			if len(rest) > 0 {
				return misnamed(about, rest)
			}
			return about.Help()
		},
	}
}

// usage is an error of whoever wrote the command line.
func usage(cmd *cobra.Command, err error) error {
	return &exit{exitUsage, fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}

// exactly wants one argument for each name, and says which one is missing.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s is missing", names[len(args)])
		case len(args) > len(names):
			return fmt.Errorf("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// atMost wants one argument or none.
func atMost(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return exactly(name)(cmd, args)
	}
}

// some wants one argument or more.
func some(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return exactly(name)(cmd, args)
		}
		return nil
	}
}

// none wants no arguments.
func none(cmd *cobra.Command, args []string) error { return exactly()(cmd, args) }
