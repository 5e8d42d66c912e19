package webhook_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/receiver/webhook"
)

// listen serves the rig on a socket.
func (g *rig) listen() string {
	s := httptest.NewServer(g.server)
	g.t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// say sends bytes over a new connection, in pieces with a pause between them, and reads one answer.
func say(t *testing.T, addr string, pause time.Duration, pieces ...string) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	for i, p := range pieces {
		if i > 0 {
			time.Sleep(pause)
		}
		if _, err := io.WriteString(conn, p); err != nil {
			break // it was answered before all was sent
		}
	}
	if c, ok := conn.(*net.TCPConn); ok && pause == 0 {
		_ = c.CloseWrite()
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

func head(length int, more ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: message/rfc822\r\nContent-Length: %d\r\n%s\r\n", rawPath, length, strings.Join(more, ""))
}

// TestTruncated: half a mail is none.
func TestTruncated(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil, rawHook)
	addr := g.listen()
	if code, text := say(t, addr, 0, head(1000), "Subject: half"); code != 400 || g.result() != "a lost" {
		t.Errorf("got %d %s, %s", code, text, g.result())
	}
	chunked := strings.Replace(head(0), "Content-Length: 0", "Transfer-Encoding: chunked", 1)
	for _, body := range []string{"d\r\nSubject: half\r\n", "d\r\nSubject: half\r\n5\r\nab", "zz\r\nSubject", ""} {
		if code, text := say(t, addr, 0, chunked, body); code != 400 {
			t.Errorf("%q: got %d %s", body, code, text)
		}
	}
	if code, text := say(t, addr, 0, chunked, "d\r\nSubject: whol\r\n1\r\ne\r\n0\r\n\r\n"); code != 204 {
		t.Errorf("whole: got %d %s", code, text)
	}
	if m := g.mails(); len(m) != 1 || m[0].raw != "Subject: whole" {
		t.Errorf("got %+v", m)
	}
}

// TestSlow: a body must keep the least pace, and one that does is taken however long it takes.
func TestSlow(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *webhook.Options) {
		o.Timeouts.Grace, o.Timeouts.MinRate = 300*time.Millisecond, 64<<10
	}, rawHook)
	addr := g.listen()
	if code, text := say(t, addr, 200*time.Millisecond, head(1000), "Subject: ", "x", "x", "x", "x"); code != 408 || g.result() != "a lost" {
		t.Errorf("slow: got %d %s, %s", code, text, g.result())
	}
	piece := strings.Repeat("x", 64<<10)
	if code, text := say(t, addr, 150*time.Millisecond, head(5*len(piece)), piece, piece, piece, piece, piece); code != 204 {
		t.Errorf("long: got %d %s", code, text)
	}
}

// TestRoom: the bytes of all requests are bounded. Strangers have half of it, so that they cannot keep a provider out, and who waits too
// long is asked to come again.
func TestRoom(t *testing.T) {
	t.Parallel()
	const size = 100_000
	signed := webhook.Hook{Name: "s", Provider: "raw", Mailbox: "sales"} // no secret: a stranger's request, on this machine
	g := newRig(t, func(o *webhook.Options) {
		o.Limits.Body, o.InFlight, o.Timeouts.Room, o.Loopback = size, 4*size, 100*time.Millisecond, true
	}, rawHook, signed)
	addr := g.listen()
	stranger := strings.Replace(strings.Replace(head(size), rawPath, "/hooks/raw/sales", 1), "Host: x", "Host: "+addr, 1)
	hold := func(head string) net.Conn {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, head+"half"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // it takes its room as soon as it is read
		return conn
	}
	a, b := hold(stranger), hold(stranger)
	if code, text := say(t, addr, 0, stranger, strings.Repeat("x", size)); code != 503 || g.result() != "s busy" {
		t.Errorf("a third stranger: got %d %s, %s", code, text, g.result())
	}
	whole := head(size) + strings.Repeat("x", size)
	if code, text := say(t, addr, 0, whole); code != 204 {
		t.Errorf("beside strangers: got %d %s", code, text)
	}
	c, d := hold(head(size)), hold(head(size))
	if code, text := say(t, addr, 0, whole); code != 503 {
		t.Errorf("no room at all: got %d %s", code, text)
	}
	for _, conn := range []net.Conn{a, b, c, d} {
		conn.Close()
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if code, text := say(t, addr, 0, stranger, strings.Repeat("x", size)); code == 204 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("with room again: got %d %s", code, text)
		}
	}
}

