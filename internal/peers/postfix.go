package peers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PostfixOptions say what a Postfix for tests does with mail.
type PostfixOptions struct {
	Domain  string            // whose mail it forwards; example.com when empty
	Nexthop string            // where to, as transport(5) says it: lmtp:inet:127.0.0.1:24, lmtp:unix:/PATH, smtp:[127.0.0.1]:25
	Command []string          // or the program it pipes each mail to, an absolute path, with pipe(8)'s ${recipient} and ${sender}; a $ is $$
	User    string            // who runs Command, not root; nobody when empty
	Main    map[string]string // more lines for main.cf; they win
	Master  string            // more services for master.cf
}

// A PostfixServer is a real Postfix with its own configuration, queue and port. It retries after a second, and hands
// mail for all other domains (its bounces, that is) to Bounces.
type PostfixServer struct {
	Addr    string // where it takes mail by SMTP
	Bounces *Inbox

	t      testing.TB
	dir    string
	config string
	master *exec.Cmd
	exited chan struct{}
}

// Queued is a mail in Postfix's queue, as postqueue -j tells it.
type Queued struct {
	Queue      string `json:"queue_name"` // active, deferred, hold, incoming, maildrop
	ID         string `json:"queue_id"`
	Sender     string `json:"sender"`
	Recipients []struct {
		Address string `json:"address"`
		Reason  string `json:"delay_reason"`
	} `json:"recipients"`
}

const (
	installPostfix = "apt-get install postfix"
	postfixDaemons = "/usr/lib/postfix/sbin"
)

// Postfix starts one, and ends it with the test. Where there is none, or the test does not run as root, which Postfix's
// master demands, the test skips; with CI=true, or with postfix named in PEERS, it fails.
func Postfix(t testing.TB, o PostfixOptions) *PostfixServer {
	t.Helper()
	if reason := postfixMissing(); reason != "" {
		if os.Getenv("CI") == "true" || slices.Contains(strings.Split(os.Getenv("PEERS"), ","), "postfix") {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	p := &PostfixServer{t: t, Bounces: NewInbox(t)}
	// Not t.TempDir: Postfix's daemons are not root and have to pass through all folders above.
	dir, err := os.MkdirTemp("", "postfix-")
	if err != nil {
		t.Fatal(err)
	}
	p.dir, p.config = dir, filepath.Join(dir, "etc")
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var problem error
	for range 3 { // the free port may be taken before Postfix has it
		if problem = p.start(o); problem == nil {
			t.Cleanup(p.Stop)
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the end of Postfix's log:\n%s", tail(p.Log(), 4000))
				}
			})
			return p
		}
	}
	t.Fatalf("start Postfix: %v\n%s", problem, p.Log())
	return nil
}

func postfixMissing() string {
	if _, err := os.Stat(filepath.Join(postfixDaemons, "master")); err != nil {
		return "this test needs Postfix: " + installPostfix
	}
	if os.Getuid() != 0 {
		return "this test starts Postfix, whose master process must run as root: run it as root"
	}
	if _, err := user.Lookup("postfix"); err != nil {
		return "this test needs the user postfix: " + installPostfix
	}
	return ""
}

func (p *PostfixServer) start(o PostfixOptions) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.Addr = l.Addr().String()
	if err := errors.Join(l.Close(), p.configure(o)); err != nil {
		return err
	}
	// Makes the queue's folders, with the owners they need.
	if out, err := p.command("postfix", "check").CombinedOutput(); err != nil {
		return fmt.Errorf("postfix check: %w\n%s", err, out)
	}
	p.master = exec.Command(filepath.Join(postfixDaemons, "master"), "-c", p.config, "-d")
	p.master.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it signals its own group when it ends
	p.master.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	if err := p.master.Start(); err != nil {
		return err
	}
	p.exited = make(chan struct{})
	go func() { defer close(p.exited); _ = p.master.Wait() }()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.exited:
			return errors.New("master has ended")
		default:
		}
		if c, err := smtp.Dial(p.Addr); err == nil {
			return c.Quit()
		}
	}
	p.Stop()
	return errors.New("it did not answer")
}

// Stop ends master and with it all its daemons. What it had not delivered is lost with the test.
func (p *PostfixServer) Stop() {
	select {
	case <-p.exited:
		return
	default:
	}
	_ = p.master.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
	}
	// Daemons that master left: they are its group, and no other's.
	_ = syscall.Kill(-p.master.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// Send hands Postfix a mail by SMTP. The error is Postfix's own refusal; what becomes of mail that it took
// shows in what arrives, in Queue and in Bounces.
func (p *PostfixServer) Send(from string, to []string, mail []byte) error {
	return smtp.SendMail(p.Addr, nil, from, to, mail)
}

// Queue lists the mail that Postfix still has.
func (p *PostfixServer) Queue() []Queued {
	p.t.Helper()
	out, err := p.command("postqueue", "-j").Output()
	if err != nil {
		p.t.Fatalf("postqueue -j: %v", err)
	}
	var queue []Queued
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var q Queued
		if err := d.Decode(&q); err != nil {
			p.t.Fatalf("postqueue -j: %v in %s", err, out)
		}
		queue = append(queue, q)
	}
	return queue
}

// WaitQueue waits until the queue is as wanted and returns it.
func (p *PostfixServer) WaitQueue(timeout time.Duration, want func([]Queued) bool) []Queued {
	p.t.Helper()
	end := time.Now().Add(timeout)
	for {
		q := p.Queue()
		if want(q) {
			return q
		}
		if time.Now().After(end) {
			p.t.Fatalf("after %s the queue is %+v", timeout, q)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Flush makes Postfix try all its mail now.
func (p *PostfixServer) Flush() {
	p.t.Helper()
	if out, err := p.command("postqueue", "-f").CombinedOutput(); err != nil {
		p.t.Fatalf("postqueue -f: %v\n%s", err, out)
	}
}

// Log is what Postfix has logged.
func (p *PostfixServer) Log() string {
	out, err := os.ReadFile(filepath.Join(p.dir, "mail.log"))
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// command is one of Postfix's commands on this configuration.
func (p *PostfixServer) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join("/usr/sbin", name), append([]string{"-c", p.config}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	return cmd
}

// configure writes main.cf and master.cf, and makes the folders they name.
func (p *PostfixServer) configure(o PostfixOptions) error {
	owner, err := user.Lookup("postfix")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	data := filepath.Join(p.dir, "data")
	for _, folder := range []string{p.config, data, filepath.Join(p.dir, "queue")} {
		err = errors.Join(err, os.MkdirAll(folder, 0o755), os.Chmod(folder, 0o755))
	}
	return errors.Join(err, os.Chmod(p.dir, 0o755), os.Chown(data, uid, -1),
		os.WriteFile(filepath.Join(p.config, "main.cf"), []byte(p.mainCf(o)), 0o644),
		os.WriteFile(filepath.Join(p.config, "master.cf"), []byte(p.masterCf(o)), 0o644))
}
