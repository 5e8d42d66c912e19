package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/internal/peers"
)

// A process is postern serve as a process of its own.
type process struct {
	t          *testing.T
	dir        string
	smtp, http string
	cmd        *exec.Cmd
	logs       *buffer
	sent       int
}

func newProcess(t *testing.T, config string, rules map[string]string) *process {
	t.Helper()
	p := &process{t: t, dir: t.TempDir(), smtp: freeAddress(t), http: freeAddress(t)}
	write(t, filepath.Join(p.dir, "postern.yaml"), fmt.Sprintf("smtp: {listen: [%q]}\nhttp: {listen: [%q]}\n", p.smtp, p.http)+config)
	for name, text := range rules {
		write(t, filepath.Join(p.dir, "rules", name), text)
	}
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *process) start() {
	p.t.Helper()
	p.logs = &buffer{}
	p.cmd = exec.Command(posternBinary(p.t), "serve", "-c", filepath.Join(p.dir, "postern.yaml"))
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, p.logs, p.logs
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, "it listens", 30*time.Second, func() bool {
		c, err := net.Dial("tcp", p.smtp)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func (p *process) stop() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
	p.cmd = nil
	if p.t.Failed() {
		p.t.Logf("%s:\n%s", p.dir, p.logs)
	}
}

// decides sends a mail and says by which rule set it was decided, and to which tags.
func (p *process) decides() (version, tags string) {
	p.t.Helper()
	p.sent++
	id := fmt.Sprintf("%s-%d", filepath.Base(filepath.Dir(p.dir)), p.sent) + strings.ReplaceAll(p.smtp, ":", ".")
	conn, err := net.Dial("tcp", p.smtp)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if err := smtp.NewClient(conn).SendMail("ann@example.org", []string{"support@example.com"}, strings.NewReader(crlf(simple(id, id)))); err != nil {
		p.t.Fatal(err)
	}
	var found struct{ Items []messageJSON }
	p.get("/api/v1/messages?messageId=%3C"+id+"@example.org%3E", &found)
	if len(found.Items) != 1 {
		p.t.Fatalf("%d messages of %s", len(found.Items), id)
	}
	var is issueJSON
	p.get(fmt.Sprint("/api/v1/issues/", found.Items[0].Issue), &is)
	return found.Items[0].Decision.Ruleset, strings.Join(is.Tags, " ")
}

func (p *process) get(path string, v any) int {
	p.t.Helper()
	resp, err := http.Get("http://" + p.http + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		p.t.Fatalf("GET %s: %v in %s", path, err, b)
	}
	return resp.StatusCode
}

type rulesHealth struct {
	Rules struct {
		Version, LastError, Behind string
		Number                     int64
	}
}

func (p *process) health() (h rulesHealth, status int) {
	var said struct{ Details rulesHealth }
	status = p.get("/readyz?details=true", &said)
	return said.Details, status
}

// run runs a command beside the server.
func (p *process) run(args ...string) string {
	p.t.Helper()
	r := runPostern(p.t, p.dir, nil, args...)
	if r.code != 0 {
		p.t.Fatalf("postern %v: code %d\n%s%s", args, r.code, r.out, r.err)
	}
	return r.out
}

func tagging(tag string) string { return `rule "r" { then { tag("` + tag + `") } }` + "\n" }

const failingTest = `
test "it says more" {
    mail """
        From: ann@example.org
        To: support@example.com
        Subject: x

        Hi
    """
    expect "more" in issue.tags
}
`

// Two processes on one MongoDB decide by what either published, within seconds; nothing broken gets in, and what decides stays across
// restarts of both.
func TestMongoNodesAgreeOnRules(t *testing.T) {
	t.Parallel()
	uri, key := peers.MongoDatabase(t), filepath.Join(t.TempDir(), "postern.key")
	conf := func(more string) string {
		return fmt.Sprintf("store: {mongodb: %q}\ndata: ./data\nkey-file: %q\nmailboxes: {support: {addresses: [support@example.com]}}\n%s", uri, key, more)
	}
	one := map[string]string{"10-a.rules": tagging("one")}
	a, b := newProcess(t, conf(""), one), newProcess(t, conf(""), one)
	a.start()
	b.start()
	var last string
	agree := func(want string) {
		t.Helper()
		began := time.Now()
		for _, p := range []*process{a, b} {
			eventually(t, p.dir+" decides by "+want, 10*time.Second, func() bool { _, tags := p.decides(); return tags == want })
		}
		va, _ := a.decides()
		vb, _ := b.decides()
		if va != vb || va == last || len(va) != 64 {
			t.Errorf("messages name versions %q and %q, before %q", va, vb, last)
		}
		last = va
		t.Logf("%s after %s", want, time.Since(began).Round(time.Millisecond))
	}
	agree("one")

	// An edit of one node's folder, and then a folder sent to the other.
	write(t, filepath.Join(a.dir, "rules", "10-a.rules"), tagging("two"))
	agree("two")
	write(t, filepath.Join(b.dir, "next", "10-a.rules"), tagging("three"))
	b.run("rules", "publish", filepath.Join(b.dir, "next"), "-m", "three is better")
	agree("three")
	a.run("rules", "rollback", "2", "-m", "it was not")
	agree("two")
	if got := b.run("rules", "versions"); strings.Count(got, "\n") != 4 || !strings.Contains(got, "it was not") {
		t.Errorf("published:\n%s", got)
	}

	// A candidate is asked on both nodes, and one report has what both found.
	write(t, filepath.Join(a.dir, "candidate", "10-a.rules"), tagging("candidate"))
	a.run("rules", "shadow", "start", filepath.Join(a.dir, "candidate"))
	eventually(t, "both compare", 20*time.Second, func() bool {
		for _, p := range []*process{a, b} {
			if _, tags := p.decides(); tags != "two" {
				t.Fatalf("the candidate decides: %q", tags)
			}
		}
		var r struct{ Nodes, Compared, Different int }
		b.get("/api/v1/shadow", &r)
		return r.Nodes == 2 && r.Compared > 2 && r.Compared == r.Different
	})
	if got := b.run("rules", "shadow", "report"); !strings.Contains(got, `10-a.rules:1: "r": `) || !strings.Contains(got, "tags: +two → +candidate") {
		t.Errorf("report:\n%s", got)
	}
	b.run("rules", "shadow", "stop")

	// A set that is broken or fails its tests: refused on each way in.
	write(t, filepath.Join(a.dir, "rules", "10-a.rules"), tagging("four")+failingTest)
	write(t, filepath.Join(b.dir, "rules", "10-a.rules"), "rule {\n")
	eventually(t, "both say so", 10*time.Second, func() bool {
		ha, sa := a.health()
		hb, sb := b.health()
		return strings.Contains(ha.Rules.LastError, "it says more") && strings.Contains(hb.Rules.LastError, "10-a.rules:1:6") && sa == 200 && sb == 200
	})
	if r := runPostern(t, b.dir, nil, "rules", "publish", filepath.Join(a.dir, "rules")); r.code != 1 || !strings.Contains(r.err, "it says more") {
		t.Errorf("sent: code %d\n%s%s", r.code, r.out, r.err)
	}
	for range 2 {
		for _, p := range []*process{a, b} {
			if _, tags := p.decides(); tags != "two" {
				t.Errorf("%s decides by %q, want the last good set", p.dir, tags)
			}
		}
		a.stop()
		b.stop()
		a.start()
		b.start()
	}
	if !strings.Contains(a.logs.String(), "rules not published, the last good ones stay") {
		t.Errorf("a does not say what it refused:\n%s", a.logs)
	}
	if got := a.run("rules", "versions"); strings.Count(got, "\n") != 4 {
		t.Errorf("restarts published:\n%s", got)
	}

	// A set that does not fit one node's configuration: that one goes on as before, is unhealthy, and says why.
	b.stop()
	if err := os.RemoveAll(filepath.Join(b.dir, "rules")); err != nil {
		t.Fatal(err)
	}
	lacking := fmt.Sprintf("smtp: {listen: [%q]}\nhttp: {listen: [%q]}\n", b.smtp, b.http) + conf("rules: store\n")
	write(t, filepath.Join(b.dir, "postern.yaml"), lacking+"priorities: [low, normal]\n")
	b.start()
	write(t, filepath.Join(a.dir, "next", "10-a.rules"), `rule "r" { then { tag("five"); priority("urgent") } }`)
	a.run("rules", "publish", filepath.Join(a.dir, "next"))
	eventually(t, "it is unhealthy", 10*time.Second, func() bool {
		h, status := b.health()
		return status == 503 && strings.Contains(h.Rules.Behind, "urgent") && h.Rules.Number == 4
	})
	if _, tags := a.decides(); tags != "five" {
		t.Errorf("a decides by %q", tags)
	}
	if _, tags := b.decides(); tags != "two" {
		t.Errorf("b decides by %q", tags)
	}
	b.stop()
	b.start()
	if h, status := b.health(); status != 503 || h.Rules.Behind == "" {
		t.Errorf("after a restart: %d, %+v", status, h)
	}
	write(t, filepath.Join(b.dir, "postern.yaml"), lacking+"priorities: [low, normal, urgent]\n")
	agree("five")
	eventually(t, "it is healthy again", 10*time.Second, func() bool {
		h, status := b.health()
		return status == 200 && h.Rules.Behind == "" && h.Rules.Number == 5
	})
}
