package pop3_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/peers"
	"postern/poller"
	"postern/poller/pop3"
	"postern/poller/wire"
)

// at is an account at a Dovecot, over TLS.
func at(d *peers.DovecotServer, change ...func(*pop3.Options)) *pop3.Account {
	o := pop3.Options{
		Options: wire.Options{Address: localhost(d.POP3S), TLS: wire.On, Roots: d.Roots, Patience: 20 * time.Second},
		User:    "support", Password: func(context.Context) (string, error) { return "secret", nil },
	}
	for _, f := range change {
		f(&o)
	}
	return pop3.New(o)
}

func localhost(address string) string { return strings.Replace(address, "127.0.0.1", "localhost", 1) }

func subjects(n int) (all [][]byte) {
	for i := range n {
		all = append(all, fmt.Appendf(nil, "From: ann@example.org\r\nSubject: mail %d\r\nMessage-ID: <%d@example.org>\r\n\r\nHello, this is %d.\r\n", i, i, i))
	}
	return all
}

// Bytes come as they lie there, by each way in and out of TLS and by each way to log in.
func TestDovecotBytes(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Tokens: map[string]string{"tok": "support"}})
	mails := []string{
		"Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.x\r\n\r\n.\r\n",
		"Subject: long\r\n\r\n" + strings.Repeat("x", 300_000) + "\r\n." + strings.Repeat(".", 70_000) + "\r\n",
		"Subject: 8bit\r\n\r\n\xff\xfe\x80 \x01\x1b\r\n",
		"Subject: a dot at the buffer's edge\r\n\r\n" + strings.Repeat(strings.Repeat("y", 61)+"\r\n.\r\n", 4000),
		"Subject: no body\r\n\r\n",
		"no header at all\r\n",
		"Subject: LF\n\n.\nbare\n..\n", // which Dovecot sends with CRLF
	}
	for _, m := range mails {
		d.Deliver("support", "INBOX", []byte(m))
	}
	want := map[string]bool{}
	for _, m := range mails {
		want[strings.ReplaceAll(strings.ReplaceAll(m, "\r\n", "\n"), "\n", "\r\n")] = true
	}
	for name, change := range map[string]func(*pop3.Options){
		"TLS":     func(*pop3.Options) {},
		"STLS":    func(o *pop3.Options) { o.Address, o.TLS = localhost(d.POP3), wire.StartTLS },
		"clear":   func(o *pop3.Options) { o.Address, o.TLS, o.Insecure = d.POP3, wire.Off, true },
		"XOAUTH2": func(o *pop3.Options) { o.Token = func(context.Context) (string, error) { return "tok", nil } },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, at(d, change))
			b := list(t, s, nil, 100)
			got := fetch(t, s, b.Items)
			if len(got) != len(mails) {
				t.Errorf("got %d mails", len(got))
			}
			for id, m := range got {
				if !want[m] {
					t.Errorf("%s: got %.200q …", id, m)
				}
			}
		})
	}
}

