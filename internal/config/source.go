package config

import (
	"slices"
	"strings"
	"time"
)

// A Source is an account that mail is fetched from.
type Source struct {
	Name   string `yaml:",name" doc:"The name of the account, in logs, status and commands."`
	Active bool   `yaml:"active" doc:"Whether it is polled."`
	IMAP   string `yaml:"imap" doc:"The IMAP server, HOST or HOST:PORT. One of imap, pop3 and graph."`
	POP3   string `yaml:"pop3" doc:"The POP3 server, HOST or HOST:PORT."`
	Graph  string `yaml:"graph" doc:"A mailbox at Microsoft 365, by its address: support@example.com. A shared mailbox by its own address."`

	TLS      string     `yaml:"tls" words:"auto|on|starttls|off" doc:"auto: TLS from the first byte on ports 993 and 995, else STARTTLS, which must work. off: in the clear, with insecure only."`
	CA       string     `yaml:"ca" path:"true" doc:"Certificates, PEM, that the server's must come from. The system's when not set."`
	Insecure bool       `yaml:"insecure" doc:"Any certificate will do, or none. Whoever is between us and the server can read the mail and the password, and each examination of the source says so."`
	User     string     `yaml:"user" doc:"The user to log in as. For a shared mailbox at Microsoft 365 the shared mailbox's address."`
	Password SecretFile `yaml:"password-file" path:"true" doc:"The file with the password. Or oauth."`
	OAuth    OAuth      `yaml:"oauth" doc:"Tokens instead of a password."`

	Authorities string `yaml:"-"` // what lies in CA

	Folders    []string      `yaml:"folders" doc:"The folders that mail is fetched from. INBOX when not set. POP3 has no folders."`
	Mailboxes  []string      `yaml:"mailboxes" doc:"The mailboxes it feeds, by recipient; the first takes what names none of them. In a mailbox's own source it is that mailbox."`
	Every      time.Duration `yaml:"every" min:"5s" doc:"How often it is polled. With IMAP IDLE new mail comes at once, and this is the safety net."`
	Idle       bool          `yaml:"idle" doc:"Whether IMAP's IDLE is used where the server has it."`
	Start      string        `yaml:"start" doc:"What is fetched at first: all, new (only what comes from now on), or a date like 2026-01-31."`
	ImportRate int           `yaml:"import-rate" min:"0" doc:"How many mails a second are taken while what lay there at first is fetched. 0: as fast as possible."`
	MaxSize    Size          `yaml:"max-size" min:"1KiB" doc:"Larger mail is not fetched: it stays where it is, and is told as parked."`
	DryRun     bool          `yaml:"dry-run" doc:"Mail is fetched and decided, what would become of it is logged, and nothing is changed, here or there."`

	After            string `yaml:"after" doc:"What becomes of mail at the server once it was taken: keep, seen (marked as read), move FOLDER, or delete."`
	AfterRejected    string `yaml:"after-rejected" doc:"The same for mail that was rejected. When not set: as after; where that is move or delete, move Rejected (POP3: delete)."`
	AfterQuarantined string `yaml:"after-quarantined" doc:"The same for mail that was quarantined. When not set: as after."`

	FallbackFor []string      `yaml:"fallback-for" doc:"Hooks, by name, or smtp, that bring the same mail: while they do this source is polled slowly only, each slow."`
	Slow        time.Duration `yaml:"slow" min:"5s" doc:"How often it is polled while what it is the fallback for brings mail."`
	SilentAfter time.Duration `yaml:"silent-after" min:"1m" doc:"How long nothing may come before push counts as silent and the source is polled at its own pace, and before silence is told in status and metrics. When not set, by what is usual: twice the longest silence of the last four weeks, an hour at least."`
}

