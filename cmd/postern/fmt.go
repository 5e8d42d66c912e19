package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"postern/dsl"
)

func (p *program) fmt() *cobra.Command {
	var list bool
	c := &cobra.Command{
		Use: "fmt [FILE or FOLDER…]", Short: "Lay out rules files in the one way",
		Long: `Rewrites rules files with one indentation and one form of blank lines. Comments and meaning stay as they are. "-" formats
standard input to standard output. With --list only the names of files that would change are printed, and it exits 1 if there are any.`,
		Example: `  postern fmt rules
  postern fmt --list rules   # in CI`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"rules"}
			}
			if len(args) == 1 && args[0] == "-" {
				src, err := io.ReadAll(p.in)
				if err != nil {
					return err
				}
				out, err := dsl.Format("standard input", src)
				if err != nil {
					return err
				}
				_, err = p.out.Write(out)
				return err
			}
			files, err := rulesFiles(args)
			if err != nil {
				return err
			}
			changed, broken := false, false
			for _, f := range files {
				c, err := p.formatFile(f, list)
				if err != nil { // a broken file keeps no other from its form
					broken = true
					fmt.Fprintln(p.err, err)
				}
				changed = changed || c
			}
			if broken || list && changed {
				return &exit{code: exitFailed}
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&list, "list", "l", false, "only name the files that would change")
	return c
}

func rulesFiles(args []string) ([]string, error) {
	var out []string
	for _, a := range args {
		info, err := os.Stat(a)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no file or folder %s: postern fmt FILE or FOLDER…", a)
		}
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			out = append(out, a)
			continue
		}
		found, err := filepath.Glob(filepath.Join(a, "*.rules"))
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// formatFile rewrites a file by a rename, so that a server that reads it meets the old one or the new one, whole.
func (p *program) formatFile(name string, list bool) (changed bool, err error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return false, err
	}
	out, err := dsl.Format(name, src)
	if err != nil {
		return false, err
	}
	if bytes.Equal(src, out) {
		return false, nil
	}
	fmt.Fprintln(p.out, name)
	if list {
		return true, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return false, err
	}
	tmp := name + ".tmp"
	if err := os.WriteFile(tmp, out, info.Mode().Perm()); err != nil {
		return false, err
	}
	return true, os.Rename(tmp, name)
}
