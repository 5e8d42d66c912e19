package pop3_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"postern/poller"
	"postern/poller/pop3"
)

// What a server does, it ends the session at worst: soon, in bounded memory, and with a reason.
func TestHostile(t *testing.T) {
	t.Parallel()
	endless := func(start, more string) func(*client) {
		return func(c *client) {
			c.say("%s", start)
			block := strings.Repeat(more, 1+64_000/len(more))
			for {
				if _, err := io.WriteString(c.c, block); err != nil {
					return
				}
			}
		}
	}
	silent := func(start string) func(*client) {
		return func(c *client) {
			c.say("%s", start)
			_, _ = c.r.ReadByte() // until we hang up
		}
	}
	said := func(text string) func(*client) { return func(c *client) { c.say("%s", text) } }
	for name, tt := range map[string]struct {
		word string
		does func(*client)
		says string
	}{
		"CAPA without end":                   {"CAPA", endless("+OK\r\n", "X\r\n"), ""},
		"CAPA of one line":                   {"CAPA", endless("+OK\r\n", "X"), "a line of more than"},
		"LIST without end":                   {"LIST", endless("+OK\r\n", "1 1\r\n"), "more than 500000 lines"},
		"LIST of nonsense":                   {"LIST", said("+OK\r\nx y\r\n.\r\n"), "lists"},
		"LIST of negative numbers":           {"LIST", said("+OK\r\n-1 5\r\n.\r\n"), "lists"},
		"LIST that is cut off":               {"LIST", func(c *client) { c.say("+OK\r\n1 5\r\n"); _ = c.c.Close() }, "ended the connection"},
		"LIST and silence":                   {"LIST", silent("+OK\r\n1 5\r\n"), "silent"},
		"UIDL of nonsense":                   {"UIDL", said("+OK\r\n9999999999999999999999 x\r\n.\r\n"), "lists"},
		"UIDL and silence":                   {"UIDL", silent(""), "silent"},
		"RETR and silence":                   {"RETR", silent("+OK\r\nSubject: x\r\n\r\nbody"), "silent"},
		"RETR without end":                   {"RETR", endless("+OK\r\n", "spam spam spam\r\n"), "far more"},
		"RETR of one line without end":       {"RETR", endless("+OK\r\n", "spam"), "far more"},
		"RETR with a first line without end": {"RETR", endless("+OK", "spam"), "a line of more than"},
		"RETR that is cut off":               {"RETR", func(c *client) { c.say("+OK\r\nSubject: x\r\n\r\nhalf of"); _ = c.c.Close() }, "ended the connection"},
		"RETR that is no answer":             {"RETR", said("Subject: x\r\n.\r\n"), "not POP3"},
		"RETR and a byte now and then": {"RETR", func(c *client) {
			c.say("+OK\r\n")
			for {
				time.Sleep(20 * time.Millisecond)
				if _, err := io.WriteString(c.c, "x"); err != nil {
					return
				}
			}
		}, "too slow"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := modern()
			s.does = func(c *client, word string, _ []string) bool {
				if word == tt.word {
					tt.does(c)
					return true
				}
				return false
			}
			s.start(t)
			s.put(numbered(1, 3)...)
			begun := time.Now()
			err := func() error {
				x, err := s.account(func(o *pop3.Options) { o.Patience = 300 * time.Millisecond }).Open(t.Context())
				if err != nil {
					return err
				}
				defer x.Close()
				b, err := x.List(t.Context(), nil, 10)
				if err != nil {
					return err
				}
				if len(b.Items) != 3 {
					t.Errorf("got %+v", b)
				}
				return x.Fetch(t.Context(), b.Items, func(_ poller.Item, r io.Reader, err error) error {
					if err == nil {
						_, err = io.Copy(io.Discard, r)
					}
					return err
				})
			}()
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want it to say %q", err, tt.says)
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A mail that the server never ends is as good as none: whoever reads it hears so, and nothing of it counts as whole.
func TestHalfAMail(t *testing.T) {
	t.Parallel()
	s := modern()
	s.does = func(c *client, word string, args []string) bool {
		if word == "RETR" && args[0] == "2" {
			c.say("+OK\r\nSubject: x\r\n\r\nhalf\r\n.")
			_ = c.c.Close()
			return true
		}
		return false
	}
	s.start(t)
	s.put(numbered(1, 3)...)
	x := open(t, s.account())
	b := list(t, x, nil, 10)
	var whole, half int
	err := x.Fetch(t.Context(), b.Items, func(_ poller.Item, r io.Reader, err error) error {
		if _, err := io.ReadAll(r); err != nil {
			half++
			return err
		}
		whole++
		return nil
	})
	var one *poller.ItemError
	if err == nil || errors.As(err, &one) || whole != 1 || half != 1 {
		t.Errorf("got %v, %d whole, %d half", err, whole, half)
	}
	if err := x.Settle(t.Context(), deleting(b.Items[:1])); err == nil {
		t.Error("a session that has ended settles")
	}
}

// Every method ends soon after its context.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"CAPA", "PASS", "LIST", "RETR", "DELE"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			s := modern()
			ctx, cancel := context.WithCancel(t.Context())
			s.does = func(c *client, got string, _ []string) bool {
				if got == word {
					cancel()
					_, _ = c.r.ReadByte()
					return true
				}
				return false
			}
			s.start(t)
			s.put(numbered(1, 3)...)
			begun := time.Now()
			err := func() error {
				x, err := s.account(func(o *pop3.Options) { o.Patience = time.Minute }).Open(ctx)
				if err != nil {
					return err
				}
				defer x.Close()
				b, err := x.List(ctx, nil, 10)
				if err != nil {
					return err
				}
				if err := x.Fetch(ctx, b.Items, func(poller.Item, io.Reader, error) error { return nil }); err != nil {
					return err
				}
				return x.Settle(ctx, deleting(b.Items))
			}()
			if !errors.Is(err, context.Canceled) || time.Since(begun) > 10*time.Second {
				t.Errorf("got %v after %s", err, time.Since(begun))
			}
		})
	}
}
