package imap_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/peers"
	"postern/poller/imap"
	"postern/poller/wire"
)

// What servers say when they let nobody in, and what an administrator hears.
func TestRefusals(t *testing.T) {
	t.Parallel()
	json := base64.StdEncoding.EncodeToString([]byte(`{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}`))
	for _, test := range []struct {
		name, answer string
		token        bool
		want         string
		kind         fault.Kind
	}{
		{"Exchange, IMAP off or a shared mailbox", "%s BAD User is authenticated but not connected.", true, "IMAP is switched off for the mailbox (Set-CASMailbox", fault.Denied},
		{"Exchange, token", "%s NO AUTHENTICATE failed.", true, "IMAP.AccessAsApp", fault.Denied},
		{"Gmail, token", "+ " + json, true, "the server wants the scope https://mail.google.com/", fault.Denied},
		{"expired", "+ " + base64.StdEncoding.EncodeToString([]byte(`{"status":"401"}`)), true, "has expired", fault.Denied},
		{"scope", "+ " + base64.StdEncoding.EncodeToString([]byte(`{"status":"insufficient_scope"}`)), true, "right scope", fault.Denied},
		{"no JSON", "+ " + base64.StdEncoding.EncodeToString([]byte("no")), true, "does not open this mailbox", fault.Denied},
		{"no base64", "+ !!", true, "no login as support", fault.Unavailable},
		{"app password", "%s NO [ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)", false, "make an app password", fault.Denied},
		{"web login", "%s NO [WEBALERT https://accounts.google.com/x] Web login required.", false, "once in a browser", fault.Denied},
		{"IMAP off", "%s NO [ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings", false, "switch IMAP on", fault.Denied},
		{"connections", "%s NO [ALERT] Too many simultaneous connections. (Failure)", false, "as many connections as it may", fault.Unavailable},
		{"password", "%s NO [AUTHENTICATIONFAILED] Authentication failed.", false, "check user and password-file", fault.Denied},
		{"password expired", "%s NO [EXPIRED] Password expired", false, "set a new one", fault.Denied},
		{"later", "%s NO [UNAVAILABLE] Temporary authentication failure", false, "tried again", fault.Unavailable},
		{"passwords are off", "%s NO LOGIN failed. BasicAuthBlocked", false, "use oauth", fault.Denied},
		{"escape sequences", "%s NO \x1b]0;pwned\x07 sorry", false, "refused: NO ]0;pwned  sorry", fault.Denied},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.does = func(c *fakeConn, tag, command string) bool {
				if !strings.HasPrefix(command, "AUTHENTICATE") {
					return false
				}
				c.say(strings.Replace(test.answer, "%s", tag, 1))
				return true
			}
			o := f.options()
			if test.token {
				o.Token = password("ya29.secret")
			}
			_, err := imap.New(o).Open(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) || fault.KindOf(err) != test.kind {
				t.Errorf("got %v (%s), want %q (%s)", err, fault.KindOf(err), test.want, test.kind)
			}
		})
	}
}

// The ways to log in, by what the server says it can.
func TestMechanisms(t *testing.T) {
	t.Parallel()
	const token = "ya29.t"
	for _, test := range []struct {
		caps  string
		token bool
		want  string // the command; base64 is read
	}{
		{"IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN", false, "AUTHENTICATE PLAIN \x00support\x00secret"},
		{"IMAP4rev1", false, `LOGIN "support" "secret"`},
		{"IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER AUTH=PLAIN", true, "AUTHENTICATE XOAUTH2 user=support\x01auth=Bearer ya29.t\x01\x01"},
		{"IMAP4rev1 SASL-IR AUTH=OAUTHBEARER AUTH=PLAIN", true, "AUTHENTICATE OAUTHBEARER n,a=support,\x01host=127.0.0.1\x01port="},
		{"IMAP4rev1 SASL-IR AUTH=PLAIN", true, "AUTHENTICATE XOAUTH2 user=support"},
		{"IMAP4rev1 LOGINDISABLED", false, ""},
	} {
		f := newFake(t)
		f.caps = test.caps
		asked := 0
		o := f.options()
		if test.token {
			o.Token = func(context.Context) (string, error) { asked++; return token, nil }
		}
		a := imap.New(o)
		for range 2 {
			if s, err := a.Open(t.Context()); err == nil {
				_ = s.Close()
			} else if test.want != "" {
				t.Errorf("%s: %v", test.caps, err)
			} else if !strings.Contains(err.Error(), "takes no passwords") {
				t.Error(err)
			}
		}
		if test.token && asked != 2 {
			t.Errorf("a token was asked for %d times at 2 logins", asked)
		}
		var got string
		for _, c := range f.said {
			if words := strings.SplitN(c, " ", 3); words[0] == "AUTHENTICATE" {
				b, _ := base64.StdEncoding.DecodeString(words[2])
				got = words[0] + " " + words[1] + " " + string(b)
			} else if words[0] == "LOGIN" {
				got = c
			}
		}
		if !strings.HasPrefix(got, test.want) || got != "" && test.want == "" {
			t.Errorf("%s: said %q, want %q", test.caps, got, test.want)
		}
	}
}

