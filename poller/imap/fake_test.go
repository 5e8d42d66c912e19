package imap_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/poller/imap"
	"postern/poller/wire"
)

// A fake is an IMAP server with one folder, which does what the test wants where a real one would not. It speaks in the clear.
type fake struct {
	t    *testing.T
	addr string

	mu       sync.Mutex
	caps     string
	validity int
	mails    []*fakeMail
	folders  map[string]int // others, and how many mails were copied there
	said     []string       // all commands of all connections, without their tags
	logins   int

	greeting string
	// answer makes the FETCH answer for a mail; the default's when it returns false. seq counts from 1.
	answer func(m *fakeMail, seq int, body bool) (string, bool)
	// does handles a command before the default does: it writes what it wants, and returns true where that was all.
	does func(c *fakeConn, tag, command string) bool
}

type fakeMail struct {
	uid   int
	raw   string
	flags string
}

type fakeConn struct {
	net.Conn
	r *bufio.Reader
	f *fake
}

func newFake(t *testing.T, raws ...string) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, addr: l.Addr().String(), caps: "IMAP4rev1 AUTH=PLAIN SASL-IR IDLE UIDPLUS MOVE", validity: 7, folders: map[string]int{}, greeting: "* OK hello"}
	for i, raw := range raws {
		f.mails = append(f.mails, &fakeMail{uid: 10 * (i + 1), raw: raw})
	}
	var conns sync.WaitGroup
	all := map[net.Conn]bool{}
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			all[c] = true
			f.mu.Unlock()
			conns.Go(func() {
				defer c.Close()
				(&fakeConn{c, bufio.NewReader(c), f}).serve()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		f.mu.Lock()
		for c := range all {
			c.Close()
		}
		f.mu.Unlock()
		conns.Wait()
		f.behaved()
	})
	return f
}

// behaved holds what we said to every fake against what we never say.
func (f *fake) behaved() {
	f.t.Helper()
	f.sync()
	for _, c := range f.said {
		upper := strings.ToUpper(c)
		body := strings.ReplaceAll(upper, "RFC822.SIZE", "")
		switch {
		case upper == "EXPUNGE", upper == "CLOSE":
			f.t.Errorf("%s was sent: it removes what others have marked", c)
		case strings.Contains(body, "BODY[") || strings.Contains(body, "RFC822"):
			f.t.Errorf("%s was sent: it marks mail as read", c)
		case strings.Contains(upper, "ENVELOPE"), strings.Contains(upper, "BODYSTRUCTURE"), strings.Contains(upper, "CHARSET"), len(c) > 1000:
			f.t.Errorf("%s was sent", c)
		}
	}
}

// options are those of an account there.
func (f *fake) options() imap.Options {
	return imap.Options{
		Options: wire.Options{Address: f.addr, TLS: wire.Off, Insecure: true, Patience: 2 * time.Second, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			f.sync()
			return new(net.Dialer).DialContext(ctx, network, address)
		}},
		User: "support", Password: password("secret"), Pause: func(context.Context, int) error { return nil },
	}
}

// sync makes what the test changed known to connections that begin later, and what they did to the test.
func (f *fake) sync() {
	f.mu.Lock()
	defer f.mu.Unlock()
}

// count is how many commands began with the words.
func (f *fake) count(words string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.said {
		if strings.HasPrefix(c, words) {
			n++
		}
	}
	return n
}

func (c *fakeConn) say(format string, args ...any) { fmt.Fprintf(c, format+"\r\n", args...) }

func (c *fakeConn) serve() {
	c.f.mu.Lock()
	greeting := c.f.greeting
	c.f.mu.Unlock()
	if greeting != "" {
		c.say("%s", greeting)
	}
	for {
		text, err := c.r.ReadString('\n')
		if err != nil {
			return
		}
		text = strings.TrimRight(text, "\r\n")
		tag, command, _ := strings.Cut(text, " ")
		c.f.mu.Lock()
		c.f.said = append(c.f.said, command)
		does := c.f.does
		c.f.mu.Unlock()
		if does != nil && does(c, tag, command) {
			continue
		}
		c.f.mu.Lock()
		c.command(tag, command)
		c.f.mu.Unlock()
	}
}

var (
	uidCommand = regexp.MustCompile(`^UID (\w+) (\S+) ?(.*)$`)
	seqFetch   = regexp.MustCompile(`^FETCH (\S+) (.*)$`)
)

