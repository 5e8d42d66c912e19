package mail

import "strings"

// prefixKind is what the first word of a subject says.
type prefixKind uint8

const (
	noPrefix prefixKind = iota
	replyPrefix
	forwardPrefix
)

// subjectPrefix reads "Re:", "AW:", "Fwd:" and their kin. The outermost counts: "Fwd: Re: x" is a
// forward of a reply.
func subjectPrefix(s string) prefixKind {
	s = strings.TrimLeft(s, " \t")
	for strings.HasPrefix(s, "[") { // [list-name], [EXTERNAL]
		_, rest, ok := strings.Cut(s, "]")
		if !ok {
			break
		}
		s = strings.TrimLeft(rest, " \t")
	}
	i := colon(s[:min(len(s), 24)])
	if i <= 0 {
		return noPrefix
	}
	word := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s[:i])), ".")
	if at := strings.IndexAny(word, "[(^0123456789"); at > 0 { // Re[2]:, Re(2):, Re^2:, Re2:
		word = strings.TrimSpace(word[:at])
	}
	return prefixes[word]
}

var prefixes = func() map[string]prefixKind {
	m := map[string]prefixKind{}
	for _, row := range table("subjects") {
		for _, word := range several(row[1]) {
			m[word] = forwardPrefix
			if row[0] == "reply" {
				m[word] = replyPrefix
			}
		}
	}
	return m
}()
