package mail

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"

	"postern/internal/charset"
)

// idMax is how many ids of one References field are kept: the first and the newest.
const idMax = 200

// Bounds of what is kept inline everywhere and indexed, in bytes. A line of mail has 998 at most (RFC 5322 section
// 2.1.1), and ids are one word of it.
const (
	idLength      = 998
	subjectLength = 4096
)

// readFields fills in what the message's own header says.
func (p *parser) readFields(h *header) {
	m := p.msg
	m.Header = h.fields
	var seen struct{ from, subject, date, id int }
	whole := slices.ContainsFunc(h.fields, func(f Field) bool { return equalFold(f.Name, "from") && !broken(&f) })
	var buf [40]byte
	for i := range h.fields {
		f := &h.fields[i]
		if len(f.Name) > len(buf) {
			continue
		}
		switch string(appendLower(buf[:0], f.Name)) {
		case "from":
			if seen.from++; whole && broken(f) {
				continue // who checks DMARC sees the other one
			}
			m.From = p.addresses(m.From, f)
		case "sender":
			m.Sender = p.addresses(m.Sender, f)
		case "reply-to":
			m.ReplyTo = p.addresses(m.ReplyTo, f)
		case "to":
			m.To = p.addresses(m.To, f)
		case "cc":
			m.Cc = p.addresses(m.Cc, f)
		case "subject":
			if seen.subject++; m.Subject == "" {
				if m.Subject = withoutMarks(f.Value); len(m.Subject) > subjectLength {
					p.warn("subject-too-long", "the rest of the subject was left out")
					m.Subject = cutString(m.Subject, subjectLength)
				}
			}
		case "date":
			seen.date++
			if !m.Date.IsZero() {
				continue
			}
			t, ok := parseDate(f.Value)
			if !ok {
				p.warn("date-malformed", "unreadable date "+quote(f.Value))
				continue
			}
			m.Date = t
		case "message-id":
			if ids := messageIDs(f.Value); len(ids) > 0 {
				if seen.id++; m.MessageID == "" {
					m.MessageID = ids[0]
				}
			}
		case "in-reply-to":
			m.InReplyTo = addIDs(m.InReplyTo, f.Value)
		case "references":
			m.References = addIDs(m.References, f.Value)
		}
	}
	p.count("from", seen.from, true)
	p.count("date", seen.date, true)
	p.count("subject", seen.subject, false)
	p.count("message-id", seen.id, false)
}

// broken says whether a line ends between the name of a field and its colon, which RFC 5322 never allowed.
func broken(f *Field) bool {
	name, _, _ := bytes.Cut(f.Raw, []byte{':'})
	return bytes.ContainsAny(name, "\r\n")
}

// learnCharset takes the first label of a text, other than of ASCII and UTF-8, as that of raw headers.
func (p *parser) learnCharset(label string) {
	if p.rawCharset != "" || label == "" {
		return
	}
	name := charset.Name(label)
	if enc := charset.Lookup(name); enc != nil && enc != encoding.Nop && name != "us-ascii" && !charset.Wide(name) {
		p.rawCharset = name
	}
}

// rereadFields reads the message's header again once it is known in what its raw 8-bit text is written.
func (p *parser) rereadFields(h *header) {
	if utf8.ValidString(h.str) {
		return
	}
	if p.rawCharset == "" {
		if p.rawCharset = p.guessHeader(h); p.rawCharset == "windows-1252" {
			return // as it was read
		}
	}
	m := p.msg
	p.msg = &Message{}
	for i := range h.fields {
		f := &h.fields[i]
		f.Value = p.decodeValue(rawValue(f))
	}
	p.readFields(h)
	n := p.msg
	m.Subject, m.From, m.Sender, m.ReplyTo, m.To, m.Cc = n.Subject, n.From, n.Sender, n.ReplyTo, n.To, n.Cc
	m.MessageID, m.InReplyTo, m.References, m.Date = n.MessageID, n.InReplyTo, n.References, n.Date
	p.msg = m
}

