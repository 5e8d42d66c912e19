// Package config turns defaults, one YAML file and the environment into one Config, in this order,
// later wins. Each key is a field here; its tags say what it is called, what it means and what it
// may hold, and from them come the decoder, the checks, the JSON schema for editors and
// docs/configuration.md. So a key that works is a key that is documented, and the other way round.
//
// Load finds all errors at once, each with file, line and column. A key nobody knows is an error
// with a suggestion; a key of a later version is known, and an error too: nothing that somebody
// wrote down is silently ignored.
//
// Tags: yaml (the name; ",name" marks the field that holds the key of a named map), doc, words (what
// it may hold), later (what it may hold in a later version), word (what a path may be instead of one), neutral (what a key of a later version
// may hold already, because it asks for nothing), path (relative to the file), min and max, restart (read at start only).
package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// A Config is the whole configuration, checked and complete. It is never changed after Load.
type Config struct {
	Store        Store     `yaml:"store" restart:"true" doc:"Where issues are kept. MongoDB when it is configured, else SQLite."`
	Data         string    `yaml:"data" path:"true" restart:"true" doc:"The data folder: lock, control socket, mail while it is being received, the key file. The SQLite folder when not set."`
	KeyFile      string    `yaml:"key-file" path:"true" restart:"true" doc:"The key file, the same on all nodes (see postern keys). postern.key in the data folder when not set."`
	Rules        string    `yaml:"rules" path:"true" word:"store" restart:"true" doc:"The folder of rules; or store, where they live in the store alone and postern rules publish brings them there. Without this key it is the folder rules beside the configuration, and while that holds no rules the built-in examples are used."`
	FailingRules string    `yaml:"failing-rules" words:"report|set-aside" doc:"What becomes of a rule that fails 20 times in a row on a node: it is reported, in the log, health details, metrics and postern rules stats; or it is also not asked any more until the rules are published anew or the node restarts. With set-aside a stranger whose mail makes a rule fail can switch it off for everybody: not for rules that refuse mail."`
	SMTP         SMTP      `yaml:"smtp" doc:"Mail that is pushed to us by SMTP."`
	LMTP         LMTP      `yaml:"lmtp" doc:"Mail that a mail server on our side hands us by LMTP."`
	HTTP         HTTP      `yaml:"http" doc:"The API, health and metrics."`
	Limits       Limits    `yaml:"limits" doc:"What one mail, and all mail at once, may cost us."`
	Sources      []Source  `yaml:"sources" doc:"Accounts that feed several mailboxes, by IMAP, POP3 or Microsoft Graph."`
	Hooks        []Hook    `yaml:"hooks" doc:"Webhooks of mail providers: POST /hooks/PROVIDER/MAILBOX."`
	Mailboxes    []Mailbox `yaml:"mailboxes" doc:"Our policy for mail, chosen by its recipient. Without this key there is one, support, that takes every recipient."`

	Types      Names `yaml:"types" doc:"The types of issues: names, or a tree of names (a type below another is written A/B). Empty: any text will do; likewise the next five."`
	Classes    Names `yaml:"classes" doc:"The classes of issues."`
	Priorities Names `yaml:"priorities" doc:"The priorities, lowest first. A new issue gets normal where there is one, else the first."`
	Statuses   Names `yaml:"statuses" doc:"The statuses. A new issue gets the first."`
	Fields     Names `yaml:"fields" doc:"The custom fields that rules may set."`
	Teams      Names `yaml:"teams" doc:"The teams that issues may be given to."`

	Marker             string `yaml:"token-marker" min:"1" doc:"How a token starts in the text of a mail."`
	Templates          later  `yaml:"templates" doc:"Texts of mail that leaves, and shapes of new issues."`
	Lists              later  `yaml:"lists" doc:"Lists for all rules. Until then, list blocks in the rules."`
	Tokens             later  `yaml:"tokens" doc:"Tokens for all mailboxes. Until then, token blocks in the rules."`
	Keywords           later  `yaml:"keywords" doc:"Words that decide about mail."`
	ExcludedText       later  `yaml:"excluded-text" doc:"Text that is cut from mail."`
	BlockedAttachments later  `yaml:"blocked-attachments" doc:"Attachments that are never kept."`

	Keep Keep `yaml:"keep" doc:"How long things are kept: a duration, or forever."`
	Log  Log  `yaml:"log" doc:"What is written to standard error."`

	// File is where it came from, "" for none; Secrets are the files that secrets and authorities were read from.
	File    string   `yaml:"-"`
	Secrets []string `yaml:"-"`

	at     map[string]Position // where a key was written, by its path
	routes *routes
}

