package poller_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"postern/internal/peers"
	"postern/poller"
	"postern/poller/imap"
	"postern/poller/pop3"
	"postern/poller/wire"
)

// BenchmarkDovecot fetches mails of 4 KiB from a real Dovecot over TLS into SQLite, and does with them at the server what is wanted.
func BenchmarkDovecot(b *testing.B) {
	password := func(context.Context) (string, error) { return "secret", nil }
	for _, c := range []struct {
		name, after string
		account     func(d *peers.DovecotServer) poller.Account
	}{
		{"imap", poller.Keep, imapOf},
		{"imap", poller.Mark, imapOf},
		{"imap", poller.Move, imapOf},
		{"imap", poller.Delete, imapOf},
		{"pop3", poller.Keep, func(d *peers.DovecotServer) poller.Account {
			return pop3.New(pop3.Options{Options: wire.Options{Address: d.POP3S, TLS: wire.On, Roots: d.Roots}, User: "support", Password: password})
		}},
		{"pop3", poller.Delete, func(d *peers.DovecotServer) poller.Account {
			return pop3.New(pop3.Options{Options: wire.Options{Address: d.POP3S, TLS: wire.On, Roots: d.Roots}, User: "support", Password: password})
		}},
	} {
		b.Run(c.name+"-"+c.after, func(b *testing.B) {
			d := peers.Dovecot(b, peers.DovecotOptions{})
			text := strings.Repeat("The quick brown fox jumps over the lazy dog, and so on.\r\n", 66)
			var all [][]byte
			for i := range b.N {
				all = append(all, []byte(letter(i)+text))
			}
			d.Deliver("support", "INBOX", all...)
			w := newWorld(b)
			w.clock.now = time.Now()
			src := &poller.Source{
				Name: "box", Account: c.account(d), Protocol: c.name, Identity: c.name, Mailboxes: []string{"support"}, Every: time.Minute,
				Taken: poller.After{Do: c.after, Folder: map[string]string{poller.Move: "Done"}[c.after]},
			}
			b.ResetTimer()
			n := w.node("one", []*poller.Source{src}, func(o *poller.Options) { o.Sleep, o.Now = poller.Sleep, time.Now })
			for st := n.status(); st.Doing != "waiting" || st.Unsettled > 0 || st.Import == nil; st = n.status() {
				time.Sleep(5 * time.Millisecond)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
			n.stop()
			if c.after == poller.Keep {
				return
			}
			w.exactlyOnce(b.N)
		})
	}
}

func imapOf(d *peers.DovecotServer) poller.Account {
	return imap.New(imap.Options{
		Options: wire.Options{Address: d.IMAPS, TLS: wire.On, Roots: d.Roots}, User: "support",
		Password: func(context.Context) (string, error) { return "secret", nil },
	})
}
