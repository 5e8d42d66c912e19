package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/peers"
)

// polled is how many mails lie in the account.
const polled = 10_000

// BenchmarkPoll takes a mailbox of 10,000 mails of 4 KiB from a real Dovecot on the same machine, over TLS, into SQLite: from the start
// of the process to the last issue. Run it with -benchtime 1x.
func BenchmarkPoll(b *testing.B) {
	for _, way := range []struct{ name, conf string }{
		{"IMAP", "imap: %q, after: keep"}, {"IMAP, moved", "imap: %q, after: move Done"}, {"POP3", "pop3: %q, after: keep"}, {"POP3, deleted", "pop3: %q, after: delete"},
	} {
		b.Run(way.name, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				d := peers.Dovecot(b, peers.DovecotOptions{})
				var m bytes.Buffer
				body := strings.Repeat("The quick brown fox jumps over the lazy dog, and nothing else happens here.\r\n", 4<<10/76)
				for range polled {
					m.Reset()
					mail(&m, body)
					d.Deliver("support", "INBOX", bytes.Clone(m.Bytes()))
				}
				at := d.IMAPS
				if way.name[0] == 'P' {
					at = d.POP3S
				}
				c := poller(b, fmt.Sprintf("sources: {polled: {tls: on, ca: %q, user: support, password-file: password, mailboxes: support, import-rate: 0, "+way.conf+"}}\n", d.CAFile, at))
				b.StartTimer()
				began := time.Now()
				if err := c.start(); err != nil {
					b.Fatal(err)
				}
				for newest(c) < polled {
					if time.Sleep(20 * time.Millisecond); time.Since(began) > 3*time.Minute {
						b.Fatalf("%d of %d mails are issues after %v", newest(c), polled, time.Since(began))
					}
				}
				took := time.Since(began)
				b.StopTimer()
				b.ReportMetric(polled/took.Seconds(), "mails/s")
				b.ReportMetric(c.cpu().Seconds()*1e3/polled, "CPU-ms/mail")
				b.ReportMetric(c.peak(), "peak-MB")
				b.ReportMetric(0, "ns/op")
				c.stop()
			}
		})
	}
}

// poller is a Postern on SQLite with more of a configuration.
func poller(b *testing.B, more string) *contestant {
	b.Helper()
	all, err := contestants(b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	c := all[0]
	b.Cleanup(c.stop)
	conf := filepath.Join(c.dir, "postern.yaml")
	was, err := os.ReadFile(conf)
	err = errors.Join(err, os.WriteFile(conf, append(was, more...), 0o600), os.WriteFile(filepath.Join(c.dir, "password"), []byte("secret"), 0o600))
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// newest is the number of the newest issue: as many as there are, in a store of one node.
func newest(c *contestant) int {
	res, err := http.Get("http://" + c.web + "/api/v1/issues?limit=1")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	var page struct {
		Items []struct {
			Number int `json:"number"`
		} `json:"items"`
	}
	if json.NewDecoder(res.Body).Decode(&page) != nil || len(page.Items) == 0 {
		return 0
	}
	return page.Items[0].Number
}
