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

// absence says whether a subject is an absence note's. People write about their absence too: without
// another sign it must be followed by the subject that it answers.
func (s *signs) absence(m *Message) bool {
	return s.absent && (s.generated || s.nullPath || s.noAnswer || s.precedence != "" || len(m.InReplyTo) > 0 || strings.ContainsAny(m.Subject, ":："))
}

// absenceSubject says whether a subject begins as programs that answer for the absent let it begin.
func absenceSubject(s string) bool {
	s = strings.ToLower(strings.TrimLeft(s[:min(len(s), 200)], " \t[【("))
	for _, w := range []string{"re:", "aw:", "sv:", "antw:"} {
		s = strings.TrimLeft(strings.TrimPrefix(s, w), " ")
	}
	for _, w := range absenceSubjects() {
		if strings.HasPrefix(s, w) {
			return true
		}
	}
	return false
}
