package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

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
		Use: "version", Short: "Say which version this is", Args: none,
		Example: `  postern version`,
		RunE: func(*cobra.Command, []string) error {
			if p.json {
				return p.printJSON(map[string]string{"version": version()})
			}
			_, err := fmt.Fprintln(p.out, "postern", version())
			return err
		},
	})
}
