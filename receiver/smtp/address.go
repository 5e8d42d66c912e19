package smtp

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	gosmtp "github.com/emersion/go-smtp"

	"postern/internal/intake"
)

// maxPath is RFC 5321 section 4.5.3.1.3 without the brackets.
const maxPath = 254

// canonical checks an address that go-smtp has read and gives a local part that needs quotes its quotes back: go-smtp
// takes them off, and "a@b"@c without them would be another address. bad is the answer to what is no address.
func canonical(addr string, utf8ok bool, bad *gosmtp.SMTPError) (string, *gosmtp.SMTPError) {
	plain := ascii(addr)
	if !plain && strings.ContainsFunc(addr, unprintable) {
		return "", bad
	}
	if !plain && !utf8ok {
		return "", answer(553, 5, 6, 7, "the address is not ASCII and SMTPUTF8 was not asked for")
	}
	at := strings.LastIndexByte(addr, '@')
	if at < 1 || len(addr) > maxPath {
		return "", bad
	}
	local, domain := addr[:at], addr[at+1:]
	if !domainLike(domain) {
		return "", bad
	}
	if dotAtom(local) {
		return addr, nil
	}
	return `"` + quoter.Replace(local) + `"@` + domain, nil
}

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// What is said of an address that is none.
var (
	errSender    = answer(501, 5, 1, 7, "sender address not understood")
	errRecipient = answer(501, 5, 1, 3, "recipient address not understood")
)

// unprintable finds what is not UTF-8, and what would change how the rest of a line is shown.
func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func domainLike(s string) bool {
	if s == "" {
		return false
	}
	inner := s
	if s[0] == '[' && s[len(s)-1] == ']' {
		inner = s[1 : len(s)-1]
	}
	for i := range len(inner) {
		c := inner[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c >= utf8.RuneSelf:
		case c == ':' && len(inner) < len(s): // an IPv6 literal
		default:
			return false
		}
	}
	return inner != ""
}

// dotAtom says whether a local part stands without quotes. Real senders put dots where RFC 5321 allows none, and mean it.
func dotAtom(s string) bool {
	return !strings.ContainsAny(s, " \t()<>[]:;@\\,\"")
}

func isRefusal(err error) bool {
	var no *intake.Refusal
	return errors.As(err, &no)
}

func isUnknown(err error) bool {
	var no *intake.Refusal
	return errors.As(err, &no) && no.Unknown
}

// sentenceOr is sentence for what may be empty.
func sentenceOr(s string, utf8ok bool) string {
	if s == "" {
		return ""
	}
	return sentence(s, utf8ok)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// replyLine is how a reply stands on the wire.
func replyLine(e *gosmtp.SMTPError) []byte {
	return fmt.Appendf(nil, "%d %d.%d.%d %s\r\n", e.Code, e.EnhancedCode[0], e.EnhancedCode[1], e.EnhancedCode[2], e.Message)
}
