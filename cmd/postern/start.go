package main

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

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
