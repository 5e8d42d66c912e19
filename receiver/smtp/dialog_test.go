package smtp_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/receiver/smtp"
)

// TestDialogues plays testdata/*.dialog. A line begins with
//
//	C:  the client sends this and CR LF; several in a row are one write, so they are pipelined
//	R:  the client sends these bytes and nothing more: Go escapes, and {x*1000} repeats x
//	S:  the server answers this line; … at its end stands for anything
//	E:  the client sends this, and a 250 of any number of lines comes back
//	S!  the server has closed the connection, and has said nothing more
//	O:  options of the server, before anything else: lmtp, tls, starttls, users, ours, proxy, small (MaxMessageBytes 1000),
//	    idle (250 ms for a command), stall (250 ms within a body),
//	    and what option knows besides
//	D:  one delivery: its body as Go escapes. The deliveries must be all there are
//	A:  one abandoned transaction: its reason
//	L:  this stands in the log            L! this does not
//	T:  the client shakes hands           P: the client waits so long
//	X:  the client closes its side        B: the client sends this in base64 and CR LF
//	#   a comment
func TestDialogues(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.dialog")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".dialog"), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			play(t, string(src))
		})
	}
}

type player struct {
	t    *testing.T
	g    *rig
	conn net.Conn
	r    *bufio.Reader
	out  strings.Builder
	line int

	bodies, reasons []string
	inLog, notInLog []string
	checkBodies     bool
	checkReasons    bool
}

func play(t *testing.T, src string) {
	p := &player{t: t}
	lines := strings.Split(src, "\n")
	p.g = newRig(t, func(o *smtp.Options) {
		for _, l := range lines {
			if opts, ok := strings.CutPrefix(l, "O: "); ok {
				for _, opt := range strings.Fields(opts) {
					option(t, o, opt)
				}
			}
		}
	})
	conn, err := net.Dial("tcp", p.g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.use(conn)
	for i, l := range lines {
		p.line = i + 1
		p.step(l)
	}
	p.send()
	p.conn.Close()
	p.g.close()
	p.check()
}

func (p *player) use(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	p.conn, p.r = c, bufio.NewReader(c)
}

func (p *player) step(l string) {
	if l == "" || l[0] == '#' {
		return
	}
	verb, rest := l[:2], strings.TrimPrefix(l[2:], " ")
	if strings.ContainsAny(verb[:1], "STPX") {
		p.send()
	}
	switch verb {
	case "O:":
	case "C:":
		p.out.WriteString(rest + "\r\n")
	case "B:":
		p.out.WriteString(base64.StdEncoding.EncodeToString([]byte(p.unescape(rest))) + "\r\n")
	case "R:":
		p.out.WriteString(p.unescape(rest))
	case "S:":
		p.expect(rest)
	case "E:":
		p.out.WriteString(rest + "\r\n")
		p.send()
		for l := "250-"; !strings.HasPrefix(l, "250 "); {
			var err error
			if l, err = p.r.ReadString('\n'); err != nil || !strings.HasPrefix(l, "250") {
				p.fatalf("got %q, %v", l, err)
			}
		}
	case "S!":
		if more, err := io.ReadAll(p.r); err != nil && !reset(err) || len(more) > 0 {
			p.fatalf("the connection is not closed: %q, %v", more, err)
		}
	case "D:":
		p.checkBodies, p.bodies = true, append(p.bodies, p.unescape(rest))
	case "D!":
		p.checkBodies = true
	case "A:":
		p.checkReasons, p.reasons = true, append(p.reasons, rest)
	case "L:":
		p.inLog = append(p.inLog, rest)
	case "L!":
		p.notInLog = append(p.notInLog, rest)
	case "T:":
		c := tls.Client(p.conn, p.g.clientTLS())
		if err := c.Handshake(); err != nil {
			p.fatalf("handshake: %v", err)
		}
		p.use(c)
	case "P:":
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.fatalf("%v", err)
		}
		time.Sleep(d)
	case "X:":
		p.conn.Close()
	default:
		p.fatalf("what is %q?", l)
	}
}

func reset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

func (p *player) send() {
	if p.out.Len() == 0 {
		return
	}
	// A server that has closed may be found out here or at the next answer.
	_, _ = io.WriteString(p.conn, p.out.String())
	p.out.Reset()
}

