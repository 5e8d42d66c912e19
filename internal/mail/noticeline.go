package mail

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// marked says whether a line is one that the returned mail follows. Rules before the words may be of any
// length and any dash.
func marked(s string, phrases []string) bool {
	if rest := strings.TrimLeft(s, "-_=*~# "); len(rest) < len(s)-2 {
		s = "--- " + rest
	}
	for _, p := range phrases {
		if strings.HasPrefix(p, "--- ") && !strings.HasPrefix(s, "--- ") {
			continue
		}
		if strings.HasPrefix(s, strings.TrimSuffix(p, " ---")) || !strings.HasPrefix(p, "---") && len(s) < len(p)+40 && hasPhrase(s, p) {
			return true
		}
	}
	return false
}

// headerAt says whether a line is a field that only the header of a returned mail has there.
func (n *notice) headerAt(i int) bool {
	ln := n.lines[i]
	for _, p := range []string{"Received: ", "Return-Path: ", "Message-ID: <", "DKIM-Signature: ", "MIME-Version: ", "X-Mailer: ", "Content-Type: "} {
		if len(ln) > len(p) && strings.EqualFold(ln[:len(p)], p) {
			return true
		}
	}
	return false
}

func headerLine(ln string) bool {
	return ln != "" && (isSpace(ln[0]) || fieldName([]byte(ln[:min(len(ln), 80)])) > 0 && wellKnown(ln[:max(0, strings.IndexByte(ln, ':'))]))
}

// idLine says whether a line names ids, which look like addresses.
func idLine(low string) bool {
	for _, p := range []string{"message-id", "message id", "original message-id", "original message id", "in-reply-to", "references:", "internet message"} {
		if strings.HasPrefix(low, p) {
			return true
		}
	}
	return false
}

// labelled says whether a line begins with a word for a recipient.
func labelled(low string) bool {
	low = strings.TrimLeft(low, "*-•·# ")
	for _, p := range noticeTable().label {
		if strings.HasPrefix(low, p) {
			return true
		}
	}
	return false
}

// listsAddress says whether a line is an address, alone or with what is said of it after it.
func listsAddress(ln string) (ok bool, rest string) {
	s := strings.TrimLeft(ln, "*-•·[('\"“<= \t")
	if len(s) > 5 && strings.EqualFold(s[:5], "smtp:") {
		s = s[5:]
	}
	spots := addressSpots(s)
	if len(spots) == 0 || spots[0][0] != 0 {
		return false, ""
	}
	rest = strings.TrimLeft(s[spots[0][1]:], ">)]'\"” ")
	if rest == "" {
		return true, ""
	}
	if strings.HasPrefix(rest, "on ") { // and the time
		return true, ""
	}
	if r, _ := utf8.DecodeRuneInString(rest); strings.ContainsRune(":(,;-<.", r) {
		return true, strings.TrimLeft(rest, ":,;- ")
	}
	// A sentence about it, if a server's code stands in it.
	return strings.Contains(strings.ToLower(rest), "error") || enhancedStatus(rest) != "" || hasReplyCode(rest), rest
}

// localName says whether a line is a user's name alone, as AOL wrote its own.
func localName(ln string) bool {
	for i := range len(ln) {
		if !wordByte(ln[i]) && strings.IndexByte("._-", ln[i]) < 0 {
			return false
		}
	}
	return ln != "" && len(ln) <= 64 && wordByte(ln[0]) && wordByte(ln[len(ln)-1])
}

// drawn says whether a text begins as programs draw their notices, and people do not: with a rule, or with words of a
// notice between rules.
func drawn(text string) bool {
	ln, _, _ := strings.Cut(strings.TrimLeft(cutString(text, 1000), "\n\t "), "\n")
	rest := strings.TrimLeft(ln, "-*=#")
	if len(ln)-len(rest) < 3 {
		return false
	}
	words := strings.TrimRight(rest, "-*=#")
	return strings.TrimSpace(rest) == "" || len(rest)-len(words) >= 3 && anyPhrase(squeeze(words, 200), noticeTable().writer)
}

// addressSpots finds what looks like addresses in a line, in order, each byte a fixed number of times.
func addressSpots(ln string) [][2]int {
	var spots [][2]int
	from := 0
	for len(spots) < 20 {
		i := strings.IndexByte(ln[from:], '@')
		if i < 0 {
			break
		}
		at := from + i
		start, end := at, at+1
		for start > from {
			r, size := utf8.DecodeLastRuneInString(ln[from:start])
			if !addressRune(r) {
				break
			}
			start -= size
		}
		for end < len(ln) {
			r, size := utf8.DecodeRuneInString(ln[end:])
			if !addressRune(r) {
				break
			}
			end += size
		}
		from = end
		for end > at+1 && strings.IndexByte(".-_:/'=*", ln[end-1]) >= 0 {
			end--
		}
		// SMTP:ann@example.org, rfc822=ann@example.org
		if j := strings.LastIndexByte(ln[start:at], ':'); j >= 0 {
			start += j + 1
		}
		if name, _, ok := strings.Cut(ln[start:at], "="); ok && slices.Contains([]string{"smtp", "rfc822", "rcpt", "to", "address", "email"}, strings.ToLower(name)) {
			start += len(name) + 1
		}
		for start < at && strings.IndexByte("./'=*", ln[start]) >= 0 {
			start++
		}
		if start < at && end > at+2 {
			spots = append(spots, [2]int{start, end})
		}
	}
	return spots
}

// addressRune says whether r may stand in an address. Scripts without spaces are left out: there the
// words around an address touch it.
func addressRune(r rune) bool {
	if r < utf8.RuneSelf {
		return wordByte(byte(r)) || strings.IndexByte("!#$%&'*+-/=?^_.:~", byte(r)) >= 0
	}
	return unicode.IsLetter(r) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}

// replyCode says whether a line begins with an SMTP reply of failure (RFC 5321 section 4.2).
func replyCode(s string) bool {
	s = strings.TrimLeft(s, "#<>('\" ")
	return len(s) > 3 && (s[0] == '5' || s[0] == '4') && s[1] >= '0' && s[1] <= '5' && digit(s[2]) && (s[3] == ' ' || s[3] == '-' || s[3] == '#')
}

// hasReplyCode says whether such a reply stands anywhere in s.
func hasReplyCode(s string) bool {
	for i := 0; i+4 <= len(s); i++ {
		if (i == 0 || !wordByte(s[i-1]) && s[i-1] != '.') && replyCode(s[i:min(len(s), i+5)]) && digit(s[i]) {
			return true
		}
	}
	return false
}
