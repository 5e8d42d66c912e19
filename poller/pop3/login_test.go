package pop3_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/peers"
	"postern/poller"
	"postern/poller/pop3"
	"postern/poller/wire"
)

// sasl answers AUTH as a server does that asks for what we have to say.
func sasl(want, challenge, end string) func(*client, string, []string) bool {
	return func(c *client, word string, args []string) bool {
		if word != "AUTH" {
			return false
		}
		if len(args) != 1 {
			c.say("-ERR one argument\r\n")
			return true
		}
		c.say("+ \r\n")
		line, err := c.r.ReadString('\n')
		got, _ := base64.StdEncoding.DecodeString(strings.TrimRight(line, "\r\n"))
		if err != nil || args[0]+" "+string(got) != want {
			c.say("-ERR got %q\r\n", args[0]+" "+string(got))
			return true
		}
		if challenge != "" {
			c.say("+ %s\r\n", base64.StdEncoding.EncodeToString([]byte(challenge)))
			if line, err = c.r.ReadString('\n'); err != nil || strings.TrimSpace(line) != "" && line != "AQ==\r\n" {
				return true
			}
		}
		if end == "" {
			c.loggedIn()
		} else {
			c.say("%s\r\n", end)
		}
		return true
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	token := func(o *pop3.Options) { o.Token = func(context.Context) (string, error) { return "to=ken", nil } }
	const x = "XOAUTH2 user=support\x01auth=Bearer to=ken\x01\x01"
	for name, tt := range map[string]struct {
		caps    []string
		does    func(*client, string, []string) bool
		answers map[string]string
		account func(*pop3.Options)
		kind    fault.Kind // Internal: it works
		says    string
		todo    string
	}{
		"USER and PASS":                  {caps: []string{"USER"}},
		"no CAPA":                        {},
		"PLAIN":                          {caps: []string{"SASL PLAIN LOGIN"}, does: sasl("PLAIN \x00support\x00se cret", "", "")},
		"PLAIN, refused once only":       {caps: []string{"USER", "SASL PLAIN"}, does: sasl("PLAIN \x00support\x00se cret", "", "-ERR [AUTH] no"), kind: fault.Denied, says: "[AUTH] no", todo: "password-file"},
		"XOAUTH2":                        {caps: []string{"SASL PLAIN XOAUTH2"}, does: sasl(x, "", ""), account: token},
		"XOAUTH2, though nobody says so": {does: sasl(x, "", ""), account: token},
		"OAUTHBEARER": {caps: []string{"SASL OAUTHBEARER"}, account: token, does: func(c *client, w string, a []string) bool {
			_, port, _ := net.SplitHostPort(c.s.address)
			return sasl("OAUTHBEARER n,a=support,\x01host=127.0.0.1\x01port="+port+"\x01auth=Bearer to=ken\x01\x01", "", "")(c, w, a)
		}},
		"a token that is over": {
			does: sasl(x, `{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}`, "-ERR [AUTH] Username and password not accepted."), account: token,
			kind: fault.Denied, says: `{"status":"400"`, todo: "the server wants the scope https://mail.google.com/",
		},
		"a token that Exchange refuses": {does: sasl(x, "", "-ERR Authentication failure: unknown user name or bad password."), account: token, kind: fault.Denied, says: "unknown user name", todo: "POP.AccessAsApp"},
		"a wrong password":              {answers: map[string]string{"PASS": "-ERR bad\x1b[31m password\r\n"}, kind: fault.Denied, says: "PASS: bad [31m password", todo: "tls: starttls or on"},
		"in use":                        {answers: map[string]string{"PASS": "-ERR [IN-USE] Do you have another POP session running?\r\n"}, kind: fault.Unavailable, todo: "another program"},
		"too early":                     {caps: []string{"LOGIN-DELAY 300 USER"}, answers: map[string]string{"PASS": "-ERR [LOGIN-DELAY] minimum time between mail checks violation\r\n"}, kind: fault.Unavailable, todo: "every:"},
		"something is broken":           {answers: map[string]string{"PASS": "-ERR [SYS/TEMP] no disk\r\n"}, kind: fault.Unavailable, todo: "tried again"},
		"broken for good":               {answers: map[string]string{"PASS": "-ERR [SYS/PERM] no account\r\n"}, kind: fault.Denied},
		"another's lock":                {answers: map[string]string{"PASS": "-ERR maildrop already locked\r\n"}, kind: fault.Unavailable},
		"it hangs up":                   {answers: map[string]string{"PASS": ""}, kind: fault.Unavailable, says: "ended the connection"},
		"it answers oddly":              {answers: map[string]string{"USER": "250 OK\r\n"}, kind: fault.Unavailable, says: "not POP3"},
		"it asks for ever":              {caps: []string{"SASL PLAIN"}, answers: map[string]string{"AUTH": "+ eA==\r\n+ eA==\r\n+ eA==\r\n+ eA==\r\n"}, kind: fault.Unavailable, says: "again and again"},
		"a challenge of nothing":        {caps: []string{"SASL PLAIN"}, answers: map[string]string{"AUTH": "+ \r\n+ ***\r\n"}, kind: fault.Unavailable, says: "base64"},
		"no secret":                     {account: func(o *pop3.Options) { o.Password = nil }, kind: fault.Invalid},
		"a secret that cannot be had": {account: func(o *pop3.Options) {
			o.Password = func(context.Context) (string, error) { return "", fault.Errorf(fault.Denied, "consent is lost") }
		}, kind: fault.Denied, says: "consent is lost"},
		"a secret of two lines": {account: func(o *pop3.Options) {
			o.Password = func(context.Context) (string, error) { return "a\r\nDELE 1", nil }
		}, kind: fault.Invalid},
		"a user of two lines": {account: func(o *pop3.Options) { o.User = "a\nb" }, kind: fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := modern()
			s.caps, s.does, s.answers = tt.caps, tt.does, tt.answers
			s.start(t)
			var change []func(*pop3.Options)
			if tt.account != nil {
				change = append(change, tt.account)
			}
			x, err := s.account(change...).Open(t.Context())
			if tt.kind == fault.Internal {
				if err != nil {
					t.Fatal(err)
				}
				if err := x.Close(); err != nil || s.logins != 1 {
					t.Errorf("close: %v; %d logins", err, s.logins)
				}
				return
			}
			if x != nil || !fault.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.todo) {
				t.Errorf("got %v (%v), want kind %v, saying %q and %q", err, fault.KindOf(err), tt.kind, tt.says, tt.todo)
			}
			for _, secret := range []string{"se cret", "to=ken"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the secret is in %v", err)
				}
			}
			if n := s.count("AUTH") + s.count("PASS"); n > 1 {
				t.Errorf("%d tries", n)
			}
			var wait poller.Throttled
			if name == "too early" && (!errors.As(err, &wait) || wait.RetryAfter() != 5*time.Minute) {
				t.Errorf("too early: got %v", err)
			}
		})
	}
}

