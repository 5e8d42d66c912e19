package pop3

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

// A server may give the id of a mail that was deleted to one that comes later: "for as long as the entity using the unique-id exists" is all that
// RFC 1939 section 7 asks of it, and some count from 1 each time. Where an id that we deleted is there again, and even the size is the same, the mail's
// beginning tells whether it is another mail, or one that the server did not delete.

// printBytes is how much of a mail's beginning tells it from another.
const printBytes = 8 << 10

func printOf(head []byte) uint64 {
	sum := sha256.Sum256(steady(head))
	return binary.BigEndian.Uint64(sum[:])
}

// remember notes what the session deleted. What earlier ones did was not listed by this one any more, and so is in no cursor.
func (s *session) remember() {
	deleted := map[string]uint64{}
	for _, m := range s.mails {
		if s.deleted[m.n] && m.print != 0 {
			deleted[m.key()] = m.print
		}
	}
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	s.a.deleted = deleted
}

// reused gives ids of their own to mails that have those of deleted ones.
func (s *session) reused() error {
	s.a.mu.Lock()
	deleted := s.a.deleted
	s.a.mu.Unlock()
	var again []*entry
	var calls []call
	for _, m := range s.mails {
		if _, was := deleted[m.key()]; was {
			again = append(again, m)
			calls = append(calls, call{fmt.Sprintf("RETR %d", m.n), m.size})
		}
	}
	if len(again) == 0 {
		return nil
	}
	return s.pipeline(calls, true, func(i int, r io.Reader, no *refusal) error {
		if no != nil {
			return nil
		}
		m := again[i]
		head, err := io.ReadAll(io.LimitReader(r, printBytes))
		if err != nil {
			return nil // the session's error
		}
		if p := printOf(head); p != deleted[m.key()] {
			m.id = fmt.Sprintf("%s again:%x", m.id, p)
			s.peeked[m.n] = true
		}
		return nil
	})
}
