package smtp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"postern/internal/intake"
	"postern/receiver/smtp"
)

func TestClientGoneBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil)
	c := g.talk()
	c.open("slow@example.com")
	c.send("kept\r\n.\r\n")
	<-g.rec.entered
	c.Close()
	close(g.rec.release)
	eventually(t, "delivery", func() bool { return len(g.deliveries()) == 1 })
	if d := g.deliveries()[0]; d.body != "kept\r\n" || d.err != nil {
		t.Errorf("got %q with context error %v", d.body, d.err)
	}
	if a := g.abandoned(); len(a) > 0 {
		t.Errorf("abandoned %q", a)
	}
}

func TestEnvelope(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *smtp.Options) {
		o.TLS = &tls.Config{}
		o.Settings.Users = testUsers
		o.Settings.Proxies = prefixes(t, "127.0.0.0/8")
	})
	c := g.talk()
	c.send("PROXY TCP4 203.0.113.5 192.0.2.9 4000 25\r\n")
	c.want("220")
	c.send("HELO one.example\r\nMAIL FROM:<>\r\n")
	c.want("250")
	c.want("250")
	c.send("EHLO two.example\r\nMAIL FROM:<a@example.net>\r\nRSET\r\nMAIL FROM:<b@example.net> SMTPUTF8\r\nSTARTTLS\r\n")
	for range 4 {
		c.want("250")
	}
	c.want("220")
	s := tls.Client(c.Conn, g.clientTLS())
	if err := s.Handshake(); err != nil {
		t.Fatal(err)
	}
	c = &talk{t, s, bufio.NewReader(s)}
	c.send("EHLO three.example\r\nMAIL FROM:<c@example.net>\r\nRSET\r\nAUTH PLAIN AEFOTgBwYSBzcw==\r\nMAIL FROM:<d@example.net>\r\n")
	for _, code := range []string{"250", "250", "250", "235", "250"} {
		c.want(code)
	}
	c.Close()
	g.close()

	type row struct {
		from, helo, protocol, user string
		tls, utf8, ours            bool
	}
	want := []row{
		{"", "one.example", "SMTP", "", false, false, false},
		{"a@example.net", "two.example", "ESMTP", "", false, false, false},
		{"b@example.net", "two.example", "UTF8SMTP", "", false, true, false},
		{"c@example.net", "three.example", "ESMTPS", "", true, false, false},
		{"d@example.net", "three.example", "ESMTPSA", "ann", true, false, true},
	}
	var got []row
	for _, e := range g.rec.envelopes {
		got = append(got, row{e.From, e.Helo, e.Protocol, e.User, e.TLS, e.SMTPUTF8, e.Ours})
		if e.Peer.String() != "203.0.113.5" || e.Source != "smtp" || len(e.Session) != 26 || e.Received.IsZero() {
			t.Errorf("envelope %+v", e)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if w := g.rec.envelopes[4].WriteAs; len(w) != 2 {
		t.Errorf("WriteAs %q", w)
	}
}

func TestLargeBodyIsSpooled(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil)
	c := g.talk()
	c.open("slow@example.com")
	body := strings.Repeat("0123456789abcdef..\r\n..", 100_000)
	go func() { _, _ = io.WriteString(c, strings.ReplaceAll(body, "\r\n.", "\r\n..")+"\r\n.\r\n") }()
	<-g.rec.entered
	files, err := os.ReadDir(g.dir)
	if err != nil || len(files) != 1 {
		t.Errorf("spool: %v, %v", files, err)
	}
	close(g.rec.release)
	c.want("250")
	if d := g.deliveries(); len(d) != 1 || d[0].body != body+"\r\n" {
		t.Error("the body is not what was sent")
	}
}

// A disk that takes nothing delays mail: 451, whatever the size, and what fits into memory is still taken.
func TestBodyThatCannotBeKept(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil)
	if err := os.Remove(g.dir); err != nil {
		t.Fatal(err)
	}
	c := g.talk()
	c.open("support@example.com")
	c.send(strings.Repeat("0123456789abcdef\r\n", 100_000) + ".\r\n")
	c.want("451 4.3.0 try again later, session ")
	c.send("MAIL FROM:<a@example.net>\r\nRCPT TO:<support@example.com>\r\nDATA\r\nsmall\r\n.\r\n")
	for _, code := range []string{"250", "250", "354", "250 2.0.0 OK m1"} {
		c.want(code)
	}
	if err := os.Mkdir(g.dir, 0o700); err != nil { // where the rig looks at the end
		t.Fatal(err)
	}
	g.close()
	if d, a := g.deliveries(), g.abandoned(); len(d) != 1 || len(a) != 1 || strings.Contains(a[0], g.dir) {
		t.Errorf("%d delivered, abandoned %q", len(d), a)
	}
	if !strings.Contains(g.log.String(), "a body could not be kept") {
		t.Errorf("the log does not say why:\n%s", g.log)
	}
}