// command does what a server does, with f.mu held.
func (c *fakeConn) command(tag, command string) {
	f := c.f
	word, rest, _ := strings.Cut(command, " ")
	switch word {
	case "CAPABILITY":
		c.say("* CAPABILITY %s", f.caps)
	case "AUTHENTICATE", "LOGIN":
		f.logins++
	case "SELECT":
		c.say("* %d EXISTS\r\n* OK [UIDVALIDITY %d] v\r\n* OK [UIDNEXT 1000] n", len(f.mails), f.validity)
	case "STATUS", "CREATE":
		name := strings.Trim(strings.TrimSuffix(rest, " (UIDNEXT)"), `"`)
		_, ok := f.folders[name]
		switch {
		case word == "CREATE":
			f.folders[name] = 0
		case ok:
			c.say("* STATUS %q (UIDNEXT 1)", name)
		default:
			c.say("%s NO [NONEXISTENT] no such folder", tag)
			return
		}
	case "FETCH":
		m := seqFetch.FindStringSubmatch(command)
		seq, _ := strconv.Atoi(m[1])
		if m[1] == "*" {
			seq = len(f.mails)
		}
		if seq < 1 || seq > len(f.mails) {
			c.say("%s BAD no such message", tag)
			return
		}
		c.fetch(f.mails[seq-1], seq, m[2])
	case "UID":
		if !c.uid(tag, uidCommand.FindStringSubmatch(command)) {
			return
		}
	case "IDLE":
		c.say("+ idling")
		_, _ = c.r.ReadString('\n')
	case "LOGOUT":
		c.say("* BYE bye")
	}
	c.say("%s OK done", tag)
}

func (c *fakeConn) uid(tag string, m []string) bool {
	f := c.f
	if m[1] == "SEARCH" {
		set := strings.TrimPrefix(m[2]+" "+m[3], "UID ")
		set, _, _ = strings.Cut(set, " ")
		var found []string
		for _, m := range f.in(set) {
			found = append(found, strconv.Itoa(m.uid))
		}
		c.say("* SEARCH %s", strings.Join(found, " "))
		return true
	}
	in := f.in(m[2])
	switch m[1] {
	case "FETCH":
		for _, mail := range in {
			c.fetch(mail, slices.Index(f.mails, mail)+1, m[3])
		}
	case "STORE":
		for _, mail := range in {
			mail.flags += m[3]
		}
	case "COPY", "MOVE":
		name := strings.Trim(m[3], `"`)
		if _, ok := f.folders[name]; !ok {
			c.say("%s NO [TRYCREATE] no such folder", tag)
			return false
		}
		f.folders[name] += len(in)
		var uids []string
		for _, mail := range in {
			uids = append(uids, strconv.Itoa(mail.uid))
		}
		if m[1] == "MOVE" {
			f.remove(in)
		}
		if len(uids) > 0 && strings.Contains(f.caps, "UIDPLUS") {
			c.say("%s OK [COPYUID 9 %s %s] done", tag, strings.Join(uids, ","), strings.Join(uids, ","))
			return false
		}
	case "EXPUNGE":
		f.remove(slices.DeleteFunc(in, func(m *fakeMail) bool { return !strings.Contains(m.flags, `\Deleted`) }))
	}
	return true
}

func (f *fake) remove(mails []*fakeMail) {
	f.mails = slices.DeleteFunc(f.mails, func(m *fakeMail) bool { return slices.Contains(mails, m) })
}

func (c *fakeConn) fetch(m *fakeMail, seq int, what string) {
	body := strings.Contains(what, "BODY.PEEK[]")
	if c.f.answer != nil {
		if text, ok := c.f.answer(m, seq, body); ok {
			_, _ = io.WriteString(c, text)
			return
		}
	}
	switch {
	case body:
		c.say("* %d FETCH (UID %d BODY[] {%d}\r\n%s)", seq, m.uid, len(m.raw), m.raw)
	case strings.Contains(what, "RFC822.SIZE"):
		c.say(`* %d FETCH (UID %d RFC822.SIZE %d INTERNALDATE "17-Jul-2026 02:44:25 +0000")`, seq, m.uid, len(m.raw))
	case strings.Contains(what, "FLAGS"):
		flags := ""
		if strings.Contains(m.flags, `\Deleted`) {
			flags = `\Deleted`
		}
		c.say("* %d FETCH (UID %d FLAGS (%s))", seq, m.uid, flags)
	default:
		c.say("* %d FETCH (UID %d)", seq, m.uid)
	}
}

// in gives the mails of a UID set; * is the last, and n:* has the last whatever n is.
func (f *fake) in(set string) []*fakeMail {
	var in []*fakeMail
	for part := range strings.SplitSeq(set, ",") {
		from, to, ranged := strings.Cut(part, ":")
		if !ranged {
			to = from
		}
		a, _ := strconv.Atoi(from)
		b, _ := strconv.Atoi(to)
		for i, m := range f.mails {
			if to == "*" && (m.uid >= a || i == len(f.mails)-1) || m.uid >= a && m.uid <= b {
				in = append(in, m)
			}
		}
	}
	return in
}
