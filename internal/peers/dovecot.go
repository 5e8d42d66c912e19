package peers

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// DovecotOptions say what a Dovecot for tests is like.
type DovecotOptions struct {
	Users      map[string]string // names and passwords; support with the password secret when nil
	Tokens     map[string]string // OAuth2 access tokens, for XOAUTH2 and OAUTHBEARER, and whose they are
	Capability string            // what IMAP says it can after login, so that it seems to be an older server; its own words when empty
	Separator  string            // between folders; / when empty
	Prefix     string            // of all folders but INBOX, as Courier has it: "INBOX."
	ACL        bool              // with ACL: MYRIGHTS is answered
	Quota      string            // with QUOTA and this limit, as Dovecot says it: "storage=10M"
	Extra      string            // more lines of dovecot.conf; they win
}

// A DovecotServer is a real Dovecot with its own configuration, users and ports. Mail lies in maildirs, where tests may put it.
type DovecotServer struct {
	IMAP, IMAPS string // where it listens; in clear text login is allowed, and STARTTLS offered
	POP3, POP3S string
	CA          *CA
	Roots       *x509.CertPool // trust it as localhost and 127.0.0.1
	CAFile      string         // the same, as PEM

	t      testing.TB
	o      DovecotOptions
	dir    string
	owner  *user.User
	master *exec.Cmd
	exited chan struct{}
	mails  atomic.Int64
}

const installDovecot = "apt-get install dovecot-imapd dovecot-pop3d"

// Dovecot starts one, and ends it with the test. Where there is none, or the test does not run as root, which Dovecot's master
// demands to become others, the test skips; with CI=true, or with dovecot named in PEERS, it fails.
func Dovecot(t testing.TB, o DovecotOptions) *DovecotServer {
	t.Helper()
	if reason := dovecotMissing(); reason != "" {
		if os.Getenv("CI") == "true" || slices.Contains(strings.Split(os.Getenv("PEERS"), ","), "dovecot") {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	if o.Users == nil {
		o.Users = map[string]string{"support": "secret"}
	}
	o.Separator = cmp.Or(o.Separator, "/")
	// Not t.TempDir: Dovecot's processes are not root and have to pass through all folders above; and its sockets lie here, whose
	// names may not be long.
	dir, err := os.MkdirTemp("", "dovecot-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &DovecotServer{t: t, o: o, dir: dir, CA: NewCA(t), CAFile: filepath.Join(dir, "ca.pem")}
	d.Roots = d.CA.Pool
	if d.owner, err = user.Lookup("nobody"); err != nil {
		t.Fatal(err)
	}
	var problem error
	for range 3 { // a free port may be taken before Dovecot has it
		if problem = errors.Join(d.choosePorts(), d.configure()); problem == nil {
			problem = d.start()
		}
		if problem == nil {
			t.Cleanup(d.Stop)
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the end of Dovecot's log:\n%s", tail(d.Log(), 4000))
				}
			})
			return d
		}
	}
	t.Fatalf("start Dovecot: %v\n%s", problem, d.Log())
	return nil
}

func dovecotMissing() string {
	for _, program := range []string{"/usr/sbin/dovecot", "/usr/lib/dovecot/imap", "/usr/lib/dovecot/pop3"} {
		if _, err := os.Stat(program); err != nil {
			return "this test needs Dovecot: " + installDovecot
		}
	}
	if os.Getuid() != 0 {
		return "this test starts Dovecot, whose master process must run as root: run it as root"
	}
	return ""
}

func (d *DovecotServer) choosePorts() error {
	var err error
	for _, address := range []*string{&d.IMAP, &d.IMAPS, &d.POP3, &d.POP3S} {
		l, problem := net.Listen("tcp", "127.0.0.1:0")
		if problem != nil {
			return problem
		}
		*address = l.Addr().String()
		defer func() { err = errors.Join(err, l.Close()) }()
	}
	return err
}

func (d *DovecotServer) start() error {
	d.master = exec.Command("/usr/sbin/dovecot", "-F", "-c", d.config())
	d.master.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its processes are its group, and no other's
	d.master.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	var said strings.Builder
	d.master.Stderr = &said
	if err := d.master.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	d.exited = exited
	master := d.master
	go func() { defer close(exited); _ = master.Wait() }()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case <-exited:
			return fmt.Errorf("it has ended: %s", said.String())
		default:
		}
		if answers(d.IMAP) && answers(d.POP3) {
			return nil
		}
	}
	d.Stop()
	return errors.New("it did not answer")
}

// answers reports whether a server greets there.
func answers(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := c.Read(make([]byte, 512))
	return n > 0 && err == nil
}

