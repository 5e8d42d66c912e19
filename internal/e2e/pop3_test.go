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

// What lies in a POP3 mailbox becomes issues, each once, and is deleted there; what comes later, too. Restarts in the middle change nothing.
func TestPOP3(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	const first, later = 200, 5
	deliver := func(from, to int) {
		for n := from; n < to; n++ {
			d.Deliver("support", "INBOX", fmt.Appendf(nil, "From: ann@example.org\r\nTo: support@example.com\r\nSubject: fetched %d\r\nMessage-ID: <%d@example.org>\r\n\r\n.Hello %d\r\n", n, n, n))
		}
	}
	deliver(0, first)
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
    source: {pop3: %q, tls: on, ca: ca.pem, user: support, password-file: password, every: 5s, after: delete, import-rate: 0}
`, strings.Replace(d.POP3S, "127.0.0.1", "localhost", 1)))
	s := serveIn(t, dir)
	time.Sleep(300 * time.Millisecond) // in the middle, or not
	s.stop()
	s = serveIn(t, dir)
	subjects := func() map[string]int {
		all := map[string]int{}
		next := ""
		for {
			var page struct {
				Items []struct {
					Subject string `json:"subject"`
				} `json:"items"`
				Next *string `json:"next"`
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
	until := func(n int) {
		t.Helper()
		for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			got, left := subjects(), len(d.Mails("support", "INBOX"))
			if len(got) == n && left == 0 {
				for subject, times := range got {
					if times != 1 {
						t.Errorf("%s is there %d times", subject, times)
					}
				}
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%d issues, want %d; %d mails lie there", len(got), n, left)
			}
		}
	}
	until(first)
	deliver(first, first+later)
	until(first + later)
}
