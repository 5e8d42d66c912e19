package smtp_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/receiver/smtp"
)

// Guessing a user's password from elsewhere does not shut out the user where the user has been before.
func TestAuthLimitSparesTheUsersOwnAddress(t *testing.T) {
	t.Parallel()
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

// Guesses made at once on many connections count like guesses made one after the other.
func TestAuthLimitCountsGuessesAtOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *smtp.Options) {
		o.TLS = &tls.Config{}
		o.Settings.Users = testUsers
		o.Settings.Limits.AuthFailuresPerUser = 3
		o.Settings.Limits.AuthDelay = 50 * time.Millisecond
	})
	var wg sync.WaitGroup
	var refused, limited atomic.Int32
	guess := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00bob\x00guess")) + "\r\n"
	conns := make([]*talk, 20)
	for i := range conns {
		c := g.talk()
		c.want("220")
		c.send("EHLO c\r\nSTARTTLS\r\n")
		c.want("250")
		c.want("220")
		s := tls.Client(c.Conn, g.clientTLS())
		conns[i] = &talk{t, s, bufio.NewReader(s)}
		conns[i].send("EHLO c\r\n")
		conns[i].want("250")
	}
	for _, c := range conns {
		wg.Go(func() {
			_, _ = io.WriteString(c, guess)
			switch l, _ := c.r.ReadString('\n'); {
			case strings.HasPrefix(l, "535"):
				refused.Add(1)
			case strings.HasPrefix(l, "421"):
				limited.Add(1)
			}
		})
	}
	wg.Wait()
	// Two passwords are looked at at once, so one guess more may slip through.
	if refused.Load() > 4 || refused.Load()+limited.Load() != int32(len(conns)) {
		t.Errorf("%d guesses were looked at, %d not", refused.Load(), limited.Load())
	}
}
