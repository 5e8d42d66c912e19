package config

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// routes finds the mailbox of a recipient: the most specific of what the mailboxes' addresses say.
type routes struct {
	exact   map[string]int // address: index of the mailbox
	globs   []glob         // most specific first
	domains map[string]int
	all     int // -1 for none
}

// A glob is an address with one * in its local part. The plus-addresses of an exact address are a
// glob too, so that an explicit support+vip*@… in another mailbox wins over support@… and s*@… does not.
type glob struct {
	prefix, suffix string // suffix with @domain
	mailbox        int
}

func (g glob) match(address string) bool {
	return len(address) >= len(g.prefix)+len(g.suffix) && strings.HasPrefix(address, g.prefix) && strings.HasSuffix(address, g.suffix)
}

func newRoutes(mailboxes []Mailbox) *routes {
	r := &routes{exact: map[string]int{}, domains: map[string]int{}, all: -1}
	var plus []glob
	for i, m := range mailboxes {
		for _, a := range m.Addresses {
			local, domain, _ := cutAddress(a)
			switch prefix, suffix, star := strings.Cut(local, "*"); {
			case a == "*":
				r.all = i
			case local == "":
				r.domains[domain] = i
			case star:
				r.globs = append(r.globs, glob{prefix, suffix + "@" + domain, i})
			default:
				r.exact[a] = i
				plus = append(plus, glob{local + "+", "@" + domain, i})
			}
		}
	}
	r.globs = append(r.globs, plus...)
	slices.SortStableFunc(r.globs, func(a, b glob) int {
		return cmp.Compare(len(b.prefix)+len(b.suffix), len(a.prefix)+len(a.suffix))
	})
	return r
}

// find takes a normal address and returns the index of its mailbox, -1 for none.
func (r *routes) find(address string) int {
	if i, ok := r.exact[address]; ok {
		return i
	}
	for _, g := range r.globs {
		if g.match(address) {
			return g.mailbox
		}
	}
	if _, domain, ok := cutAddress(address); ok {
		if i, ok := r.domains[domain]; ok {
			return i
		}
	}
	return r.all
}

// Route returns the mailbox of a recipient: the one with that very address, else with a pattern or
// the plus-address that says most of it, else with its domain, else with *. Case does not matter,
// and a domain may be in its Unicode or its ASCII form. A mailbox that is not active is found too.
func (c *Config) Route(address string) (*Mailbox, bool) {
	i := c.table().find(normalAddress(address))
	if i < 0 {
		return nil, false
	}
	return &c.Mailboxes[i], true
}

// Ours reports whether the address is one that a mailbox spells out, or a plus-address of one.
func (c *Config) Ours(address string) bool {
	a, t := normalAddress(address), c.table()
	if _, ok := t.exact[a]; ok {
		return true
	}
	local, domain, _ := cutAddress(a)
	base, _, plus := strings.Cut(local, "+")
	_, ok := t.exact[base+"@"+domain]
	return plus && ok
}

// Prepare makes Route and Ours fast, after the mailboxes of a Config were written by hand. Load does it itself.
func (c *Config) Prepare() { c.routes = newRoutes(c.Mailboxes) }

func (c *Config) table() *routes {
	if c.routes != nil {
		return c.routes
	}
	return newRoutes(c.Mailboxes)
}

// cutAddress cuts at the last @.
func cutAddress(address string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return address, "", false
	}
	return address[:i], address[i+1:], true
}

// normalAddress is the form in which addresses are compared: lower case, the domain in its ASCII form.
func normalAddress(address string) string {
	local, domain, ok := cutAddress(strings.TrimSpace(address))
	if !ok {
		return strings.ToLower(local)
	}
	return strings.ToLower(local) + "@" + normalDomain(domain)
}

// normalDomain is a domain's ASCII form in lower case. What IDNA does not allow stays as it is, and
// then equals only itself.
func normalDomain(domain string) string {
	domain = strings.TrimSuffix(strings.ToLower(domain), ".")
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		return ascii
	}
	return domain
}
