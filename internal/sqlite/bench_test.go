package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postern/internal/issue"
	"postern/internal/spool"
	"postern/internal/sqlite"
)

// A mail of 4 KiB as the intake hands it over: half of it words that differ, as people's do.
func benchCommit(n int64) *issue.Commit {
	at := time.Now()
	var text strings.Builder
	r := rand.New(rand.NewPCG(uint64(n), 7))
	zipf := rand.NewZipf(r, 1.1, 3, 20_000) // as often as words are used in a language
	for i := 0; text.Len() < 3500; i++ {
		k := zipf.Uint64()
		fmt.Fprintf(&text, "%s%s ", benchWords[k%25], benchWords[k/25%25][:k/25%4]+benchWords[k/625%25][:k/625%5])
	}
	id := fmt.Sprintf("<%d.%d@example.org>", n, at.UnixNano())
	raw := spool.Bytes([]byte("From: ann@example.org\r\nTo: support@example.com\r\nMessage-ID: " + id + "\r\nSubject: test\r\nMIME-Version: 1.0\r\n\r\n" + text.String()))
	person := issue.Person{Email: fmt.Sprintf("ann%d@example.org", n%997), Name: "Ann"}
	m := &issue.Message{
		ID: issue.NewID(at), Mailbox: "support", Slot: fmt.Sprintf("%040x/0", n), Attempt: 1, ReceivedAt: at,
		Envelope: issue.Envelope{Source: "smtp", Peer: "192.0.2.1", Helo: "mx", From: person.Email, To: "support@example.com", Protocol: "ESMTPS", Session: "abcdef"},
		From:     []issue.Person{person}, To: []issue.Person{{Email: "support@example.com"}}, Subject: "Printer burns", Date: &at,
		MessageID: id, Text: text.String(), FilesSHA256: raw.SHA256(), TextSHA256: raw.SHA256(),
		Raw: issue.Blob{SHA256: raw.SHA256(), Size: raw.Size()}, Kind: "mail", Verdict: "committed",
		Decision: issue.Decision{Ruleset: "r", Facts: []byte(`{"envelope":{"from":"ann@example.org"},"clock":"2026-03-01T12:00:00Z","auth":{"spf":"pass","dkim":"none"}}`),
			Trace: []byte(`[{"rule":"one","matched":false,"took":1234},{"rule":"two","matched":true,"did":["tag(\"x\")"]}]`)},
	}
	return &issue.Commit{
		Message: m, Relies: []issue.Reliance{{Mailbox: "support", ID: id}},
		Threads: []issue.ThreadName{{ID: id, Kind: issue.Own}}, Participants: []string{person.Email},
		NewIssue: &issue.Issue{
			Mailbox: "support", Subject: m.Subject, Description: m.Text, Priority: "normal", Status: "new", Visibility: "public",
			Requester: person, CreatedAt: at, UpdatedAt: at,
		},
		Ledger: &issue.LedgerLine{ID: issue.NewID(at), At: at, Source: "smtp", Peer: "192.0.2.1", From: person.Email, To: "support@example.com",
			Author: person.Email, Subject: m.Subject, MessageID: id, Verdict: "committed", Message: m.ID, Mailbox: "support", Count: 1},
		Bodies: []*spool.Body{raw},
	}
}

var benchWords = strings.Fields("printer server outage invoice customer please regarding meeting update version network error message account password project release delivery contract payment machine office system backup report")

// BenchmarkCommit measures durable commits of 4 KiB mails; cpu-µs/op has the search index and checkpoints in it.
func BenchmarkCommit(b *testing.B) {
	for _, senders := range []int{1, 32} {
		b.Run(fmt.Sprint("senders=", senders), func(b *testing.B) {
			s, err := sqlite.Open(b.Context(), b.TempDir(), sqlite.Options{})
			if err != nil {
				b.Fatal(err)
			}
			commits := make([]*issue.Commit, b.N)
			for i := range commits {
				commits[i] = benchCommit(int64(i))
			}
			var next atomic.Int64
			var wg sync.WaitGroup
			before := cpu(b)
			b.ResetTimer()
			for range senders {
				wg.Go(func() {
					for {
						i := next.Add(1) - 1
						if i >= int64(len(commits)) {
							return
						}
						if _, err := s.Commit(b.Context(), commits[i]); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
