package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/mongo"
	"postern/internal/peers"
)

// open opens a store that is closed with the test.
func open(t *testing.T, uri string, o mongo.Options) *mongo.Store {
	t.Helper()
	s, err := mongo.Open(context.Background(), uri, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// decide makes a commit join the issue that one of the ids leads to, as intake does.
func decide(ctx context.Context, s issue.Store, c *issue.Commit, ids ...string) (*issue.Commit, error) {
	links, err := s.FindThread(ctx, "support", ids)
	if err != nil {
		return nil, err
	}
	again := *c
	again.Relies = nil
	for _, id := range ids {
		r := issue.Reliance{Mailbox: "support", ID: id}
		for _, l := range links {
			if l.ID == id {
				r.Links = append(r.Links, l)
			}
		}
		again.Relies = append(again.Relies, r)
	}
	if len(links) > 0 {
		asNote(&again, links[0].Issue)
	}
	return &again, nil
}

// asNote makes a commit a note on an issue.
func asNote(c *issue.Commit, number int64) {
	c.NewIssue = nil
	c.Change = &issue.IssueChange{Number: number, UpdatedAt: c.Message.ReceivedAt}
	c.Notes = []*issue.Note{{ID: issue.NewID(c.Message.ReceivedAt), Kind: "mail", Text: c.Message.Text, Message: c.Message.ID, CreatedAt: c.Message.ReceivedAt}}
}

func issueOf(t *testing.T, s issue.Store, number int64) *issue.Issue {
	t.Helper()
	is, err := s.Issue(context.Background(), number)
	if err != nil {
		t.Fatal(err)
	}
	return is
}

func notes(t *testing.T, s issue.Store, number int64) []*issue.Note {
	t.Helper()
	list, _, err := s.Notes(context.Background(), number, issue.Page{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// One mail that comes to two nodes many times at once is one issue.
func TestNodesRaceForASlot(t *testing.T) {
	t.Parallel()
	uri := peers.MongoDatabase(t)
	nodes := []*mongo.Store{open(t, uri, mongo.Options{}), open(t, uri, mongo.Options{})}
	for round := range 3 {
		var won, lost atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				c := newMail(int64(round)) // the same Message-ID and slot, another message id
				_, err := nodes[i%2].Commit(context.Background(), c)
				switch {
				case err == nil:
					won.Add(1)
				case fault.Is(err, fault.Conflict):
					lost.Add(1)
				default:
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 15 {
			t.Errorf("round %d: got %d winners and %d conflicts, want 1 and 15", round, won.Load(), lost.Load())
		}
	}
	list, _, err := nodes[0].Issues(context.Background(), issue.IssueQuery{})
	if err != nil || len(list) != 3 {
		t.Errorf("got %d issues, %v, want one a round", len(list), err)
	}
}

// A mail and its replies that arrive together on two nodes are one issue.
func TestNodesRaceWithReplies(t *testing.T) {
	t.Parallel()
	uri := peers.MongoDatabase(t)
	nodes := []*mongo.Store{open(t, uri, mongo.Options{}), open(t, uri, mongo.Options{})}
	ctx := context.Background()
	for round := range int64(4) {
		root := newMail(100 * (round + 1))
		commits, ids := []*issue.Commit{root}, [][]string{{root.Message.MessageID}}
		for i := range int64(5) {
			r := newMail(100*(round+1) + i + 1)
			r.Threads = append(r.Threads, issue.ThreadName{ID: root.Message.MessageID, Kind: issue.Mentioned})
			commits, ids = append(commits, r), append(ids, []string{root.Message.MessageID, r.Message.MessageID})
		}
		var mu sync.Mutex
		numbers := map[int64]int{}
		var wg sync.WaitGroup
		for i, c := range commits {
			wg.Go(func() {
				s := nodes[i%2]
				for range 50 {
					decided, err := decide(ctx, s, c, ids[i]...)
					if err != nil {
						t.Error(err)
						return
					}
					done, err := s.Commit(ctx, decided)
					if fault.Is(err, fault.Conflict) {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					numbers[done.Issue]++
					mu.Unlock()
					return
				}
				t.Errorf("50 conflicts in a row")
			})
		}
		wg.Wait()
		if len(numbers) != 1 {
			t.Fatalf("round %d: got issues %v, want one", round, numbers)
		}
		for n := range numbers {
			if got := len(notes(t, nodes[0], n)); got != 5 {
				t.Errorf("round %d: got %d notes, want 5", round, got)
			}
		}
	}
}

// Changes of one issue from two nodes are all there.
func TestNodesChangeOneIssue(t *testing.T) {
	t.Parallel()
	uri := peers.MongoDatabase(t)
	nodes := []*mongo.Store{open(t, uri, mongo.Options{}), open(t, uri, mongo.Options{})}
	done, err := nodes[0].Commit(context.Background(), newMail(1))
	if err != nil {
		t.Fatal(err)
	}
	const n = 24
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			c := newMail(int64(i) + 10)
			asNote(c, done.Issue)
			c.Change.AddTags = []string{fmt.Sprint("t", i)}
			if _, err := nodes[i%2].Commit(context.Background(), c); err != nil {
				t.Errorf("change %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if got := len(issueOf(t, nodes[1], done.Issue).Tags); got != n {
		t.Errorf("got %d tags, want %d", got, n)
	}
	if got := len(notes(t, nodes[1], done.Issue)); got != n {
		t.Errorf("got %d notes, want %d", got, n)
	}
}

var errCrash = errors.New("the process was killed")

// crashAt is a fault that stops a node for good at the nth write of that name.
func crashAt(name string) func(string) error {
	var dead atomic.Bool
	return func(step string) error {
		if dead.Load() || step == name {
			dead.Store(true)
			return errCrash
		}
		return nil
	}
}

// What a node committed and could not apply another finishes: when the mail comes again, when the issue is changed, when it recovers.
func TestAnotherNodeFinishes(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		name string
		does func(t *testing.T, b *mongo.Store, c *issue.Commit)
	}{
		{"a duplicate", func(t *testing.T, b *mongo.Store, c *issue.Commit) {
			held, err := b.Slots(ctx, c.Message.Slot[:len(c.Message.Slot)-2])
			if err != nil || len(held) != 1 {
				t.Fatalf("slots: got %d, %v, want 1", len(held), err)
			}
		}},
		{"a reply", func(t *testing.T, b *mongo.Store, c *issue.Commit) {
			r := newMail(7)
			r.Relies = []issue.Reliance{{Mailbox: "support", ID: c.Message.MessageID}} // as it looks: nowhere
			r.Threads = append(r.Threads, issue.ThreadName{ID: c.Message.MessageID, Kind: issue.Mentioned})
			_, err := b.Commit(ctx, r)
			if !fault.Is(err, fault.Conflict) {
				t.Errorf("a reply that found nothing: got %v, want a conflict", err)
			}
		}},
		{"recovery", func(t *testing.T, b *mongo.Store, _ *issue.Commit) {
			if err := b.Recover(ctx); err != nil {
				t.Fatal(err)
			}
		}},
		{"a reader", func(*testing.T, *mongo.Store, *issue.Commit) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			uri := peers.MongoDatabase(t)
			a, b := open(t, uri, mongo.Options{Fault: crashAt("write issues")}), open(t, uri, mongo.Options{})
			c := newMail(1)
			done, err := a.Commit(ctx, c)
			if err != nil {
				t.Fatalf("the message was inserted: got %v, want it committed", err)
			}
			tt.does(t, b, c)
			if is := issueOf(t, b, done.Issue); is.Message != c.Message.ID {
				t.Errorf("issue %d: got message %s, want %s", is.Number, is.Message, c.Message.ID)
			}
			links, err := b.FindThread(ctx, "support", []string{c.Message.MessageID})
			if err != nil || len(links) != 1 || links[0].Issue != done.Issue {
				t.Errorf("got links %v, %v, want issue %d", links, err, done.Issue)
			}
		})
	}
}

// What one node has acknowledged the other shows at once, although it is applied behind the answer.
func TestAnotherNodeReadsAtOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	a, b := open(t, uri, mongo.Options{}), open(t, uri, mongo.Options{})
	for i := range int64(20) {
		done, err := a.Commit(ctx, newMail(2*i))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(notes(t, b, done.Issue)); got != 0 {
			t.Errorf("a new issue: got %d notes", got)
		}
		c, status := newMail(2*i+1), fmt.Sprint("status ", i)
		asNote(c, done.Issue)
		c.Change.Status = &status
		if _, err := b.Commit(ctx, c); err != nil {
			t.Fatal(err)
		}
		if got := issueOf(t, a, done.Issue).Status; got != status {
			t.Errorf("after a change: got status %q, want %q", got, status)
		}
		if got := len(notes(t, a, done.Issue)); got != 1 {
			t.Errorf("after a note: got %d notes, want 1", got)
		}
	}
}

// A node that stops in order leaves nothing for others to finish.
func TestCloseFinishes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	s, err := mongo.Open(ctx, uri, mongo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(30) {
		if _, err := s.Commit(ctx, newMail(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(ctx, newMail(100)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a commit after the end: got %v, want try later", err)
	}
	db := database(t, uri)
	for coll, want := range map[string]int64{"issues": 30, "links": 30, "ledger": 30, "words": 30, "claims": 0} {
		if n, err := db.Collection(coll).CountDocuments(ctx, bson.M{}); err != nil || n != want {
			t.Errorf("%s: got %d documents, %v, want %d", coll, n, err, want)
		}
	}
	if n, err := db.Collection("messages").CountDocuments(ctx, bson.M{"pending": bson.M{"$exists": true}}); err != nil || n != 0 {
		t.Errorf("got %d messages that wait to be applied, %v", n, err)
	}
}

// A change that was committed before another is applied before it, even where its node died in between.
func TestLateChangeDoesNotWin(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	b := open(t, uri, mongo.Options{})
	done, err := b.Commit(ctx, newMail(1))
	if err != nil {
		t.Fatal(err)
	}
	a := open(t, uri, mongo.Options{Fault: crashAt("change issue")})
	change := func(n int64, status string) *issue.Commit {
		c := newMail(n)
		asNote(c, done.Issue)
		c.Change.Status = &status
		return c
	}
	if _, err := a.Commit(ctx, change(2, "closed")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(ctx, change(3, "open")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Recover(ctx); err != nil {
			t.Fatal(err)
		}
		if got := issueOf(t, b, done.Issue).Status; got != "open" {
			t.Errorf("got status %q, want that of the later commit", got)
		}
		if got := len(notes(t, b, done.Issue)); got != 2 {
			t.Errorf("got %d notes, want 2", got)
		}
	}
}

// A node that died between its claims and its commit holds others off for a minute and no longer.
func TestClaimsAreVoidAfterAMinute(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	var mu sync.Mutex
	clock := time.Now()
	now := func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }

	a := open(t, uri, mongo.Options{Fault: crashAt("write messages"), Now: now})
	b := open(t, uri, mongo.Options{Now: now})
	lost := newMail(1)
	if _, err := a.Commit(ctx, lost); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("a commit that crashed: got %v", err)
	}
	reply := newMail(2)
	reply.Relies = append(reply.Relies, issue.Reliance{Mailbox: "support", ID: lost.Message.MessageID})
	reply.Threads = append(reply.Threads, issue.ThreadName{ID: lost.Message.MessageID, Kind: issue.Mentioned})
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := b.Commit(soon, reply); !fault.Is(err, fault.Unavailable) {
		t.Errorf("under another node's claim: got %v, want try later", err)
	}
	mu.Lock()
	clock = clock.Add(time.Minute)
	mu.Unlock()
	if _, err := b.Commit(ctx, reply); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	// The mail itself never waits for what its own attempt left.
	again := newMail(1)
	again.Message.ID, again.Relies = lost.Message.ID, nil
	if _, err := b.Commit(ctx, again); err != nil {
		t.Errorf("the mail again: %v", err)
	}
}
