package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"postern/internal/peers"
)

const examples = "../../examples"

var secretFile = regexp.MustCompile(`\b(?:secret|key|password|service-account)-files?: \[?([a-z][a-z0-9.-]*)`)

// Every example's configuration, rules and tests are right as they lie there.
func TestExamplesAreRight(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob(filepath.Join(examples, "*", "postern.yaml"))
	if err != nil || len(found) < 6 {
		t.Fatalf("examples %v, %v", found, err)
	}
	for _, config := range found {
		name := filepath.Base(filepath.Dir(config))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// What is a secret of the container's lies in a file of the test's.
			dir := example(t, name, "/run/secrets/mongodb-password", "mongodb-password")
			write(t, filepath.Join(dir, "mongodb-password"), "xyzzy\n")
			exampleSecrets(t, dir)
			for _, command := range []string{"check --quiet", "test"} {
				out := runPostern(t, dir, nil, strings.Fields(command)...)
				if out.code != 0 || command != "test" && out.out != "" || out.err != "" {
					t.Errorf("postern %s: code %d\n%s%s", command, out.code, out.out, out.err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "rules")); err == nil {
				if out := runPostern(t, dir, nil, "fmt", "--list", filepath.Join(dir, "rules")); out.code != 0 {
					t.Errorf("postern fmt would change %s", out.out)
				}
			}
		})
	}
}

// The smallest example, step by step as its README says.
func TestExampleMinimal(t *testing.T) {
	t.Parallel()
	dir := example(t, "minimal")
	config := filepath.Join(dir, "postern.yaml")
	write(t, config, read(t, config)+"smtp: {listen: [\"127.0.0.1:0\"]}\nhttp: {listen: [\"127.0.0.1:0\"]}\n")
	s := serveIn(t, dir)
	if err := s.send(read(t, filepath.Join(dir, "mail.eml"))); err != nil {
		t.Fatal(err)
	}
	if all := s.issues(); len(all) != 1 || all[0].Subject != "The printer is on fire" || all[0].Requester.Name != "Ann Example" {
		t.Errorf("issues %+v", all)
	}
	if err := s.send(simple("2", "x"), "nobody@example.com"); err == nil || !strings.Contains(err.Error(), "no such mailbox here") {
		t.Errorf("an address that no mailbox has: %v", err)
	}
}

