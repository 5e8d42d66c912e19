package imap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"postern/internal/peers"
	"postern/poller"
	"postern/poller/imap"
	"postern/poller/wire"
)

// The whole way: what lies there, byte for byte, then what comes later, and no more.
func TestPoll(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	odd := []byte("Subject: odd\r\n\r\n..dots\r\n\xfe\xff raw\r\n)\r\n* BYE no\r\n* 3 EXISTS\r\nno end of line")
	d.Deliver("support", "INBOX", append(mails("m", 9), odd)...)
	c := open(t, options(d))
	b := c.list(4)
	if len(b.Items) != 4 || !b.More || b.Total != 10 {
		t.Errorf("%d items, more %t, total %d; want 4, true, 10", len(b.Items), b.More, b.Total)
	}
	if i := b.Items[0]; i.Size != int64(len(mail("m1"))) || time.Since(i.Arrived) > time.Hour || i.Folder != "INBOX" {
		t.Errorf("the first is described as %+v", i)
	}
	items := c.poll(4)
	if want := "m1 m2 m3 m4 m5 m6 m7 m8 m9 odd"; c.subjects() != want {
		t.Errorf("got %s, want %s", c.subjects(), want)
	}
	if got := c.got[items[9].ID]; got != string(odd) {
		t.Errorf("got %q, want %q", got, odd)
	}
	// It was only looked at.
	for _, name := range d.Mails("support", "INBOX") {
		if _, flags, _ := strings.Cut(filepath.Base(name), ":2,"); flags != "" {
			t.Errorf("%s has flags", name)
		}
	}
	if again := c.poll(4); len(again) != 0 {
		t.Errorf("%v is listed again", again)
	}
	d.Deliver("support", "INBOX", mail("later"))
	c.reopen()
	if later := c.poll(4); len(later) != 1 || subject(c.got[later[0].ID]) != "later" {
		t.Errorf("later came %v", later)
	}
	if b := c.list(4); b.Total != 0 {
		t.Errorf("a backlog of %d is left", b.Total)
	}
}

