package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A dialogue is a plain SMTP client: what it says it says in one write, and reads as many answers as it is told to.
type dialogue struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (s *served) dialogue() *dialogue {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.app.Addrs().SMTP[0])
	if err != nil {
		s.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	d := &dialogue{s.t, conn, bufio.NewReader(conn)}
	d.answers(1)
	d.say(1, "EHLO c.example\r\n")
	return d
}

func (d *dialogue) say(answers int, text string) []string {
	d.t.Helper()
	if _, err := io.WriteString(d, text); err != nil {
		d.t.Fatal(err)
	}
	return d.answers(answers)
}

// answers reads n answers and returns the last line of each.
func (d *dialogue) answers(n int) (last []string) {
	d.t.Helper()
	for len(last) < n {
		l, err := d.r.ReadString('\n')
		if err != nil {
			d.t.Fatalf("%q, %v", l, err)
		}
		if len(l) > 3 && l[3] == ' ' {
			last = append(last, strings.TrimSpace(l))
		}
	}
	return last
}

// A client that goes between its last dot and our answer does not know that the mail was taken. It sends it again, and that is
// a duplicate with the answer it missed.
func TestClientGoneBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, plainConfig, nil)
	mail := func(i int) string {
		return fmt.Sprintf("MAIL FROM:<ann@example.org>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n"+
			"From: ann@example.org\r\nMessage-ID: <gone%d@example.org>\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\nSubject: gone %d\r\n\r\nhello\r\n.\r\n", i, i)
	}
	const mails = 20
	for i := range mails {
		d := s.dialogue()
		if _, err := io.WriteString(d, mail(i)); err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
	for i := range mails {
		d := s.dialogue()
		if got := d.say(4, mail(i)); !strings.HasPrefix(got[3], "250 2.0.0 OK ") {
			t.Errorf("mail %d again: %q", i, got)
		}
		d.Close()
	}
	if got := s.issues(); len(got) != mails {
		t.Errorf("%d issues of %d mails", len(got), mails)
	}
}

// Answers before the body are the same for who is known here and who is not, and for mailboxes of both: neither our people
// nor our customers can be enumerated.
func TestAnswersDoNotTellWhoIsKnown(t *testing.T) {
	t.Parallel()
	s := serve(t, plainConfig, map[string]string{"10.rules": `
rule "a rule that would tell" {
  on   envelope
  when sender.known
  then { reject("I know you") }
}
`})
	if err := s.send("From: ann@example.org\nSubject: known from now on\n\nhello\n"); err != nil {
		t.Fatal(err)
	}
	ask := func(from string) []string {
		d := s.dialogue()
		defer d.Close()
		got := d.say(7, "MAIL FROM:<"+from+">\r\nRCPT TO:<support@example.com>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<nobody@example.com>\r\n"+
			"VRFY ann@example.org\r\nVRFY support\r\nEXPN support\r\n")
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], from, "…")
		}
		return got
	}
	known, unknown := ask("ann@example.org"), ask("eve@example.org")
	if strings.Join(known, "\n") != strings.Join(unknown, "\n") {
		t.Errorf("to who is known:\n%q\nto who is not:\n%q", known, unknown)
	}
	if known[2] != known[3] {
		t.Errorf("somebody known as a recipient: %q, nobody: %q", known[2], known[3])
	}
}
