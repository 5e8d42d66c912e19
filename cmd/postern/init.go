package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) initial() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "init [FOLDER]", Short: "Write a commented configuration and rules to start from", Args: atMost("FOLDER"),
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
				named := ""
				if dir != "." {
					named = " -c " + filepath.Join(dir, "postern.yaml")
				}
				fmt.Fprintf(p.out, "next: postern check%[1]s, postern test%[1]s, postern serve%[1]s\n", named)
			}
			return err
		},
	}
	c.Flags().BoolVar(&force, "force", false, "overwrite files that are there")
	return c
}

// start is what init writes: a commented configuration, and rules with their tests.
//
//go:embed start
var start embed.FS

// writeStart writes it below dir and returns what it wrote. Without force it overwrites nothing: then nothing at all is written.
func writeStart(dir string, force bool) ([]string, error) {
	var names []string
	err := fs.WalkDir(start, "start", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(name, "start/"))
		if _, err := os.Lstat(to); err == nil && !force {
			return fmt.Errorf("%s: %w", to, os.ErrExist)
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var made []string
	for _, name := range names {
		b, err := start.ReadFile(name)
		if err != nil {
			return made, err
		}
		to := filepath.Join(dir, strings.TrimPrefix(name, "start/"))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return made, err
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			return made, err
		}
		made = append(made, to)
	}
	return made, nil
}
