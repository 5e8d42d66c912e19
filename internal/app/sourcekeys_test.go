package app

import (
	"context"
	"fmt"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/issue"
	"postern/internal/peers"
)

// Each key of a source does with a real server what docs/configuration.md says of it.
func TestSourceKeys(t *testing.T) {
	t.Parallel()
	users := map[string]string{}
	for _, u := range []string{"dry", "new", "large", "off", "any", "verdicts", "deaf", "spare", "unknown", "renewed"} {
		users[u] = "secret"
	}
	d := peers.Dovecot(t, peers.DovecotOptions{Users: users})
	mail := func(subject, text string) []byte {
		return fmt.Appendf(nil, "Received: from a by b; Tue, 24 Nov 2026 10:00:00 +0000\r\nFrom: ann@example.org\r\nSubject: %s\r\nMessage-ID: <%x@example.org>\r\nDate: Tue, 24 Nov 2026 09:59:00 +0000\r\n\r\n%s\r\n", subject, subject, text)
	}
	for _, u := range []string{"dry", "new", "off", "any", "deaf", "unknown", "renewed"} {
		d.Deliver(u, "INBOX", mail(u+" first", "It is broken."))
	}
	d.Deliver("large", "INBOX", mail("large", strings.Repeat("It is broken.\r\n", 500)), mail("small", "It is broken."))
	d.Deliver("verdicts", "INBOX", mail("refuse me", "x"), mail("hold me", "x"), mail("take me", "x"))

	dir := t.TempDir()
	write(t, filepath.Join(dir, "password"), "secret\n")
	write(t, filepath.Join(dir, "secret"), hookSecret+"\n")
	authority := filepath.Join(dir, "authority.pem")
	write(t, authority, string(peers.NewCA(t).PEM))
	rules := filepath.Join(dir, "rules")
	if err := os.Mkdir(rules, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(rules, "10.rules"), `rule "refuse" {
    when mail.subject == "refuse me"
    then { reject("no") }
}

rule "hold" {
    when mail.subject == "hold me"
    then { quarantine("look") }
}
`)
	source := func(name, keys string) string {
		return fmt.Sprintf("  %s: {imap: %q, tls: on, user: %s, password-file: password, mailboxes: [support], every: 5s, %s}\n", name, d.IMAPS, name, keys)
	}
	ca := fmt.Sprintf("ca: %q", d.CAFile)
	s := serveFile(t, dir, `store: {sqlite: ./data}
smtp: {listen: []}
http: {listen: ["127.0.0.1:0"]}
mailboxes: {support: {addresses: ["*"]}}
hooks:
  push: {provider: raw, mailbox: support, secret-file: secret}
sources:
`+source("dry", ca+", dry-run: true, after: delete")+source("new", ca+", start: new")+source("large", ca+", max-size: 2KiB, after: delete")+
		source("off", ca+", active: false")+source("any", "insecure: true")+source("unknown", "")+source("renewed", "ca: authority.pem")+source("deaf", ca+", idle: false, after: seen")+
		source("verdicts", ca+", after: delete, after-rejected: move No, after-quarantined: move Maybe")+
		source("spare", ca+", fallback-for: [push], slow: 1h, silent-after: 1h"))

	subjects := func() map[string]int {
		all, _, err := s.store.Issues(context.Background(), issue.IssueQuery{Page: issue.Page{Limit: 500}})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, one := range all {
			got[one.Subject]++
		}
		return got
	}
	s.eventually("what after and the verdicts say", func() bool {
		return len(d.Mails("verdicts", "INBOX")) == 0 && len(d.Mails("verdicts", "No")) == 1 && len(d.Mails("verdicts", "Maybe")) == 1
	})
	s.eventually("the large one is parked, and the small one gone", func() bool {
		one := s.source("large")
		return len(d.Mails("large", "INBOX")) == 1 && one.Parked == 1 && strings.Contains(one.ParkedItems[0].Reason, "more than may be fetched (2048)")
	})
	s.eventually("the dry run says what would be", func() bool { return strings.Contains(s.log.String(), "what would become of a mail") })
	s.eventually("an unknown authority is an error", func() bool { return strings.Contains(s.source("unknown").Error, "certificate") })
	s.eventually("the rest has come", func() bool { n := subjects(); return n["any first"] == 1 && n["deaf first"] == 1 })
	s.eventually("the new ones wait", func() bool { return s.source("new").State == "waiting" && s.source("spare").State == "waiting" })
	s.eventually("seen is seen", func() bool { m := d.Mails("deaf", "INBOX"); return len(m) == 1 && strings.HasSuffix(m[0], "S") })

	s.eventually("another authority is an error", func() bool { return strings.Contains(s.source("renewed").Error, "certificate") })
	right, err := os.ReadFile(d.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	write(t, authority, string(right))
	s.eventually("a file of authorities that changed counts at once", func() bool { return subjects()["renewed first"] == 1 })

	// A hook that speaks makes its fallback slow.
	if code, body := s.post("/hooks/raw/support/"+hookSecret, string(mail("pushed", "x")), "Content-Type: message/rfc822"); code != 204 {
		t.Fatalf("%d %s", code, body)
	}
	d.Deliver("new", "INBOX", mail("new second", "x"))
	s.eventually("what comes later comes", func() bool { return subjects()["new second"] == 1 })
	s.eventually("it is slow", func() bool {
		one := s.source("spare")
		return one.Slow && one.NextPoll != nil && time.Until(*one.NextPoll) > 30*time.Minute
	})

	got := subjects()
	for _, no := range []string{"dry first", "new first", "off first", "unknown first", "large", "refuse me", "hold me"} {
		if got[no] != 0 {
			t.Errorf("%q became an issue", no)
		}
	}
	if got["take me"] != 1 || got["small"] != 1 || len(d.Mails("dry", "INBOX")) != 1 || len(d.Mails("off", "INBOX")) != 1 {
		t.Errorf("%v", got)
	}
	s.silence.look(t.Context())
	text := s.metricsText()
	for _, want := range []string{
		`postern_source_parked{source="large"} 1`, `postern_parked_total{source="large"} 1`, `postern_source_pending{source="large"} 0`,
		`postern_source_failing{source="unknown"} 1`, `postern_source_failing{source="any"} 0`, `postern_poll_errors_total{source="unknown"} `,
		`postern_fetched_total{source="verdicts",verdict="rejected"} 1`, `postern_fetched_total{source="verdicts",verdict="quarantined"} 1`,
		`postern_source_lag_seconds_count{source="new"} 1`, `postern_source_heard_timestamp_seconds{source="push"} 1`, `postern_source_mail_timestamp_seconds{source="verdicts"} 1`,
		`postern_source_backlog{source="new"} 0`, `postern_webhook_bytes_total{hook="push"} `,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if one := s.source("new"); one.LagSeconds <= 0 || one.Backlog == nil || one.HeardAt == nil || one.PolledAt == nil {
		t.Errorf("the status of new: %+v", one)
	}
	desk := sourceDesk{s.App}
	if _, err := desk.Source(t.Context(), "off"); err == nil {
		t.Error("off is polled")
	}
	_, err = desk.Check(t.Context(), "push", "")
	for _, err := range []error{err, desk.Poll(t.Context(), "push"), desk.Retry(t.Context(), "push", "x"), desk.Drop(t.Context(), "push", "x")} {
		if err == nil || !strings.Contains(err.Error(), "is a hook") {
			t.Errorf("a hook as an account: %v", err)
		}
	}
}

// Silence that is longer than usual is told: once in the log, in health details, in metrics and in the API; and so is its end.
func TestSilenceIsTold(t *testing.T) {
	t.Parallel()
	s := serve(t, "hooks:\n  desk: {provider: raw, mailbox: support, secret-file: secret}\n")
	ctx, now := t.Context(), time.Now()
	hear := func(h issue.Heard) {
		t.Helper()
		if err := s.store.HeardSource(ctx, "desk", h); err != nil {
			t.Fatal(err)
		}
	}
	says := func(want bool) {
		t.Helper()
		s.silence.look(ctx)
		s.silence.look(ctx)
		d, ready := s.health(ctx)
		names, _ := d["silentSources"].([]string)
		metric := fmt.Sprintf("postern_source_silent{source=\"desk\"} %d", map[bool]int{true: 1}[want])
		if told := len(names) == 1 && names[0] == "desk"; told != want || !ready {
			t.Errorf("health says %v", d)
		}
		if !strings.Contains(s.metricsText(), metric) {
			t.Errorf("metrics lack %s", metric)
		}
		if got := s.source("desk").Silent; got != want {
			t.Errorf("the API says %v", got)
		}
	}
	at := func(ago time.Duration, mails int64, gap time.Duration) issue.Heard {
		return issue.Heard{At: now.Add(-ago), Mail: now.Add(-ago), Mails: mails, Gap: gap}
	}
	hear(at(6*time.Hour, 5, time.Hour)) // too few to know what is usual
	says(false)
	hear(at(5*time.Hour, 20, time.Hour))
	says(true)
	if n := strings.Count(s.log.String(), "a way in is silent for longer than usual"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
	hear(at(0, 1, 5*time.Hour))
	says(false)
	if n := strings.Count(s.log.String(), "that was silent brings mail again"); n != 1 {
		t.Errorf("the log says that it is over %d times", n)
	}
	if r, err := http.Get(s.url + "/readyz"); err != nil || r.StatusCode != 200 {
		t.Errorf("readyz: %v, %v", r, err)
	} else {
		r.Body.Close()
	}
}

// Mail by SMTP is noted where a source is its fallback, and only there.
func TestFallbackOfSMTP(t *testing.T) {
	t.Parallel()
	for _, wanted := range []bool{true, false} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "password"), "secret\n")
		s := serveFile(t, dir, `store: {sqlite: ./data}
smtp: {listen: ["127.0.0.1:0"]}
http: {listen: ["127.0.0.1:0"]}
mailboxes: {support: {addresses: [support@example.com]}}
sources:
  spare: {imap: "127.0.0.1:1", tls: starttls, user: u, password-file: password, mailboxes: [support], fallback-for: [`+map[bool]string{true: "smtp"}[wanted]+`]}
`)
		if err := smtp.SendMail(s.Addrs().SMTP[0], nil, "ann@example.org", []string{"support@example.com"}, []byte(hookMail)); err != nil {
			t.Fatal(err)
		}
		s.silence.note(t.Context())
		rec, err := s.store.Source(t.Context(), "smtp")
		if wanted && (err != nil || rec.Mails != 1 || rec.MailAt.IsZero()) || !wanted && err == nil {
			t.Errorf("wanted %v: %+v, %v", wanted, rec, err)
		}
	}
}
