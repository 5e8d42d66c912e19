package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/peers"
)

// What lies in an IMAP mailbox becomes issues, each once, and is moved there, while Postern is started anew, another client deletes and moves,
// and the server numbers the folder anew. What comes later becomes an issue within a second.
func TestIMAP(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	letter := func(n int) []byte {
		return fmt.Appendf(nil, "From: ann@example.org\r\nTo: support@example.com\r\nSubject: fetched %d\r\nMessage-ID: <%d@example.org>\r\n\r\n.Hello %d\r\n", n, n, n)
	}
	const first, each = 2000, 6
	for n := range first {
		d.Deliver("support", []string{"INBOX", "Entwürfe"}[n%2], letter(n))
	}
	d.Deliver("support", "Beiseite")
	dir := t.TempDir()
	ca, err := os.ReadFile(d.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "ca.pem"), string(ca))
	write(t, filepath.Join(dir, "password"), "secret\n")
	write(t, filepath.Join(dir, "postern.yaml"), fmt.Sprintf(`
smtp: {listen: []}
http: {listen: ["127.0.0.1:0"]}
mailboxes:
  support:
    addresses: [support@example.com]
    source: {imap: %q, tls: on, ca: ca.pem, user: support, password-file: password, folders: [INBOX, Entwürfe], every: 5s, after: move Fertig/Postern, import-rate: 0}
`, strings.Replace(d.IMAPS, "127.0.0.1", "localhost", 1)))
	s := serveIn(t, dir)
	subjects := func() map[string]int {
		all := map[string]int{}
		next := ""
		for {
			var page struct {
				Items []issueJSON `json:"items"`
				Next  *string     `json:"next"`
			}
			s.get("/api/v1/issues?limit=500&after="+next, &page)
			for _, is := range page.Items {
				all[is.Subject]++
			}
			if page.Next == nil {
				return all
			}
			next = *page.Next
		}
	}
	time.Sleep(150 * time.Millisecond) // in the middle, or not
	s.stop()
	d.Renumber("support", "Entwürfe")
	s = serveIn(t, dir)
	// Another client moves some of it back and forth, which gives it other UIDs, or takes it a moment away.
	for range 3 {
		d.Doveadm("move", "-u", "support", "Beiseite", "mailbox", "INBOX", "1:10")
		d.Doveadm("move", "-u", "support", "INBOX", "mailbox", "Beiseite", "all")
	}
	d.Kick("support")
	settled := func() bool {
		return len(d.Mails("support", "INBOX"))+len(d.Mails("support", "Entwürfe")) == 0
	}
	eventually(t, "all is an issue, and moved", time.Minute, func() bool { return len(subjects()) == first && settled() })

	// It waits in IDLE now, or is about to.
	var slowest time.Duration
	for n := range each {
		time.Sleep(500 * time.Millisecond) // for what becomes of the one before, and IDLE
		begun := time.Now()
		d.Deliver("support", "INBOX", letter(first+n))
		eventually(t, "it is an issue", 30*time.Second, func() bool { return subjects()[fmt.Sprintf("fetched %d", first+n)] > 0 })
		if n > 0 { // the first may come while the last round goes on
			slowest = max(slowest, time.Since(begun))
		}
	}
	t.Logf("the slowest was an issue %s after it was delivered", slowest)
	if slowest > 4*time.Second { // a second where nothing else runs; each 5 s it would be found without IDLE
		t.Errorf("the slowest was an issue %s after it was delivered", slowest)
	}
	eventually(t, "all is moved", 30*time.Second, settled)
	for subject, times := range subjects() {
		if times != 1 {
			t.Errorf("%s is there %d times", subject, times)
		}
	}
	if n := len(d.Mails("support", "Fertig/Postern")); n != first+each {
		t.Errorf("%d were moved, want %d", n, first+each)
	}
}
