package imap_test

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/peers"
	"postern/poller"
	"postern/poller/imap"
	"postern/poller/wire"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{ACL: true, Quota: "storage=100k"})
	d.Deliver("support", "INBOX", mails("m", 2)...)
	d.Deliver("support", "Gelesen", mail("m3"))
	o := options(d)
	o.Folders = []string{"INBOX", "Gelesen"}
	o.After = []poller.After{{Do: poller.Move, Folder: "Fertig"}, {Do: poller.Mark}}
	all, text := steps(t, imap.New(o))
	for _, name := range []string{"dns", "connect", "tls", "login", "capabilities", "folder INBOX", "folder Gelesen", "destination Fertig", "quota", "idle"} {
		if s, ok := all[name]; !ok || !s.OK || s.Says == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for name, want := range map[string]string{
		"tls": "by CA of a test, valid until", "folder INBOX": "has 2 messages", "destination Fertig": "made when the first mail is moved", "capabilities": "IDLE, MOVE, UIDPLUS",
	} {
		if !strings.Contains(all[name].Says, want) {
			t.Errorf("%s says %q, want %q", name, all[name].Says, want)
		}
	}
	if !all["tls"].Warn || !strings.Contains(all["tls"].Todo, "renewed") {
		t.Errorf("a certificate that ends tomorrow: %+v", all["tls"])
	}
	if t.Failed() {
		t.Log(text)
	}

	// Rights are taken away: read, and nothing else.
	acl := filepath.Join(d.Maildir("support", "Gelesen"), "dovecot-acl")
	if err := os.WriteFile(acl, []byte("owner lr\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.Deliver("support", "INBOX", append(mail("big"), strings.Repeat("x", 95<<10)...))
	all, text = steps(t, imap.New(o))
	if s := all["folder Gelesen"]; s.OK || !strings.Contains(s.Says, "e (to remove it), s (to mark mail as read), t (to mark mail as deleted)") || s.Todo == "" {
		t.Error(text)
	}
	if s := all["quota"]; !s.Warn || !strings.Contains(s.Todo, "nearly full") {
		t.Error(text)
	}
	// Where there is no such folder those that are there are shown.
	o.Folders = []string{"Inbox", "Gelsen"}
	all, text = steps(t, imap.New(o))
	if s := all["folder Gelsen"]; s.OK || !strings.Contains(all["folders"].Says, `"Gelesen"`) || !all["folder Inbox"].OK {
		t.Error(text)
	}
}

// What an old server lacks is said, where it matters.
func TestCheckOld(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(1)...)
	f.caps = "IMAP4rev1 AUTH=PLAIN SASL-IR"
	o := f.options()
	if all, text := steps(t, imap.New(o)); !all["capabilities"].Warn || strings.Contains(all["capabilities"].Todo, "MOVE") {
		t.Errorf("keep: %s", text)
	}
	o.After = []poller.After{{Do: poller.Move, Folder: "Done"}, {Do: poller.Delete}}
	all, text := steps(t, imap.New(o))
	for _, want := range []string{"without IDLE", "without UIDPLUS", "without MOVE"} {
		if !strings.Contains(all["capabilities"].Todo, want) {
			t.Errorf("want %q in %s", want, text)
		}
	}
	// Read-only, where the server tells no rights.
	f.mu.Lock()
	f.does = func(c *fakeConn, tag, command string) bool {
		if strings.HasPrefix(command, "SELECT") {
			c.say("* 1 EXISTS\r\n%s OK [READ-ONLY] look only", tag)
			return true
		}
		return false
	}
	f.mu.Unlock()
	if all, text := steps(t, imap.New(o)); all["folder INBOX"].OK || !strings.Contains(all["folder INBOX"].Says, "read-only") {
		t.Error(text)
	}
}

// LIST with a name that cannot be read, and IDLE that does not work: told of, and the check ends.
func TestCheckOdd(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(1)...)
	o := f.options()
	o.Folders = []string{"Nowhere"}
	f.does = func(c *fakeConn, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "SELECT"), strings.HasPrefix(command, "IDLE"):
			c.say("%s NO no", tag)
			return !strings.Contains(command, "INBOX")
		case strings.HasPrefix(command, "LIST"):
			c.say("* LIST () \".\" INBOX\r\n* LIST () \".\" \"bad&name\"\r\n%s OK", tag)
			return true
		}
		return false
	}
	if all, text := steps(t, imap.New(o)); all["folder Nowhere"].OK || all["folders"].Name == "" {
		t.Error(text)
	}
	f.mu.Lock()
	f.does = func(c *fakeConn, tag, command string) bool {
		if command == "IDLE" {
			c.say("%s NO no", tag)
			return true
		}
		return false
	}
	f.mu.Unlock()
	o.Folders = nil
	if all, text := steps(t, imap.New(o)); all["idle"].OK || !strings.Contains(all["idle"].Todo, "idle: false") {
		t.Error(text)
	}
	// And where IDLE is refused waiting goes on by NOOP.
	c := open(t, o)
	c.poll(5)
	if news, err := c.s.Wait(t.Context(), 100*time.Millisecond); news || err != nil || f.count("NOOP") == 0 {
		t.Errorf("news %t, %v, %d NOOPs", news, err, f.count("NOOP"))
	}
}

// Certificates that are not to be believed: which step fails, and what is said.
func TestCheckCertificates(t *testing.T) {
	t.Parallel()
	ca := peers.NewCA(t)
	for _, test := range []struct {
		name string
		cert tls.Certificate
		want string
	}{
		{"expired", ca.Certificate(time.Now().Add(-time.Hour)), "must be renewed"},
		{"another's", ca.Certificate(time.Time{}, "mail.example.org", "imap.example.org"), "is for mail.example.org, imap.example.org, not for localhost"},
	} {
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{test.cert}})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = c.(*tls.Conn).Handshake()
				c.Close()
			}
		}()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		o := imap.Options{Options: wire.Options{Address: "localhost:" + port, TLS: wire.On, Roots: ca.Pool}, User: "x", Password: password("x")}
		all, text := steps(t, imap.New(o))
		if s := all["tls"]; s.OK || !strings.Contains(s.Says+": "+s.Todo, test.want) || len(all) != 3 {
			t.Errorf("%s: %s", test.name, text)
		}
		l.Close()
	}
}
