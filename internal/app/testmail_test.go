package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	smtpserver "github.com/emersion/go-smtp"

	"postern/internal/api"
	"postern/internal/graphtest"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/keys"
	"postern/internal/oauthtest"
	"postern/internal/peers"
	"postern/internal/testmail"
	"postern/internal/webclient"
	"postern/poller"
)

func (s *served) test(q TestQuery) (steps []api.SourceStep) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.App.test(ctx, &q, "local:ann", telling(&steps)); err != nil {
		s.t.Fatal(err)
	}
	return steps
}

// last holds how the last step ended.
func last(t *testing.T, steps []api.SourceStep, name, state, says string) {
	t.Helper()
	if len(steps) == 0 {
		t.Fatal("nothing was tried")
	}
	one := steps[len(steps)-1]
	if one.Name != name || one.State != state || !strings.Contains(one.Says, says) {
		t.Errorf("want %s, %s: …%s…; got %+v", name, state, says, steps)
	}
	if state == "wrong" && one.Do == "" {
		t.Errorf("nothing is said to do about %+v", one)
	}
}

func (s *served) subjects() (out []string) {
	s.t.Helper()
	all, _, err := s.store.Issues(context.Background(), issue.IssueQuery{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, i := range all {
		out = append(out, i.Subject)
	}
	return out
}

// accountsOf is a configuration with an IMAP and a POP3 account at a Dovecot.
func accountsOf(t *testing.T, d *peers.DovecotServer, more string) string {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	write(t, password, "secret\n")
	return fmt.Sprintf(`sources:
  box: {imap: %q, tls: on, user: all, password-file: %q, ca: %q, mailboxes: [support], import-rate: 0, after: keep%s}
  pop: {pop3: %q, tls: on, user: pop, password-file: %q, ca: %q, mailboxes: [support], import-rate: 0, after: keep%s}
`, d.IMAPS, password, d.CAFile, more, d.POP3S, password, d.CAFile, more)
}

// deliverer is a mail server that puts what it takes into a Dovecot's mailbox, or into nobody's.
func deliverer(t *testing.T, d *peers.DovecotServer, user string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtpserver.NewServer(smtpserver.BackendFunc(func(*smtpserver.Conn) (smtpserver.Session, error) {
		return &delivery{d: d, user: user}, nil
	}))
	srv.Domain = "mx.example.com"
	done := make(chan struct{})
	go func() { _ = srv.Serve(l); close(done) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return l.Addr().String()
}

type delivery struct {
	d    *peers.DovecotServer
	user string
}

func (s *delivery) Mail(string, *smtpserver.MailOptions) error { return nil }
func (s *delivery) Reset()                                     {}
func (s *delivery) Logout() error                              { return nil }

func (s *delivery) Rcpt(to string, _ *smtpserver.RcptOptions) error {
	if to != "support@example.com" {
		return &smtpserver.SMTPError{Code: 550, Message: "no such user here"}
	}
	return nil
}

func (s *delivery) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err == nil && s.user != "" {
		s.d.Deliver(s.user, "INBOX", append([]byte("Return-Path: <>\r\nReceived: from a by mx.example.com; Fri, 27 Nov 2026 10:00:00 +0000\r\n"), b...))
	}
	return err
}

// A test mail is seen and removed while the accounts are polled, and becomes nothing; mail with somebody else's mark, or an old one, is as any other.
func TestTestMailWhilePolled(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Users: map[string]string{"all": "secret", "pop": "secret"}})
	d.Deliver("all", "INBOX", []byte(hookMail))
	s := serve(t, accountsOf(t, d, ""))
	s.eventually("it waits", func() bool { return s.source("box").State == "waiting" && s.source("pop").State == "waiting" })
	ctx := context.Background()

	steps, err := (sourceDesk{s.App}).Check(ctx, "box", "local:ann")
	if err != nil {
		t.Fatal(err)
	}
	last(t, steps, "seen", "ok", "seen after ")
	steps, err = (sourceDesk{s.App}).Check(ctx, "pop", "local:ann")
	if err != nil {
		t.Fatal(err)
	}
	last(t, steps, "put", "wrong", "POP3 only fetches")
	last(t, s.test(TestQuery{Source: "pop", Via: deliverer(t, d, "pop")}), "seen", "ok", "by the node that polls")
	last(t, s.test(TestQuery{Source: "box", Via: deliverer(t, d, "all"), From: "ann@example.org"}), "seen", "ok", "seen after ")
	s.eventually("they are removed", func() bool { return len(d.Mails("all", "INBOX")) == 1 && len(d.Mails("pop", "INBOX")) == 0 })

	// What does not go well says what to do.
	last(t, s.test(TestQuery{Source: "box", Via: deliverer(t, d, "all"), To: "nobody@example.com"}), "send", "wrong", "refuses the recipient: 550 5.0.0 no such user here")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	last(t, s.test(TestQuery{Source: "box", Via: l.Addr().String()}), "send: connect", "wrong", "cannot connect")
	last(t, s.test(TestQuery{Source: "box", Via: deliverer(t, d, "all"), User: "ann", Password: "secret"}), "send", "wrong", "no TLS")
	for _, q := range []TestQuery{{Source: "none"}, {Source: "box", Via: "127.0.0.1:1", To: "a b"}, {Source: "box", Via: "127.0.0.1:1", From: "<ann@example.org>\r\n"}} {
		if err := s.App.test(ctx, &q, "local", func(poller.Step) {}); err == nil {
			t.Errorf("%+v is taken", q)
		}
	}

	// Marks that are not of this store's keys, or old, say nothing.
	theirs, _, err := keys.Open(filepath.Join(t.TempDir(), "other.key"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	forged := testmail.New(theirs, time.Now(), "ann@example.org", "support@example.com")
	old := testmail.New(s.keys, time.Now().Add(-25*time.Hour), "ann@example.org", "support@example.com")
	large := testmail.New(s.keys, time.Now(), "ann@example.org", "support@example.com")
	d.Deliver("all", "INBOX", []byte(strings.Replace(string(forged.Raw), "Postern test mail", "forged", 1)), []byte(strings.Replace(string(old.Raw), "Postern test mail", "old", 1)),
		[]byte(strings.Replace(string(large.Raw), "Postern test mail", "large", 1)+strings.Repeat("large\r\n", 10_000)))
	s.eventually("they are issues", func() bool { return len(s.subjects()) == 4 })
	if got := strings.Join(s.subjects(), ", "); strings.Contains(got, "test mail") {
		t.Errorf("issues: %s", got)
	}
	// What nobody waits for any more is removed all the same, and noted once.
	late := testmail.New(s.keys, time.Now().Add(-23*time.Hour), "ann@example.org", "support@example.com")
	d.Deliver("all", "INBOX", late.Raw, late.Raw)
	s.eventually("they are removed", func() bool { return len(d.Mails("all", "INBOX")) == 4 })
	if n := len(s.subjects()); n != 4 {
		t.Errorf("%d issues", n)
	}
	text := s.metricsText()
	if !strings.Contains(text, `postern_fetched_total{source="box",verdict="committed"} 4`) || strings.Contains(text, "discarded\"} ") || strings.Contains(text, `postern_fetched_total{source="pop"`) {
		t.Errorf("test mails are counted:\n%s", text)
	}
	events, _, err := s.store.Events(ctx, issue.Page{})
	if err != nil {
		t.Fatal(err)
	}
	seen, asked := map[string]int{}, 0
	for _, e := range events {
		switch {
		case e.Action == "source.test" && e.Actor == "local:ann":
			asked++
		case e.Action == seenAction:
			seen[e.Subject]++
		}
	}
	if asked != 7 || len(seen) < 2 || seen["test:"+late.ID] != 1 {
		t.Errorf("%d tests were asked for and these mails were seen: %v", asked, seen)
	}
}

// Without a server that polls, a session of the check's own sees the mail, and leaves others alone; so it is with a dry run.
func TestTestMailAlone(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Users: map[string]string{"all": "secret", "pop": "secret"}})
	for _, user := range []string{"all", "pop"} {
		d.Deliver(user, "INBOX", []byte(hookMail), []byte(hookMail))
	}
	_, file := configured(t, accountsOf(t, d, ", dry-run: true"))
	a, err := Open(t.Context(), Options{Config: file, Getenv: func(string) string { return "" }, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	s := &served{App: a, t: t}
	last(t, s.test(TestQuery{Source: "box"}), "seen", "ok", `in "INBOX", and removed again`)
	last(t, s.test(TestQuery{Source: "pop", Via: deliverer(t, d, "pop")}), "seen", "ok", "and removed again")
	last(t, s.test(TestQuery{Source: "box", Via: deliverer(t, d, "all")}), "seen", "ok", "and removed again")
	if all, pop := len(d.Mails("all", "INBOX")), len(d.Mails("pop", "INBOX")); all != 2 || pop != 2 {
		t.Errorf("%d and %d mails are left of 2", all, pop)
	}
	for _, name := range d.Mails("all", "INBOX") {
		if strings.Contains(filepath.Base(name), ",S") {
			t.Errorf("%s is marked as read", name)
		}
	}
}

// A mail that never comes is told of as such.
func TestTestMailLost(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Users: map[string]string{"all": "secret", "pop": "secret"}})
	_, file := configured(t, accountsOf(t, d, ""))
	a, err := Open(t.Context(), Options{Config: file, Getenv: func(string) string { return "" }, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	var steps []api.SourceStep
	m := testmail.New(a.keys, time.Now(), "", "support@example.com")
	p := &poller.Probe{Mail: m, Patience: time.Second, Taken: func(context.Context) (string, error) { return "", nil }, Send: func(context.Context, func(poller.Step)) bool { return true }}
	if err := a.poller.Test(t.Context(), "box", p, telling(&steps)); err != nil {
		t.Fatal(err)
	}
	last(t, steps, "seen", "wrong", "it was not seen within ")
}

// A folder in which nothing may be put, and a mailbox that is full, say what to do.
func TestTestMailRefused(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Users: map[string]string{"all": "secret", "pop": "secret"}, ACL: true})
	d.Deliver("all", "INBOX")
	write(t, filepath.Join(d.Maildir("all", "INBOX"), "dovecot-acl"), "user=all lr\n")
	if err := os.Chmod(filepath.Join(d.Maildir("all", "INBOX"), "dovecot-acl"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, file := configured(t, accountsOf(t, d, ""))
	a, err := Open(t.Context(), Options{Config: file, Getenv: func(string) string { return "" }, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	s := &served{App: a, t: t}
	last(t, s.test(TestQuery{Source: "box"}), "put", "wrong", `no mail may be put into "INBOX"`)
}

// A test mail that comes to this Postern by another way than the account is known there too, and the check says so.
func TestTestMailAnotherWay(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Users: map[string]string{"all": "secret", "pop": "secret"}})
	s := serve(t, accountsOf(t, d, ""))
	var steps []api.SourceStep
	m := testmail.New(s.keys, time.Now(), "ann@example.org", "support@example.com")
	p := &poller.Probe{Mail: m, Patience: time.Minute, Taken: func(ctx context.Context) (string, error) { return s.testSeen(ctx, m.ID) }, Send: func(ctx context.Context, _ func(poller.Step)) bool {
		w := s.spool.Create()
		_, _ = w.Write(m.Raw)
		body, err := w.Body()
		if err != nil {
			t.Error(err)
			return false
		}
		defer body.Close()
		out, err := s.deliver(ctx, intake.Envelope{Source: intake.SourceSMTP, Protocol: "ESMTP"}, "", []string{"support@example.com"}, body)
		if err != nil || len(out.Outcomes) != 1 || out.Outcomes[0].Verdict != intake.Discarded {
			t.Errorf("%+v, %v", out, err)
		}
		return true
	}}
	if err := s.poller.Test(t.Context(), "box", p, telling(&steps)); err != nil {
		t.Fatal(err)
	}
	last(t, steps, "seen", "warning", "it came by smtp, and not by box")
	if n := len(s.subjects()); n != 0 {
		t.Errorf("%d issues", n)
	}
}

// With Graph the mail is made in the folder, seen by delta, and moved away.
func TestTestMailGraph(t *testing.T) {
	t.Parallel()
	login, graph := oauthtest.New(t), graphtest.New(t, true)
	login.Tenant = "00000000-0000-0000-0000-000000000001"
	const id = "00000000-0000-0000-0000-000000000002"
	login.Apps[id] = &oauthtest.App{ID: id, Secret: "not-a-secret"}
	graph.Valid = func(token string) bool { return strings.Count(token, ".") == 2 }
	box := graph.AddMailbox("support@example.com")
	other := box.Put("inbox", time.Now(), hookMail)
	reach := func(o webclient.Options) webclient.Options {
		o.Roots, o.Private = login.Pool().Clone(), true
		pool := graph.Pool()
		o.Dial = func(address string) string {
			if strings.HasPrefix(address, "graph.microsoft.com:") {
				return graph.Address()
			}
			return login.Address()
		}
		if o.Timeout > time.Minute {
			o.Roots = pool
		}
		return o
	}
	a, _ := fetching(t, "microsoft-365", reach, map[string]string{"client-secret": "not-a-secret\n"}, "after:", "dry-run: true\n      after:")
	steps, err := (sourceDesk{a}).Check(t.Context(), "support", "local")
	if err != nil {
		t.Fatal(err)
	}
	last(t, steps, "seen", "ok", "seen after ")
	if in, away := box.In("inbox"), box.In("deleteditems"); len(in) != 1 || in[0] != other || len(away) != 1 {
		t.Errorf("inbox %v, deleted %v", in, away)
	}
	graph.Lock()
	graph.ReadOnly = true
	graph.Unlock()
	var refused []api.SourceStep
	if err := a.test(t.Context(), &TestQuery{Source: "support"}, "local", telling(&refused)); err != nil {
		t.Fatal(err)
	}
	last(t, refused, "put", "wrong", "denies access")
}