// Store says which database, and how to get at it.
type Store struct {
	SQLite   string     `yaml:"sqlite" path:"true" doc:"The folder of the embedded database and of the blobs beside it."`
	MongoDB  Secret     `yaml:"mongodb" doc:"A MongoDB connection string with the name of a database: mongodb://host/postern. Never shown, it may hold a password."`
	Password SecretFile `yaml:"password-file" path:"true" doc:"The file with the password of the user in the connection string."`
}

// SMTP is how mail servers reach us.
type SMTP struct {
	Listen   []Listener `yaml:"listen" restart:"true" doc:"Addresses to listen on, HOST:PORT, or tls://HOST:PORT for TLS from the first byte. An empty list switches SMTP off."`
	Hostname string     `yaml:"hostname" restart:"true" doc:"Our name in greetings and Received lines. The machine's name when not set."`
	TLS      TLS        `yaml:"tls" restart:"true" doc:"The certificate for STARTTLS and tls:// listeners. Renewed files are read again by themselves."`
	Relays   []Relay    `yaml:"relays" doc:"Machines that hand us other people's mail, and are believed about the client's address: networks, or {net, proxy}. With proxy: true each connection must start with the PROXY protocol."`
	Origins  []Origin   `yaml:"origins" doc:"Networks with the From domains that they may write as, by SMTP: {net, from}. A relay inside one is none."`
	Users    []User     `yaml:"users" doc:"Who may authenticate (PLAIN and LOGIN, over TLS only)."`
	MaxSize  Size       `yaml:"max-size" min:"1KiB" restart:"true" doc:"The largest mail taken, as told in the SIZE extension."`
	Limits   SMTPLimits `yaml:"limits" doc:"What one client, and all at once, may ask of us. For LMTP, only connections, recipients and the timeouts count."`
}

// SMTPLimits bound what clients may cost.
type SMTPLimits struct {
	Connections         int           `yaml:"connections" min:"1" doc:"Connections at once in all; more hear 421."`
	PerIP               int           `yaml:"per-ip" min:"1" doc:"Connections at once from one address. An IPv6 /64 counts as one address, here and below; relays and this machine itself (loopback) are not counted by address."`
	MessagesPerMinute   int           `yaml:"messages-per-minute" min:"0" doc:"Mails a minute in all; more hear 451. 0: no bound."`
	MessagesPerIP       int           `yaml:"messages-per-ip" min:"1" doc:"Mails a minute from one address."`
	Recipients          int           `yaml:"recipients" min:"1" doc:"Recipients of one mail; more hear 452."`
	RecipientsPerIP     int           `yaml:"recipients-per-ip" min:"1" doc:"Recipients a minute from one address."`
	Errors              int           `yaml:"errors" min:"1" doc:"Errors of one connection before it is closed."`
	ErrorsPerIP         int           `yaml:"errors-per-ip" min:"1" doc:"Errors a minute from one address, unknown recipients included; above it new connections hear 421."`
	Bytes               Size          `yaml:"bytes" min:"1MiB" doc:"Bodies that are being received and decided, in all."`
	BytesPerIP          Size          `yaml:"bytes-per-ip" min:"1MiB" doc:"The same from one address."`
	AuthFailures        int           `yaml:"auth-failures" min:"1" doc:"Failed logins from one address in 15 minutes."`
	AuthFailuresPerUser int           `yaml:"auth-failures-per-user" min:"1" doc:"Failed logins for one user name in 15 minutes."`
	MinRate             Size          `yaml:"min-rate" min:"1" restart:"true" doc:"The lowest rate of a body, in bytes a second; slower clients are cut off."`
	CommandTimeout      time.Duration `yaml:"command-timeout" min:"1s" restart:"true" doc:"How long we wait for a command; while three quarters of the connections are taken, 10 s at most."`
	DataTimeout         time.Duration `yaml:"data-timeout" min:"1s" restart:"true" doc:"How long we wait for the next piece of a body."`
	Drain               time.Duration `yaml:"drain" min:"0s" restart:"true" doc:"How long a stop waits for the mail that is on its way."`
}

