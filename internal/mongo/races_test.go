package mongo_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/mongo"
	"postern/internal/peers"
)

// at is a fault that does something before the first write of that name.
func at(name string, do func() error) func(string) error {
	var done atomic.Bool
	return func(step string) error {
		if step == name && done.CompareAndSwap(false, true) {
			return do()
		}
		return nil
	}
}

// claimsOf counts the claims on an id.
func claimsOf(t *testing.T, uri, id string) int64 {
	t.Helper()
	n, err := database(t, uri).Collection("claims").CountDocuments(context.Background(), bson.M{"_id": "support " + id})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Who sees on another node where an id leads sees who takes part there: a reply would be an issue of its own else.
func TestLinksComeWithParticipants(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	a, b := open(t, uri, mongo.Options{Fault: crashAt("write participants")}), open(t, uri, mongo.Options{})
	c := newMail(1)
	c.Participants = []string{"ann@example.org", "bob@example.org"}
	done, err := a.Commit(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	_ = a.Recover(ctx) // it cannot; the links are there by now
	links, err := b.FindThread(ctx, "support", []string{c.Message.MessageID})
	if err != nil || len(links) != 1 || links[0].Issue != done.Issue {
		t.Fatalf("got links %v, %v, want issue %d", links, err, done.Issue)
	}
	in, err := b.Participants(ctx, done.Issue, []string{"ann@example.org", "bob@example.org", "eve@example.org"})
	if err != nil || fmt.Sprint(in) != "[ann@example.org bob@example.org]" {
		t.Errorf("got %v, %v, want ann and bob", in, err)
	}
}

// held commits a quarantined message, to be decided again.
func held(t *testing.T, s issue.Store, n int64) *issue.Commit {
	t.Helper()
	c := newMail(n)
	c.Message.Verdict = "quarantined"
	q := *c
	m := *c.Message
	q.Message, q.NewIssue, q.Threads, q.Relies, q.Participants, q.Ledger = &m, nil, nil, nil, nil, nil
	if _, err := s.Commit(context.Background(), &q); err != nil {
		t.Fatal(err)
	}
	m2 := m
	m2.Verdict, m2.Attempt = "committed", 2
	c.Message, c.Replaces = &m2, 1
	return c
}

// Two nodes decide one message again at once: what one of them did the other never takes for its own, even where it hears no answer.
func TestNodesDecideAgainAtOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	b := open(t, uri, mongo.Options{})
	c := held(t, b, 1)
	c.Threads, c.Relies = nil, nil // no claims keep them apart
	one := *c
	is := *c.NewIssue
	one.NewIssue = &is
	give, cancel := context.WithCancel(ctx)
	a := open(t, uri, mongo.Options{Fault: at("replace message", func() error {
		_, err := b.Commit(ctx, c)
		cancel() // the answer to the other's replacement gets lost
		return err
	})})
	if _, err := a.Commit(give, &one); err == nil {
		t.Error("both were told that it was done")
	}
	if err := a.Recover(ctx); err != nil {
		t.Fatal(err)
	}
	list, _, err := b.Issues(ctx, issue.IssueQuery{})
	if err != nil || len(list) != 1 {
		t.Errorf("got %d issues, %v, want 1", len(list), err)
	}
}

// A mail that comes again while it is decided in place leaves that decision its claims.
func TestNewcomerLeavesClaims(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	b := open(t, uri, mongo.Options{})
	c := held(t, b, 1)
	id := c.Message.MessageID
	a := open(t, uri, mongo.Options{Fault: at("replace message", func() error {
		again := newMail(1)
		if _, err := b.Commit(ctx, again); !fault.Is(err, fault.Conflict) {
			t.Errorf("the mail again: got %v, want a conflict", err)
		}
		if n := claimsOf(t, uri, id); n != 1 {
			t.Errorf("got %d claims while it is decided, want 1", n)
		}
		return nil
	})})
	if _, err := a.Commit(ctx, c); err != nil {
		t.Fatal(err)
	}
}

// An attempt takes over the claims of an earlier one that was given up for lost, fails, and leaves nothing unguarded when the earlier one
// is committed after all.
func TestClaimsTakenOver(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	b := open(t, uri, mongo.Options{})
	first, second := newMail(1), newMail(1)
	id := first.Message.MessageID
	second.Relies[0].Links = []issue.Link{{ID: id, Issue: 99, Kind: issue.Own}} // does not hold
	var dead atomic.Bool
	a := open(t, uri, mongo.Options{Fault: func(step string) error {
		if dead.Load() {
			return errCrash
		}
		if step == "write messages" {
			if _, err := b.Commit(ctx, second); !fault.Is(err, fault.Conflict) {
				t.Errorf("the second attempt: got %v, want a conflict", err)
			}
			dead.Store(true) // after this write
		}
		return nil
	}})
	if _, err := a.Commit(ctx, first); err != nil {
		t.Fatal(err)
	}
	reply := newMail(2)
	reply.Relies = append(reply.Relies, issue.Reliance{Mailbox: "support", ID: id}) // as it looked: nowhere
	reply.Threads = append(reply.Threads, issue.ThreadName{ID: id, Kind: issue.Mentioned})
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if done, err := b.Commit(soon, reply); err == nil {
		t.Errorf("a reply became issue %d of its own", done.Issue)
	}
}
