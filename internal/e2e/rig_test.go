// Package e2e tests Postern as a whole, over real sockets and with real peers.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/internal/app"
)

// A served is a Postern that runs in this process, in a folder of its own.
type served struct {
	t    *testing.T
	dir  string
	app  *app.App
	logs *buffer
	late atomic.Int64 // nanoseconds that its clock is ahead
	stop func()
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

const plainConfig = `
smtp: {listen: ["127.0.0.1:0"], hostname: mx.example.com}
http: {listen: ["127.0.0.1:0"]}
mailboxes: {support: {addresses: [support@example.com]}}
`

// serve starts Postern with a configuration and rules files.
func serve(t *testing.T, config string, rules map[string]string) *served {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "postern.yaml"), config)
	for name, text := range rules {
		write(t, filepath.Join(dir, "rules", name), text)
	}
	return serveIn(t, dir)
}

// serveIn starts Postern on a folder that is there.
func serveIn(t *testing.T, dir string) *served {
	t.Helper()
	s := &served{t: t, dir: dir, logs: &buffer{}}
	ctx, cancel := context.WithCancel(context.Background())
	a, err := app.Open(ctx, app.Options{Config: filepath.Join(dir, "postern.yaml"), Getenv: func(string) string { return "" }, Stderr: s.logs, Version: "test", Now: func() time.Time { return time.Now().Add(time.Duration(s.late.Load())) }})
	if err != nil {
		cancel()
		t.Fatalf("open: %v\n%s", err, s.logs)
	}
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	select {
	case <-a.Ready():
	case err := <-done:
		cancel()
		t.Fatalf("run: %v\n%s", err, s.logs)
	}
	s.app = a
	var once sync.Once
	s.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("run: %v", err)
			}
			if err := a.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if t.Failed() {
				log := s.logs.String()
				t.Logf("the end of the log of %s:\n%s", dir, log[max(0, len(log)-4000):])
			}
		})
	}
	t.Cleanup(s.stop)
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	// As editors do: a reader meets the old file or the new one.
	if err := os.WriteFile(path+".tmp", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		t.Fatal(err)
	}
}

// send hands a mail over by SMTP.
func (s *served) send(mail string, to ...string) error {
	s.t.Helper()
	if len(to) == 0 {
		to = []string{"support@example.com"}
	}
	conn, err := net.Dial("tcp", s.app.Addrs().SMTP[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	c := smtp.NewClient(conn)
	return c.SendMail("ann@example.org", to, strings.NewReader(crlf(mail)))
}

func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

func (s *served) url(path string) string { return "http://" + s.app.Addrs().HTTP[0] + path }

// get asks the API.
func (s *served) get(path string, v any) {
	s.t.Helper()
	resp, err := http.Get(s.url(path))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		s.t.Fatalf("GET %s: %s %s %v", path, resp.Status, b, err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		s.t.Fatalf("GET %s: %v in %s", path, err, b)
	}
}

type issueJSON struct {
	Number      int64
	Subject     string
	Description string
	Priority    string
	Status      string
	Tags        []string
	Requester   struct{ Email, Name string }
	Message     string
}

type messageJSON struct {
	ID, Subject, Verdict, Reason, Mailbox, MessageID string
	Issue                                            int64
	Decision                                         struct{ Ruleset string }
	Attachments                                      []struct {
		Name, Type, SHA256 string
		Size               int64
	}
}

func (s *served) issues() []issueJSON {
	s.t.Helper()
	var page struct{ Items []issueJSON }
	s.get("/api/v1/issues?limit=500", &page)
	return page.Items
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, within)
		}
	}
}

func simple(id, subject string) string {
	return fmt.Sprintf("From: Ann <ann@example.org>\nTo: support@example.com\nSubject: %s\nDate: Tue, 24 Nov 2026 10:00:00 +0000\nMessage-ID: <%s@example.org>\n\nHello from %s.\n", subject, id, id)
}