// A real Postfix with the lines of the example hands over by LMTP, asks for recipients while its own client is connected, and takes
// mail also while Postern is away.
func TestExamplePostfixLMTP(t *testing.T) {
	lmtp, http := freeAddress(t), freeAddress(t)
	dir := example(t, "postfix-lmtp", "127.0.0.1:2424", lmtp)
	config := filepath.Join(dir, "postern.yaml")
	write(t, config, read(t, config)+fmt.Sprintf("http: {listen: [%q]}\n", http))
	s := serveIn(t, dir)
	pf := peers.Postfix(t, peers.PostfixOptions{Main: mainCf(t, dir)})

	if err := pf.Send("juergen@firma.example", []string{"support@help.example.com"}, umlauts("example")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mail is an issue", 30*time.Second, func() bool { return len(s.issues()) == 1 })
	eventually(t, "Postfix's log shows the issue's number", 30*time.Second, func() bool {
		return strings.Contains(pf.Log(), "status=sent (250 2.0.0 <support@help.example.com> OK "+s.issues()[0].Message+" issue 1)")
	})
	if err := pf.Send("ann@example.org", []string{"nobody@help.example.com"}, []byte(crlf(simple("no", "x")))); err == nil || !strings.Contains(err.Error(), "550") {
		t.Errorf("a recipient that Postern does not have: %v", err)
	}

	s.stop()
	if err := pf.Send("ann@example.org", []string{"support+x@help.example.com"}, []byte(crlf(simple("later", "While you were away")))); err != nil {
		t.Errorf("while Postern is away: %v", err)
	}
	pf.WaitQueue(30*time.Second, func(q []peers.Queued) bool { return len(q) == 1 && q[0].Queue == "deferred" })
	s = serveIn(t, dir)
	pf.Flush()
	eventually(t, "the mail that waited is an issue", 60*time.Second, func() bool { return len(s.issues()) == 2 })
	eventually(t, "Postfix's queue is empty", 30*time.Second, func() bool { return len(pf.Queue()) == 0 })
	if n := len(pf.Bounces.Wait(0, time.Second)); n != 0 {
		t.Errorf("%d bounces", n)
	}
}

// A real Postfix with the lines of the example pipes to the running server, and to a broken one, which is no bounce.
func TestExamplePostfixPipe(t *testing.T) {
	dir := example(t, "postfix-pipe")
	bin := filepath.Join(dir, "postern")
	copyFile(t, posternBinary(t), bin)
	config := filepath.Join(dir, "postern.yaml")
	write(t, config, read(t, config)+"http: {listen: []}\n")
	if out, err := exec.Command("chown", "-R", "nobody", dir).CombinedOutput(); err != nil {
		peers.Lacking(t, "needs root, to give a folder to Postfix's user: %s", out)
	}
	master := strings.NewReplacer("/usr/local/bin/postern", bin, "/etc/postern/postern.yaml", config, "user=postern", "user=nobody").
		Replace(read(t, filepath.Join(dir, "master.cf")))
	pf := peers.Postfix(t, peers.PostfixOptions{Main: mainCf(t, dir), Master: master})

	if err := pf.Send("ann@example.org", []string{"support@help.example.com"}, umlauts("pipe")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pipe is done", 60*time.Second, func() bool { return len(pf.Queue()) == 0 })
	if err := pf.Send("ann@example.org", []string{"nobody@help.example.com"}, []byte(crlf(simple("no", "x")))); err == nil || !strings.Contains(err.Error(), "550") {
		t.Errorf("a recipient that is not in the list: %v", err)
	}

	right := read(t, config)
	write(t, config, right+"nosuch: key\n")
	if err := os.Chmod(config, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := pf.Send("", []string{"support@help.example.com"}, []byte(crlf(simple("later", "A bounce while you were away")))); err != nil {
		t.Fatal(err)
	}
	pf.WaitQueue(60*time.Second, func(q []peers.Queued) bool { return len(q) == 1 && q[0].Queue == "deferred" })
	write(t, config, right)
	if err := os.Chmod(config, 0o644); err != nil {
		t.Fatal(err)
	}
	pf.Flush()
	eventually(t, "the pipe is done again", 60*time.Second, func() bool { return len(pf.Queue()) == 0 })
	if n := len(pf.Bounces.Wait(0, time.Second)); n != 0 {
		t.Errorf("%d bounces\n%s", n, pf.Log())
	}
	out := runPostern(t, dir, nil, "issues")
	if !strings.Contains(out.out, "Bestätigung für München") || !strings.Contains(out.out, "A bounce while you were away") {
		t.Errorf("%+v\n%s", out, pf.Log())
	}
}

// What the container's recipes name is there, and it is built with the Go of go.mod.
func TestExampleContainer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(examples, "mongodb")
	var compose struct {
		Services map[string]struct {
			Build   struct{ Context, Dockerfile string }
			Volumes []string
			Secrets []string
		}
		Volumes map[string]any
		Secrets map[string]struct{ File string }
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(dir, "compose.yaml"))), &compose); err != nil {
		t.Fatal(err)
	}
	postern := compose.Services["postern"]
	if _, err := os.Stat(filepath.Join(dir, postern.Build.Context, postern.Build.Dockerfile)); err != nil || postern.Build.Dockerfile == "" {
		t.Errorf("the file to build from: %v", err)
	}
	for name, s := range compose.Services {
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, named := compose.Volumes[source]; named {
				continue
			}
			if _, err := os.Stat(filepath.Join(dir, source)); err != nil {
				t.Errorf("service %s mounts %s: %v", name, source, err)
			}
		}
		for _, secret := range s.Secrets {
			if compose.Secrets[secret].File == "" || !strings.Contains(read(t, filepath.Join(dir, "README.md")), strings.TrimPrefix(compose.Secrets[secret].File, "./")) {
				t.Errorf("service %s wants the secret %s, and the README does not say how to make it", name, secret)
			}
		}
	}
	_, version, _ := strings.Cut(read(t, "../../go.mod"), "\ngo ")
	major, minor, _ := strings.Cut(version, ".")
	minor, _, _ = strings.Cut(minor, ".")
	if from := "golang:" + major + "." + minor + " "; !strings.Contains(read(t, filepath.Join(dir, "Containerfile")), from) {
		t.Errorf("the Containerfile does not build with %s", from)
	}
}

// The unit is one that systemd understands, where systemd is.
func TestExampleSystemd(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		peers.Lacking(t, "this test needs systemd-analyze: apt-get install systemd")
	}
	dir := example(t, "systemd", "/usr/local/bin/postern", "/bin/true")
	out, err := exec.Command(analyze, "verify", "--man=no", filepath.Join(dir, "postern.service")).CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// exampleSecrets puts a file beside an example's configuration for each secret that an administrator puts there.
func exampleSecrets(t *testing.T, dir string) {
	t.Helper()
	for _, m := range secretFile.FindAllStringSubmatch(read(t, filepath.Join(dir, "postern.yaml")), -1) {
		secret := "0123456789abcdef0123456789abcdef"
		if m[1] == "sendgrid-public-key" {
			_, secret = sendgridKey(t)
		}
		if _, err := os.Stat(filepath.Join(dir, m[1])); os.IsNotExist(err) {
			write(t, filepath.Join(dir, m[1]), secret+"\n")
		}
	}
}

// example copies an example to where Postfix's user may read it, with replacements.
func example(t *testing.T, name string, replace ...string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "postern-example-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(examples, name))); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() {
			if err := os.WriteFile(f, []byte(strings.NewReplacer(replace...).Replace(read(t, f))), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// mainCf is the lines that an example adds to main.cf, with its tables where they lie.
func mainCf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(read(t, filepath.Join(dir, "main.cf"))) {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			out[strings.TrimSpace(name)] = strings.ReplaceAll(strings.TrimSpace(value), "/etc/postfix/", dir+"/")
		}
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