// Without SASL-IR (RFC 4959) the first word is the server's.
func TestNoInitialResponse(t *testing.T) {
	t.Parallel()
	for _, token := range []bool{false, true} {
		f := newFake(t)
		f.caps = "IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2"
		said := make(chan string, 1)
		f.does = func(c *fakeConn, tag, command string) bool {
			if !strings.HasPrefix(command, "AUTHENTICATE") {
				return false
			}
			c.say("+ ")
			answer, _ := c.r.ReadString('\n')
			b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(answer))
			said <- command + " " + string(b)
			return false
		}
		o, want := f.options(), "AUTHENTICATE PLAIN \x00support\x00secret"
		if token {
			o.Token, want = password("ya29.t"), "AUTHENTICATE XOAUTH2 user=support\x01auth=Bearer ya29.t\x01\x01"
		}
		s, err := imap.New(o).Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
		if got := <-said; got != want {
			t.Errorf("said %q, want %q", got, want)
		}
	}
}

// startTLSServer greets, hears STARTTLS, says what it is told to, and goes on in TLS where it is to.
func startTLSServer(t *testing.T, ca *peers.CA, greeting, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert := ca.Certificate(time.Time{})
	f := newFake(t, raws(1)...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintf(c, "%s\r\n", greeting)
			r := bufio.NewReader(c)
			if command, _ := r.ReadString('\n'); strings.Contains(command, "STARTTLS") {
				fmt.Fprint(c, answer)
				s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
				if s.Handshake() == nil {
					f.greeting = "" // RFC 3501: none after STARTTLS
					(&fakeConn{s, bufio.NewReader(s), f}).serve()
				}
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1)
}

// What came before TLS counts for nothing, and without TLS nothing goes on.
func TestStartTLS(t *testing.T) {
	t.Parallel()
	ca := peers.NewCA(t)
	for _, test := range []struct{ name, greeting, answer, want string }{
		{"as it should be", "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi", "a OK begin\r\n", ""},
		{"answers put before TLS", "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi",
			"* CAPABILITY IMAP4rev1 AUTH=EVIL\r\na OK [CAPABILITY IMAP4rev1 LOGINDISABLED] begin\r\n* BYE evil\r\nT1 NO evil\r\n", ""},
		{"logged in before TLS", "* PREAUTH hi", "a OK begin\r\n", "logged in already, before TLS"},
		{"refused", "* OK hi", "a NO not now\r\n", "STARTTLS is refused: NO not now"},
		{"endless", "* OK hi", strings.Repeat("* OK x\r\n", 100), "no answer to STARTTLS"},
		{"an endless line", "* OK hi", strings.Repeat("x", 10000), "TLS could not be begun"},
		{"no IMAP", "220 hello", "", "does not greet us"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := imap.Options{
				Options: wire.Options{Address: startTLSServer(t, ca, test.greeting, test.answer), TLS: wire.StartTLS, Roots: ca.Pool, Patience: 2 * time.Second},
				User:    "support", Password: password("secret"),
			}
			s, err := imap.New(o).Open(t.Context())
			if err == nil {
				_, err = s.List(t.Context(), nil, 5)
				_ = s.Close()
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
