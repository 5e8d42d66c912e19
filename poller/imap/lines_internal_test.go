package imap

import (
	"errors"
	"net"
	"testing"
)

// Whatever the library comes to do, a plain EXPUNGE or CLOSE does not reach the server.
func TestNoPlainExpunge(t *testing.T) {
	t.Parallel()
	for text, refuse := range map[string]bool{
		"T1 EXPUNGE\r\n": true, "T12 expunge\r\n": true, "T1 CLOSE\r\n": true, "T1 NOOP\r\nT2 EXPUNGE\r\n": true,
		"T1 UID EXPUNGE 1:3\r\n": false, "T1 LOGIN \"x\" \"T1 EXPUNGE\"\r\n": false, "T1 UNSELECT\r\n": false, "DONE\r\n": false,
	} {
		client, server := net.Pipe()
		got := make(chan int, 1)
		go func() {
			n, _ := server.Read(make([]byte, 100))
			got <- n
		}()
		_, err := (&lines{Conn: client}).Write([]byte(text))
		client.Close()
		if n := <-got; errors.Is(err, errExpunge) != refuse || (n == 0) != refuse {
			t.Errorf("%q: %v, and %d bytes went out", text, err, n)
		}
		server.Close()
	}
}

// The last line is kept however it is cut into reads, and its beginning only.
func TestLastLine(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	go func() {
		for _, part := range []string{"* OK x\r\n* B", "YE good", "bye\r", "\n"} {
			_, _ = server.Write([]byte(part))
		}
		server.Close()
	}()
	l := &lines{Conn: client}
	for {
		if _, err := l.Read(make([]byte, 5)); err != nil {
			break
		}
	}
	if l.bye() != "goodbye" || l.said() != "* BYE goodbye" {
		t.Errorf("last said %q, bye %q", l.said(), l.bye())
	}
}