// Stop ends it with all its connections; its mail stays, so that Start may begin again at the same ports.
func (d *DovecotServer) Stop() {
	select {
	case <-d.exited:
		return
	default:
	}
	_ = d.master.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(-d.master.Process.Pid, syscall.SIGKILL) // what master left
	<-d.exited
}

// Start starts it again after Stop.
func (d *DovecotServer) Start() {
	d.t.Helper()
	if err := d.start(); err != nil {
		d.t.Fatalf("start Dovecot again: %v\n%s", err, d.Log())
	}
}

// Kick ends a user's connections from the server's side.
func (d *DovecotServer) Kick(user string) { d.t.Helper(); d.Doveadm("kick", user) }

// Doveadm runs a command of doveadm(1) and returns what it printed.
func (d *DovecotServer) Doveadm(args ...string) string {
	d.t.Helper()
	cmd := exec.Command("/usr/bin/doveadm", append([]string{"-c", d.config()}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Fatalf("doveadm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Log is what Dovecot has logged.
func (d *DovecotServer) Log() string {
	out, err := os.ReadFile(filepath.Join(d.dir, "dovecot.log"))
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// Maildir is where a folder lies: INBOX, or a folder by its own name, with the server's separator and without a prefix.
func (d *DovecotServer) Maildir(user, folder string) string {
	home := filepath.Join(d.dir, "mail", user, "Maildir")
	if folder == "" || strings.EqualFold(folder, "INBOX") {
		return home
	}
	return filepath.Join(home, "."+strings.ReplaceAll(folder, d.o.Separator, "."))
}

// Deliver puts mails into a folder, as an MTA does with a maildir: none is seen before it is whole. The folder is made if it is not there.
func (d *DovecotServer) Deliver(user, folder string, mails ...[]byte) {
	d.t.Helper()
	maildir := d.Maildir(user, folder)
	uid, gid := d.ids()
	for _, box := range []string{d.Maildir(user, ""), maildir} {
		d.makeMaildir(box)
	}
	for _, mail := range mails {
		name := fmt.Sprintf("%d.M%09d.test", time.Now().Unix(), d.mails.Add(1))
		tmp := filepath.Join(maildir, "tmp", name)
		err := os.WriteFile(tmp, mail, 0o600)
		if err = errors.Join(err, os.Chown(tmp, uid, gid)); err == nil {
			err = os.Rename(tmp, filepath.Join(maildir, "new", name))
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
}

// makeMaildir makes a maildir that is not there, for the user whose processes read it.
func (d *DovecotServer) makeMaildir(name string) {
	d.t.Helper()
	if _, err := os.Stat(filepath.Join(name, "tmp")); err == nil {
		return
	}
	uid, gid := d.ids()
	for _, sub := range []string{"", "cur", "new", "tmp"} {
		err := os.MkdirAll(filepath.Join(name, sub), 0o700)
		if err = errors.Join(err, os.Chown(filepath.Join(name, sub), uid, gid)); err != nil {
			d.t.Fatal(err)
		}
	}
}

// Mails lists the files that lie in a folder, with their flags at the end of the name.
func (d *DovecotServer) Mails(user, folder string) []string {
	d.t.Helper()
	var all []string
	for _, sub := range []string{"new", "cur"} {
		files, err := os.ReadDir(filepath.Join(d.Maildir(user, folder), sub))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			d.t.Fatal(err)
		}
		for _, f := range files {
			all = append(all, filepath.Join(d.Maildir(user, folder), sub, f.Name()))
		}
	}
	return all
}

// Renumber gives a folder a new UIDVALIDITY, as a restored backup does, also below clients that have it open.
func (d *DovecotServer) Renumber(user, folder string) {
	d.t.Helper()
	name := filepath.Join(d.Maildir(user, folder), "dovecot-uidlist")
	list, err := os.ReadFile(name)
	if err != nil {
		d.t.Fatal(err)
	}
	// "3 V1700000000 N4 G…": the version of the format, UIDVALIDITY, UIDNEXT.
	words := strings.SplitN(string(list), " ", 3)
	validity, err := strconv.Atoi(strings.TrimPrefix(words[1], "V"))
	words[1] = "V" + strconv.Itoa(validity+1)
	uid, gid := d.ids()
	err = errors.Join(err, os.WriteFile(name+".new", []byte(strings.Join(words, " ")), 0o600), os.Chown(name+".new", uid, gid), os.Rename(name+".new", name))
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *DovecotServer) config() string { return filepath.Join(d.dir, "dovecot.conf") }

func (d *DovecotServer) ids() (uid, gid int) {
	uid, err1 := strconv.Atoi(d.owner.Uid)
	gid, err2 := strconv.Atoi(d.owner.Gid)
	if err := errors.Join(err1, err2); err != nil {
		d.t.Fatal(err)
	}
	return uid, gid
}
