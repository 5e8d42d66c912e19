package crash

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/peers"
)

// Mail that lies at a real server is fetched while the process is killed again and again, by IMAP and by POP3 at once. Meanwhile another client
// deletes some of it, and the folder gets new UIDs. In the end all of it is there, each mail once, and none is left at the server.
func TestCrashFetching(t *testing.T) {
	d := peers.Dovecot(t, peers.DovecotOptions{Users: map[string]string{"imap": "secret", "pop3": "secret"}})
	kills := max(*kills*3/5, 1) // each takes a while: a source begins anew
	mails := 100 * kills
	text := strings.Repeat("The quick brown fox jumps over the lazy dog, and so on.\r\n", 66)
	for _, user := range []string{"imap", "pop3"} {
		var batch [][]byte
		for i := range mails {
			batch = append(batch, fmt.Appendf(nil, "Received: from a by b; Tue, 24 Nov 2026 10:00:00 +0000\r\nFrom: ann@example.org\r\nTo: support@example.com\r\nSubject: %s %d\r\nMessage-ID: <%s-%d@example.org>\r\nDate: Tue, 24 Nov 2026 09:59:00 +0000\r\n\r\nThis is mail %d.\r\n%s",
				others(user, i), i, user, i, i, text))
		}
		d.Deliver(user, "INBOX", batch...)
	}
	s := newServer(t, "store: {sqlite: ./data}\n")
	account := func(protocol, address, after string) string {
		return fmt.Sprintf("  %s: {%s: %q, tls: on, ca: %q, user: %s, password-file: password, mailboxes: [support], import-rate: 0, every: 5s, after: %s}\n", protocol, protocol, address, d.CAFile, protocol, after)
	}
	file := filepath.Join(s.dir, "postern.yaml")
	conf, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	conf = append(conf, "sources:\n"+account("imap", d.IMAPS, "move Done")+account("pop3", d.POP3S, "delete")...)
	for name, text := range map[string][]byte{file: conf, filepath.Join(s.dir, "password"): []byte("secret\n")} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.start(t)
	for i := range kills {
		time.Sleep(time.Duration(100+rand.IntN(2500)) * time.Millisecond)
		s.kill(t)
		switch i {
		case kills / 3:
			d.Doveadm("expunge", "-u", "imap", "mailbox", "INBOX", "subject", "taken")
		case kills / 2:
			d.Renumber("imap", "INBOX")
		}
		s.start(t)
	}
	left := func() int { return len(d.Mails("imap", "INBOX")) + len(d.Mails("pop3", "INBOX")) }
	atEnd := left()
	for end := time.Now().Add(5 * time.Minute); left() > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d mails are left at the server\n%s", left(), s.log())
		}
	}
	got := map[string]int{}
	for _, m := range all[message](t, s, "/api/v1/messages?limit=500") {
		if m.Verdict != "committed" || m.Issue == 0 {
			t.Errorf("message %s (%s) is %q", m.ID, m.MessageID, m.Verdict)
		}
		got[m.MessageID]++
	}
	for _, user := range []string{"imap", "pop3"} {
		for i := range mails {
			id := fmt.Sprintf("<%s-%d@example.org>", user, i)
			if n := got[id]; n > 1 || n < 1 && others(user, i) != "taken" {
				t.Errorf("%s is there %d times", id, n)
			}
			delete(got, id)
		}
	}
	if len(got) > 0 {
		t.Errorf("messages that nobody sent: %v", got)
	}
	if n := bytes.Count([]byte(s.log()), []byte("parked")); n > 0 {
		t.Errorf("mail was parked\n%s", s.log())
	}
	t.Logf("%d kills, %d mails by IMAP and as many by POP3, each there once; %d were left when the last one was over", kills, mails, atEnd)
}

// others says which mails another client takes away.
func others(user string, i int) string {
	if user == "imap" && i%50 == 49 {
		return "taken"
	}
	return "mail"
}
