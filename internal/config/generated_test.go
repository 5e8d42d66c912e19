package config_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/config"
)

var update = flag.Bool("update", false, "write docs/configuration.md and docs/postern.schema.json anew")

// What is written from the code is what is committed.
func TestGenerated(t *testing.T) {
	for name, want := range map[string]string{
		"configuration.md":    config.Docs(),
		"postern.schema.json": string(config.Schema()),
	} {
		path := filepath.Join("..", "..", "docs", name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is out of date (go test ./internal/config -update):\n%s", name, diff)
		}
	}
}

// The example of the documentation is a configuration.
func TestDocsExample(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(config.Docs(), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no example")
	}
	path := write(t, example)
	_, problems := config.Load(path, none)
	for _, p := range problems { // its files are not here, all else is right
		if !strings.Contains(p.Message, "no such file") && !strings.Contains(p.Message, "there is no folder") && !strings.Contains(p.Message, "needs smtp.tls") {
			t.Error(p)
		}
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	var s struct {
		Properties map[string]struct {
			Description string
			Properties  map[string]any
		}
	}
	if err := json.Unmarshal(config.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Properties["templates"].Description, "Not available") || s.Properties["smtp"].Properties["listen"] == nil {
		t.Errorf("%+v", s)
	}
}
