// Package crash kills Postern with SIGKILL at random moments under load, as often as -crash.n says, while senders
// retry as real mail servers do, and then counts: every mail that was acknowledged is there, once, and nothing
// is half applied. No mail is ever refused for good.
package crash

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"postern/internal/peers"
)

var kills = flag.Int("crash.n", 50, "how often each store's server is killed")

const senders = 8

func TestCrashSQLite(t *testing.T) {
	run(t, "store: {sqlite: ./data}\n")
}

func TestCrashMongo(t *testing.T) {
	run(t, fmt.Sprintf("store: {mongodb: %q}\ndata: ./data\n", peers.MongoDatabase(t)))
}

func run(t *testing.T, store string) {
	s := newServer(t, store)
	s.start(t)

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	queues := make([]queue, senders)
	for i := range queues {
		queues[i].who = i
		wg.Go(func() { queues[i].run(ctx, s.smtp) })
	}
	for range *kills {
		time.Sleep(time.Duration(20+rand.IntN(180)) * time.Millisecond)
		s.kill(t)
		s.start(t)
	}
	time.Sleep(200 * time.Millisecond)
	stop()
	wg.Wait()

	want := map[string]*mail{}
	for _, q := range queues {
		for _, m := range q.sent {
			want[m.id] = m
		}
		for _, said := range q.bounced {
			t.Errorf("a mail was refused for good: %s", said)
		}
	}
	if len(want) < *kills {
		t.Fatalf("only %d mails were acknowledged in %d rounds: the load is too small to show anything\n%s", len(want), *kills, s.log())
	}
	count(t, s, want)
	t.Logf("%d kills, %d acknowledged mails, each there once", *kills, len(want))
}
