package dsl

import (
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// domainFunctions are about domains, addresses and networks.
func domainFunctions() []*function {
	return []*function{
		pure("orgDomain", typeString, texts(1, func(_ *Run, a []string) (string, error) { return orgDomain(a[0]), nil }), takes("domain", kindText)),
		pure("address", typeAddress, func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			return parseAddress(s), r.make(4 * min(len(s), longestAddress))
		}, takes("text", kindText)),
		pure("addresses", typeAddresses, func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			return findAddresses(r, s)
		}, takes("text", kindText)),
		pure("plusTag", typeString, texts(1, func(_ *Run, a []string) (string, error) {
			_, tag, _ := cutPlus(a[0])
			return tag, nil
		}), takes("email", kindText)),
		pure("withoutPlus", typeString, texts(1, func(r *Run, a []string) (string, error) {
			user, _, domain := cutPlus(a[0])
			return user + domain, r.make(len(a[0]))
		}), takes("email", kindText)),
		pure("inNetwork", typeBool, func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			nets, ok := args[1].(*networks)
			if !ok {
				texts, err := asTexts(args, 1)
				if err != nil {
					return nil, err
				}
				if err := r.makeList(len(texts)); err != nil {
					return nil, err
				}
				if nets, _, err = newNetworks(texts); err != nil {
					return nil, err
				}
			}
			return nets.has(s), r.step()
		}, takes("ip", kindText), takes("network", kindNetworks)),
	}
}

// orgDomain is the domain that somebody registered: one label below what Mozilla's Public Suffix List calls public. "" for what
// is no domain, or public itself.
func orgDomain(domain string) string {
	d := plainDomain(domain)
	if _, err := netip.ParseAddr(strings.Trim(d, "[]")); err == nil || d == "" || strings.ContainsAny(d, " @[]:") {
		return ""
	}
	org, err := publicsuffix.EffectiveTLDPlusOne(d)
	if err != nil {
		return ""
	}
	return org
}

const (
	longestAddress = 1000 // bytes of a text that is read as one address
	mostAddresses  = 1000 // found in one text
)

// parseAddress reads "Ann Lee <ann@example.org>" or "ann@example.org"; an empty address where it is neither.
func parseAddress(s string) Address {
	s = strings.TrimSpace(s)
	if len(s) > longestAddress {
		return Address{}
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return Address{}
	}
	out := asciiAddress(a.Address)
	out.Name = oneLine(a.Name)
	return out
}

// asciiAddress is an address as rules see those of a mail: lower case, its domain in ASCII form.
func asciiAddress(email string) Address {
	out := addressOf(email)
	if ascii := plainDomain(out.Domain); ascii != "" && ascii != out.Domain {
		out.Domain = ascii
		out.Email = out.Local + "@" + ascii
	}
	return out
}

// anAddress is what people mean by an address in a text: RFC 5322's atoms, and a domain with a dot in it.
var anAddress = regexp.MustCompile(`[\pL\pN._%+'-]{1,64}@(?:[\pL\pN](?:[\pL\pN-]{0,62})\.)+[\pL][\pL\pN-]{1,62}`)

func findAddresses(r *Run, s string) ([]Address, error) {
	out := []Address{}
	for from := 0; ; {
		at := strings.IndexByte(s[from:], '@')
		if at < 0 || len(out) == mostAddresses {
			return out, nil
		}
		if err := r.step(); err != nil {
			return nil, err
		}
		at += from
		start, end := max(from, at-80), min(len(s), at+300)
		m := anAddress.FindStringIndex(s[start:end])
		from = at + 1
		if m == nil || start+m[0] > at {
			continue
		}
		found := asciiAddress(strings.Trim(s[start+m[0]:start+m[1]], "'"))
		if !slices.ContainsFunc(out, func(a Address) bool { return a.Email == found.Email }) {
			out = append(out, found)
			if err := r.make(200); err != nil {
				return nil, err
			}
		}
		from = start + m[1]
	}
}

// cutPlus cuts "ann+tag@example.org" into "ann", "tag" and "@example.org".
func cutPlus(email string) (user, tag, domain string) {
	local := email
	if at := strings.LastIndexByte(email, '@'); at >= 0 {
		local, domain = email[:at], email[at:]
	}
	user, tag, _ = strings.Cut(local, "+")
	return user, tag, domain
}

// networks are looked up by their lengths: however many there are, an address is asked about few.
type networks struct {
	prefixes map[netip.Prefix]struct{}
	bits     []int // that occur
}

// newNetworks reads "192.0.2.0/24" and "2001:db8::1"; wrong is the place of the first text that is neither.
func newNetworks(texts []string) (n *networks, wrong int, err error) {
	n = &networks{prefixes: make(map[netip.Prefix]struct{}, len(texts))}
	for i, s := range texts {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, e := netip.ParseAddr(s)
			if e != nil || a.Zone() != "" {
				return nil, i, errNoNetwork
			}
			a = a.Unmap()
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		n.prefixes[p.Masked()] = struct{}{}
		if !slices.Contains(n.bits, p.Bits()) {
			n.bits = append(n.bits, p.Bits())
		}
	}
	return n, 0, nil
}

func (n *networks) has(ip string) bool {
	a, err := PlainAddr(ip)
	if err != nil {
		return false
	}
	for _, b := range n.bits {
		if b > a.BitLen() {
			continue // of the other kind
		}
		if p, err := a.Prefix(b); err == nil {
			if _, ok := n.prefixes[p]; ok {
				return true
			}
		}
	}
	return false
}

// PlainAddr reads an address as networks are asked about it.
func PlainAddr(ip string) (netip.Addr, error) {
	a, err := netip.ParseAddr(ip)
	return a.Unmap().WithZone(""), err
}
