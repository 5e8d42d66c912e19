package config

import (
	"fmt"
	"net/url"
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
	ch.sources()
	ch.hooks()
	ch.c.Prepare()
}

func (ch *checker) store() {
	c := ch.c
	if c.Store.MongoDB.IsSet() {
		if wrong := wrongURI(c.Store.MongoDB.Reveal()); wrong != "" {
			ch.errorf("store.mongodb", "store.mongodb %s", wrong)
		}
	} else if c.Store.SQLite == "" {
		ch.errorf("store", "store: name a folder for sqlite, or a connection string for mongodb")
	}
	ch.secret("store.password-file", &c.Store.Password)
	if c.Rules != "" && !c.RulesInStore() && !isDir(c.Rules) {
		ch.errorf("rules", "rules: there is no folder %s", c.Rules)
	}
}

// wrongURI says what is wrong with a connection string, and nothing of what is in it. It finds the mistakes that
// would make the driver's own errors quote a piece of the password.
func wrongURI(uri string) string {
	rest, ok := strings.CutPrefix(uri, "mongodb://")
	if !ok {
		rest, ok = strings.CutPrefix(uri, "mongodb+srv://")
	}
	if !ok {
		return "is not a connection string: write it like mongodb://HOST/postern"
	}
	at := strings.LastIndexByte(strings.SplitN(rest, "?", 2)[0], '@')
	if at < 0 {
		return ""
	}
	user := rest[:at]
	if _, err := url.PathUnescape(user); err != nil || strings.ContainsAny(user, "/@[]") || strings.Count(user, ":") > 1 {
		return "has a password with characters that must be written as %XX; better, put it into password-file"
	}
	return ""
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
	for _, l := range []struct {
		name  string
		bytes Size
	}{{"bytes", s.Limits.Bytes}, {"bytes-per-ip", s.Limits.BytesPerIP}} {
		if l.bytes < s.MaxSize {
			ch.errorf("smtp.limits."+l.name, "%s: %s is less than smtp.max-size (%s): the largest mail would be put off for ever", l.name, l.bytes, s.MaxSize)
		}
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

// sameListener finds two parts that would listen on one address. It points at the one that was
// written down: the other may be a default.
func (ch *checker) sameListener() {
	c, seen := ch.c, map[string]string{}
	for _, part := range []struct {
		name   string
		listen []Listener
	}{{"smtp.listen", c.SMTP.Listen}, {"lmtp.listen", c.LMTP.Listen}, {"http.listen", c.HTTP.Listen}, {"http.metrics-listen", c.HTTP.MetricsListen}} {
		for i, l := range part.listen {
			if strings.HasSuffix(l.Address, ":0") {
				continue
			}
			at, other := part.name, seen[l.Address]
			if other != "" && !ch.said(at) {
				at, other = other, at
			}
			if other != "" {
				ch.errorf(fmt.Sprintf("%s[%d]", at, i), "%s: %s is in %s already", at, l.Address, other)
			}
			seen[l.Address] = part.name
		}
	}
}

// missing says that a key has no value, unless it was there and the decoder has said what is wrong with it.
func (ch *checker) missing(path, name string) {
	if !slices.ContainsFunc(ch.problems, func(p Problem) bool { return p.Position == ch.where(path+"."+name) }) {
		ch.errorf(path, "%s is missing", name)
	}
}
