package main

import (
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (p *program) backup() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "backup FOLDER", Short: "Copy the whole store into a folder, while mail flows", Args: exactly("FOLDER"),
		Long: `Copies database and blobs into a new folder, while a server runs or without one. The key file is not in it: keep a copy of
that apart, for whoever has both has everything.`,
		Example: `  postern backup /backup/postern-$(date +%F)`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			return p.look(ctx, func(cl *client) error {
				if err := cl.post(ctx, "/control/backup", url.Values{"dir": {dir}}, nil, nil); err != nil {
					return err
				}
				if p.json {
					return p.printJSON(map[string]string{"folder": dir})
				}
				_, err := fmt.Fprintln(p.out, "backed up into", dir)
				return err
			})
		},
	})
}
