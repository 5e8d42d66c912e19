package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"
)

// A contestant is a server as a process of its own.
type contestant struct {
	name string
	addr string
	web  string // where its webhooks are, "" where it has none
	args []string
	dir  string
	cmd  *exec.Cmd

	published int64 // the number of its latest set of rules
}

// onMongo is the one whose database more nodes can share.
const onMongo = "postern, MongoDB"

// contestants builds what is needed and says how each server is started.
func contestants(dir, mailpit string) ([]*contestant, error) {
	bin := filepath.Join(dir, "postern")
	if out, err := exec.Command("go", "build", "-o", bin, "postern/cmd/postern").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var all []*contestant
	var web string
	add := func(name string, prepare func(folder, addr string) ([]string, error)) error {
		folder := filepath.Join(dir, strconv.Itoa(len(all)))
		addr, err := freePort()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		web = ""
		args, err := prepare(folder, addr)
		all = append(all, &contestant{name: name, addr: addr, web: web, args: args, dir: folder})
		return err
	}
	ours := func(store string) func(string, string) ([]string, error) {
		return func(folder, addr string) ([]string, error) {
			var err error
			if web, err = freePort(); err != nil {
				return nil, err
			}
			conf := fmt.Sprintf("%s\nsmtp: {listen: [%q]}\nhttp: {listen: [%q]}\nrules: ./rules\nlog: {level: warn}\n"+
				"hooks: {load: {provider: raw, mailbox: support, secret-file: secret}}\nmailboxes: {support: {addresses: [support@example.com]}}\n", store, addr, web)
			return []string{bin, "serve", "-c", "postern.yaml"}, errors.Join(
				os.Mkdir(filepath.Join(folder, "rules"), 0o700),
				os.WriteFile(filepath.Join(folder, "rules", "10-bench.rules"), []byte(twentyRules()), 0o600),
				os.WriteFile(filepath.Join(folder, "secret"), []byte(hookSecret), 0o600),
				os.WriteFile(filepath.Join(folder, "postern.yaml"), []byte(conf), 0o600))
		}
	}
	err = add("postern, SQLite", ours("store: {sqlite: ./data}"))
	if uri := os.Getenv("POSTERN_TEST_MONGODB_URI"); uri != "" {
		u, perr := url.Parse(uri)
		if perr != nil {
			return nil, perr
		}
		u.Path = fmt.Sprintf("/bench_%d", time.Now().UnixNano())
		err = errors.Join(err, add(onMongo, ours(fmt.Sprintf("store: {mongodb: %q}\ndata: ./data", u))))
	}
	err = errors.Join(err, add("bare go-smtp, a file and an fsync each", func(folder, addr string) ([]string, error) {
		return []string{self, "bare", addr, folder}, nil
	}))
	if mailpit != "" {
		mailpit, perr := filepath.Abs(mailpit) // each server runs in a folder of its own
		err = errors.Join(err, perr)
		err = errors.Join(err, add("Mailpit", func(folder, addr string) ([]string, error) {
			web, err := freePort()
			return []string{mailpit, "--smtp", addr, "--listen", web, "--database", filepath.Join(folder, "mailpit.db"), "--max", "0", "--quiet", "--disable-version-check"}, err
		}))
	}
	return all, err
}

// twentyRules are rules of the usual kinds; none matches the load but the last, which tags.
func twentyRules() string {
	var b strings.Builder
	for i := range 19 {
		fmt.Fprintf(&b, "rule \"customer %d\" {\n    when mail.from.domain == \"customer%d.example\" and mail.subject matches `(?i)outage`\n    then {\n        priority(\"urgent\")\n        tag(\"outage\")\n    }\n}\n", i, i)
	}
	b.WriteString("rule \"load\" {\n    when mail.subject startsWith \"load\"\n    then { tag(\"load\") }\n}\n")
	return b.String()
}

func (c *contestant) start() error {
	c.cmd = exec.Command(c.args[0], c.args[1:]...)
	c.cmd.Dir = c.dir
	out, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	defer out.Close()
	c.cmd.Stdout, c.cmd.Stderr = out, out
	if err := c.cmd.Start(); err != nil {
		return err
	}
	for range 300 {
		if p, err := dial(c.addr); err == nil {
			p.quit()
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	b, _ := os.ReadFile(filepath.Join(c.dir, "log"))
	return fmt.Errorf("did not come up: %s", b)
}

func (c *contestant) stop() {
	if c.cmd == nil {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = c.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = c.cmd.Process.Kill()
		<-done
	}
	c.cmd = nil
}

// cpu is the processor time the server has used, user and system.
func (c *contestant) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	sys, _ := strconv.Atoi(f[12])
	return time.Duration(user+sys) * 10 * time.Millisecond // USER_HZ is 100
}

// settle waits until the server does nothing any more, for half a minute at most.
func (c *contestant) settle() {
	before := c.cpu()
	for range 100 {
		time.Sleep(300 * time.Millisecond)
		now := c.cpu()
		if now-before <= 10*time.Millisecond {
			return
		}
		before = now
	}
}

// peak is the largest memory the server had, MB.
func (c *contestant) peak() float64 { return c.memory("VmHWM:") }

func (c *contestant) memory(which string) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(line, which); ok {
			n, _ := strconv.ParseFloat(strings.Fields(kb)[0], 64)
			return n * 1024 / 1e6
		}
	}
	return 0
}

func machine() string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if _, name, ok := strings.Cut(line, "model name\t: "); ok {
				model = strings.TrimSpace(name)
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s", runtime.NumCPU(), model, runtime.Version())
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// bare is the yardstick: go-smtp as its documentation shows it, each message written to a file and fsynced.
func bare(addr, dir string) error {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &bareSession{dir}, nil }))
	s.Addr, s.Domain, s.MaxLineLength, s.MaxMessageBytes = addr, "bare.example", 1<<20, 64<<20
	return s.ListenAndServe()
}

type bareSession struct{ dir string }

func (*bareSession) Mail(string, *smtp.MailOptions) error { return nil }
func (*bareSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (*bareSession) Reset()                               {}
func (*bareSession) Logout() error                        { return nil }

func (s *bareSession) Data(r io.Reader) error {
	f, err := os.CreateTemp(s.dir, "mail-*")
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Sync()
}
