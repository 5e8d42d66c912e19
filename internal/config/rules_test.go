package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/config"
)

// The word store is no folder, and a folder of that name is no word; what is printed reads back the same.
func TestRulesInStore(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("store", 0o700); err != nil {
		t.Fatal(err)
	}
	for text, inStore := range map[string]bool{"store": true, "./store": false, "store/": false, "": false} {
		src := "rules: " + text + "\n"
		for range 2 {
			if err := os.WriteFile("postern.yaml", []byte(src), 0o600); err != nil {
				t.Fatal(err)
			}
			c, problems := config.Load("postern.yaml", none)
			if problems.Err() != nil || c.RulesInStore() != inStore {
				t.Fatalf("%q: in the store %v, %v", src, !inStore, problems)
			}
			y, err := c.YAML()
			if err != nil {
				t.Fatal(err)
			}
			src = string(y)
		}
		src = "rules: " + text + "\n"
		abs, err := filepath.Abs("postern.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if c, problems := config.Load(abs, none); problems.Err() != nil || c.RulesInStore() != inStore {
			t.Errorf("%q from elsewhere: %v, %v", src, c, problems)
		}
	}
	c, problems := config.Load(filepath.Join(t.TempDir(), "none.yaml"), func(name string) string {
		if strings.HasSuffix(name, "_RULES") {
			return "store"
		}
		return ""
	})
	if c != nil && !c.RulesInStore() {
		t.Errorf("by the environment: %q, %v", c.Rules, problems)
	}
}
