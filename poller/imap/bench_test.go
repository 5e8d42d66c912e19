package imap_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"postern/internal/peers"
	"postern/poller"
	"postern/poller/imap"
)

// 10,000 mails of 4 KiB over TLS: listed, fetched and settled by batches, from a Dovecot whose files are fresh.
func BenchmarkPoll(b *testing.B) {
	const n = 10_000
	d := peers.Dovecot(b, peers.DovecotOptions{})
	all := make([][]byte, n)
	for i := range all {
		all[i] = fmt.Appendf(nil, "Subject: m%d\r\n\r\n%s", i, strings.Repeat("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n", 64))
	}
	d.Deliver("support", "INBOX", all...)
	for _, batch := range []int{100, 1000} {
		for _, after := range []string{poller.Keep, poller.Mark, poller.Delete} {
			b.Run(fmt.Sprintf("batch=%d/%s", batch, after), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					if len(d.Mails("support", "INBOX")) == 0 {
						d.Deliver("support", "INBOX", all...)
					}
					b.StartTimer()
					if got := pollAll(b, d, batch, after); got != n {
						b.Fatalf("%d came", got)
					}
				}
				b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "mails/s")
			})
		}
	}
}

func pollAll(b *testing.B, d *peers.DovecotServer, batch int, after string) (n int) {
	s, err := imap.New(options(d)).Open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var cursor []byte
	for {
		l, err := s.List(b.Context(), cursor, batch)
		if err != nil {
			b.Fatal(err)
		}
		var done []poller.Settled
		err = s.Fetch(b.Context(), l.Items, func(i poller.Item, r io.Reader, err error) error {
			if err != nil {
				return err
			}
			n++
			done = append(done, poller.Settled{Item: i, After: poller.After{Do: after}})
			_, err = io.Copy(io.Discard, r)
			return err
		})
		if err == nil {
			err = s.Settle(b.Context(), done)
		}
		if err != nil {
			b.Fatal(err)
		}
		if cursor = l.Next; !l.More {
			return n
		}
	}
}