// Names beyond ASCII, in several folders, each with a cursor of its own; none keeps another waiting.
func TestFolders(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	folders := []string{"INBOX", "Entwürfe", "日本語", "A&B"}
	for i, f := range folders {
		d.Deliver("support", f, mails(fmt.Sprintf("f%d-", i), 3)...)
	}
	o := options(d)
	o.Folders = folders
	c := open(t, o)
	b := c.list(4)
	in := map[string]int{}
	for _, i := range b.Items {
		in[i.Folder]++
	}
	if len(in) != 4 || b.Total != 12 {
		t.Errorf("of the first four are in each folder %v, of %d in all", in, b.Total)
	}
	if n := len(c.poll(5)); n != 12 {
		t.Errorf("%d came, want 12", n)
	}
	d.Deliver("support", "Entwürfe", mail("new"))
	if items := c.poll(5); len(items) != 1 || items[0].Folder != "Entwürfe" {
		t.Errorf("then came %v", items)
	}
	// A folder that is not there is told of, once the others have nothing more.
	o.Folders = []string{"INBOX", "Nowhere"}
	c = open(t, o)
	if b := c.list(10); len(b.Items) != 3 {
		t.Errorf("with a folder that is not there %d came", len(b.Items))
	} else {
		c.cursor = b.Next
	}
	if _, err := c.s.List(t.Context(), c.cursor, 10); err == nil || !strings.Contains(err.Error(), `"Nowhere" cannot be opened`) {
		t.Errorf("then: %v", err)
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	d.Deliver("support", "INBOX", mails("old", 3)...)
	old := time.Now().AddDate(0, 0, -10)
	for _, name := range d.Mails("support", "INBOX") {
		if err := os.Chtimes(name, old, old); err != nil { // INTERNALDATE
			t.Fatal(err)
		}
	}
	d.Deliver("support", "INBOX", mail("young"))
	o := options(d)
	o.Start = imap.Start{New: true}
	fresh := open(t, o)
	if n := len(fresh.poll(10)); n != 0 {
		t.Errorf("of what lay there %d came", n)
	}
	o.Start = imap.Start{Since: time.Now().Add(-time.Hour)}
	since := open(t, o)
	since.poll(2)
	if got := since.subjects(); got != "young" {
		t.Errorf("since an hour ago came %s", got)
	}
	// What is put there later counts, however old it is.
	d.Deliver("support", "INBOX", mail("moved"))
	for _, name := range d.Mails("support", "INBOX") {
		if raw, _ := os.ReadFile(name); strings.Contains(string(raw), "Subject: moved") {
			if err := os.Chtimes(name, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	fresh.poll(10)
	since.poll(10)
	if fresh.subjects() != "moved" || since.subjects() != "moved young" {
		t.Errorf("new only: %s; since: %s", fresh.subjects(), since.subjects())
	}
	// Numbered anew, what lay there at first does not become new.
	d.Renumber("support", "INBOX")
	since.reopen()
	since.got = map[string]string{}
	since.poll(10)
	if got := since.subjects(); got != "young" {
		t.Errorf("numbered anew, since: %s", got)
	}
}

// UIDVALIDITY changes below an open session, between List and Fetch: nothing is taken for another, and all of it comes.
func TestRenumbered(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	d.Deliver("support", "INBOX", mails("m", 6)...)
	c := open(t, options(d))
	b := c.list(3)
	if err := c.s.Fetch(t.Context(), b.Items, c.take); err != nil {
		t.Fatal(err)
	}
	c.cursor = b.Next
	b = c.list(3)
	d.Renumber("support", "INBOX")
	d.Kick("support")
	for range 3 { // the session may end by it
		if err := c.s.Fetch(t.Context(), b.Items, c.take); err == nil {
			break
		}
		c.reopen()
	}
	for _, i := range b.Items {
		if bad := c.bad[i.ID]; c.got[i.ID] == "" && (bad == nil || !bad.Gone) {
			t.Errorf("%s: %v", i.ID, bad)
		}
	}
	c.cursor = b.Next
	// What was listed by its old number is settled by nobody.
	c.reopen()
	c.must(c.settle(b.Items, poller.Delete, ""))
	c.got = map[string]string{}
	c.poll(2)
	if want := "m1 m2 m3 m4 m5 m6"; c.subjects() != want {
		t.Errorf("numbered anew came %s, want %s", c.subjects(), want)
	}
}

// Another client deletes and moves what was listed, while it is fetched.
func TestOthersMeanwhile(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	d.Deliver("support", "INBOX", mails("m", 60)...)
	c := open(t, options(d))
	other := open(t, options(d))
	theirs := other.list(60).Items
	b := c.list(60)
	n := 0
	err := c.s.Fetch(t.Context(), b.Items, func(i poller.Item, r io.Reader, err error) error {
		if n++; n == 5 {
			other.must(other.settle(theirs[20:30], poller.Delete, ""))
			other.must(other.settle(theirs[40:50], poller.Move, "Theirs"))
		}
		return c.take(i, r, err)
	})
	c.must(err)
	for i, item := range b.Items {
		_, got := c.got[item.ID]
		bad := c.bad[item.ID]
		removed := i >= 20 && i < 30 || i >= 40 && i < 50
		if !got && (bad == nil || !bad.Gone) || !got && !removed {
			t.Errorf("%d: taken %t, %v", i, got, bad)
		}
	}
	// And when they are settled it makes no difference that some are gone.
	c.must(c.settle(b.Items, poller.Move, "Done"))
	if here, done, moved := len(d.Mails("support", "INBOX")), len(d.Mails("support", "Done")), len(d.Mails("support", "Theirs")); here != 0 || done != 40 || moved != 10 {
		t.Errorf("INBOX has %d, Done %d, Theirs %d; want 0, 40, 10", here, done, moved)
	}
	c.must(c.settle(b.Items, poller.Move, "Done"))
	if n := len(d.Mails("support", "Done")); n != 40 {
		t.Errorf("settled twice, Done has %d", n)
	}
}

// The three kinds of server, and what becomes of mail at each. What others marked as deleted stays.
func TestSettle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, capability   string
		separator, prefix  string
		inbox, trash, done int // how many lie there, of them marked as deleted, and in Done
	}{
		{"MOVE", "", "/", "", 2, 1, 3},
		{"UIDPLUS", "IMAP4rev1 UIDPLUS NAMESPACE", ".", "INBOX.", 2, 1, 3},
		{"neither", "IMAP4rev1", ".", "INBOX.", 8, 7, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := peers.Dovecot(t, peers.DovecotOptions{Capability: test.capability, Separator: test.separator, Prefix: test.prefix})
			d.Deliver("support", "INBOX", mails("m", 8)...)
			c := open(t, options(d))
			items := c.poll(10)
			d.Doveadm("flags", "add", "-u", "support", `\Deleted`, "mailbox", "INBOX", "uid", "8")
			for range 2 {
				c.must(c.settle(items[:3], poller.Move, "Done"))
				c.must(c.settle(items[3:6], poller.Delete, ""))
				c.must(c.settle(items[6:7], poller.Mark, ""))
				c.must(c.settle(items[6:7], poller.Keep, ""))
				c.reopen()
			}
			var seen, deleted int
			for _, name := range d.Mails("support", "INBOX") {
				_, flags, _ := strings.Cut(filepath.Base(name), ":2,")
				seen += strings.Count(flags, "S")
				deleted += strings.Count(flags, "T")
			}
			if n := len(d.Mails("support", "INBOX")); n != test.inbox || deleted != test.trash || seen != 1 {
				t.Errorf("INBOX has %d, %d of them deleted and %d seen; want %d, %d, 1", n, deleted, seen, test.inbox, test.trash)
			}
			if n := len(d.Mails("support", "Done")); n != test.done {
				t.Errorf("Done has %d, want %d", n, test.done)
			}
		})
	}
}

// A folder is made where it is missing, below others and with umlauts; and again when somebody removed it.
func TestDestination(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	d.Deliver("support", "INBOX", mails("m", 2)...)
	c := open(t, options(d))
	items := c.poll(10)
	const folder = "Postern/Erledigt für 2026"
	c.must(c.settle(items[:1], poller.Move, folder))
	d.Doveadm("mailbox", "delete", "-u", "support", folder)
	c.must(c.settle(items[1:], poller.Move, folder))
	if n := len(d.Mails("support", folder)); n != 1 {
		t.Errorf("%d lie there, want 1", n)
	}
	if out := d.Doveadm("mailbox", "list", "-s", "-u", "support"); !strings.Contains(out, folder) {
		t.Errorf("subscribed: %s", out)
	}
}

// The server refuses to take more: the item is told of, with what to do, and the session goes on.
func TestFull(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Quota: "storage=20k", Capability: "IMAP4rev1 UIDPLUS QUOTA"})
	big := append(mail("big"), strings.Repeat("x", 12000)...)
	d.Deliver("support", "INBOX", big, mail("small"))
	c := open(t, options(d))
	items := c.poll(10)
	err := c.settle(items, poller.Move, "Done")
	var bad *poller.ItemError
	if !errors.As(err, &bad) || bad.Item.ID != items[0].ID || !strings.Contains(err.Error(), "full") {
		t.Errorf("settle: %v", err)
	}
	if n := len(d.Mails("support", "Done")); n != 1 {
		t.Errorf("Done has %d, want the small one", n)
	}
	c.must(c.settle(items[:1], poller.Mark, ""))
	if steps, text := steps(t, imap.New(options(d))); steps["quota"].Says == "" {
		t.Errorf("no quota in %s", text)
	}
}

