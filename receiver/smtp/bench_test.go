package smtp_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"

	"postern/internal/intake"
	"postern/internal/spool"
	"postern/receiver/smtp"
)

// BenchmarkReceive sends mail over kept-open connections: to this server with an intake that takes everything, and to a bare
// go-smtp server that throws it away. Neither touches a disk up to spool.InMemory, so what differs is the receiver.
func BenchmarkReceive(b *testing.B) {
	for _, size := range []int{4 << 10, 100 << 10} {
		mail := strings.Repeat("This is a line of a mail, seventy-eight octets long with its end; so it goes.\r\n", size/79)
		for _, conns := range []int{1, 32} {
			for _, server := range servers {
				b.Run(server.name+"/"+strconv.Itoa(size>>10)+"KiB/"+strconv.Itoa(conns), func(b *testing.B) {
					addr := server.start(b)
					b.SetBytes(int64(len(mail)))
					b.SetParallelism((conns + 1) / 2)
					b.ReportAllocs()
					b.RunParallel(func(pb *testing.PB) {
						c := dial(b, addr)
						defer c.Close()
						for pb.Next() {
							c.send(mail)
						}
					})
				})
			}
		}
	}
}

// BenchmarkConnect sends one mail a connection.
func BenchmarkConnect(b *testing.B) {
	for _, server := range servers {
		b.Run(server.name, func(b *testing.B) {
			addr := server.start(b)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c := dial(b, addr)
					c.send("Subject: x\r\n\r\nhello\r\n")
					c.ask("QUIT\r\n")
					c.Close()
				}
			})
		})
	}
}

var servers = []struct {
	name  string
	start func(*testing.B) string
}{{"postern", startPostern}, {"bare", startBare}}

// A client asks and waits, as most do.
type client struct {
	b *testing.B
	net.Conn
	r *bufio.Reader
}

func dial(b *testing.B, addr string) *client {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	c := &client{b, conn, bufio.NewReaderSize(conn, 512)}
	c.ask("")
	c.ask("EHLO c.example\r\n")
	return c
}

func (c *client) send(mail string) {
	c.ask("MAIL FROM:<a@example.net> SIZE=" + strconv.Itoa(len(mail)) + " BODY=8BITMIME\r\n")
	c.ask("RCPT TO:<support@example.com>\r\n")
	c.ask("DATA\r\n")
	c.ask(mail + ".\r\n")
}

func (c *client) ask(s string) {
	if _, err := io.WriteString(c, s); err != nil {
		c.b.Error(err)
		return
	}
	for {
		l, err := c.r.ReadSlice('\n')
		if err != nil || l[0] > '3' {
			c.b.Errorf("%q, %v", l, err)
			return
		}
		if l[3] == ' ' {
			return
		}
	}
}

type taker struct{}

func (taker) Recipient(context.Context, string) error { return nil }
func (taker) Refuse(context.Context, bool, string)    {}
func (taker) Abandon(context.Context, string)         {}
func (taker) Deliver(context.Context, *spool.Body) []intake.Outcome {
	return []intake.Outcome{{Verdict: intake.Committed, Message: "m1"}}
}

func startPostern(b *testing.B) string {
	g := newRig(b, func(o *smtp.Options) {
		o.Begin = func(context.Context, intake.Envelope) (smtp.Transaction, error) { return taker{}, nil }
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	})
	return g.addr
}

type sink struct{}

func (sink) Reset()                                 {}
func (sink) Logout() error                          { return nil }
func (sink) Mail(string, *gosmtp.MailOptions) error { return nil }
func (sink) Rcpt(string, *gosmtp.RcptOptions) error { return nil }
func (sink) Data(r io.Reader) error                 { _, err := io.Copy(io.Discard, r); return err }

func startBare(b *testing.B) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return sink{}, nil }))
	srv.ErrorLog = nopLog{}
	go func() { _ = srv.Serve(ln) }()
	b.Cleanup(func() { srv.Close() })
	return ln.Addr().String()
}

type nopLog struct{}

func (nopLog) Printf(string, ...any) {}
func (nopLog) Println(...any)        {}
