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

// prefixes by language; to add one, add a word. Two letters that mean other things too ("I:" is an
// Italian forward, "R:" an Italian reply) are here because mail programs write them.
var prefixes = map[string]prefixKind{
	"re": replyPrefix, "aw": replyPrefix, "antw": replyPrefix, "antwort": replyPrefix, "sv": replyPrefix, "vs": replyPrefix, "ré": replyPrefix, "réf": replyPrefix, "rép": replyPrefix,
	"r": replyPrefix, "rif": replyPrefix, "res": replyPrefix, "resp": replyPrefix, "odp": replyPrefix, "ynt": replyPrefix, "yan": replyPrefix, "bls": replyPrefix, "vá": replyPrefix,
	"odg": replyPrefix, "atb": replyPrefix, "vast": replyPrefix, "edg": replyPrefix, "на": replyPrefix, "отв": replyPrefix, "ответ": replyPrefix, "απ": replyPrefix, "σχετ": replyPrefix, "回复": replyPrefix, "回覆": replyPrefix, "答复": replyPrefix, "返信": replyPrefix, "회신": replyPrefix,
	"fwd": forwardPrefix, "fw": forwardPrefix, "wg": forwardPrefix, "wtr": forwardPrefix, "tr": forwardPrefix, "rv": forwardPrefix, "enc": forwardPrefix, "i": forwardPrefix, "inoltro": forwardPrefix, "doorst": forwardPrefix,
	"vb": forwardPrefix, "i̇lt": forwardPrefix, "prosl": forwardPrefix, "vl": forwardPrefix, "pd": forwardPrefix, "podaj": forwardPrefix, "ilt": forwardPrefix, "továbbítás": forwardPrefix, "пересл": forwardPrefix, "转发": forwardPrefix, "轉寄": forwardPrefix,
	"転送": forwardPrefix, "전달": forwardPrefix, "πρθ": forwardPrefix, "videresend": forwardPrefix, "vidarebefordrat": forwardPrefix, "weitergeleitet": forwardPrefix, "fwd.": forwardPrefix,
}