// TestIdleStrangers: who only says that much will come takes nobody's room, and who stops after much came is not waited for.
func TestIdleStrangers(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	open := webhook.Hook{Name: "s", Provider: "raw", Mailbox: "sales"}
	g := newRig(t, func(o *webhook.Options) {
		o.Limits.Body, o.InFlight, o.Timeouts.Room, o.Loopback = size, 4*size, 200*time.Millisecond, true
		o.Timeouts.Grace, o.Timeouts.MinRate = 2*time.Second, 64<<10
	}, rawHook, open)
	addr := g.listen()
	stranger := func(n int) string {
		return strings.Replace(strings.Replace(head(n), rawPath, "/hooks/raw/sales", 1), "Host: x", "Host: "+addr, 1)
	}
	for range 3 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, stranger(size)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	if code, text := say(t, addr, 0, stranger(4<<20), strings.Repeat("x", 4<<20)); code != 204 {
		t.Errorf("beside three who only promise: got %d %s", code, text)
	}
	began := time.Now()
	if code, text := say(t, addr, time.Millisecond, stranger(size), strings.Repeat("x", size/2), "x"); code != 408 || time.Since(began) > 10*time.Second {
		t.Errorf("stopped half-way: got %d %s after %s", code, text, time.Since(began))
	}
}

// TestFlatMemory: a body of 25 MB costs no more memory than a small one, raw and as base64 in JSON, eight at once.
func TestFlatMemory(t *testing.T) {
	if webhook.Raced {
		t.Skip("memory is measured without the race detector: make check does both")
	}
	if testing.Short() {
		t.Skip("it moves 400 MB")
	}
	var g *rig
	var sizes atomic.Int64
	g = newRig(t, nil, rawHook, jsonHook)
	g.sizes = &sizes
	addr := g.listen()
	var peak atomic.Uint64
	ctx, stop := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() {
		var m runtime.MemStats
		for ctx.Err() == nil {
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			time.Sleep(5 * time.Millisecond)
		}
	})
	const size = 25 << 20
	send := func(path, kind, before, after string, fill byte) {
		body := io.MultiReader(strings.NewReader(before), io.LimitReader(endless(fill), size), strings.NewReader(after))
		r, err := http.NewRequest("POST", "http://"+addr+path, body)
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Content-Type", kind)
		r.ContentLength = int64(len(before) + size + len(after))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		if b, _ := io.ReadAll(res.Body); res.StatusCode >= 300 {
			t.Errorf("%s: got %d %s", path, res.StatusCode, b)
		}
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { send(rawPath, "message/rfc822", "Subject: x\r\n\r\n", "\r\n", 'x') })
		all.Go(func() { send(jsonPath, "application/json", `{"raw":"`, `"}`, 'A') })
	}
	all.Wait()
	stop()
	watch.Wait()
	if want := int64(4*(size+16) + 4*size/4*3); sizes.Load() != want {
		t.Errorf("%d bytes came, want %d", sizes.Load(), want)
	}
	if p := peak.Load(); p > 40<<20 {
		t.Errorf("the heap grew to %d MB", p>>20)
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// TestPanic: a fault of ours delays somebody's mail. What the request says stays out of the log.
func TestPanic(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil, rawHook)
	g.verdict = func(mail string) intake.Verdict { panic("while deciding " + mail) }
	w := g.post(rawPath, "Subject: a private matter\r\n\r\nx", rawType)
	if log := g.log.String(); w.Code != 503 || g.result() != "a failed" || strings.Contains(log, "private") || !strings.Contains(log, "panic in a webhook request") {
		t.Errorf("got %d %s, %s\n%s", w.Code, w.Body, g.result(), log)
	}
	g.verdict = nil
	if w := g.post(rawPath, mailText, rawType); w.Code != 204 {
		t.Errorf("after it: got %d", w.Code)
	}
}

// TestGone: a peer that hangs up after its body changes nothing: the mail is decided all the same.
func TestGone(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil, rawHook)
	entered, release := make(chan bool), make(chan bool)
	g.verdict = func(string) intake.Verdict { close(entered); <-release; return intake.Committed }
	conn, err := net.Dial("tcp", g.listen())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, head(len(mailText))+mailText); err != nil {
		t.Fatal(err)
	}
	<-entered
	conn.Close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	done := make(chan bool)
	go func() { _ = g.server.Run(ctx); close(done) }()
	select {
	case <-done:
		t.Error("Run did not wait for what is under way")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	<-done
	if m := g.mails(); len(m) != 1 || g.heard["a"].Mails != 1 {
		t.Errorf("got %d mails, heard %+v", len(m), g.heard)
	}
}

// TestNoProofNoBody: who shows a wrong secret is answered before the body is sent, where no signature could be in it.
func TestNoProofNoBody(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil, rawHook)
	addr := g.listen()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	wrong := strings.Replace(head(20<<20, "Expect: 100-continue\r\n"), secretA, "wrong", 1)
	if _, err := io.WriteString(conn, wrong); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 401") {
		t.Errorf("got %q, %v", line, err)
	}
}