func (p *player) expect(want string) {
	got, err := p.r.ReadString('\n')
	if err != nil {
		p.fatalf("want %q, got %q, %v", want, got, err)
	}
	if !strings.HasSuffix(got, "\r\n") {
		p.fatalf("a reply without CR LF: %q", got)
	}
	got = strings.TrimSuffix(got, "\r\n")
	if head, ok := strings.CutSuffix(want, "…"); ok && strings.HasPrefix(got, head) {
		return
	}
	if got != want {
		p.fatalf("got %q, want %q", got, want)
	}
}

func (p *player) fatalf(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("line %d: %s\nlog:\n%s", p.line, fmt.Sprintf(format, args...), p.g.log)
}

func (p *player) check() {
	t := p.t
	if p.checkBodies {
		var got []string
		for _, d := range p.g.deliveries() {
			got = append(got, d.body)
		}
		if fmt.Sprintf("%.500q", got) != fmt.Sprintf("%.500q", p.bodies) {
			t.Errorf("delivered %.500q, want %.500q", got, p.bodies)
		}
	}
	if p.checkReasons {
		if got := p.g.abandoned(); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", p.reasons) {
			t.Errorf("abandoned %q, want %q", got, p.reasons)
		}
	}
	log := p.g.log.String()
	for _, s := range p.inLog {
		if !strings.Contains(log, s) {
			t.Errorf("the log lacks %q:\n%s", s, log)
		}
	}
	for _, s := range p.notInLog {
		if strings.Contains(log, s) {
			t.Errorf("the log has %q:\n%s", s, log)
		}
	}
}

// unescape reads Go escapes, after repeating {text*n}.
func (p *player) unescape(s string) string {
	s, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		p.fatalf("%v", err)
	}
	var b strings.Builder
	for {
		head, rest, ok := strings.Cut(s, "{")
		b.WriteString(head)
		if !ok {
			return b.String()
		}
		rep, tail, _ := strings.Cut(rest, "}")
		text, count, _ := strings.Cut(rep, "*")
		n, err := strconv.Atoi(count)
		if err != nil {
			p.fatalf("%v", err)
		}
		b.WriteString(strings.Repeat(text, n))
		s = tail
	}
}

func option(t *testing.T, o *smtp.Options, opt string) {
	name, value, _ := strings.Cut(opt, "=")
	lim := &o.Settings.Limits
	n, _ := strconv.Atoi(value)
	switch name {
	case "lmtp":
		o.Listeners[0].LMTP = true
	case "tls":
		o.Listeners[0].TLS = true
		o.TLS = &tls.Config{}
	case "starttls":
		o.TLS = &tls.Config{}
	case "users":
		o.Settings.Users = testUsers
	case "ours":
		o.Settings.Ours = prefixes(t, "127.0.0.0/8")
	case "proxy":
		o.Settings.Proxies = prefixes(t, "127.0.0.0/8")
	case "small":
		o.MaxMessageBytes = 1000
	case "idle":
		o.Timeouts.Command = 250 * time.Millisecond
	case "stall":
		o.Timeouts.Block = 250 * time.Millisecond
	case "steady":
		o.Timeouts.Block = 600 * time.Millisecond
	case "crawl":
		o.Timeouts.Grace, o.Timeouts.MinRate = 100*time.Millisecond, 1000
	case "recipients":
		lim.Recipients = n
	case "errors":
		lim.Errors = n
	case "commands":
		lim.Commands = n
	case "messages":
		lim.MessagesPerAddress = n
	case "rcptminute":
		lim.RecipientsPerAddress = n
	case "bytes":
		lim.BytesInFlight = int64(n)
	case "authfailures":
		lim.AuthFailures = n
	case "userfailures":
		lim.AuthFailuresPerUser = n
	default:
		t.Fatalf("no option %q", opt)
	}
}

var testUsers = []smtp.User{
	{Name: "ann", Password: "pa ss", WriteAs: []string{"ann@example.com", "@example.org"}},
	// bcrypt of "geheim" at the lowest cost
	{Name: "bob", Hash: "$2a$04$wwaqR4kD8P5rxiR4dKYvHO4t19ZwUXBIrOsI9ru4e6muEUUDGX5LG"},
}
