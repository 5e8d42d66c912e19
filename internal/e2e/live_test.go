package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

func TestFirstMail(t *testing.T) {
	s := serve(t, plainConfig, nil)
	if err := s.send(simple("1", "The printer is on fire")); err != nil {
		t.Fatal(err)
	}
	all := s.issues()
	if len(all) != 1 || all[0].Number != 1 || all[0].Subject != "The printer is on fire" || all[0].Priority != "normal" || all[0].Status != "new" ||
		all[0].Requester.Email != "ann@example.org" || all[0].Requester.Name != "Ann" || !strings.Contains(all[0].Description, "Hello from 1.") {
		t.Fatalf("got %+v", all)
	}
	if want := "/api/v1/issues/1"; !strings.Contains(s.logs.String(), want) {
		t.Errorf("the log does not greet the first mail with %s", want)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data", "postern.key")); err != nil {
		t.Errorf("key file: %v", err)
	}
	if err := s.send(simple("2", "x"), "nobody@example.com"); err == nil || !strings.Contains(err.Error(), "550") {
		t.Errorf("a recipient we do not have: %v", err)
	}
}

// A rule edited while mail flows decides from the next transaction on; a broken edit changes nothing and is reported with
// its place.
func TestRulesEditedWhileMailFlows(t *testing.T) {
	const tagged = "rule \"t\" {\n    then { tag(\"v%d\") }\n}\n"
	s := serve(t, plainConfig, map[string]string{"10-a.rules": fmt.Sprintf(tagged, 1)})
	file := filepath.Join(s.dir, "rules", "10-a.rules")

	stop := make(chan struct{})
	var wg sync.WaitGroup
	for who := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := s.send(simple(fmt.Sprintf("flow-%d-%d", who, i), "flow")); err != nil {
					t.Errorf("mail while rules change: %v", err)
					return
				}
			}
		})
	}
	tagOf := func(id string) string {
		if err := s.send(simple(id, id)); err != nil {
			t.Fatal(err)
		}
		if tags := s.tagsOf(id); len(tags) == 1 {
			return tags[0]
		}
		return ""
	}
	n := 0
	next := func() string { n++; return tagOf(fmt.Sprintf("probe-%d", n)) }
	if got := next(); got != "v1" {
		t.Fatalf("first set: %q", got)
	}
	open := s.begin()
	write(t, file, fmt.Sprintf(tagged, 2))
	eventually(t, "the edited rule decides", 20*time.Second, func() bool { return next() == "v2" })
	open.finish(simple("open-1", "open-1"))
	if got := s.tagsOf("open-1"); len(got) != 1 || got[0] != "v1" {
		t.Errorf("a transaction that began before the edit was decided by %v, want v1", got)
	}
	open.again().finish(simple("open-2", "open-2"))
	if got := s.tagsOf("open-2"); len(got) != 1 || got[0] != "v2" {
		t.Errorf("the next transaction of that session was decided by %v, want v2", got)
	}

	write(t, file, "rule \"t\" {\n    then { tagg(\"v3\") }\n}\n")
	eventually(t, "the broken edit is reported with its place", 20*time.Second, func() bool {
		return strings.Contains(s.logs.String(), "10-a.rules:2:12")
	})
	if got := next(); got != "v2" {
		t.Errorf("after a broken edit: %q", got)
	}
	var ready struct {
		Details struct {
			Rules struct{ Version, LastError string }
		}
	}
	s.get("/readyz?details=true", &ready)
	if r := ready.Details.Rules; !strings.Contains(r.LastError, "10-a.rules:2:12: unknown function tagg; did you mean tag?") || r.Version == "" {
		t.Errorf("readyz says %+v", ready)
	}
	write(t, file, fmt.Sprintf(tagged, 4)+"test \"fails\" {\n    mail \"\"\"\n        From: a@example.org\n\n        Hi\n    \"\"\"\n    expect \"v5\" in issue.tags\n}\n")
	eventually(t, "a failing test is reported", 20*time.Second, func() bool { return strings.Contains(s.logs.String(), `test \"fails\"`) })
	if got := next(); got != "v2" {
		t.Errorf("after an edit whose test fails: %q", got)
	}
	write(t, file, fmt.Sprintf(tagged, 6))
	eventually(t, "the mended rule decides", 20*time.Second, func() bool { return next() == "v6" })
	close(stop)
	wg.Wait()

	// A restart with a broken folder goes on with what was published last.
	write(t, file, "rule {")
	s.stop()
	again := serveIn(t, s.dir)
	if err := again.send(simple("restart", "restart")); err != nil {
		t.Fatal(err)
	}
	if got := again.tagsOf("restart"); len(got) != 1 || got[0] != "v6" {
		t.Errorf("after the restart: %v", got)
	}
}

// tagsOf are the tags of the newest issue with that subject.
func (s *served) tagsOf(subject string) []string {
	s.t.Helper()
	for _, is := range s.issues() {
		if is.Subject == subject {
			return is.Tags
		}
	}
	s.t.Errorf("there is no issue %q", subject)
	return nil
}

// A transaction is a mail of which the recipient was named and the body is still to come.
type transaction struct {
	t *testing.T
	c *smtp.Client
}

func (s *served) begin() *transaction {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.app.Addrs().SMTP[0])
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return (&transaction{s.t, smtp.NewClient(conn)}).again()
}

func (tr *transaction) again() *transaction {
	tr.t.Helper()
	if err := tr.c.Mail("ann@example.org", nil); err != nil {
		tr.t.Fatal(err)
	}
	if err := tr.c.Rcpt("support@example.com", nil); err != nil {
		tr.t.Fatal(err)
	}
	return tr
}

func (tr *transaction) finish(mail string) {
	tr.t.Helper()
	w, err := tr.c.Data()
	if err != nil {
		tr.t.Fatal(err)
	}
	if _, err := io.WriteString(w, crlf(mail)); err != nil {
		tr.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tr.t.Fatal(err)
	}
}

func TestConfigurationEditedWhileRunning(t *testing.T) {
	s := serve(t, plainConfig, nil)
	if err := s.send(simple("1", "x"), "sales@example.com"); err == nil {
		t.Fatal("sales is there too early")
	}
	file := filepath.Join(s.dir, "postern.yaml")
	write(t, file, plainConfig+"priorites: [a]\n")
	eventually(t, "the unknown key is reported with a suggestion", 20*time.Second, func() bool {
		return strings.Contains(s.logs.String(), "priorities")
	})
	write(t, file, strings.Replace(plainConfig, "[support@example.com]}", "[support@example.com]}, sales: {addresses: [sales@example.com]}", 1))
	eventually(t, "the new mailbox takes mail", 20*time.Second, func() bool {
		return s.send(simple("2", "x"), "sales@example.com") == nil
	})
}

func TestSecondServeIsRefused(t *testing.T) {
	s := serve(t, plainConfig, nil)
	out := runPostern(t, s.dir, nil, "serve")
	if out.code != 1 || !strings.Contains(out.err, "in use") || !strings.Contains(out.err, fmt.Sprint(os.Getpid())) {
		t.Errorf("code %d, said %q", out.code, out.err)
	}
}
