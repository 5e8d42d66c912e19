package mail

import "strings"

// bounceSubject says whether a subject is one that mail servers write. It counts only beside a sender
// that people do not write from.
func bounceSubject(s string) bool { return anyPhrase(squeeze(s, 400), noticeTable().subject) }

// delaySubject says whether a subject is one by which mail servers say that they still try, or that the
// mail arrived.
func delaySubject(s string) bool {
	s = squeeze(s, 400)
	for _, p := range noticeTable().delaySubject {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	own, _, _ := strings.Cut(s, ":") // the subject of the mail that is late may follow
	return hasPhrase(own, "delayed") || hasPhrase(own, "delay")
}
