package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"postern/internal/app"
	"postern/internal/issue"
)

func (p *program) restore() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "restore FOLDER", Short: "Read a backup into an empty store", Args: exactly("FOLDER"),
		Long: `Reads a backup into the store of the configuration, which must be empty and not in use. A new epoch begins: issue
numbers jump ahead, so that none that was given after the backup is given twice. The key file must be the one the
backup's server had.`,
		Example: `  postern restore /backup/postern-2026-11-24`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.fits(args[0]); err != nil {
				return err
			}
			if err := app.Restore(cmd.Context(), p.options(), args[0]); err != nil {
				return err
			}
			if p.json {
				return p.printJSON(map[string]any{"folder": args[0], "numbersJump": issue.EpochJump})
			}
			_, err := fmt.Fprintf(p.out, "restored %s; issue numbers go on %d further\n", args[0], issue.EpochJump)
			return err
		},
	})
}

// fits says no to a folder that the configuration's store cannot read, before anything is made.
func (p *program) fits(dir string) error {
	c, err := p.conf()
	if err != nil {
		return err
	}
	mark, other, wants, is := "postern.db", "manifest.json", "SQLite", "MongoDB"
	if c.Store.MongoDB.IsSet() {
		mark, other, wants, is = other, mark, is, wants
	}
	if _, err := os.Stat(filepath.Join(dir, mark)); err == nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, other)); err == nil {
		return fmt.Errorf("%s is a backup of %s, and the configuration names a store of %s: a backup is read by its own kind of store", dir, is, wants)
	}
	return fmt.Errorf("there is no finished backup in %s", dir)
}
