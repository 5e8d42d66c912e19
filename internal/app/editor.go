package app

import (
	"os"
	"path/filepath"

	"postern/dsl"
	"postern/internal/config"
)

// EditorVocabulary is the names that the rules in a folder may use, for somebody who writes them: by the configuration that was named, else
// by the nearest postern.yaml in the folder or above it, else by the defaults. Where the configuration is wrong every name passes, and
// trouble says what is wrong first.
func EditorVocabulary(o Options, dir string) (v dsl.Vocabulary, trouble string) {
	path := o.Config
	if path == "" {
		path = nearestConfig(dir)
	}
	c, problems := config.Load(path, o.Getenv)
	if c != nil {
		return vocabulary(c), ""
	}
	for _, p := range problems {
		if !p.Warning {
			return dsl.Vocabulary{}, "Names in rules are not checked: " + p.String()
		}
	}
	return dsl.Vocabulary{}, "Names in rules are not checked: the configuration is wrong"
}

// nearestConfig is the configuration in a folder or above it, "" for none.
func nearestConfig(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for {
		path := filepath.Join(dir, config.DefaultFile)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
		above := filepath.Dir(dir)
		if above == dir {
			return ""
		}
		dir = above
	}
}
