package pop3_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"postern/poller"
	"postern/poller/pop3"
	"postern/poller/wire"
)

// FuzzServer lets a server say anything. Nothing panics, everything ends, no mail is whole that was not ended, and nothing
// counts as deleted that the server did not confirm.
func FuzzServer(f *testing.F) {
	login := "+OK\r\n+OK\r\nPIPELINING\r\nTOP\r\n.\r\n+OK\r\n+OK\r\n+OK\r\nPIPELINING\r\n.\r\n"
	lists := "+OK\r\n1 12\r\n2 9\r\n.\r\n+OK\r\n1 a\r\n2 b\r\n.\r\n"
	for _, seed := range []string{
		login + lists + "+OK\r\nSubject: x\r\n\r\n..y\r\n.\r\n+OK\r\nz\r\n.\r\n+OK\r\n+OK\r\n+OK bye\r\n",
		login + "+OK\r\n1 12\r\n2 9\r\n.\r\n-ERR\r\n+OK\r\nSubject: x\r\n\r\n.\r\n+OK\r\nSubject: y\r\n\r\n.\r\n+OK\r\nSubject: x\r\n\r\n..y\r\n.\r\n-ERR gone\r\n+OK\r\n+OK bye\r\n",
		login + "+OK\r\n1 12\r\n2 9\r\n.\r\n+OK\r\n1 a\r\n2 a\r\n.\r\n+OK\r\na\r\n.\r\n+OK\r\na\r\n.\r\n+OK\r\na\r\n.\r\n+OK\r\nb\r\n.\r\n",
		login + "-ERR empty\r\n+OK 0 0\r\n+OK\r\n",
		"-ERR [IN-USE] no\r\n", "+OK\r\n-ERR\r\n-ERR [LOGIN-DELAY]\r\n", "+OK\r\n+OK\r\nSASL PLAIN\r\n.\r\n+ \r\n+ eA==\r\n-ERR\r\n", "", "\r\n", "+", "+OK",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, says []byte) {
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			_, _ = theirs.Write(says)
			_ = theirs.Close()
		}()
		defer func() { _ = ours.Close(); <-done }()
		a := pop3.New(pop3.Options{
			Options: wire.Options{Address: "mail.example.com:110", TLS: wire.Off, Insecure: true, Patience: 5 * time.Second,
				Dial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }},
			User: "support", Password: func(context.Context) (string, error) { return "secret", nil },
		})
		x, err := a.Open(t.Context())
		if err != nil {
			return
		}
		whole, refused := 0, 0
		b, err := x.List(t.Context(), nil, 10)
		if err == nil {
			if len(b.Items) > 10 || b.Total < len(b.Items) || b.More != (b.Total > len(b.Items)) {
				t.Fatalf("got %+v", b)
			}
			err = x.Fetch(t.Context(), b.Items, func(_ poller.Item, r io.Reader, err error) error {
				if err != nil {
					refused++
					return nil
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					return err
				}
				whole++
				return nil
			})
		}
		if err == nil {
			if whole+refused != len(b.Items) {
				t.Fatalf("%d whole and %d refused of %d, and no error", whole, refused, len(b.Items))
			}
			x.(poller.Brief).Took(b.Items)
			err = x.Settle(t.Context(), deleting(b.Items))
		}
		if ends := bytes.Count(says, []byte(".\r\n")); whole > ends {
			t.Fatalf("%d mails are whole, and %d answers were ended", whole, ends)
		}
		if x.Close() == nil && err == nil && len(b.Items) > refused && bytes.Count(bytes.ToUpper(says), []byte("+OK")) < 5 {
			t.Fatal("deleted, and the server never said so")
		}
	})
}
