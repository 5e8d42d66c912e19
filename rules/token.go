package rules

import (
	"slices"
	"strings"
	"unicode/utf8"

	"postern/dsl"
)

// DefaultMarker starts a token where the configuration says nothing else.
const DefaultMarker = "[["

const (
	maxTokens     = 20  // obeyed in one message
	maxTokenValue = 500 // bytes
)

// A Token is a command that a sender wrote into a mail: [[NAME: value]], or [[NAME]] with no value.
type Token struct {
	Name  string // as the token block spells it
	Value string // without the white space around it
	// Ignored is why it is not obeyed, "" where it is: the caller's to say. The trace tells.
	Ignored string
	// Start and End are where it stands, in bytes; End is behind the closing marker.
	Start, End int
}

// FindTokens finds the commands of this set in a text, in the order in which they stand there. Case does
// not matter in names; a name that no token block defines is just text. A token stays on one line. Whether the
// writer may use them, and which part of a mail is looked at, is the caller's to decide.
func (s *Set) FindTokens(text, marker string) []Token {
	if len(s.tokens) == 0 {
		return nil
	}
	if marker == "" {
		marker = DefaultMarker
	}
	closing := mirror(marker)
	var found []Token
	for at := 0; len(found) < maxTokens; {
		i := strings.Index(text[at:], marker)
		if i < 0 {
			break
		}
		start := at + i
		inside := start + len(marker)
		line := text[inside:]
		if n := strings.IndexAny(line, "\r\n"); n >= 0 {
			line = line[:n]
		}
		t, end, ok := s.readToken(line, marker, closing)
		if !ok {
			_, size := utf8.DecodeRuneInString(text[start:])
			at = start + size // "[[[close]]": the second bracket may start one
			continue
		}
		t.Start, t.End = start, inside+end
		found = append(found, t)
		at = t.End
	}
	return found
}

// readToken reads "NAME: value" up to the closing marker; end is behind it.
func (s *Set) readToken(line, marker, closing string) (t Token, end int, ok bool) {
	n := strings.Index(line, closing)
	if n < 0 || strings.Contains(line[:n], marker) {
		return t, 0, false
	}
	name, value, _ := strings.Cut(line[:n], ":")
	known, ok := s.tokens[strings.ToLower(strings.TrimSpace(name))]
	if !ok {
		return t, 0, false
	}
	value = strings.TrimSpace(value)
	if len(value) > maxTokenValue {
		return t, 0, false
	}
	return Token{Name: known.name, Value: value}, n + len(closing), true
}

// mirror turns an opening marker into its closing one: "[[" into "]]", "<!" into "!>".
func mirror(marker string) string {
	runes := []rune(marker)
	out := make([]rune, 0, len(runes))
	for i := len(runes) - 1; i >= 0; i-- {
		r := runes[i]
		if j := strings.IndexRune("[({<", r); j >= 0 {
			r = rune("])}>"[j])
		}
		out = append(out, r)
	}
	return string(out)
}

// commands are the blocks of that token that count for mail to the mailbox.
func (s *Set) commands(name, mailbox string) []*dsl.Rule {
	all := s.tokens[strings.ToLower(name)].rules
	here := make([]*dsl.Rule, 0, len(all))
	for _, r := range all {
		if len(r.Mailboxes) == 0 || slices.Contains(r.Mailboxes, mailbox) {
			here = append(here, r)
		}
	}
	return here
}
