package config

import (
	"crypto/tls"
	"fmt"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// A checker completes a decoded Config and finds what is wrong between its keys.
type checker struct {
	c        *Config
	problems Problems
}

func (ch *checker) errorf(path, format string, args ...any) {
	ch.problems = append(ch.problems, Problem{Position: ch.where(path), Message: fmt.Sprintf(format, args...)})
}

// where finds the place of a key, or of the nearest section around it that was written down.
func (ch *checker) where(path string) Position {
	for path != "" {
		if p, ok := ch.c.at[path]; ok {
			return p
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return Position{File: ch.c.File}
}

func (ch *checker) said(path string) bool { _, ok := ch.c.at[path]; return ok }

// complete fills in what follows from the rest: the data folder, the rules, the defaults of new issues.
func (ch *checker) complete() {
	c := ch.c
	if c.Store.MongoDB.IsSet() {
		if ch.said("store.sqlite") && c.Store.SQLite != "" {
			ch.errorf("store.sqlite", "store: sqlite or mongodb, not both")
		}
		if c.Data == "" {
			c.Data = c.Store.SQLite
		}
		c.Store.SQLite = ""
	}
	if c.Data == "" {
		c.Data = c.Store.SQLite
	}
	if c.Rules == "" && !ch.said("rules") {
		if folder := filepath.Join(filepath.Dir(c.File), "rules"); isDir(folder) {
			c.Rules = folder
		}
	}
	priority, status := "", ""
	if len(c.Priorities) > 0 {
		priority = c.Priorities[0]
		if slices.Contains(c.Priorities, "normal") {
			priority = "normal"
		}
	}
	if len(c.Statuses) > 0 {
		status = c.Statuses[0]
	}
	for i := range c.Mailboxes {
		n := &c.Mailboxes[i].New
		if n.Priority == "" {
			n.Priority = priority
		}
		if n.Status == "" {
			n.Status = status
		}
	}
}

func (ch *checker) check() {
	ch.store()
	ch.smtp()
	ch.others()
	ch.mailboxes()
	ch.c.routes = newRoutes(ch.c.Mailboxes)
}

func (ch *checker) store() {
	c := ch.c
	if c.Store.MongoDB.IsSet() {
		uri := c.Store.MongoDB.Reveal()
		if !strings.HasPrefix(uri, "mongodb://") && !strings.HasPrefix(uri, "mongodb+srv://") {
			ch.errorf("store.mongodb", "store.mongodb is not a connection string: write it like mongodb://HOST/postern")
		}
	} else if c.Store.SQLite == "" {
		ch.errorf("store", "store: name a folder for sqlite, or a connection string for mongodb")
	}
	ch.secret("store.password-file", &c.Store.Password)
	if filepath.Base(c.Rules) == "store" && missing(c.Rules) {
		ch.errorf("rules", `rules: "store" is not available in this version: name a folder`)
	} else if c.Rules != "" && !isDir(c.Rules) {
		ch.errorf("rules", "rules: there is no folder %s", c.Rules)
	}
}

func (ch *checker) smtp() {
	s := &ch.c.SMTP
	ch.tls("smtp.tls", s.TLS)
	for i, l := range s.Listen {
		path := fmt.Sprintf("smtp.listen[%d]", i)
		if l.Network == "unix" {
			ch.errorf(path, "smtp.listen: SMTP has no unix sockets, lmtp.listen has")
		}
		if l.TLS && !s.TLS.Enabled() {
			ch.errorf(path, "smtp.listen: %s needs smtp.tls.cert and smtp.tls.key", l)
		}
	}
	for i, r := range s.Relays {
		if !r.Net.IsValid() {
			ch.missing(fmt.Sprintf("smtp.relays[%d]", i), "net")
		}
	}
	for i := range s.Origins {
		path, o := fmt.Sprintf("smtp.origins[%d]", i), &s.Origins[i]
		if !o.Net.IsValid() {
			ch.missing(path, "net")
		}
		if len(o.From) == 0 {
			ch.errorf(path, "an origin without from domains could write as nobody: name them in from")
		}
		ch.writers(path+".from", o.From)
	}
	for i := range s.Users {
		u := &s.Users[i]
		path := "smtp.users." + u.Name
		ch.secret(path+".password-file", &u.Password)
		switch {
		case (u.Password.Path != "") == u.Hash.IsSet():
			ch.errorf(path, "user %q needs either password-file or password-hash", u.Name)
		case u.Hash.IsSet():
			if _, err := bcrypt.Cost([]byte(u.Hash.Reveal())); err != nil {
				ch.errorf(path+".password-hash", "password-hash is not a bcrypt hash (it begins with $2a$, $2b$ or $2y$ and has 60 characters)")
			}
		}
		ch.writers(path+".from", u.From)
	}
	if len(s.Users) > 0 && !s.TLS.Enabled() {
		ch.errorf("smtp.users", "users can authenticate over TLS only: set smtp.tls.cert and smtp.tls.key")
	}
	if s.Hostname != "" && !hostname.MatchString(s.Hostname) {
		ch.errorf("smtp.hostname", "hostname: %q is not the name of a machine", s.Hostname)
	}
}

var (
	hostname = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
	boxName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
)

func (ch *checker) others() {
	c := ch.c
	for i, l := range c.LMTP.Listen {
		if l.TLS {
			ch.errorf(fmt.Sprintf("lmtp.listen[%d]", i), "lmtp.listen: LMTP is spoken without TLS")
		}
	}
	ch.tls("http.tls", c.HTTP.TLS)
	for name, listen := range map[string][]Listener{"http.listen": c.HTTP.Listen, "http.metrics-listen": c.HTTP.MetricsListen} {
		for i, l := range listen {
			if l.Network == "unix" || l.TLS {
				ch.errorf(fmt.Sprintf("%s[%d]", name, i), "%s: write HOST:PORT; with a certificate in http.tls it speaks HTTPS", name)
			}
		}
	}
	if c.HTTP.PublicURL != "" {
		u, err := url.Parse(c.HTTP.PublicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			ch.errorf("http.public-url", "public-url: write it like https://postern.example.com")
		}
	}
	ch.sameListener()
}

// sameListener finds two parts that would listen on one address.
func (ch *checker) sameListener() {
	c, seen := ch.c, map[string]string{}
	for _, part := range []struct {
		name   string
		listen []Listener
	}{{"smtp.listen", c.SMTP.Listen}, {"lmtp.listen", c.LMTP.Listen}, {"http.listen", c.HTTP.Listen}, {"http.metrics-listen", c.HTTP.MetricsListen}} {
		for i, l := range part.listen {
			if l.Address == "" || strings.HasSuffix(l.Address, ":0") {
				continue
			}
			if first, ok := seen[l.Address]; ok {
				ch.errorf(fmt.Sprintf("%s[%d]", part.name, i), "%s is in %s already", l.Address, first)
			}
			seen[l.Address] = part.name
		}
	}
}

func (ch *checker) mailboxes() {
	c := ch.c
	if len(c.Mailboxes) == 0 {
		ch.errorf("mailboxes", "there is no mailbox: no mail could be taken")
	}
	owner := map[string]string{}
	for i := range c.Mailboxes {
		m := &c.Mailboxes[i]
		path := "mailboxes." + m.Name
		if !boxName.MatchString(m.Name) {
			ch.errorf(path, "%q is no name for a mailbox: a letter, then letters, digits, - and _", m.Name)
		}
		if len(m.Addresses) == 0 {
			ch.errorf(path, "mailbox %q has no addresses: no mail could reach it", m.Name)
		}
		for j, a := range m.Addresses {
			at := fmt.Sprintf("%s.addresses[%d]", path, j)
			normal, err := parsePattern(a)
			if err != nil {
				ch.errorf(at, "addresses: %v", err)
				continue
			}
			m.Addresses[j] = normal
			if first, ok := owner[normal]; ok {
				ch.errorf(at, "%s is in mailbox %q already, at %s", a, m.Name, ch.where(first))
				if other := strings.Split(first, ".addresses")[0]; other != path {
					ch.problems[len(ch.problems)-1].Message = fmt.Sprintf("%s belongs to mailbox %q already, at %s", a, strings.TrimPrefix(other, "mailboxes."), ch.where(first))
				}
				continue
			}
			owner[normal] = at
		}
		if m.From != "" {
			if _, err := mail.ParseAddress(m.From); err != nil {
				ch.errorf(path+".from", "from: %q is not an address: write it like \"Example <support@example.com>\"", m.From)
			}
		}
		ch.word(path+".new.type", m.New.Type, c.Types)
		ch.word(path+".new.class", m.New.Class, c.Classes)
		ch.word(path+".new.priority", m.New.Priority, c.Priorities)
		ch.word(path+".new.status", m.New.Status, c.Statuses)
		ch.word(path+".new.team", m.New.Team, c.Teams)
	}
}

// word holds a value against a list of names; an empty list allows all.
func (ch *checker) word(path, value string, names Names) {
	if value != "" && len(names) > 0 && !slices.Contains(names, value) {
		ch.errorf(path, "%s: unknown name %q%s (allowed: %s)", path[strings.LastIndexByte(path, '.')+1:], value, suggest(value, names), strings.Join(names, ", "))
	}
}

func (ch *checker) missing(path, name string) {
	if !slices.ContainsFunc(ch.problems, func(p Problem) bool { return p.Position == ch.where(path+"."+name) || p.Position == ch.where(path) }) {
		ch.errorf(path, "%s is missing", name)
	}
}

// writers puts From addresses and domains into their normal form: ann@example.com, @example.com.
func (ch *checker) writers(path string, from []string) {
	for i, f := range from {
		a := f
		if !strings.Contains(a, "@") {
			a = "@" + a
		}
		normal, err := parsePattern(a)
		if err != nil || strings.Contains(normal, "*") {
			ch.errorf(fmt.Sprintf("%s[%d]", path, i), "from: %q is neither an address nor a domain: write it like ann@example.com or @example.com", f)
			continue
		}
		from[i] = normal
	}
}

// secret reads a secret file.
func (ch *checker) secret(path string, s *SecretFile) {
	if s.Path == "" {
		return
	}
	info, err := os.Stat(s.Path)
	if err != nil {
		ch.errorf(path, "%s: %v", quotedKey(path), err)
		return
	}
	raw, err := os.ReadFile(s.Path)
	switch value := strings.TrimRight(string(raw), "\r\n"); {
	case err != nil:
		ch.errorf(path, "%s: %v", quotedKey(path), err)
	case value == "":
		ch.errorf(path, "%s: %s is empty", quotedKey(path), s.Path)
	default:
		s.Secret = NewSecret(value)
		ch.c.Secrets = append(ch.c.Secrets, s.Path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && !strings.HasPrefix(s.Path, "/run/secrets/") {
		ch.problems = append(ch.problems, Problem{Position: ch.where(path), Warning: true,
			Message: fmt.Sprintf("%s can be read by others (mode %04o): chmod 600 %s", s.Path, mode, s.Path)})
	}
}

func quotedKey(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// tls loads a certificate, to find out now and not at the first handshake that it does not fit its key.
func (ch *checker) tls(path string, t TLS) {
	if t.Cert == "" && t.Key == "" {
		return
	}
	if t.Cert == "" || t.Key == "" {
		ch.errorf(path, "%s: cert and key come together", path)
		return
	}
	if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		ch.errorf(path+".cert", "%s: %v", path, err)
	}
}

// parsePattern reads an address of a mailbox and puts it into its normal form.
func parsePattern(text string) (string, error) {
	bad := fmt.Errorf("%q is not an address: write it like support@example.com, support+*@example.com, \"@example.com\" or \"*\"", text)
	if text == "*" {
		return text, nil
	}
	if strings.ContainsAny(text, " \t\r\n<>,;\"") {
		return "", bad
	}
	local, domain, ok := cutAddress(text)
	domain = normalDomain(domain)
	if !ok || !hostname.MatchString(domain) && !strings.HasPrefix(domain, "[") || strings.Count(local, "*") > 1 || strings.Contains(local, "@") {
		return "", bad
	}
	if local == "*" {
		local = ""
	}
	return strings.ToLower(local) + "@" + domain, nil
}
