package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/peers"
)

// A real Exim with the pieces of the example hands over by LMTP, asks for recipients while its own client is connected, and takes mail
// also while Postern is away.
func TestExampleExim(t *testing.T) {
	lmtp, http := freeAddress(t), freeAddress(t)
	_, port, _ := strings.Cut(lmtp, ":")
	dir := example(t, "exim", "127.0.0.1:2424", lmtp, "port = 2424", "port = "+port)
	config := filepath.Join(dir, "postern.yaml")
	write(t, config, read(t, config)+fmt.Sprintf("http: {listen: [%q]}\n", http))
	s := serveIn(t, dir)
	exim := peers.Exim(t, peers.EximOptions{Domain: "help.example.com", ACL: read(t, filepath.Join(dir, "rcpt_acl")),
		Router: read(t, filepath.Join(dir, "router")), Transport: read(t, filepath.Join(dir, "transport"))})

	if err := exim.Send("juergen@firma.example", []string{"support@help.example.com"}, umlauts("exim")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mail is an issue", 30*time.Second, func() bool { return len(s.issues()) == 1 })
	if is := s.issues()[0]; is.Subject != "Bestätigung für München" || is.Requester.Name != "Jürgen Größe" {
		t.Errorf("issue %+v", is)
	}
	eventually(t, "Exim's log shows the issue's number", 30*time.Second, func() bool {
		return strings.Contains(exim.Log(), "OK "+s.issues()[0].Message+" issue 1")
	})
	if err := exim.Send("ann@example.org", []string{"nobody@help.example.com"}, []byte(crlf(simple("no", "x")))); err == nil || !strings.Contains(err.Error(), "550") {
		t.Errorf("a recipient that Postern does not have: %v", err)
	}

	s.stop()
	if err := exim.Send("ann@example.org", []string{"support+x@help.example.com"}, []byte(crlf(simple("later", "While you were away")))); err != nil {
		t.Errorf("while Postern is away: %v", err)
	}
	eventually(t, "the mail waits", 30*time.Second, func() bool { return exim.Queue() == 1 && strings.Contains(exim.Log(), "Connection refused") })
	s = serveIn(t, dir)
	eventually(t, "the mail that waited is an issue", 60*time.Second, func() bool { return len(s.issues()) == 2 })
	eventually(t, "Exim's queue is empty", 30*time.Second, func() bool { return exim.Queue() == 0 })
	if n := len(exim.Bounces.Wait(0, time.Second)); n != 0 {
		t.Errorf("%d bounces", n)
	}
}

// The pieces for a pipe hand each mail to postern deliver; a refusal is a bounce with its reason.
func TestExampleEximPipe(t *testing.T) {
	dir := example(t, "exim", "/usr/local/bin/postern", posternBinary(t), "/etc/postern/postern.yaml", "CONFIG", "  user = postern\n", "")
	config := filepath.Join(dir, "postern.yaml")
	write(t, config, "smtp: {listen: []}\nhttp: {listen: []}\nmailboxes:\n  support:\n    addresses: [support@help.example.com]\n")
	if err := os.MkdirAll(filepath.Join(dir, "rules"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "rules", "10-no.rules"), refusing)
	bin := filepath.Join(dir, "postern")
	copyFile(t, posternBinary(t), bin) // where Exim's user may run it
	if out, err := exec.Command("chown", "-R", "Debian-exim", dir).CombinedOutput(); err != nil {
		peers.Lacking(t, "needs root, and Exim's user: internal/peers/install.sh: %s", out)
	}
	transport := strings.NewReplacer(posternBinary(t), bin, "CONFIG", config).Replace(read(t, filepath.Join(dir, "transport_pipe")))
	exim := peers.Exim(t, peers.EximOptions{Domain: "help.example.com", Router: read(t, filepath.Join(dir, "router_pipe")), Transport: transport})
	if err := exim.Send("ann@example.org", []string{"support@help.example.com"}, umlauts("pipe")); err != nil {
		t.Fatal(err)
	}
	if err := exim.Send("ann@example.org", []string{"support@help.example.com"}, []byte(crlf(simple("l", "You won the lottery")))); err != nil {
		t.Fatal(err)
	}
	if got := exim.Bounces.Wait(1, 60*time.Second); len(got) != 1 || !strings.Contains(string(got[0].Data), "we do not play") {
		t.Errorf("no bounce with our reason: %+v", got)
	}
	eventually(t, "Exim's queue is empty", 60*time.Second, func() bool { return exim.Queue() == 0 })
	if out := runPostern(t, dir, nil, "issues"); !strings.Contains(out.out, "Bestätigung für München") || strings.Contains(out.out, "lottery") {
		t.Errorf("%+v", out)
	}
}
