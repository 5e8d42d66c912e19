package mail

import "strings"

// angle reads <…>. Where the bracket is not closed it ends at the next comma.
func (a *addressReader) angle() string {
	for a.at < len(a.s) && a.s[a.at] == '<' { // <<ann@example.org>>
		a.at++
	}
	rest := a.s[a.at:]
	end := strings.IndexAny(rest, "<>,;\"")
	switch {
	case end < 0:
		a.at = len(a.s)
		return rest
	case rest[end] == '"':
		// <"a local part"@example.org>
		if end = strings.IndexByte(rest, '>'); end < 0 {
			a.at = len(a.s)
			return rest
		}
		a.at += end + 1
		return rest[:end]
	case rest[end] == '>':
		a.at += end + 1
		return rest[:end]
	case rest[end] == '<':
		a.at += end
		return rest[:end]
	}
	// A route of old, <@a,@b:ann@example.org>, has commas inside.
	if strings.HasPrefix(rest, "@") {
		if end = strings.IndexByte(rest, '>'); end >= 0 {
			a.at += end + 1
			return rest[:end]
		}
		end = len(rest)
	}
	a.at += end
	return rest[:end]
}

// comment reads (…), which may nest, decoded. A parenthesis that is never closed is only a sign.
func (a *addressReader) comment() (string, bool) {
	if a.noParen {
		a.at++
		return "", false
	}
	depth := 0
	for i := a.at; i < len(a.s); i++ {
		switch a.s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				text := a.s[a.at+1 : i]
				a.at = i + 1
				return a.p.nameWords(text), true
			}
		}
	}
	a.noParen = true
	a.at++
	return "", false
}

// quoted reads "…". A quote that is never closed is only a sign.
func (a *addressReader) quoted() (string, bool) {
	start := a.at
	a.at++
	if start >= a.lastQuote {
		return "", false
	}
	var b strings.Builder
	for a.at < len(a.s) {
		c := a.s[a.at]
		a.at++
		switch {
		case c == '\\' && a.at < len(a.s):
			b.WriteByte(a.s[a.at])
			a.at++
		case c == '"':
			if text := b.String(); !swallows(text) {
				return text, true
			}
			a.at = start + 1
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	a.lastQuote = start
	a.at = start + 1
	return "", false
}

// swallows says whether a quoted name holds a whole address and the comma after it: then its quote
// was never closed, and what closed it begins another name.
func swallows(s string) bool {
	_, s, ok := strings.Cut(s, "<")
	if !ok {
		return false
	}
	spec, rest, ok := strings.Cut(s, ">")
	return ok && strings.Contains(spec, "@") && strings.HasPrefix(strings.TrimLeft(rest, " "), ",")
}

// encoded reads one or more encoded words, split in a character or not.
func (a *addressReader) encoded() (string, bool) {
	start, end := a.at, a.at
	for {
		_, e, ok := a.words.word(end)
		if !ok {
			break
		}
		end = e
		next := end
		for next < len(a.s) && isSpace(a.s[next]) {
			next++
		}
		a.at = end
		if !strings.HasPrefix(a.s[next:], "=?") {
			break
		}
		if _, _, ok := a.words.word(next); !ok {
			break
		}
		end = next
	}
	if a.at == start {
		return "", false
	}
	return cleanName(a.p.decodeWords(a.s[start:a.at])), true
}

// atom reads up to the next sign that means something.
func (a *addressReader) atom() string {
	start := a.at
	for a.at < len(a.s) {
		switch c := a.s[a.at]; c {
		case ' ', '\t', ',', ';', ':', '<', '>', '(', ')', '"':
			if c == ':' && strings.IndexByte(a.s[start:a.at], '[') >= 0 {
				a.at++ // ann@[IPv6:2001:db8::1]
				continue
			}
			return a.s[start:a.at]
		case '=':
			if a.at > start && strings.HasPrefix(a.s[a.at:], "=?") {
				return a.s[start:a.at]
			}
		}
		a.at++
	}
	return a.s[start:a.at]
}

// nameWords decodes encoded words in a quoted name, where RFC 2047 forbids them and senders write them.
func (p *parser) nameWords(s string) string {
	if strings.Contains(s, "=?") {
		s = p.decodeWords(s)
	}
	return cleanName(s)
}

// spaced reads "ann @ example.org".
func (a *addressReader) spaced(w string) string {
	if strings.HasPrefix(w, "@") && len(a.phrase) > 0 {
		w = string(a.phrase[a.word:]) + w
		a.phrase = a.phrase[:a.word]
	}
	if strings.HasSuffix(w, "@") {
		for more := true; more && a.at < len(a.s); {
			switch a.s[a.at] {
			case ' ', '\t':
				a.at++
			case '(':
				_, more = a.comment()
			default:
				more = false
			}
		}
		w += a.atom()
	}
	for { // "example . org"
		at := a.at
		for at < len(a.s) && isSpace(a.s[at]) {
			at++
		}
		if at == len(a.s) || a.s[at] != '.' && !strings.HasSuffix(w, ".") || len(w) > addressMax {
			return w
		}
		a.at = at
		more := a.atom()
		if more == "" {
			return w
		}
		w += more
	}
}
