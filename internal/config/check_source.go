package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (ch *checker) sources() {
	c := ch.c
	names := map[string]string{}
	for i := range c.Sources {
		s := &c.Sources[i]
		path := "sources." + s.Name
		if !boxName.MatchString(s.Name) {
			ch.errorf(path, "%q is no name for a source: a letter, then letters, digits, - and _", s.Name)
		}
		names[s.Name] = path
		ch.reserved(path, s.Name)
		if s.Protocol() == "" {
			ch.errorf(path, "source %q needs a server: imap, pop3 or graph", s.Name)
		}
		if len(s.Mailboxes) == 0 {
			ch.errorf(path, "source %q feeds no mailbox: name them in mailboxes", s.Name)
		}
		ch.mailboxNames(path+".mailboxes", s.Mailboxes)
		ch.source(path, s)
	}
	for i := range c.Mailboxes {
		m := &c.Mailboxes[i]
		path := "mailboxes." + m.Name + ".source"
		switch {
		case m.Source.Protocol() == "" && ch.said(path):
			ch.errorf(path, "source: it needs a server: imap, pop3 or graph")
		case m.Source.Protocol() == "":
			continue
		case names[m.Name] != "":
			ch.errorf(path, "source: %s has this name already; both would be called %q", names[m.Name], m.Name)
		case len(m.Source.Mailboxes) > 0:
			ch.errorf(path+".mailboxes", "mailboxes: a mailbox's own source feeds that mailbox; for several write it below sources")
		}
		ch.reserved(path, m.Name)
		ch.source(path, &m.Source)
	}
	ch.circles()
}

// reserved are the ways in that have their names already.
var reserved = []string{"smtp", "lmtp", "api", "deliver", "eval", "test"}

func (ch *checker) reserved(path, name string) {
	if slices.Contains(reserved, name) {
		ch.errorf(path, "%q is the name of a way in already: choose another", name)
	}
}

func (ch *checker) mailboxNames(path string, names []string) {
	var known []string
	for _, m := range ch.c.Mailboxes {
		known = append(known, m.Name)
	}
	for i, n := range names {
		if !slices.Contains(known, n) {
			ch.errorf(fmt.Sprintf("%s[%d]", path, i), "there is no mailbox %q%s", n, suggest(n, known))
		}
	}
}

// source holds one account against itself.
func (ch *checker) source(path string, s *Source) {
	ch.secret(path+".password-file", &s.Password)
	if n := strings.Count(strings.Join([]string{bit(s.IMAP), bit(s.POP3), bit(s.Graph)}, ""), "1"); n > 1 {
		ch.errorf(path, "imap, pop3 and graph: only one of them")
	}
	switch s.Protocol() {
	case "imap":
		s.IMAP = ch.server(path+".imap", s.IMAP, "993", s.TLS)
	case "pop3":
		s.POP3 = ch.server(path+".pop3", s.POP3, "995", s.TLS)
		if len(s.Folders) > 0 {
			ch.errorf(path+".folders", "folders: POP3 has none")
		}
	case "graph":
		if normal, err := parsePattern(s.Graph); err != nil || strings.ContainsAny(normal, "*+") || strings.HasPrefix(normal, "@") {
			ch.errorf(path+".graph", "graph: %q is not a mailbox's address: write it like support@example.com", s.Graph)
		}
		if !s.OAuth.Enabled() {
			ch.errorf(path, "graph needs oauth: Microsoft 365 takes no passwords")
		}
		if s.Insecure || s.TLS != "auto" || s.CA != "" {
			ch.errorf(path, "graph is always spoken over TLS, with the system's certificates: leave tls, ca and insecure out")
		}
		if s.User != "" || s.Password.Path != "" {
			ch.errorf(path, "user and password-file are for imap and pop3: the mailbox is the one that graph names, and oauth logs in")
		}
	}
	if s.Protocol() != "graph" && s.Protocol() != "" {
		if s.User == "" {
			ch.missing(path, "user")
		}
		if (s.Password.Path != "") == s.OAuth.Enabled() {
			ch.errorf(path, "either password-file or oauth is needed to log in")
		}
	}
	if s.TLS == "off" && !s.Insecure {
		ch.errorf(path+".tls", "tls: off would send password and mail in the clear: it needs insecure: true")
	}
	if s.CA != "" {
		s.Authorities = ch.certificates(path+".ca", s.CA)
		ch.c.Secrets = append(ch.c.Secrets, s.CA)
	}
	ch.oauth(path+".oauth", s)
	ch.after(path+".after", s, s.After)
	ch.after(path+".after-rejected", s, s.AfterRejected)
	ch.after(path+".after-quarantined", s, s.AfterQuarantined)
	if _, rejected, _ := s.Afters(); s.AfterRejected == "" && rejected == defaultRejected && s.fetches(rejected.Folder) {
		ch.errorf(path+".after-rejected", "after-rejected: rejected mail would be moved to %s, which it is fetched from: say what becomes of it", rejected.Folder)
	}
	if _, err := time.Parse(time.DateOnly, s.Start); err != nil && s.Start != "all" && s.Start != "new" {
		ch.errorf(path+".start", "start: %q is neither all nor new nor a date like 2026-01-31", s.Start)
	}
	if ch.said(path+".slow") && len(s.FallbackFor) == 0 {
		ch.errorf(path+".slow", "slow: name in fallback-for what brings the same mail; without it the source is polled each every")
	}
	var hooks []string
	for _, h := range ch.c.Hooks {
		hooks = append(hooks, h.Name)
	}
	for i, f := range s.FallbackFor {
		if f != "smtp" && !slices.Contains(hooks, f) {
			ch.errorf(fmt.Sprintf("%s.fallback-for[%d]", path, i), "fallback-for: there is no hook %q%s", f, suggest(f, append(hooks, "smtp")))
		}
	}
}

