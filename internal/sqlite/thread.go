package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// maxLinks is how many links of one id are looked at, the strongest and then the oldest first. An id that many issues have says
// little, must not make each further mail slower than the last, and whoever writes it into more mail displaces nothing. Of a rule's
// key the newest count: it asks for them within a time.
const maxLinks = 20

// Kinds of links as numbers, the strongest first.
var linkKinds = [...]issue.LinkKind{issue.Own, issue.Key, issue.Mentioned, issue.Said}

func kindNumber(k issue.LinkKind) int {
	return max(slices.Index(linkKinds[:], k), 0)
}

// Slots returns the messages of a key's slots.
func (s *Store) Slots(ctx context.Context, key string) ([]*issue.Message, error) {
	var out []*issue.Message
	err := s.read(ctx, func(c *conn) error {
		out = nil
		// "0" follows "/": all that starts with the key and a slash.
		return c.query(context.Background(), "SELECT "+messageColumns+", trace FROM messages WHERE slot > ? AND slot < ?",
			[]any{key + "/", key + "0"}, func(r row) error {
				m, err := decodeMessage(r)
				if err == nil && slotNumber(key, m.Slot) >= 0 {
					out = append(out, m)
				}
				return err
			})
	})
	slices.SortFunc(out, func(a, b *issue.Message) int { return cmp.Compare(slotNumber(key, a.Slot), slotNumber(key, b.Slot)) })
	return out, wrap(err, "slots of key %s", key)
}

// slotNumber is the n of "key/n", -1 where the slot is another key's.
func slotNumber(key, slot string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(slot, key+"/"))
	if err != nil {
		return -1
	}
	return n
}

// FindThread says where ids lead.
func (s *Store) FindThread(ctx context.Context, mailbox string, ids []string) ([]issue.Link, error) {
	var out []issue.Link
	err := s.read(ctx, func(c *conn) error {
		out = nil
		for _, id := range ids {
			links, err := findLinks(c, mailbox, id)
			if err != nil {
				return err
			}
			out = append(out, links...)
		}
		return nil
	})
	return out, wrap(err, "find thread")
}

// findLinks is what one id leads to: the newest link first.
func findLinks(c *conn, mailbox, id string) ([]issue.Link, error) {
	var out []issue.Link
	order := "kind, issue" // as the table is ordered: no sorting
	if strings.HasPrefix(id, "key:") {
		order = "kind DESC, issue DESC"
	}
	err := c.query(context.Background(), "SELECT kind, issue, at FROM threads WHERE mailbox = ? AND id = ? ORDER BY "+order+" LIMIT "+strconv.Itoa(maxLinks),
		[]any{mailbox, id}, func(r row) error {
			l := issue.Link{ID: id, Kind: linkKinds[r.int(0)], Issue: r.int(1), At: r.time(2)}
			if l.Kind == issue.Mentioned && len(out) > 0 && out[0].Kind == issue.Own {
				return errStop // where an issue owns the id, mentions of it do not count
			}
			if !slices.ContainsFunc(out, func(o issue.Link) bool { return o.Issue == l.Issue }) {
				out = append(out, l)
			}
			return nil
		})
	slices.SortStableFunc(out, func(a, b issue.Link) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Issue, a.Issue)) })
	return out, err
}

// holds checks that an id still leads where the decision saw it lead.
func holds(c *conn, r issue.Reliance) error {
	links, err := findLinks(c, r.Mailbox, r.ID)
	if err != nil {
		return err
	}
	same := len(links) == len(r.Links)
	for _, l := range links {
		same = same && slices.ContainsFunc(r.Links, func(o issue.Link) bool { return o.Issue == l.Issue && o.Kind == l.Kind })
	}
	if !same {
		return fault.Errorf(fault.Conflict, "what id %s leads to has changed", r.ID)
	}
	return nil
}

// Participants returns who of the addresses takes part in an issue.
func (s *Store) Participants(ctx context.Context, number int64, emails []string) ([]string, error) {
	var out []string
	err := s.read(ctx, func(c *conn) error {
		out = nil
		is, _, err := readIssue(c, number)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, email := range emails {
			if email == "" {
				continue
			}
			in := email == is.Requester.Email || slices.Contains(is.Watchers, email)
			if !in {
				if _, in, err = c.one("SELECT 1 FROM participants WHERE issue = ? AND email = ?", number, email); err != nil {
					return err
				}
			}
			if in {
				out = append(out, email)
			}
		}
		return nil
	})
	return out, wrap(err, "participants of issue %d", number)
}

// Recent counts an author's messages.
func (s *Store) Recent(ctx context.Context, mailbox, email string, since time.Time) (int, error) {
	n := 0
	err := s.read(ctx, func(c *conn) error {
		r, _, err := c.one(`SELECT count(*) FROM (SELECT 1 FROM messages WHERE author = ? AND received_at >= ? AND mailbox = ? LIMIT 10000)`,
			email, since, mailbox)
		n = int(r.int(0))
		return err
	})
	return n, wrap(err, "count recent messages")
}

// wrap says what was being done; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
