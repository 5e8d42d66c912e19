package crash

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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
	go func(cmd *exec.Cmd, done chan error) {
		done <- cmd.Wait()
		close(done) // whoever asks once more hears at once
	}(s.cmd, s.done)
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if greets(s.smtp) {
			return
		}
		select {
		case err := <-s.done:
			if strings.Contains(s.log(), "address already in use") { // some other connection's own end has the port just now
				time.Sleep(100 * time.Millisecond)
				s.start(t)
				return
			}
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
