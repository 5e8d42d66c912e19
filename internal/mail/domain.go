package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// addressMax is the longest address that is taken for one. RFC 5321 section 4.5.3.1 allows 254
// bytes; some systems write longer local parts.
const addressMax = 1000

// toASCII maps a domain as a browser would. It allows what stands in DNS though it should not, an
// underscore for one: the mail came from there.
var toASCII = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// makeAddress takes local@domain apart. What cannot be an address has an empty Email.
func makeAddress(spec string) Address {
	spec = trimSpace(spec)
	if len(spec) > addressMax {
		return Address{}
	}
	if strings.HasPrefix(spec, "@") { // a route of old, <@a,@b:ann@example.org>
		if _, after, ok := strings.Cut(spec, ":"); ok {
			spec = after
		}
	}
	if n := len(spec); n > 1 && spec[0] == '[' && spec[n-1] == ']' { // [mailto:ann@example.org]
		spec = spec[1 : n-1]
	}
	if len(spec) > 7 && strings.EqualFold(spec[:7], "mailto:") {
		spec, _, _ = strings.Cut(spec[7:], "?")
	}
	if strings.ContainsAny(spec, " \t") && !strings.Contains(spec, `"`) {
		spec = strings.Join(strings.Fields(spec), "")
	}
	at := strings.LastIndexByte(spec, '@')
	if at < 0 {
		return Address{}
	}
	local, domain := spec[:at], strings.TrimRight(strings.TrimLeft(spec[at+1:], "'"), ".'")
	if n := len(local); n > 2 && local[0] == '"' && local[n-1] == '"' && !strings.ContainsAny(local[1:n-1], "\" \t\\") {
		local = local[1 : n-1] // quotes that are not needed
	}
	local = strings.Trim(strings.ToLower(local), "'")
	domain = strings.ToLower(domain)
	if local == "" || domain == "" || bad(local) || bad(domain) {
		return Address{}
	}
	a := Address{Local: local, Domain: domain}
	display := domain
	if !isASCII(domain) || strings.Contains(domain, "xn--") {
		ascii, err := toASCII.ToASCII(domain)
		switch {
		case err == nil && hostname(ascii):
			a.Domain = ascii
		case !isASCII(domain):
			return Address{}
		}
		if u, err := toASCII.ToUnicode(a.Domain); err == nil && utf8.ValidString(u) && !bad(u) {
			display = u
		} else {
			display = a.Domain
		}
		a.MixedScript = mixedScript(display)
	}
	a.Email = a.Local + "@" + a.Domain
	a.Display = a.Email
	if display != a.Domain {
		a.Display = a.Local + "@" + display
	}
	return a
}

// hostname says whether s is of letters, digits, hyphens, underscores and dots. The mapping of IDNA can
// bring out others: the full-width @ becomes one, and a lone diaeresis gets a space to stand on.
func hostname(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return strings.Trim(s, ".") == s && s != ""
}

// bad says whether an address has what no address has: control characters, spaces outside quotes,
// characters that hide others.
func bad(s string) bool {
	quoted := strings.HasPrefix(s, `"`)
	for _, r := range s {
		if unicode.IsControl(r) || r == utf8.RuneError || deceives(r) || r == '<' || r == '>' || r == ',' && !quoted ||
			unicode.IsSpace(r) && (r != ' ' || !quoted) {
			return true
		}
	}
	return false
}

// mixedScript says whether one label of a domain mixes scripts. Those that a language writes
// together are one (Unicode Technical Standard 39, section 5.2, "highly restrictive").
func mixedScript(domain string) bool {
	for label := range strings.SplitSeq(domain, ".") {
		var seen scriptSet
		for _, r := range label {
			seen |= scriptOf(r)
		}
		if !seen.single() {
			return true
		}
	}
	return false
}

type scriptSet uint32

const (
	scriptLatin scriptSet = 1 << iota
	scriptCyrillic
	scriptGreek
	scriptHan
	scriptKana
	scriptHangul
	scriptBopomofo
	scriptOther // the first of the rest; each further one has a bit of its own
)

var scripts = []struct {
	table *unicode.RangeTable
	set   scriptSet
}{
	{unicode.Latin, scriptLatin}, {unicode.Cyrillic, scriptCyrillic}, {unicode.Greek, scriptGreek}, {unicode.Han, scriptHan},
	{unicode.Hiragana, scriptKana}, {unicode.Katakana, scriptKana}, {unicode.Hangul, scriptHangul}, {unicode.Bopomofo, scriptBopomofo},
	{unicode.Arabic, scriptOther}, {unicode.Hebrew, scriptOther << 1}, {unicode.Armenian, scriptOther << 2}, {unicode.Georgian, scriptOther << 3},
	{unicode.Devanagari, scriptOther << 4}, {unicode.Thai, scriptOther << 5}, {unicode.Cherokee, scriptOther << 6}, {unicode.Coptic, scriptOther << 7},
	{unicode.Lisu, scriptOther << 8}, {unicode.Ethiopic, scriptOther << 9},
}

func scriptOf(r rune) scriptSet {
	if r < utf8.RuneSelf {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return scriptLatin
		}
		return 0
	}
	for _, s := range scripts {
		if unicode.Is(s.table, r) {
			return s.set
		}
	}
	return 0
}

func (s scriptSet) single() bool {
	switch {
	case s&(s-1) == 0, s&^(scriptHan|scriptKana|scriptLatin) == 0 && s&(scriptHan|scriptKana) != 0,
		s&^(scriptHan|scriptHangul|scriptLatin) == 0 && s&scriptHangul != 0,
		s&^(scriptHan|scriptBopomofo|scriptLatin) == 0 && s&scriptBopomofo != 0:
		return true
	}
	return false
}
