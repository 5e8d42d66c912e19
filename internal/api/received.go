package api

import (
	"strings"
	"time"
	"unicode"

	"postern/internal/issue"
)

// traceLines are the Return-Path and Received that a final delivery puts in front of a mail: RFC 5321 section 4.4. We keep
// them as data of the envelope and the raw as it came. Helo, addresses and user are a stranger's words: whatever
// could end a line or a clause is taken out of them.
func traceLines(m *issue.Message, host string) string {
	e := m.Envelope
	var b strings.Builder
	if e.From != "" || e.Protocol != "" && e.Protocol != "HTTP" { // without a dialogue there is no reverse path to tell
		b.WriteString("Return-Path: <" + address(e.From) + ">\r\n")
	}
	b.WriteString("Received:")
	if e.Peer != "" || e.Helo != "" {
		helo := word(e.Helo)
		if helo == "" {
			helo = "unknown"
		}
		b.WriteString(" from " + helo)
		if e.Peer != "" {
			b.WriteString(" (" + literal(e.Peer) + ")")
		}
		b.WriteString("\r\n\t")
	} else {
		b.WriteString(" ")
	}
	b.WriteString("by " + word(host))
	if e.Protocol != "" {
		b.WriteString(" with " + word(e.Protocol))
	}
	b.WriteString(" id " + word(m.ID) + "\r\n\t")
	if e.To != "" {
		b.WriteString("for <" + address(e.To) + ">")
	}
	b.WriteString("; " + m.ReceivedAt.UTC().Format(time.RFC1123Z) + "\r\n")
	return b.String()
}

// literal is an address literal: RFC 5321 section 4.1.3.
func literal(ip string) string {
	if strings.Contains(ip, ":") {
		return "[IPv6:" + word(ip) + "]"
	}
	return "[" + word(ip) + "]"
}

// word is s without what has a meaning between the words of a trace line, at most 320 bytes.
func word(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune("<>();,\"\\", r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > 320 {
		s = strings.ToValidUTF8(s[:320], "")
	}
	return s
}

// address is s without what could end it; a quoted local part may have blanks and brackets.
func address(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '<' || r == '>' || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > 320 {
		s = strings.ToValidUTF8(s[:320], "")
	}
	return s
}
