package peers_test

import (
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"postern/internal/peers"
)

const patience = 30 * time.Second

func mail(subject string) []byte {
	return []byte("From: ann@sender.example\r\nTo: support@example.com\r\nSubject: " + subject + "\r\nMessage-ID: <1@sender.example>\r\n\r\nHello.\r\n")
}

// What tests rely on: Postfix forwards, keeps what is refused for now, and bounces what is refused for good.
func TestPostfix(t *testing.T) {
	t.Parallel()
	target := peers.NewInbox(t)
	p := peers.Postfix(t, peers.PostfixOptions{Nexthop: "lmtp:inet:" + target.Addr})
	send := func(subject string) {
		t.Helper()
		if err := p.Send("ann@sender.example", []string{"support@example.com"}, mail(subject)); err != nil {
			t.Fatal(err)
		}
	}
	send("first")
	got := target.Wait(1, patience)[0]
	if got.From != "ann@sender.example" || strings.Join(got.To, " ") != "support@example.com" || !strings.Contains(string(got.Data), "Subject: first\r\n") {
		t.Errorf("forwarded from %q to %q:\n%s", got.From, got.To, got.Data)
	}

	target.Refuse(&gosmtp.SMTPError{Code: 451, EnhancedCode: gosmtp.EnhancedCode{4, 3, 0}, Message: "come back"})
	send("second")
	q := p.WaitQueue(patience, func(q []peers.Queued) bool {
		return len(q) == 1 && strings.Contains(q[0].Recipients[0].Reason, "come back")
	})
	if q[0].Sender != "ann@sender.example" || q[0].Recipients[0].Address != "support@example.com" {
		t.Errorf("in the queue: %+v", q)
	}
	target.Refuse(nil)
	p.Flush()
	target.Wait(2, patience)
	p.WaitQueue(patience, func(q []peers.Queued) bool { return len(q) == 0 })

	target.Refuse(&gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 7, 1}, Message: "not from you"})
	send("third")
	bounce := p.Bounces.Wait(1, patience)[0]
	if bounce.From != "" || strings.Join(bounce.To, " ") != "ann@sender.example" || !strings.Contains(string(bounce.Data), "not from you") {
		t.Errorf("bounced from %q to %q:\n%s", bounce.From, bounce.To, bounce.Data)
	}
}

// A program gets the mail and the envelope; its exit code says what becomes of the mail (65, EX_DATAERR, is a bounce).
func TestPostfixPipe(t *testing.T) {
	t.Parallel()
	p := peers.Postfix(t, peers.PostfixOptions{Command: []string{"/bin/sh", "-c", `grep -q "^Subject: piped" && echo told $$0 $$1; exit 65`, "${sender}", "${recipient}"}})
	if err := p.Send("ann@sender.example", []string{"support@example.com"}, mail("piped")); err != nil {
		t.Fatal(err)
	}
	bounce := p.Bounces.Wait(1, patience)[0]
	if !strings.Contains(string(bounce.Data), "told ann@sender.example support@example.com") {
		t.Errorf("the bounce of exit code 65:\n%s", bounce.Data)
	}
}
