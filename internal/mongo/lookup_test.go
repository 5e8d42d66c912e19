package mongo_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"postern/internal/fault"
	"postern/internal/mongo"
	"postern/internal/peers"
)

// What many look up at once is read together. Nobody misses what is his because another asked for an id that thousands mention.
func TestLookupsTogether(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	s := open(t, uri, mongo.Options{})
	var docs []any
	link := func(name string, number int64) {
		docs = append(docs, bson.M{
			"_id": fmt.Sprintf("support %s %d mentioned", name, number), "key": "support " + name, "name": name,
			"issue": number, "kind": "mentioned", "rank": 2, "at": time.Now(), "by": "x/1",
		})
	}
	for n := range int64(1500) {
		link("<flood@example.org>", n+1)
	}
	const others = 15
	for n := range int64(others) { // after all the others in the order of the query
		link(fmt.Sprintf("<o%d@example.org>", n), 10_000+n)
	}
	if _, err := database(t, uri).Collection("links").InsertMany(ctx, docs); err != nil {
		t.Fatal(err)
	}
	var users []any
	for n := range others {
		users = append(users, bson.M{"_id": fmt.Sprintf("u%d@example.org", n), "email": fmt.Sprintf("u%d@example.org", n), "name": fmt.Sprint("User ", n)})
	}
	if _, err := database(t, uri).Collection("users").InsertMany(ctx, users); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			links, err := s.FindThread(ctx, "support", []string{"<flood@example.org>"})
			if err != nil || len(links) != 20 || links[19].Issue != 1 {
				t.Errorf("an id that 1,500 mention: got %d links, %v, want the first 20", len(links), err)
			}
		})
		for n := range others {
			wg.Go(func() {
				links, err := s.FindThread(ctx, "support", []string{fmt.Sprintf("<o%d@example.org>", n), "<nobody@example.org>"})
				if err != nil || len(links) != 1 || links[0].Issue != int64(10_000+n) {
					t.Errorf("id %d: got %v, %v", n, links, err)
				}
			})
			wg.Go(func() {
				u, err := s.FindUser(ctx, fmt.Sprintf("u%d@example.org", n))
				if err != nil || u.Name != fmt.Sprint("User ", n) {
					t.Errorf("user %d: got %+v, %v", n, u, err)
				}
				if _, err := s.FindUser(ctx, fmt.Sprintf("nobody%d@example.org", n)); !fault.Is(err, fault.NotFound) {
					t.Errorf("a user who is not there: got %v", err)
				}
			})
		}
	}
	wg.Wait()
}

// What an id leads to does not depend on what is asked with it, however many issues it leads to. Of a rule's key the newest count.
func TestFloodedIDs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	uri := peers.MongoDatabase(t)
	s := open(t, uri, mongo.Options{})
	var docs []any
	for n := range int64(1100) {
		for _, l := range []struct {
			id, kind string
			rank     int
		}{{"<a@example.org>", "mentioned", 2}, {"<b@example.org>", "mentioned", 2}, {"key:disk full", "key", 1}} {
			docs = append(docs, bson.M{
				"_id": fmt.Sprintf("support %s %d %s", l.id, n+1, l.kind), "key": "support " + l.id, "name": l.id,
				"issue": n + 1, "kind": l.kind, "rank": l.rank, "at": time.Now(), "by": "x/1",
			})
		}
	}
	if _, err := database(t, uri).Collection("links").InsertMany(ctx, docs); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		id       string
		from, to int64
	}{{"<a@example.org>", 1, 20}, {"<b@example.org>", 1, 20}, {"key:disk full", 1081, 1100}} {
		for _, with := range [][]string{nil, {"<a@example.org>"}, {"<b@example.org>", "<c@example.org>"}, {"key:disk full"}} {
			links, err := s.FindThread(ctx, "support", append([]string{tt.id}, with...))
			if err != nil {
				t.Fatal(err)
			}
			n, least, most := 0, int64(9999), int64(0)
			for _, l := range links {
				if l.ID == tt.id {
					n, least, most = n+1, min(least, l.Issue), max(most, l.Issue)
				}
			}
			if n != 20 || least != tt.from || most != tt.to {
				t.Errorf("%s with %v: got %d links, from issue %d to %d; want 20 from %d to %d", tt.id, with, n, least, most, tt.from, tt.to)
			}
		}
	}
}
