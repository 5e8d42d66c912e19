package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/config"
)

// write makes a folder with a configuration and secrets, and returns the configuration's path.
func writeConfig(t *testing.T, src string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"postern.yaml": src, "secret": "a secret of some length\n", "short": "short\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "postern.yaml")
}

func TestSources(t *testing.T) {
	t.Parallel()
	c, problems := config.Load(writeConfig(t, `
sources:
  all: {imap: mail.example.com, user: all, password-file: secret, after: delete, mailboxes: [support, sales]}
  second: {imap: mail.example.com, user: all, folders: [Rejected], password-file: secret, after: move INBOX, after-rejected: keep, mailboxes: [support], active: false}
  third: {imap: mail.example.com, user: all, folders: [Rejected], password-file: secret, after: move Old, after-rejected: keep, mailboxes: [support]}
  other: {imap: mail.example.com, user: other, folders: [Rejected], password-file: secret, after: move INBOX, after-rejected: keep, mailboxes: [support]}
hooks:
  sg: {provider: sendgrid, mailbox: support, secret-file: secret}
mailboxes:
  support:
    addresses: [support@example.com]
  sales:
    addresses: [sales@example.com]
    source: {pop3: "[::1]:1995", tls: on, user: s, password-file: secret, every: 3m, after: keep, fallback-for: [sg, smtp]}
  desk:
    addresses: [desk@example.com]
    source: {graph: Desk@Example.com, after: move Done, oauth: {provider: microsoft, flow: client-credentials, tenant: t, client-id: c, client-secret-file: secret}}
`), env())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var got []string
	for _, s := range c.SourceList() {
		taken, rejected, held := s.Afters()
		got = append(got, strings.Join([]string{s.Name, s.Protocol(), s.IMAP + s.POP3 + s.Graph, strings.Join(s.Mailboxes, ","), taken.Do, taken.Folder, rejected.Do, rejected.Folder, held.Do, s.Every.String(), s.TLS}, " "))
	}
	want := []string{
		"all imap mail.example.com:993 support,sales delete  move Rejected delete 3m0s auto",
		"second imap mail.example.com:993 support move INBOX keep  move 3m0s auto",
		"third imap mail.example.com:993 support move Old keep  move 3m0s auto",
		"other imap mail.example.com:993 support move INBOX keep  move 3m0s auto",
		"sales pop3 [::1]:1995 sales keep  keep  keep 3m0s on",
		"desk graph Desk@Example.com desk move Done move Rejected move 3m0s auto",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if out, err := c.YAML(); err != nil || strings.Contains(string(out), "a secret") {
		t.Errorf("printed: %v\n%s", err, out)
	}
}

func TestSourceErrors(t *testing.T) {
	t.Parallel()
	const box = "\nmailboxes: {support: {addresses: [\"*\"]}}\n"
	for _, c := range []struct{ name, src, want string }{
		{"no server", "sources: {a: {user: u, password-file: secret, mailboxes: support}}" + box, `source "a" needs a server: imap, pop3 or graph`},
		{"two servers", "sources: {a: {imap: h, pop3: h, user: u, password-file: secret, mailboxes: support}}" + box, "only one of them"},
		{"no mailbox", "sources: {a: {imap: h, user: u, password-file: secret}}" + box, `feeds no mailbox`},
		{"unknown mailbox", "sources: {a: {imap: h, user: u, password-file: secret, mailboxes: suport}}" + box, `there is no mailbox "suport" (did you mean "support"?)`},
		{"bad port", "sources: {a: {imap: \"h:99999\", user: u, password-file: secret, mailboxes: support}}" + box, `is not a server: write it like mail.example.com:993`},
		{"a port that says nothing", "sources: {a: {imap: \"h:1993\", user: u, password-file: secret, mailboxes: support}}" + box, "write tls: on where"},
		{"no login", "sources: {a: {imap: h, user: u, mailboxes: support}}" + box, "either password-file or oauth"},
		{"in the clear", "sources: {a: {imap: h, tls: off, user: u, password-file: secret, mailboxes: support}}" + box, "needs insecure: true"},
		{"pop3 moves", "sources: {a: {pop3: h, after: move Done, user: u, password-file: secret, mailboxes: support}}" + box, "POP3 can only keep or delete"},
		{"moves in a circle", "sources: {a: {imap: h, after: move inbox, user: u, password-file: secret, mailboxes: support}}" + box, "which it is fetched from"},
		{"rejected mail in a circle", "sources: {a: {imap: h, folders: [INBOX, rejected], after: move Done, user: u, password-file: secret, mailboxes: support}}" + box, "rejected mail would be moved to Rejected, which it is fetched from"},
		{"two that move in a circle", "sources: {a: {imap: h, after: move Done, user: u, password-file: secret, mailboxes: support}, b: {imap: \"H:1993\", folders: done, after: move inbox, user: U, password-file: secret, mailboxes: support}}" + box, "mail of INBOX would be moved in a circle, by the sources a, b"},
		{"three that do, of a mailbox too", "sources: {b: {imap: h, folders: B, after: delete, after-quarantined: move C, user: u, password-file: secret, mailboxes: a}, c: {imap: h, folders: [C, D], after: move INBOX, user: u, password-file: secret, mailboxes: a}}\nmailboxes: {a: {addresses: [\"*\"], source: {imap: h, after: move B, user: u, password-file: secret}}}\n", "after: mail of INBOX would be moved in a circle, by the sources a, b, c"},
		{"after what", "sources: {a: {imap: h, after: remove, user: u, password-file: secret, mailboxes: support}}" + box, `"remove" is none of`},
		{"start", "sources: {a: {imap: h, start: yesterday, user: u, password-file: secret, mailboxes: support}}" + box, "neither all nor new"},
		{"graph without oauth", "sources: {a: {graph: a@example.com, mailboxes: support}}" + box, "graph needs oauth"},
		{"google without a key", "sources: {a: {imap: h, user: u, oauth: {provider: google, flow: service-account}, mailboxes: support}}" + box, "service-account-file is missing"},
		{"google's login without a secret", "sources: {a: {imap: h, user: u, oauth: {provider: google, flow: login, client-id: c}, mailboxes: support}}" + box, "client-secret-file is missing"},
		{"nobody can log in", "sources: {a: {imap: h, user: u, oauth: {provider: other, flow: login, client-id: c, token-url: \"https://idp.example.com/t\"}, mailboxes: support}}" + box, "nobody can log in"},
		{"a tenant that is a path", "sources: {a: {imap: h, user: u, oauth: {provider: microsoft, flow: login, client-id: c, tenant: ../evil}, mailboxes: support}}" + box, "tenant: \"../evil\" is neither"},
		{"another graph", "sources: {a: {graph: a@example.com, oauth: {provider: other, flow: login, client-id: c, device-url: \"https://idp.example.com/d\", token-url: \"https://idp.example.com/t\"}, mailboxes: support}}" + box, "graph-url is missing"},
		{"graph with another authority", "sources: {a: {graph: a@example.com, ca: secret, oauth: {provider: microsoft, flow: login, client-id: c, tenant: t}, mailboxes: support}}" + box, "leave tls, ca and insecure out"},
		{"graph with a password", "sources: {a: {graph: a@example.com, password-file: secret, oauth: {provider: microsoft, flow: login, client-id: c, tenant: t}, mailboxes: support}}" + box, "password-file are for imap and pop3"},
		{"graph with a user", "sources: {a: {graph: a@example.com, user: u, oauth: {provider: microsoft, flow: login, client-id: c, tenant: t}, mailboxes: support}}" + box, "user and password-file are for imap"},
		{"a refresh token for an app", "sources: {a: {imap: h, user: u, oauth: {provider: microsoft, flow: client-credentials, client-id: c, tenant: t, client-secret-file: secret, refresh-token-file: secret}, mailboxes: support}}" + box, "only for flow login"},
		{"a tenant of google's", "sources: {a: {imap: h, user: u, oauth: {provider: google, flow: login, client-id: c, tenant: t, client-secret-file: secret}, mailboxes: support}}" + box, "tenant and cloud are Microsoft's"},
		{"slow beside nothing", "sources: {a: {imap: h, user: u, password-file: secret, mailboxes: support, slow: 1h}}" + box, "name in fallback-for"},
		{"graph in china", "sources: {a: {graph: a@example.com, oauth: {provider: microsoft, flow: login, client-id: c, tenant: t, cloud: china}, mailboxes: support}}" + box, "use imap"},
		{"token over http", "sources: {a: {imap: h, user: u, oauth: {provider: other, flow: login, client-id: c, token-url: \"http://idp.example.com/t\"}, mailboxes: support}}" + box, "token-url: write it like"},
		{"unknown hook", "sources: {a: {imap: h, user: u, password-file: secret, mailboxes: support, fallback-for: sg}}" + box, `there is no hook "sg"`},
		{"empty source of a mailbox", "mailboxes: {a: {addresses: [\"*\"], source: {user: u}}}\n", "it needs a server"},
		{"hook without mailbox", "hooks: {h: {provider: raw}}" + box, `needs a mailbox, or "-"`},
		{"hook of nobody", "hooks: {h: {provider: rwa, mailbox: support}}" + box, `did you mean "raw"`},
		{"short secret", "hooks: {h: {provider: raw, mailbox: support, secret-file: short}}" + box, "can be guessed"},
		{"ses without topics", "hooks: {h: {provider: ses, mailbox: support}}" + box, "needs topics"},
		{"bad topic", "hooks: {h: {provider: ses, mailbox: support, topics: mail}}" + box, `"mail" is not a topic`},
		{"named as a way in", "hooks: {smtp: {provider: raw, mailbox: support}}" + box, `"smtp" is the name of a way in already`},
		{"hook named as a source", "sources: {a: {imap: h, user: u, password-file: secret, mailboxes: support}}\nhooks: {a: {provider: raw, mailbox: support}}" + box, "give the hook another name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, problems := config.Load(writeConfig(t, c.src), env())
			if !strings.Contains(problems.String(), c.want) {
				t.Errorf("want %q in:\n%s", c.want, problems)
			}
		})
	}
}
