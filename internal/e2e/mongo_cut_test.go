package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/peers"
)

// A line is a network between Postern and its database that can be cut: first answers get lost on it, then it ends.
type line struct {
	addr string
	to   string
	mute atomic.Bool // what the server says is lost

	mu    sync.Mutex
	conns map[net.Conn]bool
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &line{addr: l.Addr().String(), to: to, conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { n.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		n.cut()
		wg.Wait()
	})
	return n
}

func (n *line) carry(client net.Conn) {
	server, err := net.Dial("tcp", n.to)
	if err != nil {
		_ = client.Close()
		return
	}
	n.mu.Lock()
	n.conns[client], n.conns[server] = true, true
	n.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	buf := make([]byte, 32<<10)
	for {
		k, err := server.Read(buf)
		if err == nil && !n.mute.Load() {
			_, err = client.Write(buf[:k])
		}
		if err != nil {
			break
		}
	}
	_ = client.Close()
	_ = server.Close()
	wg.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, client)
	delete(n.conns, server)
}

func (n *line) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		_ = c.Close()
	}
}

// The database's answers get lost, again and again: it has written, and Postern does not know. Senders hear 451 and come again; each mail
// is there once, wholly.
func TestMongoAnswersGetLost(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(peers.MongoDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	cable := newLine(t, u.Host)
	u.Host = cable.addr
	u.RawQuery = "directConnection=true"
	conf := plainConfig + fmt.Sprintf("data: ./data\nkey-file: %q\n", filepath.Join(t.TempDir(), "postern.key"))
	s := serve(t, conf+fmt.Sprintf("store: {mongodb: %q}\n", u), nil)
	ctx, stop := context.WithCancel(context.Background())
	q := s.senders(ctx, 8, 1<<10)
	for i := 0; i < 25 || q.taken() < 25 && i < 250; i++ { // on a busy machine little comes through between two cuts
		time.Sleep(time.Duration(50+rand.IntN(250)) * time.Millisecond)
		cable.mute.Store(true)
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		cable.cut()
		cable.mute.Store(false)
	}
	stop()
	q.wg.Wait()
	if q.taken() < 25 || q.heard("451 4.3.0") == 0 {
		t.Errorf("%d mails were taken and %d put off: too few to show anything", q.taken(), q.heard("451 4.3.0"))
	}
	q.check("451 4.3.0")
	t.Logf("%d mails taken, %d put off", q.taken(), q.heard("451 4.3.0"))
}
