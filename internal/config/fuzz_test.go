package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/config"
)

// Whatever stands in the file: no panic, and what goes wrong says where.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "smtp: {listen: [127.0.0.1:25, tls://a:1]}\nkeep: {raw: 9d}\n", "mailboxes: {a: &x {addresses: [\"*\"]}, b: *x}", "types: [{A: [B]}]", "a: &a [*a]",
		"mailboxes:\n  a:\n    <<: {notes: public}\n    addresses: [a@example.com]\n", "smtp: {relays: [{net: 1.2.3.4/33, proxy: maybe}], users: {u: {from: [x]}}}", "- x", "? a\n: b\n", "a: !!str b", "x: |\n  a\n--- y",
	} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "postern.yaml")
	f.Fuzz(func(t *testing.T, src string) {
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		c, problems := config.Load(path, nil)
		if (c == nil) != (problems.Err() != nil) {
			t.Fatalf("a configuration %v and problems %v", c != nil, problems)
		}
		for _, p := range problems {
			if !strings.HasPrefix(p.String(), path) {
				t.Fatalf("%q does not say where", p)
			}
		}
		if c != nil {
			c.Route("a@example.com")
			if _, err := c.YAML(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