// TLS is a certificate and its key, or nothing.
type TLS struct {
	Cert string `yaml:"cert" path:"true" doc:"The certificate and its chain, PEM."`
	Key  string `yaml:"key" path:"true" doc:"The private key, PEM."`
}

// Enabled reports whether there is a certificate.
func (t TLS) Enabled() bool { return t.Cert != "" }

// A Relay is a network of machines that hand us other people's mail.
type Relay struct {
	Net   netip.Prefix `yaml:"net" doc:"A network (10.0.0.0/8) or an address."`
	Proxy bool         `yaml:"proxy" doc:"Its connections start with the PROXY protocol (version 1 or 2)."`
}

// An Origin is a network that is believed to write as these domains.
type Origin struct {
	Net  netip.Prefix `yaml:"net" doc:"A network (10.0.0.0/8) or an address."`
	From []string     `yaml:"from" doc:"From domains, and addresses."`
}

// A User may authenticate by SMTP AUTH and write as certain addresses.
type User struct {
	Name     string     `yaml:",name" doc:"The name to log in with."`
	Password SecretFile `yaml:"password-file" path:"true" doc:"The file with the password."`
	Hash     Secret     `yaml:"password-hash" doc:"The password's bcrypt hash."`
	From     []string   `yaml:"from" doc:"Addresses and @domains that the user may write as. Empty: mail is taken, and proves nothing about its author."`
}

// LMTP is how a mail server on our side reaches us.
type LMTP struct {
	Listen []Listener `yaml:"listen" restart:"true" doc:"Addresses to listen on, HOST:PORT or unix:PATH. A socket is open to its group: give its folder the group of the mail server."`
	Ours   bool       `yaml:"ours" restart:"true" doc:"The peers are ours: answers tell the issue's number as well. It makes no mail trusted."`
}

// HTTP is how programs and people reach us.
type HTTP struct {
	Listen        []Listener     `yaml:"listen" restart:"true" doc:"Addresses to listen on, HOST:PORT. With a certificate they speak HTTPS. An empty list switches HTTP off."`
	PublicURL     string         `yaml:"public-url" restart:"true" doc:"What people and programs call us from outside: https://postern.example.com."`
	TLS           TLS            `yaml:"tls" restart:"true" doc:"The certificate. Renewed files are read again by themselves."`
	Proxies       []netip.Prefix `yaml:"proxies" restart:"true" doc:"Reverse proxies whose X-Forwarded-For is believed."`
	MaxHookSize   Size           `yaml:"max-hook-size" min:"1KiB" restart:"true" doc:"The largest request of a webhook. When not set, twice smtp.max-size: mail in it is mostly encoded, and some providers send parts besides."`
	KeepFailed    string         `yaml:"keep-failed" path:"true" restart:"true" doc:"A folder where requests of webhooks that cannot be read, or whose signature does not fit, are recorded for postern webhook verify and replay: credentials blanked, 20 at most, none above 10 MiB. The mail in them is somebody's: empty it when you are done. None when not set."`
	MetricsListen []Listener     `yaml:"metrics-listen" restart:"true" doc:"Addresses for /metrics and health details without a token, HOST:PORT."`
}

