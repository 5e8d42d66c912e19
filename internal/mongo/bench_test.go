package mongo_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/issue"
	"postern/internal/mongo"
	"postern/internal/peers"
	"postern/internal/spool"
)

// newMail is a commit of a new issue with 4 KiB of raw and text that differs from mail to mail.
func newMail(n int64) *issue.Commit {
	now := time.Now()
	text := fmt.Sprintf("mail %d\n", n)
	for i := int64(0); len(text) < 2<<10; i++ {
		text += fmt.Sprintf("word%d of line %d\n", (n*31+i*7)%5000, i)
	}
	raw := spool.Bytes([]byte(text + strings.Repeat("x", 2<<10)))
	id := fmt.Sprintf("<%d@example.org>", n)
	m := &issue.Message{
		ID: issue.NewID(now), Mailbox: "support", Slot: fmt.Sprintf("key%d/0", n), Attempt: 1, ReceivedAt: now,
		From: []issue.Person{{Email: "ann@example.org"}}, To: []issue.Person{{Email: "support@example.com"}},
		Subject: fmt.Sprintf("Mail %d", n), MessageID: id, Text: text,
		Raw: issue.Blob{SHA256: raw.SHA256(), Size: raw.Size()}, Verdict: "committed",
	}
	return &issue.Commit{
		Message: m, Relies: []issue.Reliance{{Mailbox: "support", ID: id}},
		Threads: []issue.ThreadName{{ID: id, Kind: issue.Own}}, Participants: []string{"ann@example.org"},
		NewIssue: &issue.Issue{
			Mailbox: "support", Subject: m.Subject, Description: text, Status: "new", Priority: "normal",
			Requester: m.From[0], Message: m.ID, CreatedAt: now, UpdatedAt: now,
		},
		Ledger: &issue.LedgerLine{ID: issue.NewID(now), At: now, Source: "smtp", From: "ann@example.org", To: "support@example.com", Verdict: "committed", Message: m.ID, Count: 1},
		Bodies: []*spool.Body{raw},
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, senders := range []int{1, 32} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			s, err := mongo.Open(context.Background(), peers.MongoDatabase(b), mongo.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var next atomic.Int64
			b.ResetTimer()
			var wg sync.WaitGroup
			for range senders {
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						if _, err := s.Commit(context.Background(), newMail(n)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}