func bit(s string) string {
	if s != "" {
		return "1"
	}
	return "0"
}

// server completes HOST to HOST:PORT.
func (ch *checker) server(path, text, port, tls string) string {
	host, p, err := net.SplitHostPort(text)
	if err != nil {
		host, p = strings.Trim(text, "[]"), port
	}
	n, err := strconv.Atoi(p)
	if err != nil || n < 1 || n > 65535 || !hostname.MatchString(host) && net.ParseIP(host) == nil {
		ch.errorf(path, "%s: %q is not a server: write it like mail.example.com:%s", last(path), text, port)
		return text
	}
	if tls == "auto" && !slices.Contains([]string{"993", "995", "143", "110"}, p) {
		ch.problems = append(ch.problems, Problem{Position: ch.where(path), Warning: true,
			Message: fmt.Sprintf("%s: port %s says nothing of TLS, and auto tries STARTTLS: write tls: on where the server speaks TLS from the first byte, else tls: starttls", last(path), p)})
	}
	return net.JoinHostPort(host, p)
}

func (ch *checker) after(path string, s *Source, text string) {
	if text == "" {
		return
	}
	a, ok := parseAfter(text)
	switch {
	case !ok:
		ch.errorf(path, "%s: %q is none of: keep, seen, move FOLDER, delete", last(path), text)
	case s.Protocol() == "pop3" && (a.Do == "move" || a.Do == "seen"):
		ch.errorf(path, "%s: POP3 can only keep or delete", last(path))
	case a.Do == "move" && s.fetches(a.Folder):
		ch.errorf(path, "%s: mail would be moved to %s, which it is fetched from", last(path), a.Folder)
	}
}

func (s *Source) fetches(folder string) bool {
	return slices.ContainsFunc(s.folders(), func(f string) bool { return strings.EqualFold(f, folder) })
}

// folders are those that are fetched from.
func (s *Source) folders() []string {
	if len(s.Folders) == 0 {
		return []string{"INBOX"}
	}
	return s.Folders
}

