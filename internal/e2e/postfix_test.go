package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/peers"
)

var aPDF = "%PDF-1.4\n" + strings.Repeat("x", 300)

// umlauts is a mail as a German office sends it: umlauts in names and text, a PDF, an invitation.
func umlauts(id string) []byte {
	pdf := base64.StdEncoding.EncodeToString([]byte(aPDF))
	return []byte(crlf(`From: =?UTF-8?Q?J=C3=BCrgen_Gr=C3=B6=C3=9Fe?= <juergen@firma.example>
To: support@example.com
Subject: =?ISO-8859-1?Q?Best=E4tigung_f=FCr_M=FCnchen?=
Date: Tue, 24 Nov 2026 10:00:00 +0100
Message-ID: <` + id + `@firma.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_b"

--=_b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe aus M=FCnchen, anbei die =DCbersicht.
--=_b
Content-Type: application/pdf
Content-Disposition: attachment; filename*=UTF-8''%C3%9Cbersicht.pdf
Content-Transfer-Encoding: base64

` + pdf + `
--=_b
Content-Type: text/calendar; charset=utf-8; method=REQUEST
Content-Transfer-Encoding: 8bit

BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
UID:1@firma.example
SUMMARY:Gespräch
DTSTART:20261201T100000Z
END:VEVENT
END:VCALENDAR
--=_b--
`))
}

const refusing = `rule "no lottery" {
    when has(mail.subject, "lottery")
    then { reject("we do not play") }
}
`

func TestPostfixForwards(t *testing.T) {
	for _, way := range []string{"lmtp", "lmtp-unix", "smtp"} {
		t.Run(way, func(t *testing.T) {
			socket := filepath.Join(socketFolder(t), "s")
			s := serve(t, plainConfig+fmt.Sprintf("lmtp: {listen: [\"127.0.0.1:0\", \"unix:%s\"], ours: true}\n", socket), map[string]string{"10-no.rules": refusing})
			var nexthop string
			switch way {
			case "lmtp":
				nexthop = "lmtp:inet:" + s.app.Addrs().LMTP[0]
			case "lmtp-unix":
				nexthop = "lmtp:unix:" + socket
			case "smtp":
				host, port, _ := strings.Cut(s.app.Addrs().SMTP[0], ":")
				nexthop = fmt.Sprintf("smtp:[%s]:%s", host, port)
			}
			pf := peers.Postfix(t, peers.PostfixOptions{Nexthop: nexthop})

			if err := pf.Send("juergen@firma.example", []string{"support@example.com"}, umlauts(way)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the mail is an issue", 30*time.Second, func() bool { return len(s.issues()) == 1 })
			is := s.issues()[0]
			if is.Subject != "Bestätigung für München" || is.Requester.Name != "Jürgen Größe" || !strings.Contains(is.Description, "Grüße aus München, anbei die Übersicht.") {
				t.Errorf("issue %+v", is)
			}
			var m messageJSON
			s.get("/api/v1/messages/"+is.Message, &m)
			if len(m.Attachments) != 2 || m.Attachments[0].Name != "Übersicht.pdf" || m.Attachments[0].Size != 309 || m.Attachments[1].Type != "text/calendar" {
				t.Fatalf("attachments %+v", m.Attachments)
			}
			file := func(i int) string {
				_, body, _ := strings.Cut(string(fetch(t, s.url(fmt.Sprintf("/api/v1/issues/%d/attachments/%s", is.Number, m.Attachments[i].SHA256)), nil)), "\r\n\r\n")
				return body
			}
			if file(0) != aPDF || !strings.Contains(file(1), "SUMMARY:Gespräch") {
				t.Errorf("the files are %q and %q", file(0), file(1))
			}

			if err := pf.Send("juergen@firma.example", []string{"support@example.com"}, []byte(crlf(simple("l-"+way, "You won the lottery")))); err != nil {
				t.Fatal(err)
			}
			got := pf.Bounces.Wait(1, 30*time.Second)
			if len(got) != 1 || !bytes.Contains(got[0].Data, []byte("we do not play")) || got[0].From != "" {
				t.Fatalf("no bounce with our reason: %+v\n%s", got, pf.Log())
			}
			eventually(t, "Postfix's queue is empty", 30*time.Second, func() bool { return len(pf.Queue()) == 0 })
			if n := len(s.issues()); n != 1 {
				t.Errorf("%d issues", n)
			}
		})
	}
}

// socketFolder is a folder as examples/systemd/postern.tmpfiles makes it: a socket in it gets the group postfix.
func socketFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "postern-lmtp-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	postfix, err := user.LookupGroup("postfix")
	if err != nil || os.Getuid() != 0 {
		return dir // the test will skip, for want of Postfix
	}
	gid, err := strconv.Atoi(postfix.Gid)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chown(dir, 0, gid), os.Chmod(dir, fs.ModeSetgid|0o750)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// With the store down Postfix keeps the mail, and delivers it when the store is back, without a restart of anybody.
func TestPostfixKeepsMailWhileTheStoreIsDown(t *testing.T) {
	small := smallDisk(t, "8m")
	config := strings.ReplaceAll(plainConfig, "\nmailboxes", "\nlmtp: {listen: [\"127.0.0.1:0\"]}\nmailboxes")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "postern.yaml"), config+fmt.Sprintf("store: {sqlite: %q}\n", filepath.Join(small, "data")))
	s := serveIn(t, dir)
	pf := peers.Postfix(t, peers.PostfixOptions{Nexthop: "lmtp:inet:" + s.app.Addrs().LMTP[0]})

	fill := filepath.Join(small, "fill")
	if out, err := exec.Command("dd", "if=/dev/zero", "of="+fill, "bs=4096").CombinedOutput(); err == nil {
		t.Fatalf("the small disk is not small: %s", out)
	}
	mail := []byte(crlf(simple("full", "While the disk is full") + strings.Repeat("A line of text to take some room on the disk.\n", 2000)))
	if err := pf.Send("ann@example.org", []string{"support@example.com"}, mail); err != nil {
		t.Fatal(err)
	}
	queued := pf.WaitQueue(30*time.Second, func(q []peers.Queued) bool { return len(q) == 1 && q[0].Queue == "deferred" })
	if len(queued) != 1 || !strings.Contains(fmt.Sprint(queued), "451") {
		t.Fatalf("queue %+v\n%s", queued, pf.Log())
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	pf.Flush()
	eventually(t, "the mail is an issue", 30*time.Second, func() bool { return len(s.issues()) == 1 })
	eventually(t, "Postfix's queue is empty", 30*time.Second, func() bool { return len(pf.Queue()) == 0 })
}

