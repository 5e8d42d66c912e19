package main

import (
	"github.com/spf13/cobra"

	"postern/internal/config"
)

// completeFlag lets a shell complete a flag with names of the configuration.
func (p *program) completeFlag(c *cobra.Command, flag string, names func(*config.Config) []string) {
	err := c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		conf, err := p.conf()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(conf), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // no such flag
	}
}

func mailboxNames(c *config.Config) (names []string) {
	for _, m := range c.Mailboxes {
		names = append(names, m.Name)
	}
	return names
}
