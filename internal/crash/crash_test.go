// Package crash kills Postern with SIGKILL at random moments under load, as often as -crash.n says, while senders
// retry as real mail servers do, and then counts: every mail that was acknowledged is there, once, and nothing
// is half applied. No mail is ever refused for good.
package crash

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"postern/internal/peers"
)

var kills = flag.Int("crash.n", 50, "how often each store's server is killed")

const senders = 8

func TestCrashSQLite(t *testing.T) {
	run(t, *kills, newServer(t, "store: {sqlite: ./data}\n"))
}

func TestCrashMongo(t *testing.T) {
	run(t, *kills, newServer(t, mongoStore(t)))
}

// Two nodes on one database: a mail whose node was killed goes to the other, which may find it half done.
func TestCrashMongoNodes(t *testing.T) {
	store := mongoStore(t) + fmt.Sprintf("key-file: %q\n", filepath.Join(t.TempDir(), "postern.key"))
	run(t, max(*kills/2, 1), newServer(t, store), newServer(t, store))
}

func mongoStore(t *testing.T) string {
	return fmt.Sprintf("store: {mongodb: %q}\ndata: ./data\n", peers.MongoDatabase(t))
}

// run kills one of the servers after the other, each time at a random moment.
func run(t *testing.T, kills int, servers ...*server) {
	var addrs []string
	for _, s := range servers {
		s.start(t)
		addrs = append(addrs, s.smtp)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	queues := make([]queue, senders)
	for i := range queues {
		queues[i].who = i
		wg.Go(func() { queues[i].run(ctx, addrs) })
	}
	for i := range kills {
		time.Sleep(time.Duration(20+rand.IntN(180)) * time.Millisecond)
		s := servers[i%len(servers)]
		s.kill(t)
		if len(servers) > 1 { // the other is alone for a while
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		}
		s.start(t)
	}
	time.Sleep(200 * time.Millisecond)
	stop()
	wg.Wait()

	s := servers[0]
	want := map[string]*mail{}
	for _, q := range queues {
		for _, m := range q.sent {
			want[m.id] = m
		}
		for _, said := range q.bounced {
			t.Errorf("a mail was refused for good: %s", said)
		}
	}
	if len(want) < kills {
		t.Fatalf("only %d mails were acknowledged in %d rounds: the load is too small to show anything\n%s", len(want), kills, s.log())
	}
	count(t, s, want)
	t.Logf("%d kills, %d acknowledged mails, each there once", kills, len(want))
}