// Postfix's pipe runs `postern deliver`: while a server runs, it takes the mail; else the command opens the store itself.
func TestPostfixPipes(t *testing.T) {
	dir, err := os.MkdirTemp("", "postern-pipe-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	bin := filepath.Join(dir, "postern")
	copyFile(t, posternBinary(t), bin)
	write(t, filepath.Join(dir, "postern.yaml"), plainConfig)
	write(t, filepath.Join(dir, "rules", "10-no.rules"), refusing)
	if out, err := exec.Command("chown", "-R", "nobody", dir).CombinedOutput(); err != nil {
		peers.Lacking(t, "needs root, to give a folder to Postfix's user: %s", out)
	}
	pf := peers.Postfix(t, peers.PostfixOptions{
		Command: []string{bin, "deliver", "-c", filepath.Join(dir, "postern.yaml"), "--from", "${sender}", "--to", "${recipient}"},
	})
	if err := pf.Send("ann@example.org", []string{"support@example.com"}, []byte(crlf(simple("pipe", "By pipe")))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pipe is done", 60*time.Second, func() bool { return len(pf.Queue()) == 0 })
	if err := pf.Send("ann@example.org", []string{"support@example.com"}, []byte(crlf(simple("no", "lottery")))); err != nil {
		t.Fatal(err)
	}
	got := pf.Bounces.Wait(1, 60*time.Second)
	if len(got) != 1 || !bytes.Contains(got[0].Data, []byte("we do not play")) {
		t.Fatalf("no bounce with our reason: %+v\n%s", got, pf.Log())
	}
	out := runPostern(t, dir, nil, "issues", "--json")
	if out.code != 0 || !strings.Contains(out.out, "By pipe") {
		t.Errorf("code %d, said %q %q\n%s", out.code, out.out, out.err, pf.Log())
	}
}

// smallDisk is a file system of a size of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "none", dir).CombinedOutput(); err != nil {
		peers.Lacking(t, "needs root, to mount a small disk: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	return dir
}

type result struct {
	code     int
	out, err string
}

// runPostern runs the program as a process of its own, in dir, with dir's configuration.
func runPostern(t *testing.T, dir string, stdin []byte, args ...string) result {
	t.Helper()
	bin := posternBinary(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, append([]string{"-c", filepath.Join(dir, "postern.yaml")}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// built is the folder of the program that the tests share, "" while none has asked for it.
var built string

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "postern-e2e-")
	if err != nil {
		return "", err
	}
	built = dir
	bin := filepath.Join(dir, "postern")
	out, err := exec.Command("go", "build", "-o", bin, "postern/cmd/postern").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

func posternBinary(t *testing.T) string {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}
