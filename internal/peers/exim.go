package peers

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// EximOptions are pieces of a configuration, as Debian's conf.d has them.
type EximOptions struct {
	Domain                 string // whose mail it relays
	ACL, Router, Transport string
}

// An EximServer is a real Exim with its own configuration, spool and port, and no rights but its user's. It tries again each second,
// and hands what its routers leave, its bounces, to Bounces.
type EximServer struct {
	Addr    string
	Bounces *Inbox

	t    testing.TB
	dir  string
	exim string
}

const eximConfig = `exim_path = %[8]s
primary_hostname = mx.example.com
spool_directory = %[1]s/spool
log_file_path = %[1]s/%%slog
pid_file_path = %[1]s/exim.pid
daemon_smtp_ports = %[2]s
local_interfaces = 127.0.0.1
exim_user = Debian-exim
exim_group = Debian-exim
deliver_drop_privilege
keep_environment =
add_environment = PATH=/bin:/usr/bin
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
smtputf8_advertise_hosts =
queue_only = false
domainlist relay_to_domains = %[3]s
acl_smtp_rcpt = acl_check_rcpt
acl_smtp_data = acl_check_data
begin acl
acl_check_rcpt:
%[4]s
  accept domains = +relay_to_domains
  deny message = relay not permitted
acl_check_data:
  accept
begin routers
%[5]s
others:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = inbox
begin transports
%[6]s
inbox:
  driver = smtp
  protocol = lmtp
  port = %[7]s
begin retry
* * F,1h,1s
`

// Exim starts one, and ends it with the test. install.sh unpacks it, since Debian does not install it beside Postfix.
func Exim(t testing.TB, o EximOptions) *EximServer {
	t.Helper()
	e := &EximServer{t: t, Bounces: NewInbox(t)}
	if e.exim, _ = exec.LookPath("exim4"); e.exim == "" {
		e.exim = filepath.Join(os.TempDir(), "exim-for-tests", "usr/sbin/exim4")
	}
	owner, err := user.Lookup("Debian-exim")
	if _, no := os.Stat(e.exim); err != nil || no != nil || os.Getuid() != 0 {
		Lacking(t, "this test needs Exim, and root, which starts it: internal/peers/install.sh")
	}
	if e.dir, err = os.MkdirTemp("", "exim-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(e.dir) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.Addr = l.Addr().String()
	_, port, _ := net.SplitHostPort(e.Addr)
	_, inbox, _ := net.SplitHostPort(e.Bounces.Addr)
	config := fmt.Sprintf(eximConfig, e.dir, port, o.Domain, o.ACL, o.Router, o.Transport, inbox, e.exim)
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	if err := errors.Join(l.Close(), os.WriteFile(e.config(), []byte(config), 0o644), os.Mkdir(filepath.Join(e.dir, "spool"), 0o750),
		os.Chown(filepath.Join(e.dir, "spool"), uid, gid), os.Chown(e.dir, uid, gid)); err != nil {
		t.Fatal(err)
	}
	e.start(uid, gid)
	return e
}

func (e *EximServer) config() string { return filepath.Join(e.dir, "exim.conf") }

func (e *EximServer) start(uid, gid int) {
	cmd := exec.Command(e.exim, "-C", e.config(), "-bdf", "-q1s")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	var out safeBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // itself, and the deliveries that are under way
		_ = cmd.Wait()
		if e.t.Failed() {
			e.t.Logf("Exim: %s\n%s", out.String(), tail(e.Log(), 4000))
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", e.Addr)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("Exim does not answer: %v\n%s%s", err, out.String(), e.Log())
		}
	}
}

// Send hands it a mail by SMTP.
func (e *EximServer) Send(from string, to []string, data []byte) error {
	return smtp.SendMail(e.Addr, nil, from, to, data)
}

// Queue is how many mails wait.
func (e *EximServer) Queue() int {
	waiting, _ := filepath.Glob(filepath.Join(e.dir, "spool", "input", "*-H"))
	return len(waiting)
}

// Log is its main log and its panics.
func (e *EximServer) Log() string {
	main, _ := os.ReadFile(filepath.Join(e.dir, "mainlog"))
	panics, _ := os.ReadFile(filepath.Join(e.dir, "paniclog"))
	return string(main) + string(panics)
}

// safeBuffer is written by one and read by another.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
