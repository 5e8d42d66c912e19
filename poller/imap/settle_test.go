package imap_test

import (
	"errors"
	"strings"
	"testing"

	"postern/internal/peers"
	"postern/poller"
	"postern/poller/imap"
)

// Servers whose answers to COPY and MOVE are not to be believed, or that refuse what comes behind: nothing is removed that was not copied
// for sure, and no second copy is made, however often it is tried.
func TestSettleTraps(t *testing.T) {
	t.Parallel()
	refuse := func(words, answer string) func(*fake) func(*fakeConn, string, string) bool {
		return func(*fake) func(*fakeConn, string, string) bool {
			return func(c *fakeConn, tag, command string) bool {
				if strings.HasPrefix(command, words) {
					c.say("%s %s", tag, answer)
					return true
				}
				return false
			}
		}
	}
	for _, test := range []struct {
		name, caps  string
		does        func(*fake) func(c *fakeConn, tag, command string) bool
		fails       string // in the error, each of three times
		left, there int    // mails that are left in INBOX, and in Done
	}{
		{name: "MOVE", caps: "UIDPLUS MOVE", left: 0, there: 4},
		{name: "COPY", caps: "UIDPLUS", left: 0, there: 4},
		{name: "COPY, no UIDPLUS", left: 4, there: 4},
		{name: "MOVE that does nothing", caps: "UIDPLUS MOVE", does: refuse("UID MOVE", "OK moved"), fails: "lies where it lay", left: 4},
		{name: "COPY without COPYUID", caps: "UIDPLUS", does: refuse("UID COPY", "OK copied"), fails: "nor is it copied again", left: 4},
		{name: "COPY of some", caps: "UIDPLUS", does: refuse("UID COPY", "OK [COPYUID 9 10,20 1,2] copied"), fails: "nor is it copied again", left: 2},
		{name: "COPY of what was not asked for", caps: "UIDPLUS", does: refuse("UID COPY", "OK [COPYUID 9 1:999 1:999] copied"), left: 0},
		{name: "COPYUID of all there are", caps: "UIDPLUS", does: refuse("UID COPY", "OK [COPYUID 9 1:4294967295 1:4294967295] copied"), left: 0},
		{name: "STORE is refused", caps: "UIDPLUS", does: refuse("UID STORE", "NO [NOPERM] no"), fails: "may not do that", left: 4, there: 4},
		{name: "EXPUNGE is refused", caps: "UIDPLUS", does: refuse("UID EXPUNGE", "NO no"), fails: "refuses it: NO no", left: 4, there: 4},
		{name: "MOVE is refused", caps: "UIDPLUS MOVE", does: refuse("UID MOVE", "NO [OVERQUOTA] full"), fails: "make room", left: 4},
		{name: "flags cannot be kept", caps: "UIDPLUS", does: refuse("SELECT", "OK x"), fails: "", left: 4}, // see below
		{name: "the folder cannot be made", caps: "UIDPLUS MOVE", does: refuse("CREATE", "NO not here"), fails: "NO not here", left: 4},
		{name: "one message is refused", caps: "UIDPLUS MOVE", fails: "INBOX/7/30", left: 1, there: 3, does: func(*fake) func(c *fakeConn, tag, command string) bool {
			return func(c *fakeConn, tag, command string) bool {
				if strings.HasPrefix(command, "UID MOVE") && strings.Contains(strings.ReplaceAll(command, "10:40", "30"), "30") {
					c.say("%s NO bad message", tag)
					return true
				}
				return false
			}
		}},
		{name: "MOVE is there no more", caps: "UIDPLUS MOVE", fails: "", left: 4, does: func(f *fake) func(c *fakeConn, tag, command string) bool {
			return func(c *fakeConn, tag, command string) bool {
				if strings.HasPrefix(command, "STATUS") {
					c.say("* CAPABILITY IMAP4rev1")
				}
				return false
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, raws(4)...)
			f.caps = "IMAP4rev1 AUTH=PLAIN SASL-IR " + test.caps
			c := open(t, f.options())
			items := c.poll(10)
			if test.does != nil {
				f.mu.Lock()
				f.does = test.does(f)
				f.mu.Unlock()
			}
			if test.name == "flags cannot be kept" {
				f.mu.Lock()
				f.does = func(c *fakeConn, tag, command string) bool {
					if strings.HasPrefix(command, "SELECT") {
						c.say(`* OK [PERMANENTFLAGS (\Seen)] only`)
					}
					return false
				}
				f.mu.Unlock()
				test.fails = "cannot be marked as deleted"
				c.reopen()
			}
			ended := false
			for range 3 {
				err := c.settle(items, poller.Move, "Done")
				var bad *poller.ItemError
				if ended = err != nil && !errors.As(err, &bad); ended {
					c.reopen()
					continue
				}
				if test.fails == "" && err != nil || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) {
					t.Errorf("got %v, want %q", err, test.fails)
				}
			}
			if ended && test.name != "MOVE is there no more" && !strings.HasPrefix(test.name, "the folder") {
				t.Error("the session ended by it")
			}
			if n := f.count("UID COPY"); n > 1 {
				t.Errorf("COPY was said %d times", n)
			}
			if len(f.mails) != test.left || f.folders["Done"] != test.there {
				t.Errorf("%d are left and %d were moved, want %d and %d", len(f.mails), f.folders["Done"], test.left, test.there)
			}
		})
	}
}

