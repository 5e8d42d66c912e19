// Package crash kills Postern with SIGKILL at random moments under load, as often as -crash.n says, while senders
// retry as real mail servers do, and then counts: every mail that was acknowledged is there, once, and nothing
// is half applied.
package crash

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/internal/peers"
)

var kills = flag.Int("crash.n", 50, "how often each store's server is killed")

const senders = 8

func TestCrashSQLite(t *testing.T) {
	run(t, "store: {sqlite: ./data}\n")
}

func TestCrashMongo(t *testing.T) {
	run(t, fmt.Sprintf("store: {mongodb: %q}\ndata: ./data\n", peers.MongoDatabase(t)))
}

func run(t *testing.T, store string) {
	s := newServer(t, store)
	s.start(t)

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	acked := make([]map[string]bool, senders)
	for i := range senders {
		acked[i] = map[string]bool{}
		wg.Go(func() { send(ctx, s.smtp, i, acked[i]) })
	}
	for range *kills {
		time.Sleep(time.Duration(20+rand.IntN(180)) * time.Millisecond)
		s.kill(t)
		s.start(t)
	}
	time.Sleep(200 * time.Millisecond)
	stop()
	wg.Wait()

	want := map[string]bool{}
	for _, ids := range acked {
		for id := range ids {
			want[id] = true
		}
	}
	if len(want) < *kills {
		t.Fatalf("only %d mails were acknowledged in %d rounds: the load is too small to show anything\n%s", len(want), *kills, s.log())
	}
	count(t, s, want)
	t.Logf("%d kills, %d acknowledged mails, each there once", *kills, len(want))
}

// send is one mail server's queue: mails one after the other, each retried until it is acknowledged. Each third is a
// reply to the one before it. When ctx ends, the mail that is under way is still brought home.
func send(ctx context.Context, addr string, who int, acked map[string]bool) {
	last := ""
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprintf("<%d.%d@crash.example>", who, i)
		reply := ""
		if i%3 == 2 && last != "" {
			reply = "In-Reply-To: " + last + "\r\nReferences: " + last + "\r\n"
		}
		mail := fmt.Sprintf("From: Sender %d <s%d@crash.example>\r\nTo: support@example.com\r\nSubject: mail %d\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n"+
			"Message-ID: %s\r\n%s\r\nBody of %d from %d.\r\n", who, who, i, id, reply, i, who)
		for once(addr, fmt.Sprintf("s%d@crash.example", who), mail) != nil {
			time.Sleep(20 * time.Millisecond)
		}
		acked[id], last = true, id
	}
}

func once(addr, from, mail string) error {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := smtp.NewClient(conn)
	return c.SendMail(from, []string{"support@example.com"}, strings.NewReader(mail))
}

// count holds what the API tells against what was acknowledged.
func count(t *testing.T, s *server, want map[string]bool) {
	type message struct {
		ID, MessageID, Verdict, Note string
		Issue                        int64
	}
	seen, notes := map[string]string{}, map[int64]int{}
	opened := map[int64]int{}
	for _, m := range all[message](t, s, "/api/v1/messages?limit=500") {
		if m.Verdict != "committed" || m.Issue == 0 {
			t.Errorf("message %s (%s) is %q, issue %d", m.ID, m.MessageID, m.Verdict, m.Issue)
			continue
		}
		if other, twice := seen[m.MessageID]; twice {
			t.Errorf("%s is there twice: %s and %s", m.MessageID, other, m.ID)
		}
		seen[m.MessageID] = m.ID
		if m.Note != "" {
			notes[m.Issue]++
		} else {
			opened[m.Issue]++
		}
	}
	for id := range want {
		if seen[id] == "" {
			t.Errorf("%s was acknowledged and is not there", id)
		}
	}
	issues := all[struct{ Number int64 }](t, s, "/api/v1/issues?limit=500")
	for _, is := range issues {
		if opened[is.Number] != 1 {
			t.Errorf("issue %d was opened by %d messages", is.Number, opened[is.Number])
		}
		if n := notes[is.Number]; n > 0 {
			got := all[struct{ ID string }](t, s, fmt.Sprintf("/api/v1/issues/%d/notes?limit=500", is.Number))
			if len(got) != n {
				t.Errorf("issue %d has %d notes, and %d messages say that they are one", is.Number, len(got), n)
			}
		}
		delete(opened, is.Number)
	}
	for n := range opened {
		t.Errorf("a message says that it opened issue %d, which is not there", n)
	}
}

func all[T any](t *testing.T, s *server, path string) []T {
	t.Helper()
	var out []T
	after := ""
	for {
		var page struct {
			Items []T
			Next  *string
		}
		u := "http://" + s.http + path
		if after != "" {
			u += "&after=" + url.QueryEscape(after)
		}
		resp, err := http.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("GET %s: %s %s %v", path, resp.Status, body, err)
		}
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		out = append(out, page.Items...)
		if page.Next == nil {
			return out
		}
		after = *page.Next
	}
}

// A server is postern serve as a process of its own.
type server struct {
	bin, dir, smtp, http string
	cmd                  *exec.Cmd
	done                 chan error
}

func newServer(t *testing.T, store string) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{bin: filepath.Join(dir, "postern"), dir: dir, smtp: freePort(t), http: freePort(t)}
	build := exec.Command("go", "build", "-o", s.bin, "postern/cmd/postern")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	conf := store + fmt.Sprintf("smtp: {listen: [%q]}\nhttp: {listen: [%q]}\nmailboxes: {support: {addresses: [support@example.com]}}\n", s.smtp, s.http)
	if err := os.WriteFile(filepath.Join(dir, "postern.yaml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			_ = s.cmd.Process.Kill()
			<-s.done
		}
	})
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	logfile, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer logfile.Close()
	s.cmd = exec.Command(s.bin, "serve", "-c", "postern.yaml")
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, logfile, logfile
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan error) { done <- cmd.Wait() }(s.cmd, s.done)
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if greets(s.smtp) {
			return
		}
		select {
		case err := <-s.done:
			t.Fatalf("serve ended: %v\n%s", err, s.log())
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("serve did not come up\n%s", s.log())
}

func greets(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && strings.HasPrefix(line, "220")
}

func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.done
}

func (s *server) log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	if len(b) > 4000 {
		b = b[len(b)-4000:]
	}
	return string(b)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