// From the moment a mail lies there until Wait returns.
func TestIdle(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	o := options(d)
	d.Deliver("support", "Other", mail("other"))
	o.Folders = []string{"INBOX", "Other"}
	c := open(t, o)
	c.poll(10)
	for i := range 3 {
		delivered := make(chan time.Time, 1)
		go func() {
			time.Sleep(300 * time.Millisecond) // until IDLE is on its way: before or after makes no difference but to what is measured
			d.Deliver("support", "INBOX", mail(fmt.Sprint("m", i)))
			delivered <- time.Now()
		}()
		news, err := c.s.Wait(t.Context(), 20*time.Second)
		took := time.Since(<-delivered)
		if !news || err != nil {
			t.Fatalf("news %t, %v", news, err)
		}
		t.Logf("%d: %s after delivery", i, took)
		if took > time.Second {
			t.Errorf("%s after delivery", took)
		}
		if n := len(c.poll(10)); n != 1 {
			t.Errorf("%d came", n)
		}
	}
	// It came after the first folder was searched, while another was open.
	c.list(10)
	d.Deliver("support", "INBOX", mail("between"))
	if news, err := c.s.Wait(t.Context(), 5*time.Second); !news || err != nil {
		t.Errorf("mail between: news %t, %v", news, err)
	}
	c.poll(10)
	if news, err := c.s.Wait(t.Context(), 300*time.Millisecond); news || err != nil {
		t.Errorf("without mail: news %t, %v", news, err)
	}
	// A context ends it, and so does the server.
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := c.s.Wait(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 3*time.Second {
		t.Errorf("after %s: %v", time.Since(begun), err)
	}
	c.reopen()
	c.poll(10)
	time.AfterFunc(300*time.Millisecond, func() { d.Kick("support") })
	if _, err := c.s.Wait(t.Context(), time.Minute); err == nil || !strings.Contains(err.Error(), "ended the session") {
		t.Errorf("kicked: %v", err)
	}
	if _, err := c.s.List(t.Context(), nil, 1); err == nil {
		t.Error("a session that has ended lists")
	}
}

// Without IDLE a NOOP says what came.
func TestNoIdle(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Capability: "IMAP4rev1"})
	c := open(t, options(d))
	c.poll(10)
	d.Deliver("support", "INBOX", mail("m"))
	if news, err := c.s.Wait(t.Context(), 700*time.Millisecond); !news || err != nil {
		t.Errorf("news %t, %v", news, err)
	}
}

