package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/config"
)

func none(string) string { return "" }

// write puts a configuration into a folder of its own and returns its path.
func write(t *testing.T, src string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postern.yaml")
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, src string) *config.Config {
	t.Helper()
	c, problems := config.Load(write(t, src), none)
	if problems.Err() != nil {
		t.Fatalf("load:\n%s\n%v", src, problems)
	}
	return c
}

func TestNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	c, problems := config.Load(config.Find(""), none)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := c.SMTP.Listen[0].String() + " " + c.HTTP.Listen[0].String(); got != "127.0.0.1:2525 127.0.0.1:8025" {
		t.Errorf("listens on %s", got)
	}
	if c.Store.SQLite != "./data" || c.Data != "./data" || c.KeyPath() != "data/postern.key" || c.Rules != "" {
		t.Errorf("store %q, data %q, key %q, rules %q", c.Store.SQLite, c.Data, c.KeyPath(), c.Rules)
	}
	m, ok := c.Route("whoever@wherever.example")
	if !ok || m.Name != "support" || m.New.Priority != "normal" || m.New.Status != "new" {
		t.Errorf("mailbox %+v", m)
	}
	if diff := cmp.Diff(config.Names{"new", "open", "pending", "closed"}, c.Statuses); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name, src string
		want      []string // line:col: message
	}{
		{"unknown key", "mailboxes:\n  support:\n    adresses: [a@example.com]\n", []string{
			`2:3: mailbox "support" has no addresses: no mail could reach it`,
			`3:5: unknown key "adresses" (did you mean "addresses"?)`,
		}},
		{"several at once", "smtp: {lisen: x}\nkeep: {raw: 90q}\nhttp: {listen: nowhere}\n", []string{
			`1:8: unknown key "lisen" (did you mean "listen"?)`,
			`2:13: raw: "90q" is not a duration: write it like 90d, 12h, 10m or 30s, or forever`,
			`3:16: listen: "nowhere" is not an address to listen on: write it like 127.0.0.1:2525, :25, tls://0.0.0.0:465 or unix:/PATH`,
		}},
		{"not yet", "templates: {a: {imap: x}}\nmailboxes:\n  a: {addresses: [\"*\"], acknowledge: true, invite: false, unknown-sender: refuse, cc: {}}\n", []string{
			`1:12: "templates" is not available in this version`,
			`3:38: "acknowledge" is not available in this version`,
			`3:75: unknown-sender: "refuse" is not available in this version (allowed: simple)`,
		}},
		{"duplicate addresses", "mailboxes:\n  a: {addresses: [x@example.com]}\n  b: {addresses: [X@Example.com]}\n", []string{
			`3:19: X@Example.com belongs to mailbox "a" already, at postern.yaml:2:19`,
		}},
		{"of a wrong kind", "smtp: [a]\nhttp: {listen: {a: b}}\nkeep: {raw: [1d]}\nlog: {level: wran}\nlmtp: {ours: yes}\nlimits: {memory: 1MB, text: lots}\n", []string{
			`1:7: "smtp" is written as keys with values, not as a list`,
			`2:16: "listen" is one value, not keys with values`,
			`3:13: "raw" is one value, not a list`,
			`4:14: level: unknown word "wran" (did you mean "warn"?) (allowed: debug, info, warn, error)`,
			`5:14: ours: "yes" is neither true nor false`,
			`6:18: memory: 1MB is less than 8MiB`,
			`6:29: text: "lots" is not a size: write it like 20MB or 512KiB`,
		}},
		{"networks", "smtp:\n  relays: [10.0.0.1/8, {proxy: true}, {net: x}]\n  origins: [{net: 10.0.0.0/8}, {net: 10.0.0.0/8, from: [\"a b\"]}]\n", []string{
			`2:12: net: "10.0.0.1/8" has bits behind its mask: did you mean 10.0.0.0/8?`,
			`2:24: net is missing`,
			`2:45: net: "x" is not a network: write it like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7`,
			`3:13: an origin without from domains could write as nobody: name them in from`,
			`3:57: from: "a b" is neither an address nor a domain: write it like ann@example.com or @example.com`,
		}},
		{"names", "priorities: [low, low]\nmailboxes: {a: {addresses: [x@], new: {priority: urgnt, status: opn}}, 1b: {addresses: [\"*\"]}}\n", []string{
			`1:19: "low" is in the list twice`,
			`2:29: addresses: "x@" is not an address: write it like support@example.com, support+*@example.com, "@example.com" or "*"`,
			`2:50: priority: unknown name "urgnt" (allowed: low)`,
			`2:65: status: unknown name "opn" (did you mean "open"?) (allowed: new, open, pending, closed)`,
			`2:72: "1b" is no name for a mailbox: a letter, then letters, digits, - and _`,
		}},
		{"files", "smtp:\n  tls: {cert: no.pem}\n  users: {ann: {from: [ann@example.com]}}\nrules: nowhere\nstore: {sqlite: a, mongodb: \"mongodb://h/d\"}\n", []string{
			`2:8: smtp.tls: cert and key come together`,
			`3:11: user "ann" needs either password-file or password-hash`,
			`4:8: rules: there is no folder DIR/nowhere`,
			`5:17: store: sqlite or mongodb, not both`,
		}},
		{"one address for two parts", "smtp: {listen: \"127.0.0.1:8025\"}\n", []string{`1:16: smtp.listen: 127.0.0.1:8025 is in http.listen already`}},
		{"bytes that no largest mail fits into", "smtp: {max-size: 3GB, limits: {bytes: 2GB}}\n", []string{
			`1:31: bytes-per-ip: 2500MB is less than smtp.max-size (3GB): the largest mail would be put off for ever`,
			`1:39: bytes: 2GB is less than smtp.max-size (3GB): the largest mail would be put off for ever`}},
		{"twice", "smtp: {}\nsmtp: {}\n", []string{`2:1: key "smtp" is here a second time, first at postern.yaml:1:1`}},
		{"syntax", "mailboxes:\n  a: {addresses: [@example.com]}\n", []string{
			`2:19: not YAML: '@' is a reserved character: quote what begins with it, like "@example.com"`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tt.src)
			c, problems := config.Load(path, none)
			if c != nil {
				t.Error("a configuration came of it")
			}
			var got []string
			for _, p := range problems {
				line := strings.ReplaceAll(p.String(), path, "postern.yaml")
				line = strings.ReplaceAll(line, filepath.Dir(path), "DIR")
				got = append(got, strings.TrimPrefix(line, "postern.yaml:"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tt.src, diff)
			}
		})
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	c := load(t, `
smtp:
  listen: ["[::1]:25"]
  relays: [10.0.0.0/8, {net: 192.0.2.7, proxy: true}]
  origins: [{net: 10.1.0.0/16, from: [Example.com, ann@bücher.example]}]
lmtp: {listen: unix:run/lmtp.sock}
mailboxes:
  sales: {addresses: [sales@example.com], notes: internal, attachments: {max-size: 20MB}}
  support: {addresses: ["@example.com"], new: {type: Hardware/Printer, priority: p1}}
types: [{Hardware: [Printer, Laptop]}, Software]
priorities: [p1, p2]
keep: {raw: 1d12h, ledger: forever}
`)
	if got := c.Types; !cmp.Equal(got, config.Names{"Hardware", "Hardware/Printer", "Hardware/Laptop", "Software"}) {
		t.Errorf("types %q", got)
	}
	if c.Keep.Raw != 36*time.Hour || c.Keep.Ledger != 0 || c.Keep.Trace != 90*24*time.Hour {
		t.Errorf("keep %+v", c.Keep)
	}
	if got := c.SMTP.Origins[0].From; !cmp.Equal(got, []string{"@example.com", "ann@xn--bcher-kva.example"}) {
		t.Errorf("origin from %q", got)
	}
	if !c.SMTP.Relays[1].Proxy || c.SMTP.Relays[1].Net.String() != "192.0.2.7/32" {
		t.Errorf("relays %v", c.SMTP.Relays)
	}
	if l := c.LMTP.Listen[0]; l.Network != "unix" || l.Address != filepath.Join(filepath.Dir(c.File), "run/lmtp.sock") {
		t.Errorf("lmtp %+v", l)
	}
	if c.Mailboxes[0].Attachments.MaxSize != 20e6 || c.Mailboxes[0].New.Priority != "p1" || c.Mailboxes[1].Name != "support" {
		t.Errorf("mailboxes %+v", c.Mailboxes)
	}
}

