package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"postern/internal/graphtest"
	"postern/poller"
	"postern/poller/graph"
)

const address = "support@example.com"

// A world has a server with a mailbox, a clock, and an account.
type world struct {
	t     testing.TB
	srv   *graphtest.Server
	box   *graphtest.Mailbox
	clock *clock
	o     graph.Options
	a     *graph.Account
}

func newWorld(t testing.TB, change func(*graph.Options)) *world { return newWorldOn(t, true, change) }

func newWorldOn(t testing.TB, http2 bool, change func(*graph.Options)) *world {
	t.Helper()
	w := &world{t: t, srv: graphtest.New(t, http2), clock: &clock{now: time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)}}
	w.srv.Now = w.clock.Now
	w.box = w.srv.AddMailbox(address)
	w.o = graph.Options{Mailbox: address, BaseURL: graphtest.Base, Start: "all", Client: w.srv.Client(), Now: w.clock.Now, Token: func(context.Context) (string, error) { return "token", nil }}
	if change != nil {
		change(&w.o)
	}
	w.a = graph.New(w.o)
	return w
}

func (w *world) open() poller.Session {
	w.t.Helper()
	s, err := w.a.Open(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// fill puts n mails into a folder, the last a minute ago.
func (w *world) fill(folder string, n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, w.box.Put(folder, w.clock.Now().Add(time.Duration(i-n)*time.Minute), raw(i)))
	}
	return ids
}

func raw(i int) string {
	return fmt.Sprintf("From: ann@example.org\r\nSubject: mail %d\r\n\r\nText %d\r\n", i, i)
}

// list lists to the end, n at once; each cursor goes through the store, as it will.
func (w *world) list(s poller.Session, c json.RawMessage, n int) ([]poller.Item, json.RawMessage) {
	w.t.Helper()
	var items []poller.Item
	for range 1000 {
		b, err := s.List(w.t.Context(), c, n)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(b.Items) > n {
			w.t.Fatalf("%d items, asked for %d", len(b.Items), n)
		}
		again, err := s.List(w.t.Context(), c, n)
		if err != nil || !slices.EqualFunc(again.Items, b.Items, func(a, b poller.Item) bool { return a.ID == b.ID }) {
			w.t.Fatalf("the same cursor gives other items: %v, %v; %v", again, b, err)
		}
		items, c = append(items, b.Items...), b.Next
		if !b.More {
			return items, c
		}
	}
	w.t.Fatal("no end")
	return nil, nil
}

func ids(items []poller.Item) []string {
	out := []string{}
	for _, i := range items {
		out = append(out, i.ID)
	}
	slices.Sort(out)
	return out
}

func sorted(ids ...string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	if ids == nil {
		return []string{}
	}
	return ids
}

// fetch is what Fetch gave: the mails, and the errors of items.
func (w *world) fetch(s poller.Session, items []poller.Item) (map[string]string, map[string]*poller.ItemError, error) {
	w.t.Helper()
	mails, bad := map[string]string{}, map[string]*poller.ItemError{}
	err := s.Fetch(w.t.Context(), items, func(item poller.Item, r io.Reader, err error) error {
		var text []byte
		if err == nil {
			text, err = io.ReadAll(r)
		}
		var one *poller.ItemError
		if errors.As(err, &one) {
			bad[item.ID] = one
			return nil
		}
		mails[item.ID] = string(text)
		return err
	})
	return mails, bad, err
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
