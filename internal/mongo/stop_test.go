package mongo_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/mongo"
	"postern/internal/peers"
)

// MongoDB stopped under load: nothing that was acknowledged is lost, what was not is tried again, nothing is there twice, and no restart is needed.
func TestServerStopsUnderLoad(t *testing.T) {
	server := peers.OwnMongo(t)
	s := open(t, server.URI+"load", mongo.Options{})
	ctx, stop := context.WithCancel(context.Background())
	var refused, committed atomic.Int64
	var mu sync.Mutex
	var sent []*issue.Commit
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				c := newMail(next.Add(1))
				for { // as a mail server does: until it is taken
					tryOnce, cancel := context.WithTimeout(context.Background(), 20*time.Second)
					_, err := s.Commit(tryOnce, c)
					cancel()
					if fault.Is(err, fault.Conflict) { // it was committed, and the answer got lost
						held, err := s.Slots(context.Background(), c.Message.Slot[:len(c.Message.Slot)-2])
						if err == nil && len(held) == 1 {
							break
						}
						refused.Add(1)
						continue
					}
					if err == nil {
						break
					}
					if !fault.Is(err, fault.Unavailable) {
						t.Errorf("got %v, want try later", err)
						return
					}
					refused.Add(1)
				}
				committed.Add(1)
				mu.Lock()
				sent = append(sent, c)
				mu.Unlock()
			}
		})
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: not within a minute", what)
			}
		}
	}
	until("mail before the stop", func() bool { return committed.Load() >= 20 })
	server.Stop(t)
	until("try later while it is stopped", func() bool { return refused.Load() >= 4 })
	if err := s.Ping(context.Background()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("ping of a stopped server: got %v, want it unavailable", err)
	}
	before := committed.Load()
	server.Start(t)
	until("mail after the start", func() bool { return committed.Load() >= before+20 })
	stop()
	wg.Wait()

	if err := s.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	var made []string
	var p issue.Page
	for p.Limit = 500; ; {
		list, after, err := s.Issues(context.Background(), issue.IssueQuery{Page: p})
		if err != nil {
			t.Fatal(err)
		}
		for _, is := range list {
			made = append(made, is.Subject)
		}
		if p.After = after; after == "" {
			break
		}
	}
	want := make([]string, 0, len(sent))
	for _, c := range sent {
		want = append(want, c.Message.Subject)
	}
	slices.Sort(made)
	slices.Sort(want)
	if !slices.Equal(made, want) {
		t.Errorf("got %d issues for %d mails, want each once", len(made), len(want))
	}
}
