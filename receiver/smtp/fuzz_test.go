package smtp_test

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/receiver/smtp"
)

// A pit is a server for fuzzing: over a unix socket, where ports do not run out, with small limits.
type pit struct {
	*rig
	path   string
	closed chan struct{}
}

func newPit(f *testing.F, lmtp bool) *pit {
	p := &pit{path: filepath.Join(f.TempDir(), "s"), closed: make(chan struct{}, 1)}
	ln, err := net.Listen("unix", p.path)
	if err != nil {
		f.Fatal(err)
	}
	p.rig = newRig(f, func(o *smtp.Options) {
		o.Listeners = append(o.Listeners, smtp.Listener{Net: ln, LMTP: lmtp})
		o.MaxMessageBytes = 2000
		o.Observer.Closed = func(string, time.Duration) { p.closed <- struct{}{} }
	})
	return p
}

// run sends input, reads all that comes back, and waits for the session's end.
func (p *pit) run(t *testing.T, input []byte) (replies string, begun []intake.Envelope, got []delivery) {
	p.rec.mu.Lock()
	p.rec.envelopes, p.rec.delivered, p.rec.abandoned = nil, nil, nil
	p.rec.mu.Unlock()
	p.log.reset()
	c, err := net.Dial("unix", p.path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	go func() {
		_, _ = c.Write(input)
		_ = c.(*net.UnixConn).CloseWrite()
	}()
	out, err := io.ReadAll(c)
	if err != nil && !reset(err) {
		t.Fatalf("reading replies: %v", err)
	}
	c.Close()
	select {
	case <-p.closed:
	case <-time.After(10 * time.Second):
		t.Fatal("the session does not end")
	}
	if log := p.log.String(); strings.Contains(log, "panic") {
		t.Fatalf("a panic: %s", log)
	}
	p.rec.mu.Lock()
	defer p.rec.mu.Unlock()
	if p.rec.open != 0 {
		t.Fatalf("%d transactions were neither delivered nor abandoned", p.rec.open)
	}
	return string(out), p.rec.envelopes, p.rec.delivered
}

// FuzzSession sends any bytes. There is no panic, every reply is well formed, every transaction ends, and as many mails
// were delivered as were answered with a message id.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		"EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<s@example.com>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n",
		"EHLO c\r\nMAIL FROM:<a@b.c> SIZE=3 BODY=8BITMIME RET=HDRS ENVID=x SMTPUTF8\r\nRCPT TO:<s@example.com> NOTIFY=NEVER\r\nBDAT 3\r\nabcBDAT 3 LAST\r\nabcNOOP\r\n",
		"HELO c\nMAIL FROM:<>\nRCPT TO:<postmaster>\nRSET\nSTARTTLS\nAUTH PLAIN\nAUTH LOGIN eA==\nVRFY x\n\n",
		"EHLO c\r\nMAIL FROM:<\"a b\"@[IPv6:::1]>\r\nRCPT TO:<@x,@y:\"q\\\"\"@b>\r\nBDAT 0\r\nBDAT 1x\r\nBDAT 99999999999\r\n",
		"EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<unknown@b>\r\nRCPT TO:<reject@b>\r\nDATA\r\n..\r\n\n.\r\nNOOP\r\n",
	} {
		f.Add([]byte(s))
	}
	p := newPit(f, false)
	f.Fuzz(func(t *testing.T, input []byte) {
		if bytes.Contains(input, []byte("panic")) || bytes.Contains(input, []byte("boom")) || bytes.Contains(input, []byte("slow")) || bytes.Contains(input, []byte("fuse")) {
			t.Skip("names that make the test's own intake fail")
		}
		replies, _, got := p.run(t, input)
		answered := 0
		for l := range strings.Lines(replies) {
			if !strings.HasSuffix(l, "\r\n") || len(l) < 6 || l[0] < '2' || l[0] > '5' || l[3] != ' ' && l[3] != '-' || strings.Count(l, "\r") > 1 {
				t.Errorf("a reply is not well formed: %q", l)
			}
			if strings.HasPrefix(l, "250 2.0.0 OK m") {
				answered++
			}
		}
		taken := 0
		for _, d := range got {
			for _, r := range d.rcpts {
				if !strings.HasPrefix(r, "reject") && !strings.HasPrefix(r, "retry") {
					taken++
					break
				}
			}
		}
		for _, d := range got { // any try later makes the answer 451
			for _, r := range d.rcpts {
				if strings.HasPrefix(r, "retry") {
					t.Skip("a mixed verdict")
				}
			}
		}
		if answered != taken {
			t.Errorf("%d mails delivered, %d answered 250:\n%s", taken, answered, replies)
		}
	})
}