// Limits are what mail may cost us on its way to an issue.
type Limits struct {
	Memory Size `yaml:"memory" min:"8MiB" restart:"true" doc:"Memory for all mail that is being parsed and decided at once. Above it mail waits, then hears 451."`
	Text   Size `yaml:"text" min:"1KiB" max:"16MiB" doc:"How much decoded text, and as much HTML, rules see of a mail."`
}

// A Mailbox is our policy for the mail of its recipients.
type Mailbox struct {
	Name        string      `yaml:",name" doc:"The name that rules use (in NAME)."`
	Active      bool        `yaml:"active" doc:"Whether it takes mail. Mail to one that is not active is refused."`
	Addresses   []string    `yaml:"addresses" doc:"Its recipients: an address (and its plus-addresses), support+*@example.com, @example.com, or * for all. Quote what begins with @ or *."`
	From        string      `yaml:"from" doc:"Whom its mail is from: \"Example <support@example.com>\". No mail leaves in this version."`
	Attachments Attachments `yaml:"attachments" doc:"What becomes of attached files."`
	New         Defaults    `yaml:"new" doc:"What a new issue starts with."`
	Notes       string      `yaml:"notes" words:"public|internal" doc:"Who sees notes that are made from mail."`

	UnknownSender     string `yaml:"unknown-sender" words:"simple" later:"refuse|default-user|user-template" doc:"What becomes of mail from people we do not know. simple: it is taken like all other mail."`
	Source            Source `yaml:"source" doc:"An account that feeds this mailbox only, with the keys of sources.NAME. None: SMTP and hooks."`
	FromSubject       later  `yaml:"from-subject" doc:"What is read from the subject of a new issue."`
	DefaultUser       later  `yaml:"default-user" doc:"The requester of mail from unknown people."`
	UserTemplate      later  `yaml:"user-template" doc:"What users made from unknown senders start with."`
	Refused           string `yaml:"refused" words:"reject" later:"quarantine|bounce" doc:"What becomes of mail that a setting refuses."`
	Invite            later  `yaml:"invite" neutral:"false" doc:"A one-time link to users it creates."`
	Cc                later  `yaml:"cc" doc:"What becomes of people in copy."`
	Authentication    string `yaml:"authentication" words:"mark" later:"hold|reject" doc:"What becomes of mail that fails its domain's policy. mark: rules see it in mail.auth."`
	Reopen            later  `yaml:"reopen" doc:"When a reply opens a closed issue again. Until then, rules do."`
	Rate              later  `yaml:"rate" doc:"How much mail one sender may send."`
	Acknowledge       later  `yaml:"acknowledge" neutral:"false" doc:"An answer that the mail has arrived."`
	AcknowledgeWithin later  `yaml:"acknowledge-within" doc:"How often one sender gets it."`
	Thread            later  `yaml:"thread" doc:"Who else is a participant of an issue."`
	Provenance        later  `yaml:"provenance" doc:"Whether notes show where they come from."`
	OnError           later  `yaml:"on-error" doc:"Who is told of mail that failed."`
	Tokens            later  `yaml:"tokens" doc:"Tokens of this mailbox. Until then, token blocks in the rules."`
	Keywords          later  `yaml:"keywords" doc:"Words that decide about mail of this mailbox."`
}

// Attachments are a mailbox's bounds on files.
type Attachments struct {
	MaxSize Size `yaml:"max-size" doc:"Larger files are not kept with the issue (the raw mail has them). 0: no bound."`
}

// Defaults are what a new issue starts with.
type Defaults struct {
	Assignee string   `yaml:"assignee" doc:"Who works on it."`
	Template string   `yaml:"template" doc:"The name of its template, as rules see it."`
	Class    string   `yaml:"class" doc:"One of classes."`
	Type     string   `yaml:"type" doc:"One of types."`
	Priority string   `yaml:"priority" doc:"One of priorities; when not set: normal where there is one, else the first."`
	Status   string   `yaml:"status" doc:"One of statuses; when not set: the first."`
	Team     string   `yaml:"team" doc:"One of teams."`
	Tags     []string `yaml:"tags" doc:"Its tags."`
}