// Mail is deleted by Close, and by nothing before; what comes during a session is seen by the next.
func TestDovecotDeletes(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	d.Deliver("support", "INBOX", subjects(150)...)
	s := open(t, at(d))
	first := list(t, s, nil, 100)
	if len(first.Items) != 100 || !first.More || first.Total != 150 || first.Items[0].Size < 50 {
		t.Fatalf("got %d items, more %v, total %d", len(first.Items), first.More, first.Total)
	}
	fetch(t, s, first.Items)
	took(s, first.Items)
	if err := s.Settle(t.Context(), deleting(first.Items)); err != nil {
		t.Fatal(err)
	}
	if n := len(d.Mails("support", "INBOX")); n != 150 {
		t.Errorf("%d mails lie there before QUIT", n)
	}
	d.Deliver("support", "INBOX", []byte("Subject: late\r\n\r\nx\r\n"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(d.Mails("support", "INBOX")); n != 51 {
		t.Errorf("%d mails lie there after QUIT, want 51", n)
	}
	s = open(t, at(d))
	rest := list(t, s, first.Next, 100)
	if len(rest.Items) != 51 || rest.Total != 51 {
		t.Errorf("then: got %d items, total %d", len(rest.Items), rest.Total)
	}
	// Another client deletes what we listed: that is no error of the session.
	d.Doveadm("expunge", "-u", "support", "mailbox", "INBOX", "SUBJECT", "late")
	fetched := fetch(t, s, rest.Items)
	took(s, rest.Items)
	for id, m := range fetched {
		if !strings.HasPrefix(m, "From: ann") && !strings.HasPrefix(m, "Subject: late") && !strings.HasPrefix(m, "error:") {
			t.Errorf("%s: got %q", id, m)
		}
	}
	if err := s.Settle(t.Context(), deleting(rest.Items)); err != nil {
		var one *poller.ItemError
		if !errors.As(err, &one) {
			t.Errorf("settle: %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if n := len(d.Mails("support", "INBOX")); n != 0 {
		t.Errorf("%d mails lie there at the end", n)
	}
}

func TestDovecotRefuses(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{Tokens: map[string]string{"tok": "support"}, Extra: "pop3_lock_session = yes\n"})
	d.Deliver("support", "INBOX", subjects(1)...)
	for name, tt := range map[string]struct {
		change func(*pop3.Options)
		kind   fault.Kind
		says   string
	}{
		"a wrong password":     {func(o *pop3.Options) { o.Password = func(context.Context) (string, error) { return "wrong", nil } }, fault.Denied, "password-file"},
		"a wrong token":        {func(o *pop3.Options) { o.Token = func(context.Context) (string, error) { return "wrong", nil } }, fault.Denied, "token"},
		"an unknown authority": {func(o *pop3.Options) { o.Roots = peers.NewCA(t).Pool }, fault.Unavailable, "ca:"},
		"a port without TLS":   {func(o *pop3.Options) { o.Address = localhost(d.POP3) }, fault.Unavailable, "does not speak TLS from the first byte"},
		"IMAP":                 {func(o *pop3.Options) { o.Address = localhost(d.IMAPS) }, fault.Unavailable, "not POP3"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := at(d, tt.change).Open(t.Context()); !fault.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v (%v), want kind %v and %q", err, fault.KindOf(err), tt.kind, tt.says)
			}
		})
	}
	t.Run("in use", func(t *testing.T) {
		first := open(t, at(d))
		list(t, first, nil, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // Dovecot waits for the lock for ten before it says so
		defer cancel()
		x, err := at(d).Open(ctx)
		if err == nil {
			_ = x.Close()
			t.Fatal("two sessions have the mailbox at once")
		}
		if !errors.Is(err, context.DeadlineExceeded) && !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("check", func(t *testing.T) {
		var out strings.Builder
		at(d, func(o *pop3.Options) { o.Insecure, o.Roots = true, nil }).Check(t.Context(), func(s poller.Step) {
			fmt.Fprintf(&out, "%s ok=%t warn=%t: %s | %s\n", s.Name, s.OK, s.Warn, s.Says, s.Todo)
		})
		for _, want := range []string{"dns ok=true", "connect ok=true", "tls ok=true warn=true", "it was not checked", "login ok=true", "PIPELINING", "uidl ok=true warn=false", "mail ok=true warn=false: 1 mails"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("got\n%swant %q in it", out.String(), want)
			}
		}
	})
}

// crashing is a connection that is gone after so many bytes.
type crashing struct {
	net.Conn
	left *atomic.Int64
}

func (c crashing) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.left.Add(int64(-n)) < 0 {
		_ = c.Conn.Close()
		return 0, errors.New("the cable is cut")
	}
	return n, err
}

// However often the connection is cut, at whatever byte: no mail is lost, and none is deleted that was not taken.
func TestDovecotCutOff(t *testing.T) {
	t.Parallel()
	d := peers.Dovecot(t, peers.DovecotOptions{})
	const total = 300
	d.Deliver("support", "INBOX", subjects(total)...)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 1))
	taken := map[string]int{}
	var cursor json.RawMessage
	cut := 0
	for session := 0; ; session++ {
		if session > 400 {
			t.Fatalf("no end: %d of %d taken", len(taken), total)
		}
		var left atomic.Int64
		switch {
		case session == 0:
			left.Store(chance.Int64N(2000))
		case session > 150: // and then it is let through
			left.Store(1 << 40)
		default:
			left.Store(chance.Int64N(20_000))
		}
		a := at(d, func(o *pop3.Options) {
			o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				return crashing{c, &left}, nil
			}
		})
		more, err := func() (bool, error) {
			s, err := a.Open(t.Context())
			if err != nil {
				return true, err
			}
			defer s.Close()
			b, err := s.List(t.Context(), cursor, 10)
			if err != nil {
				return true, err
			}
			var came []poller.Item
			err = s.Fetch(t.Context(), b.Items, func(item poller.Item, r io.Reader, err error) error {
				if err != nil {
					return err
				}
				raw, err := io.ReadAll(r)
				if err != nil {
					return err
				}
				subject, _, _ := strings.Cut(strings.TrimPrefix(string(raw), "From: ann@example.org\r\nSubject: "), "\r\n")
				taken[subject]++
				came = append(came, item)
				return nil
			})
			if err != nil {
				return true, err
			}
			cursor = b.Next // committed
			took(s, came)
			if err := s.Settle(t.Context(), deleting(came)); err != nil {
				return true, err
			}
			return b.More, s.Close()
		}()
		if err != nil {
			cut++
			continue
		}
		if !more {
			break
		}
	}
	t.Logf("%d sessions were cut off", cut)
	if len(taken) != total || cut == 0 {
		t.Errorf("%d of %d mails were taken, with %d sessions cut off", len(taken), total, cut)
	}
	// What lies there still, because its session was cut off before QUIT, was taken.
	s := open(t, at(d))
	if b := list(t, s, cursor, 1000); len(b.Items) != 0 {
		t.Errorf("%d mails are new", len(b.Items))
	}
	for subject := range taken {
		if !slices.ContainsFunc(subjects(total), func(m []byte) bool { return strings.Contains(string(m), "Subject: "+subject+"\r\n") }) {
			t.Errorf("a mail that was never sent: %q", subject)
		}
	}
}

func BenchmarkFetch(b *testing.B) {
	d := peers.Dovecot(b, peers.DovecotOptions{})
	const total = 10_000
	body := strings.Repeat(strings.Repeat("x", 70)+"\r\n", 4096/72)
	for i := range total {
		d.Deliver("support", "INBOX", fmt.Appendf(nil, "Subject: %d\r\n\r\n%s", i, body))
	}
	for b.Loop() {
		begun := time.Now()
		s, err := at(d).Open(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		var cursor json.RawMessage
		n := 0
		for {
			batch, err := s.List(b.Context(), cursor, 500)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Fetch(b.Context(), batch.Items, func(_ poller.Item, r io.Reader, bad error) error {
				if bad != nil {
					return bad
				}
				n++
				_, err := io.Copy(io.Discard, r)
				return err
			}); err != nil {
				b.Fatal(err)
			}
			if cursor = batch.Next; !batch.More {
				break
			}
		}
		_ = s.Close()
		if n != total {
			b.Fatalf("got %d", n)
		}
		b.ReportMetric(float64(n)/time.Since(begun).Seconds(), "mails/s")
	}
}
