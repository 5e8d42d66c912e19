package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/config"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	path := write(t, "smtp: {listen: [127.0.0.1:2525], max-size: 1MB}\nkeep: {raw: 10d}\nlog: {level: warn}\n")
	c, problems := config.Load(path, env(
		"POSTERN_SMTP_LISTEN", "127.0.0.1:2526, tls://[::1]:0",
		"POSTERN_SMTP_MAX_SIZE", "2MB",
		"POSTERN_SMTP_RELAYS", "[10.0.0.0/8, {net: 192.0.2.1, proxy: true}]",
		"POSTERN_KEEP", "{raw: 5d, ledger: forever}",
		"POSTERN_KEEP_RAW", "6d",
		"POSTERN_STORE_MONGODB", "mongodb://u:p#1@h/db?x=[1]",
		"POSTERN_PRIORITIES", "p1, p2",
		"POSTERN_MAILBOXES", `{only: {addresses: ["@example.com"]}}`,
		"POSTERN_LOG_LEVEL", "",
		"POSTERN_DATA", "spool",
	))
	if c != nil || problems.Err() == nil || problems[0].String() != "POSTERN_SMTP_LISTEN: smtp.listen: tls://[::1]:0 needs smtp.tls.cert and smtp.tls.key" {
		t.Fatalf("TLS without a certificate: %v", problems)
	}
	c, problems = config.Load(path, env(
		"POSTERN_SMTP_LISTEN", "127.0.0.1:2526, [::1]:0",
		"POSTERN_SMTP_MAX_SIZE", "2MB",
		"POSTERN_SMTP_RELAYS", "[10.0.0.0/8, {net: 192.0.2.1, proxy: true}]",
		"POSTERN_KEEP", "{raw: 5d, ledger: forever}",
		"POSTERN_KEEP_RAW", "6d",
		"POSTERN_STORE_MONGODB", "mongodb://u:p#1@h/db?x=[1]",
		"POSTERN_PRIORITIES", "p1, p2",
		"POSTERN_MAILBOXES", `{only: {addresses: ["@example.com"]}}`,
		"POSTERN_DATA", "spool",
	))
	if c == nil {
		t.Fatal(problems)
	}
	got := fmt.Sprintln(c.SMTP.Listen, c.SMTP.MaxSize, c.SMTP.Relays, c.Keep.Raw, c.Keep.Ledger, c.Priorities, c.Mailboxes[0].Name, c.Mailboxes[0].New.Priority, c.Log.Level, c.Data)
	want := fmt.Sprintln("[127.0.0.1:2526 [::1]:0]", config.Size(2e6), "[{10.0.0.0/8 false} {192.0.2.1/32 true}]", 6*24*time.Hour, 0*time.Second, "[p1 p2]", "only", "p1", "warn", "spool")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c.Store.MongoDB.Reveal() != "mongodb://u:p#1@h/db?x=[1]" {
		t.Error("the connection string was read as YAML")
	}
}

func TestEnvironmentErrors(t *testing.T) {
	t.Parallel()
	_, problems := config.Load("", env("POSTERN_KEEP_RAW", "soon", "POSTERN_SMTP_TLS", "{crt: x}", "POSTERN_TEMPLATES", "{a: {}}", "POSTERN_SMTP_USERS", "[", "POSTERN_LOG_LEVEL", "wran"))
	want := `POSTERN_KEEP_RAW: raw: "soon" is not a duration: write it like 90d, 12h, 10m or 30s, or forever
POSTERN_SMTP_TLS: unknown key "crt" (did you mean "cert"?)
POSTERN_TEMPLATES: "templates" is not available in this version
POSTERN_SMTP_USERS: not a list [a, b] nor keys {a: b}
POSTERN_LOG_LEVEL: level: unknown word "wran" (did you mean "warn"?) (allowed: debug, info, warn, error)
`
	for line := range strings.Lines(want) {
		if !strings.Contains(problems.String(), line) {
			t.Errorf("no line %q in\n%s", line, problems)
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	got := config.UnknownVariables([]string{"PATH=/bin", "POSTERN_SMPT_LISTEN=x", "POSTERN_SMTP_LISTEN=x", "POSTERN_TOKEN=x", "POSTERN_TEST_MONGODB_URI=x", "POSTERN_SERVICE_HOST=x", "POSTERN_PORT=x", "POSTERN_PORT_8025_TCP_ADDR=x"}, "POSTERN_TOKEN")
	if want := `warning: unknown environment variable POSTERN_SMPT_LISTEN (did you mean "POSTERN_SMTP_LISTEN"?)` + "\n"; got.String() != want {
		t.Errorf("got %q", got)
	}
}

// An address of IPv6 begins as a YAML list does.
func TestEnvironmentIPv6First(t *testing.T) {
	t.Parallel()
	c, problems := config.Load("", env("POSTERN_HTTP_LISTEN", "[::1]:8025, 127.0.0.1:8025", "POSTERN_SMTP_LISTEN", "[]"))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	if len(c.HTTP.Listen) != 2 || c.HTTP.Listen[0].Address != "[::1]:8025" || len(c.SMTP.Listen) != 0 {
		t.Errorf("http %v, smtp %v", c.HTTP.Listen, c.SMTP.Listen)
	}
}