// What somebody else marked as deleted is not expunged by us, and not copied.
func TestMarkedByOthers(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(3)...)
	f.caps = "IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS"
	f.mails[1].flags = `\Deleted`
	c := open(t, f.options())
	items := c.poll(10)
	c.must(c.settle(items, poller.Move, "Done"))
	f.sync()
	if len(f.mails) != 1 || f.mails[0].uid != 20 || f.folders["Done"] != 2 {
		t.Errorf("%d are left, %d were copied", len(f.mails), f.folders["Done"])
	}
}

// Many go by few commands, none of which is long.
func TestSettleMany(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(1500)...) // every tenth UID: no ranges
	c := open(t, f.options())
	c.must(c.settle(c.poll(1500), poller.Move, "Done"))
	if n := f.count("UID MOVE"); n > 15 || f.folders["Done"] != 1500 {
		t.Errorf("%d commands, %d moved", n, f.folders["Done"])
	}
	if n := f.count("UID FETCH"); n > 60 {
		t.Errorf("%d FETCHes", n)
	}
}

// The folder that is written Done is INBOX.Done at such servers, also for one who wrote INBOX.Done.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Separator: ".", Prefix: "INBOX."})
	d.Deliver("support", "Eingang.Österreich", mail("m1"))
	o := options(d)
	for i, name := range []string{"Eingang/Österreich", "INBOX.Eingang.Österreich", "Eingang.Österreich"} {
		o.Folders = []string{name}
		o.After = []poller.After{{Do: poller.Move, Folder: "Weg/Fertig"}}
		c := open(t, o)
		items := c.poll(10)
		if len(items) != 1 || len(c.got) != 1 {
			t.Fatalf("%s: %d came", name, len(items))
		}
		if steps, text := steps(t, imap.New(o)); !steps["folder "+name].OK {
			t.Error(text)
		}
		if i == 2 {
			c.must(c.settle(items, poller.Move, "Weg/Fertig"))
			if n := len(d.Mails("support", "Weg.Fertig")); n != 1 {
				t.Errorf("%d in INBOX.Weg.Fertig", n)
			}
		}
	}
}

func TestBadItems(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(1)...)
	for i, id := range []string{"", "x", "INBOX/1", "INBOX/a/1", "INBOX/1/0", "INBOX/1/-3", "INBOX/1/99999999999"} {
		c := open(t, f.options())
		item := poller.Item{ID: id}
		if err := c.s.Fetch(t.Context(), []poller.Item{item}, c.take); err == nil {
			t.Errorf("%d: fetched", i)
		}
		if err := c.settle([]poller.Item{item}, poller.Delete, ""); err == nil {
			t.Errorf("%d: settled", i)
		}
	}
	c := open(t, f.options())
	for _, raw := range []string{`{`, `[]`, `{"folders": {"INBOX": {"validity": 7, "last": "x"}}}`, `null`, `{"folders": null}`} {
		c.cursor = []byte(raw)
		if b := c.list(5); len(b.Items) != 1 {
			t.Errorf("%s: %d are listed", raw, len(b.Items))
		}
	}
}

// A folder that mail is moved to is by another name the one that it is fetched from: it stays, and is not new again and again.
func TestMoveWhereItIs(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Separator: ".", Prefix: "INBOX."})
	d.Deliver("support", "Done", mails("m", 3)...)
	o := options(d)
	o.Folders = []string{"Done"}
	c := open(t, o)
	c.must(c.settle(c.poll(10), poller.Move, "INBOX.Done"))
	c.reopen()
	if items := c.poll(10); len(items) != 0 {
		t.Errorf("%v came again", items)
	}
}

// A folder whose mail is still to be settled was removed: that is told of its mail, and all else is settled.
func TestSettleFolderGone(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	d.Deliver("support", "Tickets", mails("t", 2)...)
	d.Deliver("support", "INBOX", mails("m", 2)...)
	o := options(d)
	o.Folders = []string{"Tickets", "INBOX"}
	c := open(t, o)
	items := c.poll(10)
	c.must(c.s.Close())
	d.Doveadm("mailbox", "delete", "-u", "support", "Tickets")
	c.reopen()
	err := c.settle(items, poller.Delete, "")
	var all interface{ Unwrap() []error }
	if !errors.As(err, &all) || len(all.Unwrap()) != 2 {
		t.Fatalf("got %v", err)
	}
	for _, e := range all.Unwrap() {
		var one *poller.ItemError
		if !errors.As(e, &one) || one.Item.Folder != "Tickets" || one.Gone {
			t.Errorf("got %v", e)
		}
	}
	if n := len(d.Mails("support", "INBOX")); n != 0 {
		t.Errorf("%d lie in INBOX", n)
	}
}
