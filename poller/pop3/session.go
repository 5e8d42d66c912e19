package pop3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"postern/internal/fault"
	"postern/poller"
)

// A session has the mailbox for itself until Close.
type session struct {
	*conn
	a       *Account
	caps    caps
	start   Start
	maxSize int64
	head    []byte // of the mail that is being read

	loaded  bool
	mails   []*entry            // as they lie there, oldest first
	numbers map[string][]*entry // by id
	noUIDL  bool
	first   *cursor // before anything was taken

	last    *cursor // the one that was returned last
	lastRaw json.RawMessage

	owed    int  // answers that are still to come
	long    bool // they have more lines than one
	deleted map[int]bool
	open    map[int]bool // fetched, and not taken
	peeked  map[int]bool // read to know them, and perhaps not taken
}

var _ poller.Brief = (*session)(nil)

// Took hears of mails that may go.
func (s *session) Took(items []poller.Item) {
	for _, item := range items {
		for _, m := range s.same(item) {
			s.taken(m)
		}
	}
}

// Fetch asks for mails, several ahead where the server allows it.
func (s *session) Fetch(ctx context.Context, items []poller.Item, take func(poller.Item, io.Reader, error) error) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	return s.do(ctx, func() error {
		var ask []poller.Item
		var of []*entry
		var calls []call
		for _, item := range items {
			m := s.find(item)
			if m == nil {
				if err := take(item, nil, &poller.ItemError{Item: item, Err: errGone, Gone: true}); err != nil {
					return err
				}
				continue
			}
			ask, of, calls = append(ask, item), append(of, m), append(calls, call{fmt.Sprintf("RETR %d", m.n), m.size})
		}
		return s.pipeline(calls, true, func(i int, r io.Reader, no *refusal) error {
			if no != nil {
				return take(ask[i], nil, &poller.ItemError{Item: ask[i], Err: fault.As(fault.Unavailable, no)})
			}
			s.open[of[i].n] = true
			return take(ask[i], s.printed(of[i], r), nil)
		})
	})
}

// printed notes what the beginning of a mail looks like, and returns a reader of the whole mail.
func (s *session) printed(m *entry, r io.Reader) io.Reader {
	if s.head == nil {
		s.head = make([]byte, printBytes)
	}
	n, _ := io.ReadFull(r, s.head) // an error comes again from r
	m.print = printOf(s.head[:n])
	return io.MultiReader(bytes.NewReader(s.head[:n]), r)
}

var errGone = errors.New("it does not lie at the server any more")

func (s *session) taken(m *entry) {
	delete(s.open, m.n)
	delete(s.peeked, m.n)
}

// same are the mails that an item names and that were not deleted by us. One of another size has got the id of a mail that is gone.
func (s *session) same(item poller.Item) (all []*entry) {
	for _, m := range s.numbers[item.ID] {
		if !s.deleted[m.n] && (item.Size < 0 || m.size < 0 || item.Size == m.size) {
			all = append(all, m)
		}
	}
	return all
}

// find is the first of these; nil for none.
func (s *session) find(item poller.Item) *entry {
	if all := s.same(item); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Settle marks for deletion. It counts when Close has returned nil.
func (s *session) Settle(ctx context.Context, done []poller.Settled) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	var failed []error
	err := s.do(ctx, func() error {
		var of []*entry
		var items []poller.Item
		var calls []call
		for _, d := range done {
			switch d.After.Do {
			case poller.Keep, "":
			case poller.Delete:
				for _, m := range s.same(d.Item) {
					of, items = append(of, m), append(items, d.Item)
					calls = append(calls, call{fmt.Sprintf("DELE %d", m.n), 16})
				}
			default:
				failed = append(failed, &poller.ItemError{Item: d.Item, Err: fault.Errorf(fault.Invalid, "POP3 knows neither flags nor folders: after can be keep or delete, not %s", d.After.Do)})
			}
		}
		return s.pipeline(calls, false, func(i int, _ io.Reader, no *refusal) error {
			if no != nil {
				failed = append(failed, &poller.ItemError{Item: items[i], Err: fault.As(fault.Unavailable, no)})
				return nil
			}
			s.deleted[of[i].n] = true
			s.taken(of[i])
			return nil
		})
	})
	if err != nil {
		return err
	}
	return errors.Join(failed...)
}

// Wait waits: what comes is seen by the next session only.
func (s *session) Wait(ctx context.Context, d time.Duration) (bool, error) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-t.C:
		return true, nil
	}
}

// quitTime is how long a server may take to delete what it was told to.
const quitTime = 5 * time.Minute

// Close says QUIT, which deletes. Where nothing is to be deleted no error matters.
func (s *session) Close() error {
	err := s.quit()
	_ = s.Conn.Close()
	if s.err == nil {
		s.err = fault.Errorf(fault.Unavailable, "the session is closed")
	}
	if err != nil && len(s.deleted) > 0 {
		return fmt.Errorf("the server may not have deleted %d mails, which are looked for again: %w", len(s.deleted), err)
	}
	if err == nil && s.loaded {
		s.remember()
	}
	return nil
}

// errOpen says why there was no QUIT.
var errOpen = fault.Errorf(fault.Unavailable, "a mail was fetched and not taken, and some servers remove what was fetched: so the session ended without QUIT")

func (s *session) quit() error {
	if s.err != nil {
		return s.err
	}
	switch {
	case len(s.open)+len(s.peeked) > 0:
		return errOpen
	case s.owed > 0 && len(s.deleted) == 0:
		return nil // nobody waits for what is still to come
	}
	if err := s.drain(); err != nil {
		return err
	}
	s.Idle(64<<10, quitTime)
	if err := s.send([]byte("QUIT\r\n")); err != nil {
		return err
	}
	_, err := s.reply("QUIT")
	return err
}
