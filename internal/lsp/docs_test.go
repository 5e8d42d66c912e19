package lsp_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// What docs/editors.md shows of a setup is the file that lies in editors.
func TestEditorsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/editors.md")
	if err != nil {
		t.Fatal(err)
	}
	helix, err := os.ReadFile("../../editors/helix/languages.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, setup, _ := strings.Cut(string(helix), "\n") // behind the comment
	if !strings.Contains(string(page), "```toml\n"+setup+"```") {
		t.Error("docs/editors.md does not show editors/helix/languages.toml")
	}
	var extension struct {
		Main        string
		Contributes struct {
			Languages     []struct{ ID, Configuration string }
			Grammars      []struct{ Language, ScopeName, Path string }
			Configuration struct{ Properties map[string]any }
		}
	}
	read := func(name string, into any) {
		t.Helper()
		b, err := os.ReadFile("../../editors/vscode/" + name)
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	read("package.json", &extension)
	c := extension.Contributes
	var any map[string]any
	read(c.Languages[0].Configuration, &any)
	read(c.Grammars[0].Path, &any)
	if any["scopeName"] != c.Grammars[0].ScopeName || c.Grammars[0].Language != c.Languages[0].ID {
		t.Errorf("%+v", c)
	}
	if _, err := os.Stat("../../editors/vscode/" + extension.Main); err != nil {
		t.Error(err)
	}
	for name := range c.Configuration.Properties {
		if !strings.Contains(string(page), name) {
			t.Errorf("docs/editors.md does not tell of %s", name)
		}
	}
}