// A peer that reads no answers is not waited for longer than a write may take, and not more than once.
func TestPeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	closed := make(chan time.Duration, 1)
	const write = 300 * time.Millisecond
	g := newRig(t, func(o *smtp.Options) {
		o.Timeouts.Write = write
		o.Settings.Limits.Commands = -1
		o.Observer.Closed = func(_ string, took time.Duration) { closed <- took }
		o.Log = slog.New(slog.DiscardHandler)
	})
	c := g.talk()
	c.want("220")
	c.send("EHLO c\r\nMAIL FROM:<a@example.net>\r\n")
	go func() {
		noops := []byte(strings.Repeat("NOOP\r\n", 10_000))
		for {
			if _, err := c.Write(noops); err != nil {
				return
			}
		}
	}()
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		t.Fatal("still waited for")
	}
	eventually(t, "abandoned", func() bool { return len(g.abandoned()) == 1 })
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lmtp")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	g := newRig(t, func(o *smtp.Options) {
		o.Listeners = append(o.Listeners, smtp.Listener{Net: ln, LMTP: true, Ours: true, Source: "postfix"})
	})
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := gosmtp.NewClientLMTP(conn)
	if err := client.Mail("a@example.net", nil); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"support@example.com", "reject@example.com"} {
		if err := client.Rcpt(to, nil); err != nil {
			t.Fatal(err)
		}
	}
	w, err := client.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "Subject: x\r\n\r\nhello\r\n"); err != nil {
		t.Fatal(err)
	}
	answers, err := w.CloseWithLMTPResponse()
	var refused gosmtp.LMTPDataError
	if !errors.As(err, &refused) || refused["reject@example.com"] == nil || answers["support@example.com"] == nil {
		t.Errorf("answers %v, refused %v", answers, err)
	}
	client.Close()
	g.close()
	if e := g.rec.envelopes[0]; e.Source != "postfix" || e.Protocol != "LMTP" || !e.Ours || !e.EachAnswered || e.Peer.IsValid() {
		t.Errorf("envelope %+v", e)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, users := range map[string][]smtp.User{
		"no name":   {{Password: "x"}},
		"no secret": {{Name: "a"}},
		"both":      {{Name: "a", Password: "x", Hash: testUsers[1].Hash}},
		"twice":     {{Name: "a", Password: "x"}, {Name: "A", Password: "y"}},
		"no bcrypt": {{Name: "a", Hash: "s3cret-hash"}},
	} {
		_, err := smtp.New(smtp.Options{Settings: smtp.Settings{Users: users}})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	g := newRig(t, nil)
	before := g.talk()
	before.want("220")
	if err := g.srv.Apply(smtp.Settings{Limits: smtp.Limits{Connections: 1}}); err != nil {
		t.Fatal(err)
	}
	g.talk().want("421")
	before.send("NOOP\r\n")
	before.want("250")
	if err := g.srv.Apply(smtp.Settings{Users: []smtp.User{{}}}); err == nil {
		t.Error("bad settings were taken")
	}
}

func TestObserver(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	count := func(k string) {
		mu.Lock()
		defer mu.Unlock()
		seen[k]++
	}
	g := newRig(t, func(o *smtp.Options) {
		o.MaxMessageBytes = 1000
		o.Observer = smtp.Observer{
			Connected: func(source string) { count("connected " + source) },
			Closed:    func(source string, _ time.Duration) { count("closed " + source) },
			Refused:   func(_, reason string) { count("refused " + reason) },
			Delivered: func(_ string, v intake.Verdict, n int64, _ time.Duration) { count(fmt.Sprintf("%s %d", v, n)) },
		}
	})
	c := g.talk()
	c.open("support@example.com")
	c.send("x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<unknown@example.com>\r\nRCPT TO:<denied@example.com>\r\nRCPT TO:<retry@example.com>\r\nDATA\r\n" +
		strings.Repeat("x", 1000) + "\r\n.\r\nFOO\r\nQUIT\r\n")
	for _, code := range []string{"250", "250", "550", "550", "250", "354", "552", "500", "221"} {
		c.want(code)
	}
	g.close()
	want := map[string]int{
		"connected smtp": 1, "closed smtp": 1, "committed 3": 1,
		"refused unknown": 1, "refused recipient": 1, "refused size": 1, "refused syntax": 1,
	}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", seen, want)
	}
}

// A storm of connections in every state, ended under way: nothing may be left, nothing may deadlock. It runs by itself: it wants
// the whole machine.
func TestStorm(t *testing.T) {
	g := newRig(t, func(o *smtp.Options) {
		o.Settings.Limits.Connections = 20
		o.Timeouts.Drain, o.Timeouts.Linger = 100*time.Millisecond, time.Millisecond
	})
	scripts := []string{
		"EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<s@example.com>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n",
		"EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<s@example.com>\r\nBDAT 3\r\nabcRSET\r\nBDAT 3 LAST\r\nabc",
		"EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<s@example.com>\r\nBDAT 3\r\nab",
		"EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<s@example.com>\r\nDATA\r\nx",
		"EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<boom@example.com>\r\nDATA\r\nx\r\n.\r\n",
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				c, err := net.Dial("tcp", g.addr)
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, scripts[n%len(scripts)])
				if n%3 != 0 {
					_ = c.(*net.TCPConn).CloseWrite()
					_, _ = io.Copy(io.Discard, c)
				}
				c.Close()
			}
		})
	}
	eventually(t, "100 mails", func() bool { return len(g.deliveries()) > 100 })
	g.close()
	cancel()
	wg.Wait()
}
