package mail

import (
	"bytes"
	"strings"
)

// fieldName returns the length of the field name that a header line begins with, or 0.
func fieldName(b []byte) int {
	for i, c := range b {
		switch {
		case c == ':':
			return i
		case c <= ' ' || c >= 0x7f:
			// RFC 5322 section 4.5: white space may stand before the colon.
			if i > 0 && (c == ' ' || c == '\t') && bytes.HasPrefix(bytes.TrimLeft(b[i:min(len(b), i+64)], " \t"), []byte{':'}) {
				return i
			}
			return 0
		}
	}
	return 0
}

// nameless says whether a line is a field whose name is none: empty, or with letters beyond ASCII.
func nameless(text []byte) bool {
	colon := bytes.IndexByte(text[:min(len(text), 80)], ':')
	return colon >= 0 && !bytes.ContainsAny(text[:colon], " \t")
}

// blankMax is how many blank lines may stand before a field that is looked for.
const blankMax = 20

// fieldAhead says whether the next line is surely a header field: one whose name is well known.
func fieldAhead(b []byte) bool {
	ln, rest := nextLine(b)
	for n := 0; blank(ln) && len(rest) > 0 && n < blankMax; n++ {
		ln, rest = nextLine(rest)
	}
	n := fieldName(ln)
	return n > 0 && wellKnown(string(ln[:n]))
}

func wellKnown(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "from", "to", "cc", "bcc", "subject", "date", "sender", "reply-to", "received", "message-id", "in-reply-to",
		"references", "mime-version", "return-path", "delivered-to", "dkim-signature", "authentication-results",
		"envelope-to", "importance", "thread-topic", "thread-index", "user-agent", "precedence", "auto-submitted":
		return true
	}
	for _, prefix := range []string{"x-", "content-", "list-", "resent-", "arc-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func isMboxLine(b []byte) bool {
	return bytes.HasPrefix(b, []byte("From ")) || bytes.HasPrefix(b, []byte(">From "))
}

// colonAhead says whether the next line begins with blanks and a colon: a name stands alone above it.
func colonAhead(b []byte) bool {
	ln, _ := nextLine(b)
	cut := bytes.TrimLeft(ln, " \t")
	return len(cut) < len(ln) && bytes.HasPrefix(cut, []byte{':'})
}

func blankAhead(b []byte) bool {
	ln, rest := nextLine(b)
	return blank(ln) && rest != nil
}

// foldWidth is the length beyond which programs fold, about: RFC 5322 section 2.1.1 asks for 78 at most.
const foldWidth = 72

// lostFold says whether a line may go on the field before, its indent lost: no more of it had room there.
func lostFold(before, ln []byte) bool {
	before = bytes.TrimRight(before, "\r\n")
	word, _, _ := bytes.Cut(ln, []byte{' '})
	return len(before)-1-bytes.LastIndexAny(before, "\r\n")+len(word) >= foldWidth
}

// fieldsAhead says whether nothing but fields stands before the next empty line.
func fieldsAhead(b []byte) bool {
	for n := 0; n < blankMax; n++ {
		ln, rest := nextLine(b)
		switch {
		case len(ln) == 0:
			return n > 0 && rest != nil
		case fieldName(ln) == 0 && (n == 0 || !isSpace(ln[0])):
			return false
		}
		b = rest
	}
	return false
}