func (ch *checker) oauth(path string, s *Source) {
	o := &s.OAuth
	ch.secret(path+".client-secret-file", &o.ClientSecret)
	ch.secret(path+".refresh-token-file", &o.RefreshToken)
	ch.secret(path+".service-account-file", &o.ServiceAccount)
	if !o.Enabled() {
		if ch.said(path) && (o.ClientID != "" || o.Flow != "" || o.Tenant != "") {
			ch.errorf(path, "oauth: name the provider: microsoft, google or other")
		}
		return
	}
	for key, u := range map[string]string{"token-url": o.TokenURL, "device-url": o.DeviceURL, "auth-url": o.AuthURL, "graph-url": o.GraphURL} {
		if u == "" {
			continue
		}
		p, err := url.Parse(u)
		if o.Provider != "other" {
			ch.errorf(path+"."+key, "%s: only for provider other; %s has its own", key, o.Provider)
		} else if err != nil || p.Host == "" || p.User != nil || p.Scheme != "https" && !(p.Scheme == "http" && isLoopbackHost(p.Hostname())) {
			ch.errorf(path+"."+key, "%s: write it like https://login.example.com/token", key)
		}
	}
	switch {
	case o.Flow == "":
		ch.missing(path, "flow")
	case o.Flow == "service-account" && o.Provider != "google":
		ch.errorf(path+".flow", "flow: service accounts are Google's")
	case o.Flow == "service-account" && o.ServiceAccount.Path == "":
		ch.missing(path, "service-account-file")
	case o.Flow != "service-account" && o.ClientID == "":
		ch.missing(path, "client-id")
	case o.Flow == "client-credentials" && o.Provider == "google":
		ch.errorf(path+".flow", "flow: Google has no client-credentials for mail: service-account, or login")
	case o.Flow == "client-credentials" && o.ClientSecret.Path == "":
		ch.missing(path, "client-secret-file")
	case o.Flow == "login" && o.Provider == "google" && o.ClientSecret.Path == "":
		ch.errorf(path, "client-secret-file is missing: Google's desktop apps have a secret too")
	case o.Flow == "login" && o.Provider == "other" && o.DeviceURL+o.AuthURL+o.RefreshToken.Path == "":
		ch.errorf(path, "nobody can log in: it needs device-url, auth-url or refresh-token-file")
	}
	switch {
	case o.RefreshToken.Path != "" && o.Flow != "login" && o.Flow != "":
		ch.errorf(path+".refresh-token-file", "refresh-token-file: only for flow login")
	case o.ServiceAccount.Path != "" && o.Flow != "service-account" && o.Flow != "":
		ch.errorf(path+".service-account-file", "service-account-file: only for flow service-account")
	case o.Provider != "microsoft" && (o.Tenant != "" || o.Cloud != "global"):
		ch.errorf(path, "tenant and cloud are Microsoft's")
	}
	switch {
	case o.Provider == "microsoft" && o.Tenant == "":
		ch.missing(path, "tenant")
	case o.Provider == "microsoft" && !tenant.MatchString(o.Tenant):
		ch.errorf(path+".tenant", "tenant: %q is neither a directory's id nor one of its domains", o.Tenant)
	}
	if o.Provider == "other" && o.TokenURL == "" {
		ch.missing(path, "token-url")
	}
	if s.Protocol() != "graph" {
		return
	}
	switch {
	case o.Provider == "google":
		ch.errorf(path+".provider", "provider: Microsoft Graph takes no tokens of Google's")
	case o.Provider == "other" && o.GraphURL == "":
		ch.missing(path, "graph-url")
	case o.Cloud == "china":
		ch.errorf(path+".cloud", "cloud: in China Microsoft Graph lists no changes of messages: use imap")
	}
}

// tenant is what may stand in the path of Microsoft's login.
var tenant = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.-]{0,127}$`)

func isLoopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (ch *checker) hooks() {
	for i := range ch.c.Hooks {
		h := &ch.c.Hooks[i]
		path := "hooks." + h.Name
		if !boxName.MatchString(h.Name) {
			ch.errorf(path, "%q is no name for a hook: a letter, then letters, digits, - and _", h.Name)
		}
		ch.reserved(path, h.Name)
		if slices.ContainsFunc(ch.c.SourceList(), func(s Source) bool { return s.Name == h.Name }) {
			ch.errorf(path, "a source is called %q already: give the hook another name", h.Name)
		}
		if h.Provider == "" {
			ch.missing(path, "provider")
		}
		switch {
		case h.Mailbox == "":
			ch.errorf(path, "hook %q needs a mailbox, or \"-\" to choose by recipient", h.Name)
		case h.Mailbox != "-":
			ch.mailboxNames(path+".mailbox", []string{h.Mailbox})
			if len(h.Mailboxes) > 0 {
				ch.errorf(path+".mailboxes", "mailboxes: only where mailbox is \"-\"")
			}
		default:
			ch.mailboxNames(path+".mailboxes", h.Mailboxes)
		}
		ch.secret(path+".secret-file", &h.Secret)
		ch.secret(path+".api-key-file", &h.APIKey)
		for j := range h.Keys {
			ch.secret(fmt.Sprintf("%s.key-files[%d]", path, j), &h.Keys[j])
		}
		if n := len(h.Secret.Reveal()); n > 0 && n < 16 {
			ch.errorf(path+".secret-file", "secret-file: the secret in %s has %d characters, which can be guessed: 16 at least", h.Secret.Path, n)
		}
		if h.URL != "" {
			if u, err := url.Parse(h.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				ch.errorf(path+".url", "url: write it like https://postern.example.com/hooks/mandrill/support")
			}
		}
		if h.Provider == "ses" {
			if len(h.Topics) == 0 {
				ch.errorf(path, "hook %q needs topics: anyone can have a topic of SNS, and its signature only says that some topic sent it", h.Name)
			}
			for j, t := range h.Topics {
				if p := strings.Split(t, ":"); len(p) != 6 || p[0] != "arn" || p[2] != "sns" || p[5] == "" {
					ch.errorf(fmt.Sprintf("%s.topics[%d]", path, j), "topics: %q is not a topic: write it like arn:aws:sns:eu-west-1:123456789012:mail", t)
				}
			}
		} else if len(h.Topics)+len(h.Buckets) > 0 {
			ch.errorf(path, "topics and buckets are for ses")
		}
	}
}