// guessHeader names what the raw 8-bit text of a header looks like, when no text of the mail has a label.
func (p *parser) guessHeader(h *header) string {
	var raw []byte
	for i := range h.fields {
		if f := h.fields[i].Raw; !utf8.Valid(f) && len(raw) < charset.SampleFrom {
			raw = append(raw, f[:min(len(f), charset.SampleFrom)]...)
		}
	}
	return p.guess(raw, p.guessed)
}

func (p *parser) count(name string, n int, must bool) {
	switch {
	case n > 1:
		p.warn("header-doubled", "more than one "+name+" field")
	case n == 0 && must:
		p.warn("header-missing", "no "+name+" field")
	}
}

func (p *parser) addresses(list []Address, f *Field) []Address {
	raw, before := rawValue(f), len(list)
	list, bad, over := appendAddresses(p, list, unfold(raw, p.rawCharset), p.limits.Addresses)
	if !utf8.ValidString(raw) || strings.IndexByte(raw, 0x1b) >= 0 {
		bad = dropGuessed(list[before:], raw) || bad
	}
	if bad {
		p.warn("address-malformed", "an address in "+f.Name+" that cannot be used")
	}
	if over {
		p.warn("addresses-too-many", "the rest of "+f.Name+" was left out")
	}
	return list
}

// dropGuessed empties the addresses that are only there because raw bytes were read in a guessed character set: who checks
// SPF and DMARC sees the bytes, and must see the same address. Names may be guessed.
func dropGuessed(list []Address, raw string) (dropped bool) {
	raw = strings.ToValidUTF8(strings.ReplaceAll(raw, "\x1b", " "), "\uFFFD")
	seen := map[string]bool{}
	for _, a := range ParseAddresses(raw) {
		seen[a.Email] = true
	}
	for i := range list {
		if a := &list[i]; a.Email != "" && !seen[a.Email] {
			if a.Name == "" {
				a.Name = a.Email
			}
			*a = Address{Name: a.Name}
			dropped = true
		}
	}
	return dropped
}

// addIDs adds the ids of a field that ids does not have yet.
func addIDs(ids []string, s string) []string {
	more := messageIDs(s)
	if len(ids)+len(more) <= 16 {
		for _, id := range more {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	seen := make(map[string]bool, len(ids)+len(more))
	for _, id := range ids {
		seen[id] = true
	}
	for _, id := range more {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if len(ids) > idMax {
		ids = append(ids[:1], ids[len(ids)-idMax+1:]...)
	}
	return ids
}

// messageIDs returns the ids of a field that are no longer than an id can be.
func messageIDs(s string) []string {
	return slices.DeleteFunc(readIDs(s), func(id string) bool { return len(id) > idLength })
}

// readIDs returns the ids of a field, with angle brackets. Where a sender left those out, words
// with an @ are taken for ids. Old In-Reply-To fields hold phrases too; these are left out.
func readIDs(s string) []string {
	var ids []string
	if !strings.Contains(s, "<") {
		s = strings.ReplaceAll(s, ">", " ") // half a pair of brackets
		for _, w := range strings.Fields(s) {
			if w = strings.Trim(w, `",;>`); len(w) > 2 && strings.Contains(w, "@") {
				ids = append(ids, "<"+w+">")
			}
		}
		if w := strings.Trim(s, `",;> `); len(ids) == 0 && w != "" && !strings.Contains(w, " ") {
			ids = append(ids, "<"+w+">")
		}
		return ids
	}
	for {
		start := strings.IndexByte(s, '<')
		if start < 0 {
			return ids
		}
		s = s[start:]
		end := 1
		for end < len(s) && s[end] != '<' && s[end] != '>' {
			end++
		}
		id := s[1:end]
		if whole := end < len(s) && s[end] == '>' && id != "" && !strings.Contains(id, " "); whole {
			ids = append(ids, s[:end+1])
		} else if id = strings.Join(strings.Fields(id), ""); id != "" { // a fold inside is the sender's mistake
			ids = append(ids, "<"+id+">")
		}
		s = s[end:]
	}
}
