package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/internal/peers"
)

// Senders are mail servers with queues: what is put off is sent again until it is taken.
type senders struct {
	s    *served
	size int // bytes of a mail
	wg   sync.WaitGroup

	mu    sync.Mutex
	acked []string       // Message-IDs
	said  map[string]int // what was said to mails that were not taken: how often
}

func (s *served) senders(ctx context.Context, n, size int) *senders {
	q := &senders{s: s, size: size, said: map[string]int{}}
	for who := range n {
		q.wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				q.deliver(fmt.Sprintf("<%d.%d@queue.example>", who, i))
			}
		})
	}
	return q
}

func (q *senders) deliver(id string) {
	text := &strings.Builder{}
	fmt.Fprintf(text, "From: Ann <ann@example.org>\nTo: support@example.com\nSubject: mail %s\nDate: Tue, 24 Nov 2026 10:00:00 +0000\nMessage-ID: %s\n\n", id, id)
	for text.Len() < q.size {
		fmt.Fprintf(text, "%x %x %x %x\n", rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64())
	}
	for {
		err := q.s.send(text.String())
		q.mu.Lock()
		if err == nil {
			q.acked = append(q.acked, id)
			q.mu.Unlock()
			return
		}
		var no *smtp.SMTPError
		if errors.As(err, &no) {
			q.said[fmt.Sprintf("%d %d.%d.%d", no.Code, no.EnhancedCode[0], no.EnhancedCode[1], no.EnhancedCode[2])]++
		} else if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
			q.said["timeout"]++
		} else {
			q.said["closed"]++
		}
		q.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
	}
}

func (q *senders) taken() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.acked)
}

// heard is how often one of the answers was said.
func (q *senders) heard(answers ...string) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, a := range answers {
		n += q.said[a]
	}
	return n
}

// check holds what is there against what was acknowledged: each mail once, with its issue. Nothing but putting off was ever said.
func (q *senders) check(allowed ...string) {
	t := q.s.t
	t.Helper()
	for said, n := range q.said {
		if !slices.Contains(allowed, said) {
			t.Errorf("%d mails heard %q, want %q alone", n, said, allowed)
		}
	}
	there := map[string]int{}
	opened := map[int64]bool{}
	after := ""
	for {
		var page struct {
			Items []messageJSON
			Next  string
		}
		q.s.get("/api/v1/messages?limit=500"+after, &page)
		for _, m := range page.Items {
			if m.Verdict == "try later" {
				continue
			}
			there[m.MessageID]++
			if opened[m.Issue] || m.Issue == 0 || m.Verdict != "committed" {
				t.Errorf("message %s is %q, on issue %d, which others may have too", m.MessageID, m.Verdict, m.Issue)
			}
			opened[m.Issue] = true
		}
		if page.Next == "" {
			break
		}
		after = "&after=" + page.Next
	}
	for _, id := range q.acked {
		if there[id] != 1 {
			t.Errorf("%s was acknowledged and is there %d times", id, there[id])
		}
	}
	for n := range opened {
		var is issueJSON
		q.s.get(fmt.Sprintf("/api/v1/issues/%d", n), &is)
	}
}

func (s *served) ready() bool {
	s.t.Helper()
	resp, err := http.Get(s.url("/readyz"))
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// MongoDB stopped under load: senders hear 451, nothing that was acknowledged is lost, nothing is there twice, and when it is back
// mail flows on, without a restart of ours.
func TestMongoStopsUnderLoad(t *testing.T) {
	t.Parallel()
	db := peers.OwnMongo(t)
	s := serve(t, plainConfig+fmt.Sprintf("store: {mongodb: %q}\ndata: ./data\n", db.URI+"stopped"), nil)
	ctx, stop := context.WithCancel(context.Background())
	q := s.senders(ctx, 8, 1<<10)
	eventually(t, "mail before the stop", time.Minute, func() bool { return q.taken() >= 20 })
	for round := range 2 {
		before, refused := q.taken(), q.heard("451 4.3.0")
		db.Stop(t)
		eventually(t, "451 while it is stopped", time.Minute, func() bool { return q.heard("451 4.3.0") >= refused+8 })
		eventually(t, "not ready while it is stopped", time.Minute, func() bool { return !s.ready() })
		db.Start(t)
		eventually(t, fmt.Sprintf("mail after start %d", round+1), time.Minute, func() bool { return q.taken() >= before+30 })
		eventually(t, "ready again", time.Minute, s.ready)
	}
	stop()
	q.wg.Wait()
	q.check("451 4.3.0")
}
