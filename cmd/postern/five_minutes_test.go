package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// fileBlock is a file that a page tells to write: its name ends the line above the fence.
var fileBlock = regexp.MustCompile("(?m)`([\\w./-]+)`:\n\n```[a-z]+\n((?s).*?)\n```$")

// What docs/rules.md does in its five minutes is done here, in an empty folder, and says what it shows there; … stands for anything.
func TestFiveMinutes(t *testing.T) {
	page, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Five minutes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	p := &follower{t: t, dir: t.TempDir(), smtp: freePort(t), http: freePort(t)}
	at := 0
	for _, m := range fileBlock.FindAllStringSubmatchIndex(section, -1) {
		p.commands(section[at:m[0]])
		path := filepath.Join(p.dir, section[m[2]:m[3]])
		if err := os.WriteFile(path, []byte(section[m[4]:m[5]]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		at = m[1]
	}
	p.commands(section[at:])
	if p.done < 8 {
		t.Errorf("only %d commands were found", p.done)
	}
}

// A follower does what a page says.
type follower struct {
	t          *testing.T
	dir        string
	smtp, http string
	done       int
}

// commands runs each line `    $ command`; what follows it is what it says.
func (p *follower) commands(text string) {
	command, want := "", []string{}
	run := func() {
		if command != "" {
			p.run(command, strings.TrimRight(strings.Join(want, "\n"), "\n"))
		}
		command, want = "", nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		code, indented := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(code, "$ ") && indented:
			run()
			command = code[2:]
		case indented || line == "":
			want = append(want, code)
		default:
			run()
		}
	}
	run()
}

func (p *follower) run(command, want string) {
	p.t.Helper()
	p.done++
	for _, tool := range []string{"curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil && strings.Contains(command, tool+" ") {
			p.t.Skipf("%s is not installed, and the page shows %s", tool, command)
		}
	}
	here := strings.ReplaceAll(command, "127.0.0.1:2525", p.smtp)
	background, isBackground := strings.CutSuffix(here, " &")
	c := exec.Command("sh", "-c", here)
	if isBackground {
		c = exec.Command("sh", "-c", "exec "+background)
	}
	c.Dir = p.dir
	c.Env = append(os.Environ(), "POSTERN_SMTP_LISTEN="+p.smtp, "POSTERN_HTTP_LISTEN="+p.http)
	if isBackground {
		if err := c.Start(); err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { _ = c.Process.Signal(os.Interrupt); _ = c.Wait() })
		p.listens()
		return
	}
	out, _ := c.CombinedOutput() // check ends with 1, as it should
	said := strings.TrimRight(string(out), "\n")
	pattern := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".+") + "$"
	if !regexp.MustCompile(pattern).MatchString(said) {
		p.t.Fatalf("%s says\n%s\nand the page shows\n%s", command, said, want)
	}
}

func (p *follower) listens() {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", p.smtp); err == nil {
			_ = conn.Close()
			return
		}
	}
	p.t.Fatalf("nobody listens on %s", p.smtp)
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
