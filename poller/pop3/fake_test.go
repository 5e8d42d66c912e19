package pop3_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/poller/pop3"
	"postern/poller/wire"
)

// A server is a POP3 server as tests want it: what Dovecot never does is done here.
type server struct {
	caps    []string // nil: no CAPA
	uidl    bool
	top     bool
	stls    *tls.Config
	greets  string                                                     // in place of the greeting
	answers map[string]string                                          // to a command with its arguments, or to its word: said in place of the real answer; "" ends the connection
	does    func(c *client, word string, args []string) (handled bool) // before all else

	t       testing.TB
	address string

	mu      sync.Mutex
	mails   []*lies
	said    []string // commands that came, without passwords
	logins  int
	quits   int
	deepest int // the most commands that waited to be answered
}

// lies is a mail that lies there.
type lies struct {
	uid, raw string
	size     int // as LIST has it; 0: as it is
}

// A client is one connection.
type client struct {
	s       *server
	c       net.Conn
	r       *bufio.Reader
	mails   []*lies
	deleted map[int]bool
}

// start listens until the test ends.
func (s *server) start(t testing.TB) *server {
	t.Helper()
	s.t = t
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			clients.Go(func() {
				stop := context.AfterFunc(t.Context(), func() { _ = c.Close() })
				defer stop()
				defer c.Close()
				s.serve(c)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); clients.Wait() })
	return s
}

func (s *server) put(mails ...*lies) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, mails...)
}

func (s *server) left() (uids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mails {
		uids = append(uids, m.uid)
	}
	return uids
}

func (s *server) count(word string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.said {
		if strings.HasPrefix(c, word) {
			n++
		}
	}
	return n
}

func (s *server) serve(conn net.Conn) {
	c := &client{s: s, c: conn, r: bufio.NewReader(conn), deleted: map[int]bool{}}
	if s.greets != "" {
		c.say("%s", s.greets)
	} else {
		c.say("+OK ready <1.2@example.org>\r\n")
	}
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			return
		}
		word := strings.ToUpper(fields[0])
		s.mu.Lock()
		if word == "PASS" {
			s.said = append(s.said, word)
		} else {
			s.said = append(s.said, line)
		}
		s.deepest = max(s.deepest, 1+strings.Count(peek(c.r), "\n"))
		answer, given := s.answers[line]
		if !given {
			answer, given = s.answers[word]
		}
		s.mu.Unlock()
		switch {
		case s.does != nil && s.does(c, word, fields[1:]):
		case given && answer == "":
			return
		case given:
			c.say("%s", answer)
		default:
			if !c.command(word, fields[1:]) {
				return
			}
		}
	}
}

func peek(r *bufio.Reader) string { b, _ := r.Peek(r.Buffered()); return string(b) }

func (c *client) say(format string, args ...any) { fmt.Fprintf(c.c, format, args...) }

func (c *client) list(f func(n int, m *lies) string) {
	var out strings.Builder
	out.WriteString("+OK\r\n")
	for i, m := range c.mails {
		if !c.deleted[i+1] {
			out.WriteString(f(i+1, m) + "\r\n")
		}
	}
	_, _ = c.c.Write([]byte(out.String() + ".\r\n"))
}

func (c *client) mail(args []string) (int, *lies) {
	if len(args) > 0 {
		if n, err := strconv.Atoi(args[0]); err == nil && n >= 1 && n <= len(c.mails) && !c.deleted[n] {
			return n, c.mails[n-1]
		}
	}
	c.say("-ERR no such message\r\n")
	return 0, nil
}

func (c *client) loggedIn() {
	c.s.mu.Lock()
	c.s.logins++
	c.mails = slices.Clone(c.s.mails)
	c.s.mu.Unlock()
	c.say("+OK welcome\r\n")
}

func (c *client) command(word string, args []string) bool {
	s := c.s
	switch word {
	case "CAPA":
		if s.caps == nil {
			c.say("-ERR unknown command\r\n")
			break
		}
		c.say("+OK\r\n%s\r\n.\r\n", strings.Join(s.caps, "\r\n"))
	case "STLS":
		if s.stls == nil {
			c.say("-ERR no\r\n")
			break
		}
		c.say("+OK begin\r\n")
		c.secure()
	case "USER":
		c.say("+OK\r\n")
	case "PASS":
		c.loggedIn()
	case "STAT":
		c.say("+OK %d 1\r\n", len(c.mails)-len(c.deleted))
	case "LIST":
		c.list(func(n int, m *lies) string {
			size := m.size
			if size == 0 {
				size = len(m.raw)
			}
			return fmt.Sprintf("%d %d", n, size)
		})
	case "UIDL":
		if !s.uidl {
			c.say("-ERR not implemented\r\n")
			break
		}
		c.list(func(n int, m *lies) string { return fmt.Sprintf("%d %s", n, m.uid) })
	case "TOP":
		if !s.top {
			c.say("-ERR not implemented\r\n")
		} else if _, m := c.mail(args); m != nil {
			lines, _ := strconv.Atoi(args[1])
			head, body, _ := strings.Cut(m.raw, "\r\n\r\n")
			b := strings.SplitAfter(body, "\r\n")
			c.say("+OK\r\n%s", stuffed(head+"\r\n\r\n"+strings.Join(b[:min(lines, len(b))], "")))
		}
	case "RETR":
		if _, m := c.mail(args); m != nil {
			c.say("+OK %d octets\r\n%s", len(m.raw), stuffed(m.raw))
		}
	case "DELE":
		if n, m := c.mail(args); m != nil {
			c.deleted[n] = true
			c.say("+OK\r\n")
		}
	case "QUIT":
		s.mu.Lock()
		s.quits++
		s.mails = slices.DeleteFunc(s.mails, func(m *lies) bool {
			i := slices.Index(c.mails, m)
			return i >= 0 && c.deleted[i+1]
		})
		s.mu.Unlock()
		c.say("+OK bye\r\n")
		return false
	default:
		c.say("-ERR what\r\n")
	}
	return true
}

func (c *client) secure() {
	t := tls.Server(c.c, c.s.stls)
	c.c, c.r = t, bufio.NewReader(t)
}

// stuffed is what a server sends of a mail.
func stuffed(raw string) string {
	if raw != "" && !strings.HasSuffix(raw, "\r\n") {
		raw += "\r\n"
	}
	out := strings.ReplaceAll("\r\n"+raw, "\r\n.", "\r\n..")
	return out[2:] + ".\r\n"
}

// account is one at the server, in clear text.
func (s *server) account(change ...func(*pop3.Options)) *pop3.Account {
	o := pop3.Options{
		Options: wire.Options{Address: s.address, TLS: wire.Off, Insecure: true, Patience: 5 * time.Second},
		User:    "support", Password: func(context.Context) (string, error) { return "se cret", nil },
	}
	for _, f := range change {
		f(&o)
	}
	return pop3.New(o)
}

// modern has all that a server can have.
func modern() *server {
	return &server{caps: []string{"TOP", "UIDL", "USER", "PIPELINING", "RESP-CODES"}, uidl: true, top: true}
}

// numbered are mails a to b.
func numbered(a, b int) (all []*lies) {
	for n := a; n <= b; n++ {
		all = append(all, &lies{uid: fmt.Sprintf("uid-%d", n), raw: fmt.Sprintf("Message-ID: <%d@example.org>\r\nSubject: %d\r\n\r\nbody %d\r\n.dot\r\n", n, n, n)})
	}
	return all
}
