package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/internal/peers"
)

// Two nodes on one database share the accounts. When one is killed the other goes on with what it polled within a minute, and nothing is
// taken twice; in the second round it is the other one's turn, so that each account loses its holder.
func TestCrashPollerNodes(t *testing.T) {
	store := mongoStore(t) + fmt.Sprintf("key-file: %q\n", filepath.Join(t.TempDir(), "postern.key"))
	first := newPoller(t, store)
	second := &mailPoller{newServer(t, store+accounts(t, first.dovecot)), first.dovecot}
	first.start(t)
	second.start(t)
	sent := first.deliver(t, 0, 20)
	first.settled(t, sent)
	for dead, alive := range map[*mailPoller]*mailPoller{first: second, second: first} {
		dead.kill(t)
		began := time.Now()
		sent += alive.deliver(t, sent, 20)
		alive.settled(t, sent)
		took := time.Since(began)
		if took > time.Minute {
			t.Errorf("the accounts of a node that was killed lay idle for %v", took)
		}
		t.Logf("all was taken %v after the kill", took.Round(time.Second))
		dead.start(t)
	}
}

// A mailPoller is a server with two accounts at a real Dovecot.
type mailPoller struct {
	*server
	dovecot *peers.DovecotServer
}

func newPoller(t *testing.T, store string) *mailPoller {
	t.Helper()
	d := peers.Dovecot(t, peers.DovecotOptions{Users: map[string]string{"in": "secret", "pop": "secret"}})
	d.Deliver("in", "INBOX")
	d.Deliver("pop", "INBOX")
	return &mailPoller{newServer(t, store+accounts(t, d)), d}
}

// accounts is a configuration's sources at a Dovecot.
func accounts(t *testing.T, d *peers.DovecotServer) string {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	const account = "{%s: %q, tls: on, ca: %q, user: %s, password-file: %q, mailboxes: [support], every: 5s, import-rate: 0, after: %s}"
	return fmt.Sprintf("sources:\n  in: "+account+"\n  pop: "+account+"\n",
		"imap", d.IMAPS, d.CAFile, "in", password, "move Done", "pop3", d.POP3S, d.CAFile, "pop", password, "delete")
}

// deliver puts n mails into each account's INBOX.
func (p *mailPoller) deliver(t *testing.T, from, n int) int {
	t.Helper()
	for i := range n {
		for _, user := range []string{"in", "pop"} {
			p.dovecot.Deliver(user, "INBOX", fmt.Appendf(nil, "From: ann@example.org\r\nTo: support@example.com\r\nSubject: %s %d\r\nMessage-ID: <%s%d@example.org>\r\n"+
				"Date: Fri, 27 Nov 2026 01:02:03 +0000\r\n\r\nNumber %d by %s.\r\n", user, from+i, user, from+i, from+i, user))
		}
	}
	return n
}

// settled waits until every mail is an issue and nothing is owed, and then counts.
func (p *mailPoller) settled(t *testing.T, sent int) {
	t.Helper()
	d := p.dovecot
	left := func() int { return len(d.Mails("in", "INBOX")) + len(d.Mails("pop", "INBOX")) }
	for until := time.Now().Add(90 * time.Second); left() > 0 && time.Now().Before(until); {
		time.Sleep(100 * time.Millisecond)
	}
	if n := left(); n > 0 {
		t.Errorf("%d mails still lie in the two INBOXes\n%s", n, p.log())
	}
	if n := len(d.Mails("in", "Done")); n != sent {
		t.Errorf("%d mails were moved, %d were sent", n, sent)
	}
	issues := subjects(t, p.server)
	for i := range sent {
		for _, user := range []string{"in", "pop"} {
			if n := issues[fmt.Sprintf("%s %d", user, i)]; n != 1 {
				t.Errorf("mail %d of %s is %d issues", i, user, n)
			}
		}
	}
	if len(issues) != 2*sent {
		t.Errorf("%d subjects of issues, %d mails", len(issues), 2*sent)
	}
	t.Logf("%d mails by IMAP and as many by POP3, each there once", sent)
}

// subjects counts the issues of a server by their subjects.
func subjects(t *testing.T, s *server) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, is := range all[struct{ Subject string }](t, s, "/api/v1/issues?limit=500") {
		out[is.Subject]++
	}
	return out
}