// Keep is how long things are kept; 0 is forever.
type Keep struct {
	Raw        time.Duration `yaml:"raw" forever:"true" min:"1h" doc:"Mail as it came, byte for byte."`
	Quarantine time.Duration `yaml:"quarantine" forever:"true" min:"1h" doc:"Quarantined mail, with all that came of it."`
	Ledger     time.Duration `yaml:"ledger" forever:"true" min:"1h" doc:"The ledger: a line for each attempt to hand us a mail."`
	Trace      time.Duration `yaml:"trace" forever:"true" min:"1h" doc:"Why the rules decided what they decided."`
}

// Log is what is written, and how.
type Log struct {
	Level  string `yaml:"level" words:"debug|info|warn|error" doc:"The least level that is written."`
	Format string `yaml:"format" restart:"true" words:"text|json" doc:"Lines for people, or for programs."`
}

// later is a key that this version knows and cannot serve yet.
type later struct{}

const day = 24 * time.Hour

// Default is the configuration that holds where nothing is said. It is complete but for what Load
// finds out: see Load.
func Default() *Config {
	return &Config{
		Store:        Store{SQLite: "./data"},
		SMTP:         SMTP{Listen: []Listener{{Network: "tcp", Address: "127.0.0.1:2525"}}, MaxSize: 50e6, Limits: defaultLimits()},
		HTTP:         HTTP{Listen: []Listener{{Network: "tcp", Address: "127.0.0.1:8025"}}},
		Limits:       Limits{Memory: 128 << 20, Text: 1 << 20},
		Mailboxes:    []Mailbox{withName(defaultMailbox(), "support", "*")},
		Priorities:   Names{"low", "normal", "high", "urgent"},
		Statuses:     Names{"new", "open", "pending", "closed"},
		FailingRules: "report",
		Marker:       "[[",
		Keep:         Keep{Raw: 90 * day, Quarantine: 30 * day, Ledger: 90 * day, Trace: 90 * day},
		Log:          Log{Level: "info", Format: "text"},
	}
}

func defaultLimits() SMTPLimits {
	return SMTPLimits{
		Connections: 1000, PerIP: 50, MessagesPerIP: 600, Recipients: 1000, RecipientsPerIP: 3000, Errors: 10, ErrorsPerIP: 100,
		Bytes: 10e9, BytesPerIP: 2500e6, AuthFailures: 10, AuthFailuresPerUser: 50,
		MinRate: 256, CommandTimeout: 5 * time.Minute, DataTimeout: 3 * time.Minute, Drain: 30 * time.Second,
	}
}

// defaultMailbox is what a mailbox starts with, whoever names it.
func defaultMailbox() Mailbox {
	return Mailbox{Active: true, Notes: "public", UnknownSender: "simple", Refused: "reject", Authentication: "mark", Source: defaultSource()}
}

func withName(m Mailbox, name string, addresses ...string) Mailbox {
	m.Name, m.Addresses = name, addresses
	return m
}

// Hostname is our name in greetings and Received lines: what was configured, else the machine's.
func (c *Config) Hostname() string {
	if c.SMTP.Hostname != "" {
		return c.SMTP.Hostname
	}
	if name, err := os.Hostname(); err == nil && hostname.MatchString(name) {
		return name
	}
	return "localhost"
}

// RulesInStore reports whether the rules live in the store, and no folder holds any.
func (c *Config) RulesInStore() bool { return c.Rules == "store" }

// KeyPath is where the key file is: what was configured, else beside the data.
func (c *Config) KeyPath() string {
	if c.KeyFile != "" {
		return c.KeyFile
	}
	return filepath.Join(c.Data, "postern.key")
}

// Mailbox returns the mailbox of that name.
func (c *Config) Mailbox(name string) (*Mailbox, bool) {
	for i := range c.Mailboxes {
		if c.Mailboxes[i].Name == name {
			return &c.Mailboxes[i], true
		}
	}
	return nil, false
}
