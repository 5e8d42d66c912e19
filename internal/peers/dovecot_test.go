package peers_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"postern/internal/peers"
)

// A dialogue with a server: what is said, and the answer up to the line that begins with end.
type dialogue struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, address string, config *tls.Config) *dialogue {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if config != nil {
		conn = tls.Client(conn, config)
	}
	return &dialogue{t, conn, bufio.NewReader(conn)}
}

func (d *dialogue) say(line, end string) string {
	d.t.Helper()
	if line != "" {
		fmt.Fprintf(d.conn, "%s\r\n", line)
	}
	var all strings.Builder
	for {
		got, err := d.in.ReadString('\n')
		all.WriteString(got)
		if err != nil {
			d.t.Fatalf("after %q: %v\n%s", line, err, all.String())
		}
		if strings.HasPrefix(got, end) {
			return all.String()
		}
	}
}

func (d *dialogue) want(got, want string) {
	d.t.Helper()
	if !strings.Contains(got, want) {
		d.t.Errorf("got %q, want %q in it", got, want)
	}
}

// What tests rely on: four doors, mail that is delivered, other UIDs, tokens, what it says it can.
func TestDovecot(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Tokens: map[string]string{"ya29.token": "support"}, ACL: true, Quota: "storage=10M"})
	d.Deliver("support", "INBOX", mail("one"), mail("two"))
	d.Deliver("support", "Entwürfe", mail("three"))
	trust := &tls.Config{RootCAs: d.Roots, ServerName: "localhost"}

	c := dial(t, d.IMAPS, trust)
	c.say("", "* OK")
	c.want(c.say("a LOGIN support secret", "a OK"), "MOVE")
	first := c.say("b SELECT INBOX", "b OK")
	c.want(first, "* 2 EXISTS")
	c.want(c.say(`c LIST "" *`, "c OK"), " Entw&APw-rfe")
	c.want(c.say("d MYRIGHTS INBOX", "d OK"), "MYRIGHTS INBOX lr")
	c.want(c.say("e GETQUOTAROOT INBOX", "e OK"), "10240)")
	c.say("f CLOSE", "f OK")
	d.Renumber("support", "INBOX")
	if second := c.say("g SELECT INBOX", "g OK"); uidValidity(first) == uidValidity(second) {
		t.Errorf("UIDVALIDITY is %s as before", uidValidity(first))
	}

	c = dial(t, d.IMAP, nil)
	c.want(c.say("", "* OK"), "STARTTLS")
	c.want(c.say("a AUTHENTICATE XOAUTH2 "+base64.StdEncoding.EncodeToString([]byte("user=support\x01auth=Bearer ya29.token\x01\x01")), "a "), "a OK")

	c = dial(t, d.POP3S, trust)
	c.say("", "+OK")
	c.say("USER support", "+OK")
	c.say("PASS secret", "+OK")
	c.want(c.say("STAT", "+OK"), "+OK 2 ")
	c = dial(t, d.POP3, nil)
	c.say("", "+OK")
	c.want(c.say("CAPA", "."), "STLS")

	if got := len(d.Mails("support", "INBOX")); got != 2 {
		t.Errorf("%d mails lie there, want 2", got)
	}
	d.Stop()
	d.Start()
	c = dial(t, d.IMAP, nil)
	c.say("", "* OK")
}

func uidValidity(answer string) string {
	_, rest, _ := strings.Cut(answer, "[UIDVALIDITY ")
	number, _, _ := strings.Cut(rest, "]")
	return number
}

// It can be made to look like an older server, or like Courier.
func TestDovecotOlder(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Capability: "IMAP4rev1", Separator: ".", Prefix: "INBOX."})
	d.Deliver("support", "Done", mail("one"))
	c := dial(t, d.IMAP, nil)
	c.say("", "* OK")
	if got := c.say("a LOGIN support secret", "a OK"); strings.Contains(got, "UIDPLUS") {
		t.Errorf("after login: %s", got)
	}
	c.want(c.say(`b LIST "" *`, "b OK"), `"." INBOX.Done`)
}
