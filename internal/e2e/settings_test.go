package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/internal/app"
	"postern/internal/intake"
)

// Limits of the configuration reach the receiver, also those of a file that is edited later.
func TestLimitsCount(t *testing.T) {
	t.Parallel()
	// Addresses of loopback are not counted, so a relay in front says another one.
	limited := func(limits string) string {
		return strings.Replace(plainConfig, "hostname:", "relays: [{net: 127.0.0.0/8, proxy: true}], limits: {"+limits+"}, hostname:", 1)
	}
	send := func(s *served, id string) error {
		conn, err := net.Dial("tcp", s.app.Addrs().SMTP[0])
		if err != nil {
			return err
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("PROXY TCP4 192.0.2.9 192.0.2.1 40000 25\r\n"))
		return smtp.NewClient(conn).SendMail("ann@example.org", []string{"support@example.com"}, strings.NewReader(crlf(simple(id, id))))
	}
	for _, tt := range []struct{ name, limits, want string }{
		{"of one address", "messages-per-ip: 1", "451"},
		{"in all", "messages-per-minute: 1", "451"},
		{"recipients", "recipients-per-ip: 1", "45"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, limited(tt.limits), nil)
			if err := send(s, "1"); err != nil {
				t.Fatal(err)
			}
			if err := send(s, "2"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the second mail: got %v, want %s", err, tt.want)
			}
			write(t, filepath.Join(s.dir, "postern.yaml"), limited(""))
			s.app.Reload()
			eventually(t, "mail is taken without the limit", 10*time.Second, func() bool { return send(s, "3") == nil })
		})
	}
}

// An origin may write as its domains and addresses, and as nobody else.
func TestOriginsAreBelieved(t *testing.T) {
	t.Parallel()
	s := serve(t, strings.Replace(plainConfig, "hostname:", "origins: [{net: 127.0.0.0/8, from: [Example.org, bob@example.net]}], hostname:", 1), map[string]string{
		"10.rules": "rule \"proven\" {\n    when sender.atLeast(\"authenticated\")\n    then { tag(\"proven\") }\n}\n",
	})
	for from, want := range map[string]int{
		"Ann@Example.org": 1, "bob@example.net": 1, "eve@example.net": 0, "ann@sub.example.org": 0, "ann@example.org, eve@example.com": 0,
	} {
		mail := strings.Replace(simple(strings.NewReplacer("@", "-", ", ", "-").Replace(from), from), "From: Ann <ann@example.org>", "From: "+from, 1)
		if err := s.send(mail); err != nil {
			t.Fatal(err)
		}
		got := s.issues()[0]
		if got.Subject != from || len(got.Tags) != want {
			t.Errorf("from %s: issue %q has tags %v", from, got.Subject, got.Tags)
		}
	}
}

// What a program posts proves nothing, wherever the program runs.
func TestPostsProveNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, strings.Replace(plainConfig, "hostname:", "origins: [{net: 127.0.0.0/8, from: [example.org]}], hostname:", 1), map[string]string{
		"10.rules": "rule \"proven\" {\n    when sender.atLeast(\"authenticated\")\n    then { tag(\"proven\") }\n}\n",
	})
	resp, err := http.Post(s.url("/api/v1/messages?to=support@example.com"), "message/rfc822", strings.NewReader(crlf(simple("1", "One"))))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("posted: %s, %v", resp.Status, err)
	}
	if got := s.issues()[0]; got.Subject != "One" || len(got.Tags) != 0 {
		t.Errorf("issue %q has tags %v", got.Subject, got.Tags)
	}
}

// Without its key file a store is not opened, and no other file takes its place.
func TestKeyFileIsMissing(t *testing.T) {
	t.Parallel()
	s := serve(t, plainConfig, nil)
	s.stop()
	path := filepath.Join(s.dir, "data", "postern.key")
	right, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	open := func() error {
		a, err := app.Open(t.Context(), app.Options{Config: filepath.Join(s.dir, "postern.yaml"), Getenv: func(string) string { return "" }, Stderr: io.Discard})
		if a != nil {
			err = errors.Join(err, a.Close())
		}
		return err
	}
	if err := open(); err == nil || !strings.Contains(err.Error(), "put it back") {
		t.Errorf("without it: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another took its place: %v", err)
	}
	if err := os.WriteFile(path, right, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(); err != nil {
		t.Errorf("with it again: %v", err)
	}
}

// A pipe gives one answer for several recipients: nobody's refusal is lost in it, and a recipient that is put off puts off the mail.
func TestDeliverToSeveral(t *testing.T) {
	t.Parallel()
	s := serve(t, `
smtp: {listen: []}
http: {listen: []}
mailboxes:
  support: {addresses: [support@example.com]}
  busy: {addresses: [busy@example.com]}
`, map[string]string{"10.rules": "rule \"busy\" {\n    in busy\n    on envelope\n    then { tryLater(\"at lunch\") }\n}\n"})
	for _, tt := range []struct {
		name string
		to   []string
		want []intake.Verdict
		one  intake.Verdict
	}{
		{"one of two is unknown", []string{"support@example.com", "nobody@example.com"}, []intake.Verdict{intake.Rejected, intake.Committed}, intake.Committed},
		{"one of two is put off", []string{"support@example.com", "busy@example.com"}, []intake.Verdict{intake.TryLater, intake.Committed}, intake.TryLater},
		{"all are refused", []string{"nobody@example.com"}, []intake.Verdict{intake.Rejected}, intake.Rejected},
	} {
		r := httptest.NewRequest(http.MethodPost, "/control/deliver?to="+strings.Join(tt.to, "&to="), bytes.NewReader([]byte(simple(tt.name, tt.name))))
		w := httptest.NewRecorder()
		s.app.Handler().ServeHTTP(w, r)
		var d app.Delivered
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		var got []intake.Verdict
		for _, o := range d.Outcomes {
			got = append(got, o.Verdict)
		}
		if len(got) != len(tt.want) || got[0] != tt.want[0] || got[len(got)-1] != tt.want[len(tt.want)-1] || intake.Combine(d.Outcomes).Verdict != tt.one {
			t.Errorf("%s: got %v (%s)", tt.name, got, w.Body)
		}
	}
}
