package smtp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
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

// talk is a plain client for tests that a dialogue cannot hold.
type talk struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func (g *rig) talk() *talk {
	g.t.Helper()
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &talk{g.t, c, bufio.NewReader(c)}
}

func (c *talk) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// reply reads one reply of any number of lines and returns its last.
func (c *talk) reply() string {
	c.t.Helper()
	for {
		l, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("no reply: %q, %v", l, err)
		}
		if len(l) > 3 && l[3] == ' ' {
			return strings.TrimSpace(l)
		}
	}
}

func (c *talk) want(prefix string) {
	c.t.Helper()
	if got := c.reply(); !strings.HasPrefix(got, prefix) {
		c.t.Fatalf("got %q, want %q", got, prefix)
	}
}

// open brings a mail up to the 354.
func (c *talk) open(rcpt string) {
	c.t.Helper()
	c.want("220")
	c.send("EHLO c.example\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<" + rcpt + ">\r\nDATA\r\n")
	for _, code := range []string{"250", "250", "250", "354"} {
		c.want(code)
	}
}

func TestClientGoneBeforeTheAnswer(t *testing.T) {
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

func TestDrain(t *testing.T) {
	g := newRig(t, nil)
	idle, silent := g.talk(), g.talk()
	idle.want("220")
	silent.want("220")

	inBody := g.talk()
	inBody.open("support@example.com")
	inBody.send("first ")

	deciding := g.talk()
	deciding.open("slow@example.com")
	deciding.send("x\r\n.\r\n")
	<-g.rec.entered

	g.stop()
	idle.want("421 4.3.2")
	silent.want("421 4.3.2")
	if _, err := net.DialTimeout("tcp", g.addr, time.Second); err == nil {
		t.Error("a new connection is taken while draining")
	}
	inBody.send("second\r\n.\r\n")
	inBody.want("250 2.0.0 OK m1")
	inBody.want("421 4.3.2")
	close(g.rec.release)
	deciding.want("250 2.0.0 OK m1")
	deciding.want("421 4.3.2")
	if err := <-g.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	g.stop = nil
}

// What waits in a handshake, or for one, holds nothing up.
func TestDrainBeforeTLS(t *testing.T) {
	g := newRig(t, func(o *smtp.Options) {
		o.TLS, o.Listeners[0].TLS = &tls.Config{}, true
		o.Timeouts.Drain = time.Minute
	})
	c := g.talk()
	eventually(t, "a handshake", func() bool { // the server is listening when one succeeds
		s, err := tls.Dial("tcp", g.addr, g.clientTLS())
		if err == nil {
			s.Close()
		}
		return err == nil
	})
	g.stop()
	if b, _ := io.ReadAll(c); len(b) > 0 {
		t.Errorf("in clear on a TLS port: %q", b)
	}
	if err := <-g.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	g.stop = nil
}

func TestDrainDeadline(t *testing.T) {
	g := newRig(t, func(o *smtp.Options) { o.Timeouts.Drain = 50 * time.Millisecond })
	stalled := g.talk()
	stalled.open("support@example.com")
	stalled.send("never ")

	deciding := g.talk()
	deciding.open("slow@example.com")
	deciding.send("x\r\n.\r\n")
	<-g.rec.entered
	g.stop()

	// The stalled one is closed at the deadline; the one that intake has is waited for beyond it.
	if b, err := io.ReadAll(stalled.r); err == nil && len(b) > 0 && !bytes.HasPrefix(b, []byte("421")) {
		t.Errorf("the stalled connection got %q", b)
	}
	eventually(t, "abandoned", func() bool { return len(g.abandoned()) == 1 })
	select {
	case err := <-g.done:
		t.Fatalf("Run has ended before the mail was decided: %v", err)
	default:
	}
	close(g.rec.release)
	if err := <-g.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	g.stop = nil
	if d := g.deliveries(); len(d) != 1 || d[0].err != nil {
		t.Errorf("deliveries: %+v", d)
	}
}

func TestConnectionLimits(t *testing.T) {
	t.Run("in all", func(t *testing.T) {
		g := newRig(t, func(o *smtp.Options) { o.Settings.Limits.Connections = 2 })
		a, b := g.talk(), g.talk()
		a.want("220")
		b.want("220")
		c := g.talk()
		c.want("421 4.7.0")
		a.Close()
		eventually(t, "a free place", func() bool { return strings.HasPrefix(g.talk().reply(), "220") })
	})
	t.Run("per address", func(t *testing.T) {
		g := newRig(t, func(o *smtp.Options) {
			o.Settings.Limits.ConnectionsPerAddress = 1
			o.Settings.Proxies = prefixes(t, "127.0.0.0/8")
		})
		from := func(header string) string {
			c := g.talk()
			c.send(header + "\r\n")
			return c.reply()
		}
		for _, tc := range []struct{ header, want string }{
			{"PROXY TCP6 2001:db8:1:2::1 2001:db8::2 4000 25", "220"},
			{"PROXY TCP6 2001:db8:1:2:ffff::9 2001:db8::2 4000 25", "421"}, // the same /64
			{"PROXY TCP6 2001:db8:1:3::1 2001:db8::2 4000 25", "220"},
			{"PROXY TCP4 192.0.2.1 192.0.2.9 4000 25", "220"},
			{"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 4000 25", "421"}, // the same address
		} {
			if got := from(tc.header); !strings.HasPrefix(got, tc.want) {
				t.Errorf("%s: got %q, want %s", tc.header, got, tc.want)
			}
		}
	})
	t.Run("errors", func(t *testing.T) {
		g := newRig(t, func(o *smtp.Options) {
			o.Settings.Limits.ErrorsPerMinute = 2
			o.Settings.Proxies = prefixes(t, "127.0.0.0/8")
		})
		c := g.talk()
		c.send("PROXY TCP4 192.0.2.1 192.0.2.9 4000 25\r\nFOO\r\nFOO\r\n")
		c.want("220")
		c.want("500")
		c.want("500")
		d := g.talk()
		d.send("PROXY TCP4 192.0.2.1 192.0.2.9 4000 25\r\n")
		d.want("421")
	})
}

func TestProxyOnlyFromNamedNetworks(t *testing.T) {
	g := newRig(t, func(o *smtp.Options) { o.Settings.Proxies = prefixes(t, "192.0.2.0/24") })
	c := g.talk()
	c.want("220")
	c.send("PROXY TCP4 203.0.113.5 192.0.2.9 4000 25\r\n")
	c.want("500 5.5.2") // from anybody else it is just a bad command
}

func TestEnvelope(t *testing.T) {
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

func TestUnixSocket(t *testing.T) {
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

func TestCertificateRenewal(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	log := &syncBuffer{}
	writeCertificate(t, certFile, keyFile, 1)
	certs, err := smtp.OpenCertificates(certFile, keyFile, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	g := newRig(t, func(o *smtp.Options) { o.TLS, o.Listeners[0].TLS = certs.Config(), true })
	serial := func() string {
		c, err := tls.Dial("tcp", g.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	if got := serial(); got != "1" {
		t.Fatalf("serial %s", got)
	}
	later := func(n time.Duration) { // file systems keep coarse times
		at := time.Now().Add(n)
		if err := os.Chtimes(certFile, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(certFile, []byte("half of a renew"), 0o600); err != nil {
		t.Fatal(err)
	}
	later(time.Second)
	for range 3 {
		if got := serial(); got != "1" {
			t.Errorf("with a broken file: serial %s", got)
		}
	}
	if n := strings.Count(log.String(), "the old one stays"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log)
	}
	writeCertificate(t, certFile, keyFile, 2)
	later(2 * time.Second)
	if got := serial(); got != "2" {
		t.Errorf("after renewal: serial %s", got)
	}
	if _, err := smtp.OpenCertificates(certFile, certFile, slog.Default()); err == nil {
		t.Error("a certificate without its key was taken")
	}
}

func TestSettings(t *testing.T) {
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

// A large mail in many chunks is progress; many chunks with next to nothing in them are not.
func TestManyChunks(t *testing.T) {
	for _, tc := range []struct {
		size int
		want string
	}{{2048, "250 2.0.0 OK m1"}, {3, "421 4.7.0"}} {
		g := newRig(t, nil)
		c := g.talk()
		c.want("220")
		chunk := strings.Repeat("x", tc.size)
		c.send("EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<s@example.com>\r\n")
		for range 3 {
			c.want("250")
		}
		go func() {
			for range 300 {
				if _, err := fmt.Fprintf(c, "BDAT %d\r\n%s", tc.size, chunk); err != nil {
					return
				}
			}
			_, _ = io.WriteString(c, "BDAT 0 LAST\r\n")
		}()
		last := c.reply()
		for strings.HasSuffix(last, "octets received") {
			last = c.reply()
		}
		if !strings.HasPrefix(last, tc.want) {
			t.Errorf("chunks of %d: %q", tc.size, last)
		}
	}
}

// A relay of ours with many refused mails on one connection is neither slowed nor sent away, and pipelining past a
// refused recipient is no mistake.
func TestRelayOfOursMayAskMuch(t *testing.T) {
	g := newRig(t, func(o *smtp.Options) {
		o.Settings.Ours = prefixes(t, "127.0.0.0/8")
		o.Settings.Limits.UnknownDelay = time.Hour
	})
	c := g.talk()
	c.want("220")
	c.send("EHLO c\r\n")
	c.want("250")
	for range 100 {
		c.send("MAIL FROM:<a@b.c>\r\nRCPT TO:<unknown@example.com>\r\nDATA\r\nRSET\r\n")
		for _, code := range []string{"250", "550", "503", "250"} {
			c.want(code)
		}
	}
}

// Guessing a user's password from elsewhere does not shut out the user where the user has been before.
func TestAuthLimitSparesTheUsersOwnAddress(t *testing.T) {
	g := newRig(t, func(o *smtp.Options) {
		o.TLS = &tls.Config{}
		o.Settings.Users = testUsers
		o.Settings.Limits.AuthFailuresPerUser = 2
		o.Settings.Proxies = prefixes(t, "127.0.0.0/8")
	})
	login := func(ip, password, want string) {
		t.Helper()
		c := g.talk()
		c.send("PROXY TCP4 " + ip + " 192.0.2.9 4000 25\r\n")
		c.want("220")
		c.send("EHLO c\r\nSTARTTLS\r\n")
		c.want("250")
		c.want("220")
		s := tls.Client(c.Conn, g.clientTLS())
		if err := s.Handshake(); err != nil {
			t.Fatal(err)
		}
		c = &talk{t, s, bufio.NewReader(s)}
		c.send("EHLO c\r\nAUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00ann\x00"+password)) + "\r\n")
		c.want("250")
		c.want(want)
	}
	login("192.0.2.1", "pa ss", "235")
	login("203.0.113.1", "guess", "535")
	login("203.0.113.2", "guess", "535")
	login("203.0.113.3", "pa ss", "421")
	login("192.0.2.1", "pa ss", "235")
}

// A storm of connections in every state, ended under way: nothing may be left, nothing may deadlock.
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
	eventually(t, "200 mails", func() bool { return len(g.deliveries()) > 200 })
	g.close()
	cancel()
	wg.Wait()
}
