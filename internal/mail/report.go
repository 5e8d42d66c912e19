package mail

import (
	"bytes"
	"strings"
)

// readReport takes from a message/delivery-status what became of the recipients (RFC 3464 section
// 2.3.3): only "failed" is a bounce; "delayed", "delivered", "relayed" and "expanded" are news.
func (p *parser) readReport(b []byte) {
	for len(b) > 0 {
		var ln []byte
		ln, b = nextLine(b)
		n := fieldName(ln)
		if n == 0 || !equalFold(string(bytes.TrimRight(ln[:n], " \t")), "action") {
			continue
		}
		_, v, _ := bytes.Cut(ln, []byte{':'})
		switch strings.ToLower(firstWord(string(v))) {
		case "failed":
			p.failed = true
		case "delayed", "delivered", "relayed", "expanded":
			p.news = true
		}
	}
}

// delaySubject says whether a subject is one by which mail servers say that they still try.
func delaySubject(s string) bool {
	s = strings.ToLower(s)
	for _, w := range []string{
		"delayed mail", "delivery delayed", "delivery has been delayed", "delivery status notification (delay", "warning: message", "warning: could not send", "zustellung verzögert", "übermittlung verzögert",
	} {
		if strings.HasPrefix(s, w) {
			return true
		}
	}
	return strings.HasPrefix(s, "message ") && strings.Contains(s, " delayed")
}
