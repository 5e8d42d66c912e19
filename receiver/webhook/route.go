package webhook

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
)

// A route is the path of a request: /hooks/PROVIDER/MAILBOX, with the secret behind it where it travels there.
type route struct{ provider, mailbox, secret string }

// Prefix is what the paths of all hooks begin with.
const Prefix = "/hooks/"

// parseRoute reads a path as it came, so that a secret may have any bytes.
func parseRoute(escaped string) (*route, bool) {
	rest, ok := strings.CutPrefix(escaped, Prefix)
	words := strings.Split(rest, "/")
	if !ok || len(words) < 2 || len(words) > 3 {
		return nil, false
	}
	for i, w := range words {
		plain, err := url.PathUnescape(w)
		if err != nil {
			return nil, false
		}
		words[i] = plain
	}
	r := &route{provider: words[0], mailbox: words[1]}
	if len(words) == 3 {
		r.secret = words[2]
	}
	return r, r.provider != "" && r.mailbox != ""
}

// path is the route without its secret.
func (r *route) path() string {
	return Prefix + url.PathEscape(r.provider) + "/" + url.PathEscape(r.mailbox)
}

// A table holds the hooks by what their paths say.
type table struct {
	hooks map[[2]string][]*entry
	dummy entry               // what a request to no hook is held against
	keys  map[string][]string // by provider, those of its first hook: what a signature for no hook is reckoned with, in vain
}

// An entry is a hook with the hashes of what is compared: of equal length, whatever the secrets' is.
type entry struct {
	hook         Hook
	secret, user [32]byte
}

func newTable(hooks []Hook) *table {
	t := &table{hooks: map[[2]string][]*entry{}, keys: map[string][]string{}}
	_, _ = rand.Read(t.dummy.secret[:]) // a hash that no secret has
	for _, h := range hooks {
		if t.keys[h.Provider] == nil {
			t.keys[h.Provider] = h.Keys
		}
		key := [2]string{h.Provider, h.Mailbox}
		t.hooks[key] = append(t.hooks[key], &entry{h, sha256.Sum256([]byte(h.Secret)), sha256.Sum256([]byte(h.User))})
	}
	return t
}

// offer is what a request shows of a secret: in the path, as a bearer token, by basic auth, in the provider's own header.
type offer struct {
	secrets [4][32]byte
	given   [4]int // 1: something was shown there
	user    [32]byte
}

const (
	byPath = iota
	byBearer
	byBasic
	byHeader
)

// offered collects what is shown. A header that comes twice shows nothing: which of the two would another reader have believed?
func offered(r *http.Request, rt *route, p *Provider) *offer {
	o := &offer{}
	put := func(place int, secret string) {
		if secret != "" {
			o.secrets[place], o.given[place] = sha256.Sum256([]byte(secret)), 1
		}
	}
	put(byPath, rt.secret)
	if auth := r.Header.Values("Authorization"); len(auth) == 1 {
		if scheme, token, _ := strings.Cut(auth[0], " "); strings.EqualFold(scheme, "Bearer") {
			put(byBearer, strings.TrimSpace(token))
		}
		if user, password, ok := r.BasicAuth(); ok {
			o.user = sha256.Sum256([]byte(user))
			put(byBasic, password)
		}
	}
	if p != nil && p.Header != "" {
		if v := r.Header.Values(p.Header); len(v) == 1 {
			put(byHeader, v[0])
		}
	}
	return o
}

// fits reports whether a hook's secret was shown, in a time that says nothing of it.
func (o *offer) fits(e *entry) bool {
	user := subtle.ConstantTimeCompare(o.user[:], e.user[:])
	if e.hook.User == "" {
		user = 1
	}
	found := 0
	for i := range o.secrets {
		same := subtle.ConstantTimeCompare(o.secrets[i][:], e.secret[:]) & o.given[i]
		if i == byBasic {
			same &= user
		}
		found |= same
	}
	return found == 1 && e.hook.Secret != ""
}
