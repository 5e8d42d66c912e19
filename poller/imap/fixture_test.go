package imap_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/peers"
	"postern/poller"
	"postern/poller/imap"
	"postern/poller/wire"
)

func password(p string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return p, nil }
}

// options are those of an account at a Dovecot.
func options(d *peers.DovecotServer) imap.Options {
	return imap.Options{
		Options: wire.Options{Address: strings.Replace(d.IMAPS, "127.0.0.1", "localhost", 1), TLS: wire.On, Roots: d.Roots, Patience: 20 * time.Second},
		User:    "support", Password: password("secret"),
		Pause: func(context.Context, int) error { return nil },
	}
}

// client is a session under test, and what it has taken.
type client struct {
	t *testing.T
	s poller.Session
	a *imap.Account

	cursor json.RawMessage
	got    map[string]string // the mail, by item
	order  []string
	bad    map[string]*poller.ItemError
}

func open(t *testing.T, o imap.Options) *client {
	t.Helper()
	c := &client{t: t, a: imap.New(o), got: map[string]string{}, bad: map[string]*poller.ItemError{}}
	c.reopen()
	t.Cleanup(func() { _ = c.s.Close() })
	return c
}

func (c *client) reopen() {
	c.t.Helper()
	if c.s != nil {
		_ = c.s.Close()
	}
	s, err := c.a.Open(c.t.Context())
	if err != nil {
		c.t.Fatalf("open: %v", err)
	}
	c.s = s
}

func (c *client) list(n int) *poller.Batch {
	c.t.Helper()
	b, err := c.s.List(c.t.Context(), c.cursor, n)
	if err != nil {
		c.t.Fatalf("list: %v", err)
	}
	return b
}

func (c *client) take(item poller.Item, r io.Reader, err error) error {
	var bad *poller.ItemError
	if errors.As(err, &bad) {
		c.bad[item.ID] = bad
		return nil
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if _, twice := c.got[item.ID]; twice {
		c.t.Errorf("%s came twice", item.ID)
	}
	c.got[item.ID] = string(raw)
	c.order = append(c.order, item.ID)
	return nil
}

// poll lists and fetches all that there is, n at a time, and moves the cursor. It returns the items.
func (c *client) poll(n int) []poller.Item {
	c.t.Helper()
	var all []poller.Item
	for range 1000 {
		b := c.list(n)
		if len(b.Items) > n {
			c.t.Errorf("%d items listed, %d asked for", len(b.Items), n)
		}
		if err := c.s.Fetch(c.t.Context(), b.Items, c.take); err != nil {
			c.t.Fatalf("fetch: %v", err)
		}
		all = append(all, b.Items...)
		c.cursor = b.Next
		if !b.More {
			return all
		}
	}
	c.t.Fatal("there is always more")
	return nil
}

func (c *client) settle(items []poller.Item, do, folder string) error {
	c.t.Helper()
	var all []poller.Settled
	for _, i := range items {
		all = append(all, poller.Settled{Item: i, After: poller.After{Do: do, Folder: folder}})
	}
	return c.s.Settle(c.t.Context(), all)
}

func (c *client) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// subjects are those of what was taken, sorted.
func (c *client) subjects() string {
	var all []string
	for _, raw := range c.got {
		all = append(all, subject(raw))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func subject(raw string) string {
	_, rest, _ := strings.Cut(raw, "Subject: ")
	s, _, _ := strings.Cut(rest, "\r\n")
	return s
}

func mail(subject string) []byte {
	return fmt.Appendf(nil, "From: ann@example.org\r\nTo: support@example.com\r\nSubject: %s\r\nMessage-ID: <%s@example.org>\r\n\r\nHello, this is %s.\r\n", subject, subject, subject)
}

func mails(prefix string, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = mail(fmt.Sprintf("%s%d", prefix, i+1))
	}
	return all
}

// steps runs a check and gives what it told, by name.
func steps(t *testing.T, a *imap.Account) (map[string]poller.Step, string) {
	t.Helper()
	all := map[string]poller.Step{}
	var text strings.Builder
	a.Check(t.Context(), func(s poller.Step) {
		all[s.Name] = s
		fmt.Fprintf(&text, "%s ok=%t warn=%t: %s | %s\n", s.Name, s.OK, s.Warn, s.Says, s.Todo)
	})
	return all, text.String()
}
