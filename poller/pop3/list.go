package pop3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"postern/internal/fault"
	"postern/poller"
	"postern/poller/wire"
)

// maxMails is how many mails may lie in a mailbox. A cursor with all of them must fit into what a store keeps.
const maxMails = 500_000

// An entry is a mail that lies at the server.
type entry struct {
	n    int    // its number in this session
	id   string // UIDL, or what stands for it
	size int64  // -1: the server does not tell

	print uint64 // of its beginning, once it was fetched
}

// key is by which it is known that a mail was taken. A server may give the id of a mail that is gone to another (RFC 1939 section 7), which
// then hardly ever has its size.
func (m *entry) key() string { return m.id + " " + strconv.FormatInt(m.size, 10) }

// List returns what lies there and is not in the cursor, oldest first. What lies there is asked for once: no more comes while the session
// is open.
func (s *session) List(ctx context.Context, raw json.RawMessage, n int) (*poller.Batch, error) {
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	var cur *cursor
	switch {
	case len(raw) == 0 || string(raw) == "null":
		var err error
		if cur, err = s.begin(ctx); err != nil {
			return nil, err
		}
	case s.last != nil && bytes.Equal(raw, s.lastRaw):
		cur = s.last
	default:
		cur = readCursor(raw)
	}
	next := &cursor{salt: cur.salt, seen: make(map[uint64]bool, len(s.mails))}
	b := &poller.Batch{}
	for _, m := range s.mails {
		h := cur.hash(m.key())
		switch {
		case cur.seen[h]:
			delete(s.peeked, m.n)
		case next.seen[h]: // the same mail again: see content
			continue
		case len(b.Items) < n:
			b.Items = append(b.Items, poller.Item{ID: m.id, Size: m.size})
			b.Total++
		default:
			b.Total++
			b.More = true
			continue
		}
		next.seen[h] = true
	}
	b.Next = next.encode()
	s.last, s.lastRaw = next, b.Next
	return b, nil
}

// begin is the cursor before anything was taken: what the start leaves out counts as taken.
func (s *session) begin(ctx context.Context) (*cursor, error) {
	if s.first != nil {
		return s.first, nil
	}
	c := newCursor()
	err := s.do(ctx, func() error {
		switch {
		case s.start.New:
			for _, m := range s.mails {
				c.seen[c.hash(m.key())] = true
			}
		case !s.start.Since.IsZero():
			return s.heads(s.mails, 0, func(m *entry, head []byte) {
				if came := cameAt(head); !came.IsZero() && came.Before(s.start.Since) { // one without a time is taken
					c.seen[c.hash(m.key())] = true
				}
			})
		}
		return nil
	})
	if err == nil {
		s.first = c
	}
	return c, err
}

// load asks what lies there.
func (s *session) load(ctx context.Context) error {
	if s.loaded || s.err != nil {
		return s.err
	}
	err := s.do(ctx, func() error {
		if err := s.listSizes(); err != nil {
			return err
		}
		if len(s.mails) > 0 {
			if err := s.listIDs(); err != nil {
				return err
			}
		}
		return s.name()
	})
	if err != nil {
		return listProblem(err)
	}
	s.numbers = make(map[string][]*entry, len(s.mails))
	for _, m := range s.mails {
		s.numbers[m.id] = append(s.numbers[m.id], m)
	}
	s.loaded = true
	return nil
}

func listProblem(err error) error {
	var no *refusal
	if !errors.As(err, &no) {
		return err
	}
	kind := fault.Unavailable
	if no.has("SYS/PERM") {
		kind = fault.Denied
	}
	return fault.As(kind, err)
}

// listSizes asks for all numbers and sizes. Some servers refuse where there is nothing to list.
func (s *session) listSizes() error {
	s.mails = nil
	err := s.lines("LIST", maxMails, func(line string) error {
		number, size, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return talk("LIST", line)
		}
		m := &entry{n: n, size: -1}
		if size, _, _ = strings.Cut(strings.TrimSpace(size), " "); size != "" {
			if m.size, err = strconv.ParseInt(size, 10, 64); err != nil || m.size < 0 {
				m.size = -1
			}
		}
		s.mails = append(s.mails, m)
		return nil
	})
	var no *refusal
	if errors.As(err, &no) && s.empty() {
		return nil
	}
	return err
}

// empty asks whether there is no mail at all.
func (s *session) empty() bool {
	stat, err := s.ask("STAT")
	if err != nil {
		var no *refusal
		return errors.As(err, &no) && strings.Contains(strings.ToLower(no.text), "empty")
	}
	count, _, _ := strings.Cut(stat, " ")
	return count == "0"
}

// listIDs asks for the unique ids.
func (s *session) listIDs() error {
	byNumber := make(map[int]*entry, len(s.mails))
	for _, m := range s.mails {
		byNumber[m.n] = m
	}
	err := s.lines("UIDL", maxMails, func(line string) error {
		number, id, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return talk("UIDL", line)
		}
		m := byNumber[n]
		if m == nil { // which LIST left out
			m = &entry{n: n, size: -1}
			byNumber[n] = m
			s.mails = append(s.mails, m)
		}
		m.id = readable(strings.TrimSpace(id))
		return nil
	})
	var no *refusal
	if errors.As(err, &no) && !no.has("SYS") && !no.has("IN-USE") {
		s.noUIDL = true
		return nil
	}
	return err
}

// readable is an id as it can be kept and shown: RFC 1939 has 70 characters from 0x21 to 0x7E.
func readable(id string) string {
	odd := strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
	if odd || len(id) > 200 {
		sum := sha256.Sum256([]byte(id))
		return "hash:" + hex.EncodeToString(sum[:16])
	}
	return id
}

func talk(command, line string) error {
	return fault.Errorf(fault.Unavailable, "%w: %s lists %q", errTalk, command, wire.Said(line))
}