// TLS begins with a certificate that is right, or the password is not sent.
func TestSTLS(t *testing.T) {
	t.Parallel()
	ca, other := peers.NewCA(t), peers.NewCA(t)
	injected := "+OK\r\n1 666\r\n.\r\n"
	for name, tt := range map[string]struct {
		server func(*server)
		cert   tls.Certificate
		works  bool
		says   string
	}{
		"in order":                 {works: true},
		"a name that is wrong":     {cert: ca.Certificate(time.Time{}, "mail.example.com"), says: "is for mail.example.com"},
		"an unknown authority":     {cert: other.Certificate(time.Time{}), says: "authority that we do not know"},
		"a certificate that ended": {cert: ca.Certificate(time.Now().Add(-time.Hour)), says: "was valid from"},
		"no STLS":                  {server: func(s *server) { s.stls = nil }, says: "STLS: no"},
		"more than a greeting":     {server: func(s *server) { s.greets = "+OK\r\n" + injected }, says: "more before TLS"},
		"more than an answer": {server: func(s *server) {
			s.does = func(c *client, word string, _ []string) bool {
				if word != "STLS" {
					return false
				}
				c.say("+OK\r\n%s", injected)
				c.secure()
				return true
			}
		}, says: "more before TLS"},
		"more, a moment later": {server: func(s *server) {
			s.does = func(c *client, word string, _ []string) bool {
				if word != "STLS" {
					return false
				}
				c.say("+OK\r\n")
				time.Sleep(50 * time.Millisecond)
				c.say("%s", injected)
				c.secure()
				return true
			}
		}, says: "TLS"},
		"a greeting that refuses": {server: func(s *server) { s.greets = "-ERR too many connections\r\n" }, says: "turns us away: too many"},
		"a greeting of another":   {server: func(s *server) { s.greets = "220 mail ESMTP\r\n" }, says: "not POP3"},
		"a greeting without end":  {server: func(s *server) { s.greets = "+OK " + strings.Repeat("x", 100_000) + "\r\n" }, says: "does not greet us"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := modern()
			if tt.cert.PrivateKey == nil {
				tt.cert = ca.Certificate(time.Time{})
			}
			s.stls = &tls.Config{Certificates: []tls.Certificate{tt.cert}}
			if tt.server != nil {
				tt.server(s)
			}
			s.start(t)
			var steps []poller.Step
			a := s.account(func(o *pop3.Options) { o.TLS, o.Insecure, o.Roots = wire.StartTLS, false, ca.Pool })
			x, err := a.Open(t.Context())
			if tt.works {
				if err != nil {
					t.Fatal(err)
				}
				_ = x.Close()
				return
			}
			if x != nil || err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want it to say %q", err, tt.says)
			}
			if s.count("USER")+s.count("PASS")+s.count("AUTH")+s.count("CAPA") > 0 {
				t.Errorf("it went on: %q", s.said)
			}
			a.Check(t.Context(), func(s poller.Step) { steps = append(steps, s) })
			if bad := slices.DeleteFunc(steps, func(s poller.Step) bool { return s.OK }); len(bad) != 1 || !strings.Contains(bad[0].Says+bad[0].Todo, tt.says) {
				t.Errorf("the check tells %+v", bad)
			}
		})
	}
	t.Run("without TLS and without saying so", func(t *testing.T) {
		t.Parallel()
		s := modern().start(t)
		_, err := s.account(func(o *pop3.Options) { o.Insecure = false }).Open(t.Context())
		if err == nil || s.count("") > 0 {
			t.Errorf("got %v", err)
		}
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	steps := func(s *server, change ...func(*pop3.Options)) string {
		var out strings.Builder
		s.account(change...).Check(t.Context(), func(s poller.Step) {
			mark := "bad"
			if s.OK {
				mark = "ok"
			}
			if s.Warn {
				mark = "warn"
			}
			fmt.Fprintf(&out, "%s %s: %s (%s)\n", mark, s.Name, s.Says, s.Todo)
		})
		return out.String()
	}
	s := modern()
	s.caps = append(s.caps, "LOGIN-DELAY 120", "EXPIRE 7")
	s.start(t)
	s.put(numbered(1, 3)...)
	got := steps(s)
	for _, want := range []string{"ok connect", "ok greeting", "ok login: logged in as support", "warn tls: no TLS", "warn capabilities: ", "no less than 120s", "7 days", "ok uidl", "ok mail: 3 mails lie there, 171 bytes, the largest 57"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%swant %q in it", got, want)
		}
	}
	if s.count("QUIT") != 1 || s.count("DELE")+s.count("RETR") > 0 {
		t.Errorf("it said %q", s.said)
	}
	poor := &server{caps: []string{"USER"}}
	poor.start(t)
	poor.put(numbered(1, 3)...)
	if got = steps(poor); !strings.Contains(got, "no PIPELINING") || !strings.Contains(got, "warn uidl: ") || !strings.Contains(got, "whole") {
		t.Errorf("got\n%s", got)
	}
	broken := modern()
	broken.answers = map[string]string{"LIST": "-ERR the index is damaged\r\n"}
	broken.start(t)
	broken.put(numbered(1, 3)...)
	if got = steps(broken); !strings.Contains(got, "bad mail: ") || !strings.Contains(got, "the index is damaged") {
		t.Errorf("got\n%s", got)
	}
	if got = steps(modern().start(t), func(o *pop3.Options) { o.Address = "127.0.0.1:1" }); !strings.HasPrefix(got, "bad connect: ") {
		t.Errorf("got\n%s", got)
	}
}
