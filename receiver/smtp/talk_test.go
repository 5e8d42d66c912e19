package smtp_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// talk is a plain client for tests that a dialogue cannot hold.
type talk struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func (g *rig) talk() *talk {
	g.t.Helper()
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return &talk{g.t, c, bufio.NewReader(c)}
}

func (c *talk) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// reply reads one reply of any number of lines and returns its last.
func (c *talk) reply() string {
	c.t.Helper()
	for {
		l, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("no reply: %q, %v", l, err)
		}
		if len(l) > 3 && l[3] == ' ' {
			return strings.TrimSpace(l)
		}
	}
}

func (c *talk) want(prefix string) {
	c.t.Helper()
	if got := c.reply(); !strings.HasPrefix(got, prefix) {
		c.t.Fatalf("got %q, want %q", got, prefix)
	}
}

// open brings a mail up to the 354.
func (c *talk) open(rcpt string) {
	c.t.Helper()
	c.want("220")
	c.send("EHLO c.example\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<" + rcpt + ">\r\nDATA\r\n")
	for _, code := range []string{"250", "250", "250", "354"} {
		c.want(code)
	}
}