// Addresses need no quotes, wherever YAML wants none.
func TestPlainColons(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		"smtp: {listen: [127.0.0.1:2526, 10.0.0.1:25]}",
		"smtp: {hostname: h, listen: [127.0.0.1:2526, 10.0.0.1:25], max-size: 1MB}",
		"smtp:\n  listen: [127.0.0.1:2526, 10.0.0.1:25]",
		"smtp:\n  listen:\n  - 127.0.0.1:2526\n  - 10.0.0.1:25",
		"smtp: {listen: ['127.0.0.1:2526', \"10.0.0.1:25\"]}",
		"{smtp: {listen: [127.0.0.1:2526,10.0.0.1:25]}}",
	} {
		c := load(t, src)
		if got := fmt.Sprint(c.SMTP.Listen); got != "[127.0.0.1:2526 10.0.0.1:25]" {
			t.Errorf("%s: %s", src, got)
		}
	}
	c := load(t, "lmtp: {listen: [':24', unix:/run/lmtp:1.sock, ip6-localhost:25]}")
	if got := fmt.Sprint(c.LMTP.Listen); got != "[:24 unix:/run/lmtp:1.sock ip6-localhost:25]" {
		t.Error(got)
	}
	c = load(t, "store: {mongodb: mongodb://u:p@h:27017/db}")
	if got := c.Store.MongoDB.Reveal(); got != "mongodb://u:p@h:27017/db" {
		t.Error(got)
	}
}

func TestHostname(t *testing.T) {
	t.Parallel()
	if got := load(t, "smtp: {hostname: mx.example.com}\n").Hostname(); got != "mx.example.com" {
		t.Errorf("got %q", got)
	}
	machine, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	if got := load(t, "").Hostname(); got != machine && got != "localhost" { // where the machine's is not one for SMTP
		t.Errorf("not set: got %q", got)
	}
}

// What is taken and has no effect yet is said.
func TestWithoutEffectYet(t *testing.T) {
	path := write(t, "mailboxes:\n  a: {addresses: [\"*\"], from: \"A <a@example.com>\"}\n")
	c, problems := config.Load(path, func(string) string { return "" })
	if c == nil {
		t.Fatalf("no configuration: %v", problems)
	}
	if got, want := problems.String(), "2:31: warning: from: no mail leaves in this version, so this says nothing yet"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}
