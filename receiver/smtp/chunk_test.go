package smtp_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"postern/receiver/smtp"
)

// A large mail in many chunks is progress; many chunks with next to nothing in them are not.
func TestManyChunks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		size int
		want string
	}{{2048, "250 2.0.0 OK m1"}, {3, "421 4.7.0"}} {
		g := newRig(t, nil)
		c := g.talk()
		c.want("220")
		chunk := strings.Repeat("x", tc.size)
		c.send("EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<s@example.com>\r\n")
		for range 3 {
			c.want("250")
		}
		go func() {
			for range 300 {
				if _, err := fmt.Fprintf(c, "BDAT %d\r\n%s", tc.size, chunk); err != nil {
					return
				}
			}
			_, _ = io.WriteString(c, "BDAT 0 LAST\r\n")
		}()
		last := c.reply()
		for strings.HasSuffix(last, "octets received") {
			last = c.reply()
		}
		if !strings.HasPrefix(last, tc.want) {
			t.Errorf("chunks of %d: %q", tc.size, last)
		}
	}
}

// A body in many chunks may take no longer than one in one: its grace is not given anew with each chunk.
func TestChunksShareAPace(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *smtp.Options) {
		o.Timeouts.Grace, o.Timeouts.MinRate = 300*time.Millisecond, 1<<20
	})
	c := g.talk()
	c.want("220")
	c.send("EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<s@example.com>\r\n")
	for range 3 {
		c.want("250")
	}
	for began := time.Now(); ; {
		c.send("BDAT 2\r\na")
		time.Sleep(100 * time.Millisecond)
		if _, err := io.WriteString(c, "b"); err != nil {
			t.Fatal(err)
		}
		l, err := c.r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(l, "421 4.4.2") {
			break
		}
		if time.Since(began) > 5*time.Second {
			t.Fatalf("still %q", l)
		}
	}
	eventually(t, "abandoned", func() bool { return len(g.abandoned()) == 1 })
}

// Time between two chunks is the client's own: only the wait for a command bounds it.
func TestTimeBetweenChunksIsNoSlowness(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *smtp.Options) {
		o.Timeouts.Grace, o.Timeouts.MinRate = 300*time.Millisecond, 1<<20
	})
	c := g.talk()
	c.want("220")
	c.send("EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<s@example.com>\r\nBDAT 2\r\nab")
	for range 4 {
		c.want("250")
	}
	time.Sleep(500 * time.Millisecond)
	c.send("BDAT 2 LAST\r\n")
	time.Sleep(20 * time.Millisecond) // so that the chunk itself is waited for
	c.send("cd")
	c.want("250 2.0.0 OK")
}
