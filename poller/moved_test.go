package poller_test

import (
	"context"
	"os"
	"testing"
	"time"

	"postern/internal/peers"
	"postern/poller"
	"postern/poller/imap"
	"postern/poller/pop3"
	"postern/poller/wire"
)

// An account whose server gets another name, or that is fetched in another way, begins anew: with start: new too what came meanwhile, and
// what waited, is taken. What lay there when the source began stays out, and another user's account begins as its start says.
func TestServerRenamed(t *testing.T) {
	t.Parallel()
	password := func(context.Context) (string, error) { return "secret", nil }
	byPOP3 := func(d *peers.DovecotServer) poller.Account {
		return pop3.New(pop3.Options{Options: wire.Options{Address: d.POP3S, TLS: wire.On, Roots: d.Roots}, User: "support", Password: password, Start: pop3.Start{New: true}})
	}
	byIMAP := func(d *peers.DovecotServer) poller.Account {
		return imap.New(imap.Options{Options: wire.Options{Address: d.IMAPS, TLS: wire.On, Roots: d.Roots}, User: "support", Password: password, Start: imap.Start{New: true}})
	}
	for name, c := range map[string]struct {
		identity string
		account  func(d *peers.DovecotServer) poller.Account
		want     int
	}{
		"another name":     {"imap://support@mail.example.com:993", byIMAP, 3},
		"another protocol": {"pop3://support@old.example.com:995", byPOP3, 3},
		"another user":     {"imap://sales@old.example.com:143", byIMAP, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := peers.Dovecot(t, peers.DovecotOptions{})
			old := start.AddDate(-1, 0, 0)
			received := "Received: from a by b; " + start.Format(time.RFC1123Z)
			d.Deliver("support", "INBOX", []byte(letter(100, "Received: from a by b; "+old.Format(time.RFC1123Z))))
			for _, name := range d.Mails("support", "INBOX") {
				if err := os.Chtimes(name, old, old); err != nil { // INTERNALDATE
					t.Fatal(err)
				}
			}
			w := newWorld(t)
			w.rules = "rule \"not now\" { when mail.subject == \"letter 1\"\nthen { tryLater(\"busy\") } }"
			src := &poller.Source{Name: "box", Account: byIMAP(d), Protocol: "imap", Identity: "imap://support@old.example.com:143", Mailboxes: []string{"support"}, Every: time.Minute}
			n := w.node("one", []*poller.Source{src})
			w.until("it waits", func() bool { return n.status().Doing == "waiting" })
			d.Deliver("support", "INBOX", []byte(letter(0, received)), []byte(letter(1, received)))
			w.until("one is taken and one waits", func() bool { return w.issues() == 1 && len(n.status().Pending) == 1 })
			n.stop()
			d.Deliver("support", "INBOX", []byte(letter(2, received)))
			w.rules = ""
			other := *src
			other.Identity, other.Account, other.Revision = c.identity, c.account(d), "2"
			n = w.node("one", []*poller.Source{&other})
			w.until("it waits", func() bool {
				st := n.status()
				return st.Doing == "waiting" && st.Holder == "one" && len(st.Pending) == 0
			})
			if got := w.issues(); got != c.want || len(w.messages()["letter 100"]) != 0 {
				t.Errorf("%d issues, want %d", got, c.want)
			}
		})
	}
}
