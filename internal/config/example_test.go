package config_test

import (
	"fmt"
	"os"
	"path/filepath"

	"postern/internal/config"
)

func Example() {
	dir, _ := os.MkdirTemp("", "config")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "postern.yaml")
	_ = os.WriteFile(path, []byte("mailboxes:\n  support:\n    adresses: [support@example.com]\n"), 0o600)

	_, problems := config.Load(path, func(string) string { return "" })
	fmt.Println(problems[1].Line, problems[1].Column, problems[1].Message)

	_ = os.WriteFile(path, []byte("mailboxes:\n  support:\n    addresses: [support@example.com]\n"), 0o600)
	c, _ := config.Load(path, func(string) string { return "" })
	m, ok := c.Route("Support+42@EXAMPLE.com")
	fmt.Println(m.Name, m.New.Priority, ok)
	// Output:
	// 3 5 unknown key "adresses" (did you mean "addresses"?)
	// support normal true
}
