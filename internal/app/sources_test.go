package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/issue"
	"postern/internal/peers"
)

// Mail that lies at a real server, by IMAP and by POP3, becomes issues of the right mailboxes once; an account that changes is begun
// anew; status, metrics and doctor tell of them.
func TestAccounts(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Users: map[string]string{"all": "secret", "pop": "secret"}})
	mail := func(i int, to string) []byte {
		return fmt.Appendf(nil, "Delivered-To: %s\r\nReceived: from a by b; Tue, 24 Nov 2026 10:00:00 +0000\r\nFrom: ann@example.org\r\nTo: list@example.org\r\nSubject: mail %d\r\nMessage-ID: <%d@example.org>\r\nDate: Tue, 24 Nov 2026 09:59:00 +0000\r\n\r\nThis is mail %d.\r\n", to, i, i, i)
	}
	for i := range 20 {
		d.Deliver("all", "INBOX", mail(i, []string{"support@example.com", "sales@example.com"}[i%2]))
		d.Deliver("pop", "INBOX", mail(i, "support@example.com")) // the even ones come both ways
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "password"), "secret\n")
	sources := func(after string) string {
		return fmt.Sprintf(`  sales: {addresses: [sales@example.com]}
sources:
  box: {imap: %q, tls: on, user: all, password-file: %q, ca: %q, mailboxes: [support, sales], import-rate: 0, after: %s}
  pop: {pop3: %q, tls: on, user: pop, password-file: %q, ca: %q, mailboxes: [support], import-rate: 0, after: delete}
`, d.IMAPS, filepath.Join(dir, "password"), d.CAFile, after, d.POP3S, filepath.Join(dir, "password"), d.CAFile)
	}
	s := serve(t, sources("move Done"))
	ctx := context.Background()
	s.eventually("all is settled", func() bool {
		return len(d.Mails("all", "INBOX"))+len(d.Mails("pop", "INBOX")) == 0 && len(d.Mails("all", "Done")) == 20
	})
	count := map[string]int{}
	issues, _, err := s.store.Issues(ctx, issue.IssueQuery{Page: issue.Page{Limit: 500}})
	if err != nil {
		t.Fatal(err)
	}
	for _, is := range issues {
		count[is.Mailbox]++
	}
	if count["support"] != 20 || count["sales"] != 10 {
		t.Errorf("%v", count)
	}
	// What comes later comes at once, by IDLE.
	s.eventually("it waits", func() bool { return s.source("box").State == "waiting" && s.source("pop").State == "waiting" })
	began := time.Now()
	d.Deliver("all", "INBOX", mail(100, "sales@example.com"))
	s.eventually("it is there", func() bool { return len(d.Mails("all", "Done")) == 21 })
	t.Logf("from delivery to settled in %s", time.Since(began))
	// POP3 when it is told to.
	d.Deliver("pop", "INBOX", mail(101, "support@example.com"))
	if err := (sourceDesk{s.App}).Poll(ctx, "pop"); err != nil {
		t.Fatal(err)
	}
	s.eventually("it is there", func() bool { return len(d.Mails("pop", "INBOX")) == 0 })

	if one := s.source("box"); one.Kind != "imap" || one.Error != "" || one.Import == nil || one.Import.Done != 20 || one.Holder == "" {
		t.Errorf("%+v", one)
	}
	for _, name := range []string{"box", "pop"} {
		steps, err := (sourceDesk{s.App}).Check(ctx, name, "")
		if err != nil || len(steps) < 3 {
			t.Errorf("check %s: %v, %v", name, steps, err)
		}
		for _, step := range steps {
			if step.State == "wrong" {
				t.Errorf("check %s: %+v", name, step)
			}
		}
	}
	s.silence.look(ctx)
	text := s.metricsText()
	for _, want := range []string{`postern_fetched_total{source="box",verdict="committed"}`, `postern_source_backlog{source="pop"} 0`, `postern_source_silent{source="box"} 0`} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	// Another way with what was taken counts at once.
	before, err := os.ReadFile(filepath.Join(s.dir, "postern.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.dir, "postern.yaml"), string(bytes.ReplaceAll(before, []byte("move Done"), []byte("delete"))))
	s.Reload()
	d.Deliver("all", "INBOX", mail(102, "sales@example.com"))
	s.eventually("it is deleted", func() bool {
		return len(d.Mails("all", "INBOX")) == 0 && s.source("box").State == "waiting"
	})
	if n := len(d.Mails("all", "Done")); n != 21 {
		t.Errorf("%d mails in Done", n)
	}
}

func (s *served) source(name string) *api.SourceDetail {
	s.t.Helper()
	one, err := (sourceDesk{s.App}).Source(context.Background(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	return one
}

func (s *served) eventually(what string, so func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s: this never came about; the log:\n%s", what, s.log)
		}
	}
}

func (s *served) metricsText() string {
	s.t.Helper()
	r, err := http.Get(s.url + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// Mail for a mailbox that is not active waits in its account: it goes to no other mailbox of the source. Once the mailbox is active, and the
// mail is asked for, it is there.
func TestAccountOfInactiveMailbox(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Users: map[string]string{"all": "secret"}})
	for i, to := range []string{"sales@example.com", "support@example.com", "nobody@example.com"} {
		d.Deliver("all", "INBOX", fmt.Appendf(nil, "Delivered-To: %s\r\nFrom: ann@example.org\r\nSubject: mail %d\r\nMessage-ID: <%d@example.org>\r\n\r\nThis is mail %d.\r\n", to, i, i, i))
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "password"), "secret\n")
	s := serve(t, fmt.Sprintf(`  sales: {addresses: [sales@example.com], active: false}
sources:
  box: {imap: %q, tls: on, user: all, password-file: %q, ca: %q, mailboxes: [support, sales], after: delete}
`, d.IMAPS, filepath.Join(dir, "password"), d.CAFile))
	s.eventually("two are taken, and one waits", func() bool {
		one := s.source("box")
		return len(d.Mails("all", "INBOX")) == 1 && len(one.PendingItems) == 1 && one.State == "waiting"
	})
	count := func(mailbox string) int {
		issues, _, err := s.store.Issues(context.Background(), issue.IssueQuery{Page: issue.Page{Limit: 500}})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, is := range issues {
			if is.Mailbox == mailbox {
				n++
			}
		}
		return n
	}
	if count("support") != 2 || count("sales") != 0 {
		t.Errorf("support has %d, sales %d", count("support"), count("sales"))
	}
	name := filepath.Join(s.dir, "postern.yaml")
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, string(bytes.ReplaceAll(before, []byte(", active: false"), nil)))
	s.Reload()
	s.eventually("it can be asked for", func() bool {
		one := s.source("box")
		return len(one.PendingItems) == 1 && (sourceDesk{s.App}).Retry(context.Background(), "box", one.PendingItems[0].ID) == nil
	})
	s.eventually("it is there", func() bool { return count("sales") == 1 && len(d.Mails("all", "INBOX")) == 0 })
}
