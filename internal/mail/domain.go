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
	spec, ok := withoutBlanks(spec)
	at := strings.LastIndexByte(spec, '@')
	if !ok || at < 0 {
		return Address{}
	}
	local, domain := spec[:at], strings.TrimRight(strings.TrimLeft(spec[at+1:], "'"), ".'")
	if n := len(local); n > 2 && local[0] == '"' && local[n-1] == '"' && isDotAtom(local[1:n-1]) {
		local = local[1 : n-1] // quotes that are not needed
	}
	local, ok = lowerLocal(strings.Trim(local, "'"))
	if !ok || !isLocal(local) || bad(domain) {
		return Address{}
	}
	domain = strings.ToLower(domain)
	a := Address{Local: local, Domain: domain}
	display := domain
	switch {
	case domain[0] == '[':
		if !isLiteral(domain) {
			return Address{}
		}
	case !isASCII(domain) || strings.Contains(domain, "xn--"):
		ascii, err := toASCII.ToASCII(domain)
		switch {
		case err == nil && hostname(ascii) && strings.Contains(ascii, "xn--"):
			a.Domain = ascii
		case !isASCII(domain):
			return Address{} // what looks like one domain and is another: the full-width ｅxample.org
		}
		if u, err := toASCII.ToUnicode(a.Domain); err == nil && utf8.ValidString(u) && !bad(u) {
			display = u
		} else {
			display = a.Domain
		}
		a.MixedScript = mixedScript(display)
	case !hostname(domain):
		return Address{}
	}
	a.Email = a.Local + "@" + a.Domain
	a.Display = a.Email
	if display != a.Domain {
		a.Display = a.Local + "@" + display
	}
	return a
}

// withoutBlanks takes comments and blanks out of an address where RFC 5322 section 3.4.1 allows them: around the @ and dots.
// It is not ok when they stand elsewhere.
func withoutBlanks(s string) (string, bool) {
	if strings.IndexByte(s, '"') >= 0 || strings.IndexByte(s, ' ') < 0 && strings.IndexByte(s, '(') < 0 && strings.IndexByte(s, '\t') < 0 {
		return s, true
	}
	var b strings.Builder
	depth, gap := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '(':
			depth++
			gap = true
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case isSpace(c):
			gap = true
		default:
			if n := b.Len(); gap && n > 0 && c != '@' && c != '.' {
				if last := b.String()[n-1]; last != '@' && last != '.' {
					return "", false
				}
			}
			gap = false
			b.WriteByte(c)
		}
	}
	return b.String(), depth == 0
}

// lowerLocal makes a local part lower case. It is not ok where that makes ASCII of what was none: the Kelvin sign is no k.
func lowerLocal(s string) (string, bool) {
	low := strings.ToLower(s)
	if isASCII(s) {
		return low, true
	}
	for _, r := range s {
		if r >= utf8.RuneSelf && unicode.ToLower(r) < utf8.RuneSelf {
			return "", false
		}
	}
	return low, true
}

// isLocal says whether s is what stands before an @: words and dots, wherever the dots stand, or one quoted string. A second @ would
// make it anybody's guess what the domain is.
func isLocal(s string) bool {
	if s == "" || bad(s) {
		return false
	}
	if s[0] != '"' {
		return isDotAtom(s)
	}
	if len(s) < 3 || s[len(s)-1] != '"' {
		return false
	}
	for i := 1; i < len(s)-1; i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s)-1 {
				return false
			}
		case '"', '<', '>', ',', '@': // legal but for the first, and read differently everywhere
			return false
		}
	}
	return true
}

func isDotAtom(s string) bool {
	return s != "" && !strings.ContainsAny(s, " \t()<>[]:;@\\,\"") && !strings.Contains(s, "=?")
}

// isLiteral says whether a domain is an IP address in brackets.
func isLiteral(s string) bool {
	s, ok := strings.CutSuffix(strings.TrimPrefix(s, "["), "]")
	return ok && s != "" && strings.Trim(strings.TrimPrefix(s, "ipv6:"), "0123456789abcdef.:") == ""
}

// hostname says whether s is of letters, digits, hyphens, underscores and dots. The mapping of IDNA can
// bring out others: the full-width @ becomes one, and a lone diaeresis gets a space to stand on.
func hostname(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != "" && s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..")
}

// bad says whether an address has what no address has: control characters, spaces outside quotes,
// characters that hide others.
func bad(s string) bool {
	quoted := strings.HasPrefix(s, `"`)
	for _, r := range s {
		if unicode.IsControl(r) || r == utf8.RuneError || deceives(r) || unicode.IsSpace(r) && (r != ' ' || !quoted) {
			return true
		}
	}
	return s == ""
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
