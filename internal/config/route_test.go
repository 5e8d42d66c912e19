package config_test

import (
	"fmt"
	"testing"

	"postern/internal/config"
)

func TestRoute(t *testing.T) {
	t.Parallel()
	c := load(t, `
mailboxes:
  support: {addresses: [support@Example.com, hilfe@bücher.example]}
  vip:     {addresses: ["support+vip*@example.com", "*-bot@example.com"]}
  wide:    {addresses: ["s*@example.com"]}
  domain:  {addresses: ["@example.com", "*@xn--bcher-kva.example"]}
  closed:  {active: false, addresses: [old@example.com]}
`)
	all := load(t, `mailboxes: {a: {addresses: [a@example.com]}, rest: {addresses: ["*"]}}`)
	tests := []struct {
		name    string
		c       *config.Config
		address string
		want    string // "" for none
	}{
		{"the very address", c, "support@example.com", "support"},
		{"case", c, "SUPPORT@EXAMPLE.COM", "support"},
		{"a dot at the end", c, "support@example.com.", "support"},
		{"plus-address", c, "Support+42@example.com", "support"},
		{"pattern before plus-address", c, "support+VIP-7@example.com", "vip"},
		{"pattern with a tail", c, "backup-bot@example.com", "vip"},
		{"plus-address before a wide pattern", c, "support+s@example.com", "support"},
		{"wide pattern before the domain", c, "sales@example.com", "wide"},
		{"domain", c, "any@example.com", "domain"},
		{"subdomain", c, "any@mail.example.com", ""},
		{"Unicode, asked in ASCII", c, "hilfe@xn--bcher-kva.example", "support"},
		{"Unicode, asked in Unicode", c, "Hilfe@BÜCHER.example", "support"},
		{"* before @ is the domain", c, "x@bücher.example", "domain"},
		{"not active is found", c, "old@example.com", "closed"},
		{"unknown domain", c, "support@example.org", ""},
		{"no domain", c, "postmaster", ""},
		{"empty", c, "", ""},
		{"pattern must not overlap", c, "-bot@example.com", "vip"},
		{"all", all, "who@ever.example", "rest"},
		{"all, no domain", all, "postmaster", "rest"},
		{"one before all", all, "a+b@example.com", "a"},
	}
	for _, tt := range tests {
		got := ""
		if m, ok := tt.c.Route(tt.address); ok {
			got = m.Name
		}
		if got != tt.want {
			t.Errorf("%s: %q goes to %q, want %q", tt.name, tt.address, got, tt.want)
		}
	}
	for address, want := range map[string]bool{
		"support@example.com": true, "Support+7@example.com": true, "sales@example.com": false, "support@example.org": false, "": false,
	} {
		if got := c.Ours(address); got != want {
			t.Errorf("ours(%q) is %v", address, got)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	c := config.Default()
	c.Mailboxes = nil
	for i := range 200 {
		c.Mailboxes = append(c.Mailboxes, config.Mailbox{Name: fmt.Sprint("m", i), Addresses: []string{fmt.Sprintf("m%d@example.com", i)}})
	}
	c.Prepare()
	for b.Loop() {
		c.Route("m100+7@example.com")
	}
}