// Large mail goes through, and memory does not grow with it.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("100 MiB")
	}
	d := peers.Dovecot(t, peers.DovecotOptions{})
	line := strings.Repeat("0123456789abcdef", 4) + "\r\n"
	big := []byte("Subject: big\r\n\r\n" + strings.Repeat(line, 25<<20/len(line)))
	d.Deliver("support", "INBOX", big, big, big, big)
	c := open(t, options(d))
	b := c.list(10)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, bytes := 0, int64(0)
	c.must(c.s.Fetch(t.Context(), b.Items, func(_ poller.Item, r io.Reader, err error) error {
		if err != nil {
			return err
		}
		m, err := io.Copy(io.Discard, r)
		n, bytes = n+1, bytes+m
		return err
	}))
	runtime.ReadMemStats(&after)
	if n != 4 || bytes != 4*int64(len(big)) {
		t.Errorf("%d mails of %d bytes, want 4 of %d", n, bytes, 4*len(big))
	}
	if grown := int64(after.TotalAlloc) - int64(before.TotalAlloc); grown > 4<<20 {
		t.Errorf("%d bytes were allocated for them", grown)
	}
	// What is larger than may be is given up without being read, and the others come.
	o := options(d)
	o.MaxSize = 1 << 20
	d.Deliver("support", "INBOX", mail("small"))
	c = open(t, o)
	c.poll(10)
	if c.subjects() != "small" || len(c.bad) != 4 {
		t.Errorf("came %s, %d were too large", c.subjects(), len(c.bad))
	}
}

func TestLogins(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{
		Users:  map[string]string{"support": `se"cr\et ü`, "billing": "x"},
		Tokens: map[string]string{"ya29.good": "support", "ya29.other": "billing"},
	})
	base := options(d)
	base.Password = password(`se"cr\et ü`)
	clear := strings.Replace(d.IMAP, "127.0.0.1", "localhost", 1)
	for _, test := range []struct {
		name   string
		change func(*imap.Options)
		want   string // in the error; "" for none
	}{
		{"PLAIN", func(*imap.Options) {}, ""},
		{"STARTTLS", func(o *imap.Options) { o.Address, o.TLS = clear, wire.StartTLS }, ""},
		{"auto", func(o *imap.Options) { o.Address, o.TLS = clear, wire.Auto }, ""},
		{"in the clear", func(o *imap.Options) { o.Address, o.TLS, o.Insecure = clear, wire.Off, true }, ""},
		{"in the clear, unsaid", func(o *imap.Options) { o.Address, o.TLS = clear, wire.Off }, "insecure: true"},
		{"XOAUTH2", func(o *imap.Options) { o.Token = password("ya29.good") }, ""},
		{"expired token", func(o *imap.Options) { o.Token = password("ya29.expired") }, "postern login"},
		{"another's token", func(o *imap.Options) { o.Token = password("ya29.other") }, "the token"},
		{"wrong password", func(o *imap.Options) { o.Password = password("wrong") }, "check user and password-file"},
		{"password with a line break", func(o *imap.Options) { o.Password = password("secret\r\nx LOGOUT") }, "control characters"},
		{"no password", func(o *imap.Options) {
			o.Password = func(context.Context) (string, error) { return "", errors.New("the file is gone") }
		}, "the file is gone"},
		{"unknown authority", func(o *imap.Options) { o.Roots = peers.NewCA(t).Pool }, "authority that we do not know: CA of a test: where it is your own"},
		{"unknown authority, insecure", func(o *imap.Options) { o.Roots, o.Insecure = peers.NewCA(t).Pool, true }, ""},
		{"TLS at the wrong port", func(o *imap.Options) { o.Address = clear }, "tls: starttls"},
		{"no server", func(o *imap.Options) { o.Address = "localhost:1" }, "nothing listens there"},
		{"by address", func(o *imap.Options) { o.Address = d.IMAPS }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := base
			test.change(&o)
			s, err := imap.New(o).Open(t.Context())
			if err == nil {
				_, err = s.List(t.Context(), nil, 1)
				_ = s.Close()
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), "ya29") || strings.Contains(err.Error(), "wrong\"")) {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}
