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
	caps    caps
	start   Start
	now     func() time.Time
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
}

var _ poller.Brief = (*session)(nil)

// Brief says that others wait for the mailbox.
func (s *session) Brief() {}

// Fetch asks for mails, several ahead where the server allows it.
func (s *session) Fetch(ctx context.Context, items []poller.Item, take func(poller.Item, io.Reader, error) error) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	return s.do(ctx, func() error {
		var ask []poller.Item
		var calls []call
		for _, item := range items {
			m := s.find(item.ID)
			if m == nil {
				if err := take(item, nil, &poller.ItemError{Item: item, Err: errGone, Gone: true}); err != nil {
					return err
				}
				continue
			}
			ask, calls = append(ask, item), append(calls, call{fmt.Sprintf("RETR %d", m.n), m.size})
		}
		return s.pipeline(calls, true, func(i int, r io.Reader, no *refusal) error {
			if no != nil {
				return take(ask[i], nil, &poller.ItemError{Item: ask[i], Err: fault.As(fault.Unavailable, no)})
			}
			item := ask[i]
			r, item.Arrived = s.arrived(r)
			return take(item, r, nil)
		})
	})
}

// arrived looks into the beginning of a mail for when it came to the server, which POP3 does not tell otherwise: a mail without Message-ID and
// Date that is fetched again after a crash is known by it. It returns a reader of the whole mail.
func (s *session) arrived(r io.Reader) (io.Reader, time.Time) {
	if s.head == nil {
		s.head = make([]byte, 8<<10)
	}
	n, _ := io.ReadFull(r, s.head) // an error comes again from r
	at := receivedAt(s.head[:n])
	if at.After(s.now().Add(time.Hour)) {
		at = time.Time{}
	}
	return io.MultiReader(bytes.NewReader(s.head[:n]), r), at
}

var errGone = errors.New("it does not lie at the server any more")

// find is a mail that lies there and was not deleted by us; nil for none.
func (s *session) find(id string) *entry {
	for _, m := range s.numbers[id] {
		if !s.deleted[m.n] {
			return m
		}
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
				for _, m := range s.numbers[d.Item.ID] {
					if !s.deleted[m.n] {
						of, items = append(of, m), append(items, d.Item)
						calls = append(calls, call{fmt.Sprintf("DELE %d", m.n), 16})
					}
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
	return nil
}

func (s *session) quit() error {
	if s.err != nil {
		return s.err
	}
	if s.owed > 0 && len(s.deleted) == 0 {
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
