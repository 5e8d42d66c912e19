package wire_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/peers"
	"postern/poller"
	"postern/poller/wire"
)

// serve accepts one connection after the other and lets talk have each.
func serve(t *testing.T, talk func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talk(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func dial(t *testing.T, address string) *wire.Conn {
	t.Helper()
	c, err := wire.Dial(t.Context(), wire.Options{Address: address, TLS: wire.Off, Insecure: true, Patience: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestBounds(t *testing.T) {
	t.Parallel()
	drip := func(c net.Conn) {
		for range 30 {
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	for _, test := range []struct {
		name string
		talk func(net.Conn)
		wait time.Duration
		want string
	}{
		{"silent", func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, time.Minute, "silent for 300ms"},
		{"slow", drip, 500 * time.Millisecond, "too slow"},
		{"too much", func(c net.Conn) { _, _ = c.Write(make([]byte, 100_000)) }, time.Minute, "far more than"},
		{"too much, unasked", func(c net.Conn) { _, _ = c.Write(make([]byte, 3<<20)) }, 0, "far more than"},
		{"ended", func(net.Conn) {}, time.Minute, "ended the connection"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, serve(t, test.talk))
			most := int64(50_000)
			if c.Expect(most, test.wait); test.wait == 0 {
				c.Rest()
				most = 1 << 20
			}
			// What others set does not count.
			_ = c.SetReadDeadline(time.Now().Add(time.Hour))
			_ = c.SetDeadline(time.Time{})
			n, err := io.Copy(io.Discard, c)
			if c.Ended() == nil || !strings.Contains(c.Ended().Error(), test.want) || err != nil && test.name == "ended" {
				t.Errorf("%v, and %v", c.Ended(), err)
			}
			if n > most+64<<10 {
				t.Errorf("%d bytes came through", n)
			}
		})
	}
}

// Only waiting counts: however long its user takes, and however long nothing is due.
func TestPatience(t *testing.T) {
	t.Parallel()
	c := dial(t, serve(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
			fmt.Fprint(c, "answer\n")
		}
	}))
	r := bufio.NewReader(c)
	lines := make(chan string)
	go func() { // as a library does: it always reads
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				close(lines)
				return
			}
			lines <- line
		}
	}()
	for range 2 {
		c.Expect(1000, time.Second)
		fmt.Fprint(c, "question\n")
		if got := <-lines; got != "answer\n" {
			t.Fatalf("got %q: %v", got, c.Ended())
		}
		c.Rest()
		time.Sleep(500 * time.Millisecond) // longer than its patience
	}
	// In the end one that is due and does not come, to a read that waits already.
	c.Expect(1000, time.Minute)
	if _, ok := <-lines; ok || c.Ended() == nil {
		t.Error("it waited for ever")
	}
	// An idle connection has the time it was given, and no more.
	c = dial(t, serve(t, func(c net.Conn) {
		time.Sleep(400 * time.Millisecond)
		fmt.Fprint(c, "x")
		_, _ = c.Read(make([]byte, 1))
	}))
	c.Idle(1000, 300*time.Millisecond)
	if n, err := c.Read(make([]byte, 9)); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	begun := time.Now()
	if _, err := c.Read(make([]byte, 9)); err == nil || time.Since(begun) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
}

func TestMode(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"h:993": wire.On, "h:995": wire.On, "h:143": wire.StartTLS, "h:110": wire.StartTLS, "h:1993": wire.StartTLS} {
		if got := (&wire.Options{Address: address, TLS: wire.Auto}).Mode(); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
	if _, err := wire.Dial(t.Context(), wire.Options{Address: "127.0.0.1:1", TLS: wire.Off}); !fault.Is(err, fault.Invalid) {
		t.Errorf("in the clear, unsaid: %v", err)
	}
	if _, err := wire.Dial(t.Context(), wire.Options{Address: "localhost"}); err == nil || !strings.Contains(err.Error(), "write it like") {
		t.Errorf("no port: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	address := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	begun := time.Now()
	if _, err := wire.Dial(ctx, wire.Options{Address: address, TLS: wire.On}); err == nil || time.Since(begun) > 5*time.Second {
		t.Errorf("a server that does not answer to TLS: %v after %s", err, time.Since(begun))
	}
}

// What came before TLS is not read after it.
func TestStartTLS(t *testing.T) {
	t.Parallel()
	ca := peers.NewCA(t)
	cert := ca.Certificate(time.Now().Add(40 * 24 * time.Hour))
	address := serve(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := r.ReadString('\n'); err != nil {
			return
		}
		fmt.Fprint(c, "go on\nevil\nevil\n")
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		fmt.Fprint(s, "good\n")
		_, _ = s.Read(make([]byte, 1))
	})
	var told []string
	c, err := wire.Dial(t.Context(), wire.Options{Address: strings.Replace(address, "127.0.0.1", "localhost", 1), Roots: ca.Pool, Patience: 5 * time.Second, Tell: func(s poller.Step) {
		told = append(told, fmt.Sprintf("%s %t %t", s.Name, s.OK, s.Warn))
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.StartTLS(t.Context(), func(r *bufio.Reader, w io.Writer) error {
		fmt.Fprint(w, "tls?\n")
		line, err := r.ReadString('\n')
		if line != "go on\n" {
			return errors.New(line)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "good\n" {
		t.Errorf("got %q, %v", line, err)
	}
	if c.Secure() == nil {
		t.Error("it does not know of its TLS")
	}
	if got := strings.Join(told, ", "); got != "dns true false, connect true false, tls true false" {
		t.Errorf("told %s", got)
	}
}

func TestSaid(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain": "plain", "a\r\nb\x1b[2J\x00": "a  b [2J", "\xff\xfe": "?", "Grüße": "Grüße", "\u202ereversed": "reversed",
		strings.Repeat("x", 1000): strings.Repeat("x", 300) + "…",
	} {
		if got := wire.Said(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
