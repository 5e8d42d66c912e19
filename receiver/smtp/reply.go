package smtp

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	gosmtp "github.com/emersion/go-smtp"

	"postern/internal/fault"
	"postern/internal/intake"
)

// answer makes a reply. go-smtp keeps only the code of a bare *SMTPError, so that is what every callback returns.
func answer(code int, a, b, c int, text string) *gosmtp.SMTPError {
	return &gosmtp.SMTPError{Code: code, EnhancedCode: gosmtp.EnhancedCode{a, b, c}, Message: text}
}

// reply turns any error into what the peer may read. Kinds without a row, bugs of ours among them, ask the peer to retry:
// a bug must delay somebody's mail, never bounce it. The error's text stays in our log, the session id leads to it.
func reply(err error, session string, utf8ok bool) *gosmtp.SMTPError {
	var ready *gosmtp.SMTPError
	if errors.As(err, &ready) {
		return ready
	}
	var no *intake.Refusal
	if errors.As(err, &no) {
		text := sentence(no.Reason, utf8ok)
		switch {
		case no.Temporary:
			return answer(451, 4, 7, 1, text)
		case no.Unknown:
			return answer(550, 5, 1, 1, text)
		default:
			return answer(550, 5, 7, 1, text)
		}
	}
	switch fault.KindOf(err) {
	case fault.Invalid:
		return answer(554, 5, 6, 0, "not acceptable, session "+session)
	case fault.NotFound:
		return answer(550, 5, 1, 1, "no such mailbox here")
	case fault.Denied:
		return answer(550, 5, 7, 1, "not allowed, session "+session)
	case fault.TooLarge:
		return answer(552, 5, 3, 4, "too large, session "+session)
	default:
		return answer(451, 4, 3, 0, "try again later, session "+session)
	}
}

// verdict turns what became of a mail into the answer to its body. The number of an issue is only for peers of ours.
func verdict(o intake.Outcome, session string, ours, utf8ok bool) *gosmtp.SMTPError {
	switch o.Verdict {
	case intake.Committed, intake.Discarded, intake.Quarantined, intake.Duplicate:
		text := "OK " + o.Message
		if ours && o.Issue != 0 {
			text += " issue " + strconv.FormatInt(o.Issue, 10)
		}
		return answer(250, 2, 0, 0, text)
	case intake.Rejected:
		return answer(550, 5, 7, 1, sentence(o.Reason, utf8ok))
	default:
		return answer(451, 4, 3, 0, "try again later, session "+session)
	}
}

// maxSentence keeps a reply line within 512 octets (RFC 5321 section 4.5.3.1.5), code and an LMTP recipient included.
const maxSentence = 200

// sentence makes one printable line of a reason, in ASCII unless the client asked for SMTPUTF8 (RFC 6531 section 3.7.4.1).
func sentence(s string, utf8ok bool) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			r = ' '
		case r == utf8.RuneError, !unicode.IsPrint(r), r >= utf8.RuneSelf && !utf8ok:
			r = '?'
		}
		if b.Len()+utf8.RuneLen(r) > maxSentence {
			break
		}
		b.WriteRune(r)
	}
	if out := strings.TrimSpace(b.String()); out != "" {
		return out
	}
	return "refused"
}

// plain says whether s is a sentence already, as most are.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxSentence && s[0] != ' ' && s[len(s)-1] != ' '
}