// FuzzBody sends any bytes as a body, up to its one true end, and a command behind it. Nothing of the body is obeyed, and
// what is accepted is the body, byte for byte, without the dots of transparency.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		"x\r\n", "", "..\r\n.a\r\n", "x\n.\nMAIL FROM:<forged@b.c>\r\n", "x\r\n.\nMAIL FROM:<forged@b.c>\r\n", "x\n.\r\nMAIL FROM:<forged@b.c>\r\n",
		"\r.\r\nMAIL FROM:<forged@b.c>\r\n", "x\r\r\n", ".\rMAIL FROM:<forged@b.c>\r\n", strings.Repeat("y", 2100) + "\n.\r\nMAIL FROM:<forged@b.c>\r\n",
		strings.Repeat("0123456789\r\n", 200) + "\r\n..\r\nRSET\r\nMAIL FROM:<forged@b.c>\r\n",
	} {
		f.Add([]byte(s))
	}
	p := newPit(f, false)
	f.Fuzz(func(t *testing.T, body []byte) {
		body = append(body, "\r\n"...)
		if bytes.HasPrefix(body, []byte(".\r\n")) {
			body = nil
		} else if i := bytes.Index(body, []byte("\r\n.\r\n")); i >= 0 {
			body = body[:i+2]
		}
		input := "EHLO c\r\nMAIL FROM:<true@b.c>\r\nRCPT TO:<s@example.com>\r\nDATA\r\n" + string(body) + ".\r\nMAIL FROM:<after@b.c>\r\n"
		replies, begun, got := p.run(t, []byte(input))
		for i, e := range begun {
			if want := []string{"true@b.c", "after@b.c"}; i > 1 || e.From != want[i] {
				t.Fatalf("a body was obeyed: MAIL FROM:<%s>\n%s", e.From, replies)
			}
		}
		plain := bytes.TrimPrefix(bytes.ReplaceAll(body, []byte("\r\n."), []byte("\r\n")), []byte("."))
		bare := bytes.ContainsAny(bytes.ReplaceAll(body, []byte("\r\n"), nil), "\r\n")
		switch {
		case bare || len(plain) > 2000:
			if len(got) > 0 {
				t.Fatalf("accepted %q", got[0].body)
			}
		case len(got) != 1 || got[0].body != string(plain) || len(begun) != 2:
			t.Fatalf("sent %q, delivered %+v, %d begun\n%s", body, got, len(begun), replies)
		}
		if bare && len(begun) > 1 {
			t.Fatalf("the session went on behind a bare newline\n%s", replies)
		}
	})
}

// FuzzChunks sends a body in chunks, cut anywhere, as LMTP: what arrives is what was sent.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n"), uint16(3), uint16(9))
	f.Add([]byte("\r\n\n"), uint16(1), uint16(1))
	p := newPit(f, true)
	f.Fuzz(func(t *testing.T, body []byte, first, second uint16) {
		input := []byte("LHLO c\r\nMAIL FROM:<true@b.c>\r\nRCPT TO:<s@example.com>\r\n")
		a := min(int(first), len(body))
		b := min(a+int(second), len(body))
		for i, chunk := range [][]byte{body[:a], body[a:b], body[b:]} {
			input = append(input, []byte("BDAT "+strconv.Itoa(len(chunk))+[]string{"", "", " LAST"}[i]+"\r\n")...)
			input = append(input, chunk...)
		}
		replies, begun, got := p.run(t, append(input, "NOOP\r\n"...))
		if len(begun) != 1 {
			t.Fatalf("%d begun", len(begun))
		}
		bare := bytes.ContainsAny(bytes.ReplaceAll(body, []byte("\r\n"), nil), "\r\n")
		if bare || len(body) > 2000 {
			if len(got) > 0 {
				t.Fatalf("accepted %q", got[0].body)
			}
			return
		}
		if len(got) != 1 || got[0].body != string(body) {
			t.Fatalf("sent %q, delivered %+v\n%s", body, got, replies)
		}
	})
}
