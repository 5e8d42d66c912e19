package imap_test

import (
	"os/exec"
	"testing"
	"time"

	"postern/internal/peers"
	"postern/poller"
	"postern/poller/imap"
)

// A backup is restored with the UIDVALIDITY that it had: the UIDs that were given since are given again, to other mail. None of that is lost, and
// none of it is taken for the mail that had its UID before.
func TestRestored(t *testing.T) {
	t.Parallel()
	for _, start := range []imap.Start{{}, {New: true}, {Since: time.Now().Add(-time.Hour)}} {
		d := peers.Dovecot(t, peers.DovecotOptions{})
		box := d.Maildir("support", "INBOX")
		d.Deliver("support", "INBOX", mails("m", 3)...)
		o := options(d)
		o.Start = start
		c := open(t, o)
		c.poll(10)
		run(t, "cp", "-a", box, box+".backup")
		time.Sleep(1100 * time.Millisecond) // INTERNALDATE has seconds
		d.Deliver("support", "INBOX", mails("lost", 4)...)
		items := c.poll(10)
		if len(items) == 0 {
			t.Fatal("nothing came")
		}
		c.must(c.s.Close())
		d.Stop()
		run(t, "rm", "-rf", box)
		run(t, "mv", box+".backup", box)
		d.Start()
		time.Sleep(1100 * time.Millisecond)
		d.Deliver("support", "INBOX", mails("new", 2)...)
		c.reopen()
		c.must(c.settle(items, poller.Delete, "")) // owed since before
		c.got = map[string]string{}
		c.poll(10)
		const want = "m1 m2 m3 new1 new2" // with start: new too: an hour's old mail is better than lost mail
		if got := c.subjects(); got != want {
			t.Errorf("%+v: %s came, want %s", start, got, want)
		}
		if got := c.poll(10); len(got) != 0 {
			t.Errorf("%+v: it is looked through again and again", start)
		}
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}
