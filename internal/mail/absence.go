package mail

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed absence.txt
var absenceFile string

var absenceSubjects = sync.OnceValue(func() []string {
	var out []string
	for _, s := range parsePhrases(absenceFile) {
		out = append(out, s.phrases...)
	}
	return out
})

// absence says whether a subject is an absence note's. People write about their absence and about such notes, too:
// without another sign the words must stand in brackets, or a colon follow at once, with the subject that is
// answered, and that be no question.
func (s *signs) absence(m *Message) bool {
	return s.absent && (s.generated || s.nullPath || s.noAnswer || s.precedence != "" || len(m.InReplyTo) > 0 ||
		absencePrefix(m.Subject) && !strings.HasSuffix(m.Subject, "?") && !strings.HasSuffix(m.Subject, "？"))
}

// absenceSubject says whether a subject begins as programs that answer for the absent let it begin.
func absenceSubject(s string) bool { return absenceLength(s) > 0 }

// absencePrefix says whether a colon follows, or a bracket.
func absencePrefix(s string) bool {
	s = strings.TrimLeft(absenceStart(s)[absenceLength(s):], " \u00a0\u202f")
	for _, c := range []string{":", "：", "]", "】"} {
		if strings.HasPrefix(s, c) {
			return true
		}
	}
	return false
}

// absenceStart is a subject in lower case without what stands before its first word.
func absenceStart(s string) string {
	s = strings.ToLower(strings.TrimLeft(composed(cutString(s, 200)), " \t[【("))
	for _, w := range []string{"re:", "aw:", "sv:", "antw:"} {
		s = strings.TrimLeft(strings.TrimPrefix(s, w), " ")
	}
	return s
}

// absenceLength is that of the words by which an absence note is known at the start of a subject, without their colon.
func absenceLength(s string) int {
	s = absenceStart(s)
	n := 0
	for _, w := range absenceSubjects() {
		if strings.HasPrefix(s, w) {
			n = max(n, len(strings.TrimSuffix(w, ":")))
		}
	}
	return n
}