// OAuth is how a source gets its tokens.
type OAuth struct {
	Provider       string     `yaml:"provider" words:"microsoft|google|other" doc:"Who gives them."`
	Flow           string     `yaml:"flow" words:"client-credentials|login|service-account" doc:"client-credentials: an app of its own right (Microsoft). login: a person, once, by postern login SOURCE. service-account: Google Workspace with domain-wide delegation."`
	Tenant         string     `yaml:"tenant" doc:"Microsoft's directory (tenant) id or domain."`
	ClientID       string     `yaml:"client-id" doc:"The application (client) id."`
	ClientSecret   SecretFile `yaml:"client-secret-file" path:"true" doc:"The file with the client's secret."`
	RefreshToken   SecretFile `yaml:"refresh-token-file" path:"true" doc:"A file with a refresh token to begin with, where one was got elsewhere."`
	ServiceAccount SecretFile `yaml:"service-account-file" path:"true" doc:"The service account's key, JSON, as Google gives it."`
	Scopes         []string   `yaml:"scopes" doc:"What is asked for. When not set: what the protocol needs."`
	Cloud          string     `yaml:"cloud" words:"global|us|us-dod|china" doc:"Which of Microsoft's clouds."`
	TokenURL       string     `yaml:"token-url" doc:"For provider other: where tokens are given."`
	DeviceURL      string     `yaml:"device-url" doc:"For provider other: where a device is logged in."`
	AuthURL        string     `yaml:"auth-url" doc:"For provider other: where a person logs in, in a browser."`
	GraphURL       string     `yaml:"graph-url" doc:"For provider other: where the API of Microsoft Graph is."`
}

// Enabled reports whether tokens are used.
func (o *OAuth) Enabled() bool { return o.Provider != "" }

// Protocol is "imap", "pop3" or "graph", "" where there is no source.
func (s *Source) Protocol() string {
	switch {
	case s.IMAP != "":
		return "imap"
	case s.POP3 != "":
		return "pop3"
	case s.Graph != "":
		return "graph"
	}
	return ""
}

// Afters are what becomes of mail at the server by what became of it here: "keep", "seen", "move" with a folder, or "delete".
func (s *Source) Afters() (taken, rejected, quarantined After) {
	taken, _ = parseAfter(s.After)
	rejected, quarantined = taken, taken
	if s.AfterRejected != "" {
		rejected, _ = parseAfter(s.AfterRejected)
	} else if (taken.Do == "move" || taken.Do == "delete") && s.Protocol() != "pop3" {
		rejected = defaultRejected
	}
	if s.AfterQuarantined != "" {
		quarantined, _ = parseAfter(s.AfterQuarantined)
	}
	return taken, rejected, quarantined
}

// After is what becomes of mail at its server.
type After struct{ Do, Folder string }

var defaultRejected = After{"move", "Rejected"}

func parseAfter(text string) (After, bool) {
	do, folder, _ := strings.Cut(strings.TrimSpace(text), " ")
	folder = strings.TrimSpace(folder)
	switch do {
	case "keep", "seen", "delete":
		return After{Do: do}, folder == ""
	case "move":
		return After{do, folder}, folder != ""
	}
	return After{Do: "keep"}, false
}

// Since is the date that mail is fetched from, zero for "all" and "new".
func (s *Source) Since() time.Time {
	t, _ := time.Parse(time.DateOnly, s.Start)
	return t
}

func defaultSource() Source {
	return Source{
		Active: true, TLS: "auto", OAuth: OAuth{Cloud: "global"}, Every: 3 * time.Minute, Idle: true, Start: "all", ImportRate: 50, MaxSize: 50e6, After: "keep", Slow: 30 * time.Minute,
	}
}

// SourceList is every account that is fetched from, those of mailboxes among them: these have the mailbox's name.
func (c *Config) SourceList() []Source {
	out := slices.Clone(c.Sources)
	for _, m := range c.Mailboxes {
		if s := m.Source; s.Protocol() != "" {
			s.Name, s.Mailboxes = m.Name, []string{m.Name}
			out = append(out, s)
		}
	}
	return out
}
