package sqlite

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

// Issue reads one issue.
func (s *Store) Issue(ctx context.Context, number int64) (is *issue.Issue, err error) {
	err = s.read(ctx, func(c *conn) error {
		is, _, err = readIssue(c, number)
		return err
	})
	return is, err
}

// Issues lists by number.
func (s *Store) Issues(ctx context.Context, q issue.IssueQuery) ([]*issue.Issue, issue.Cursor, error) {
	after, limit, err := window(q.Page, ofIssues, 1)
	if err != nil {
		return nil, "", err
	}
	var f filter
	if q.Withdrawn {
		f.add("withdrawn_at IS NOT NULL")
	} else {
		f.add("withdrawn_at IS NULL")
	}
	for _, word := range searchWords(q.Words) {
		f.add("number IN (SELECT rowid >> 20 FROM search WHERE search MATCH ?)", word)
	}
	if len(q.Words) > 0 {
		if err := s.indexLittle(ctx); err != nil {
			return nil, "", err
		}
	}
	f.text("status", q.Status)
	f.text("mailbox", q.Mailbox)
	f.text("requester", q.Requester)
	if q.Assignee != "" {
		f.add("assignee <> '' AND assignee = ?", q.Assignee)
	}
	if q.Tag != "" {
		f.add("number IN (SELECT issue FROM issue_tags WHERE tag = ?)", q.Tag)
	}
	if after != nil {
		f.add("number < ?", after[0])
	}
	var out []*issue.Issue
	err = s.read(ctx, func(c *conn) error {
		out = make([]*issue.Issue, 0, limit)
		return c.query(ctx, "SELECT "+issueColumns+" FROM issues"+f.String()+" ORDER BY number DESC LIMIT ?",
			append(slices.Clip(f.args), limit+1), func(r row) error {
				is, _, err := decodeIssue(r)
				out = append(out, is)
				return err
			})
	})
	out, more := cut(out, limit)
	if err != nil || !more {
		return out, "", wrap(err, "list issues")
	}
	return out, cursor(ofIssues, out[limit-1].Number), nil
}

// cut takes off the one item too many that says there are more.
func cut[T any](list []T, limit int) ([]T, bool) {
	if len(list) <= limit {
		return list, false
	}
	return list[:limit], true
}

// Notes lists an issue's notes.
func (s *Store) Notes(ctx context.Context, number int64, p issue.Page) ([]*issue.Note, issue.Cursor, error) {
	after, limit, err := window(p, ofNotes, 1)
	if err != nil {
		return nil, "", err
	}
	from := number << noteBits
	if after != nil {
		from = max(from, after[0])
	}
	var out []*issue.Note
	var places []int64
	err = s.read(ctx, func(c *conn) error {
		out, places = make([]*issue.Note, 0, 8), nil
		if _, ok, err := c.one("SELECT 1 FROM issues WHERE number = ?", number); err != nil || !ok {
			return cmpErr(err, fault.Errorf(fault.NotFound, "no issue %d", number))
		}
		return c.query(ctx, "SELECT "+noteColumns+" FROM notes WHERE place > ? AND place < ? AND withdrawn_at IS NULL ORDER BY place LIMIT ?",
			[]any{from, (number + 1) << noteBits, limit + 1}, func(r row) error {
				places, out = append(places, r.int(0)), append(out, decodeNote(r))
				return nil
			})
	})
	out, more := cut(out, limit)
	if err != nil || !more {
		return out, "", wrap(err, "list notes")
	}
	return out, cursor(ofNotes, places[limit-1]), nil
}

// noteColumns are read in this order by decodeNote.
const noteColumns = "place, id, kind, author, author_name, text, visibility, message, created_at, withdrawn_at"

func decodeNote(r row) *issue.Note {
	return &issue.Note{
		ID: r.text(1), Issue: r.int(0) >> noteBits, Kind: r.text(2), Author: issue.Person{Email: r.text(3), Name: r.text(4)}, Text: r.text(5),
		Visibility: r.text(6), Message: r.text(7), CreatedAt: r.time(8), WithdrawnAt: r.maybe(9),
	}
}

// Message reads one message with all that is kept of it.
func (s *Store) Message(ctx context.Context, id string) (*issue.Message, error) {
	var m *issue.Message
	err := s.read(ctx, func(c *conn) error {
		r, ok, err := c.one("SELECT "+messageColumns+", trace FROM messages WHERE id = ?", id)
		if err == nil && ok {
			m, err = decodeMessage(r)
		}
		return err
	})
	if err == nil && m == nil {
		return nil, fault.Errorf(fault.NotFound, "no message %q", id)
	}
	return m, wrap(err, "read message %s", id)
}

// Messages lists by when they were received.
func (s *Store) Messages(ctx context.Context, q issue.MessageQuery) ([]*issue.Message, issue.Cursor, error) {
	after, limit, err := window(q.Page, ofMessages, 2)
	if err != nil {
		return nil, "", err
	}
	var f filter
	switch q.Verdict {
	case "":
	case "committed":
		f.text("verdict", q.Verdict)
	default: // in the words of the partial index
		f.add("verdict <> 'committed' AND verdict = ?", q.Verdict)
	}
	f.text("mailbox", q.Mailbox)
	if q.Issue != 0 {
		f.add("issue > 0 AND issue = ?", q.Issue)
	}
	f.text("author", q.Author)
	if q.MessageID != "" {
		f.add("message_id <> '' AND message_id = ?", q.MessageID)
	}
	if q.Run != "" {
		f.add("run <> '' AND run = ?", q.Run)
	}
	if !q.Since.IsZero() {
		f.add("received_at >= ?", q.Since)
	}
	if after != nil {
		f.add("(received_at, seq) < (?, ?)", after[0], after[1])
	}
	var out []*issue.Message
	var seqs []int64
	err = s.read(ctx, func(c *conn) error {
		out, seqs = make([]*issue.Message, 0, 8), nil
		return c.query(ctx, "SELECT "+messageColumns+" FROM messages"+f.String()+" ORDER BY received_at DESC, seq DESC LIMIT ?",
			append(slices.Clip(f.args), limit+1), func(r row) error {
				m, err := decodeMessage(r)
				out, seqs = append(out, m), append(seqs, r.int(19))
				return err
			})
	})
	out, more := cut(out, limit)
	if err != nil || !more {
		return out, "", wrap(err, "list messages")
	}
	return out, cursor(ofMessages, out[limit-1].ReceivedAt.UnixMilli(), seqs[limit-1]), nil
}

// Copies lists a message's copies, in the order they came.
func (s *Store) Copies(ctx context.Context, message string) ([]*issue.Copy, error) {
	var out []*issue.Copy
	err := s.read(ctx, func(c *conn) error {
		out = []*issue.Copy{}
		r, ok, err := c.one("SELECT seq FROM messages WHERE id = ?", message)
		if err != nil || !ok {
			return cmpErr(err, fault.Errorf(fault.NotFound, "no message %q", message))
		}
		return c.query(ctx, "SELECT received_at, raw, doc FROM copies WHERE message = ? ORDER BY seq", []any{r.int(0)}, func(r row) error {
			b, err := unpack(r.bytes(2))
			if err != nil {
				return err
			}
			cp := &issue.Copy{}
			if err := json.Unmarshal(b, cp); err != nil {
				return fmt.Errorf("decode copy: %w", err)
			}
			cp.ReceivedAt = r.time(0)
			if raw := r.bytes(1); raw == nil {
				cp.Raw = issue.Blob{}
			} else {
				cp.Raw.SHA256 = hex.EncodeToString(raw)
			}
			out = append(out, cp)
			return nil
		})
	})
	return out, wrap(err, "list copies")
}

// KeepCopy adds a copy to a message.
func (s *Store) KeepCopy(ctx context.Context, message string, cp *issue.Copy, raw *spool.Body) error {
	bodies, err := s.prepare([]*spool.Body{raw}, []string{cp.Raw.SHA256})
	if err != nil {
		return err
	}
	if len(bodies) == 0 {
		return fault.Errorf(fault.Invalid, "copy of message %s: the body is not the raw that it names", message)
	}
	release, err := s.placeBodies(bodies)
	if err != nil {
		return err
	}
	b, err := json.Marshal(cp)
	if err != nil {
		if release != nil {
			release()
		}
		return fault.As(fault.Invalid, fmt.Errorf("encode copy: %w", err))
	}
	doc := pack(b)
	err = s.submit(&job{ctx: ctx, after: release, do: func(t *tx) error {
		r, ok, err := t.one("SELECT seq, copies FROM messages WHERE id = ?", message)
		if err != nil || !ok {
			return cmpErr(err, fault.Errorf(fault.NotFound, "no message %q", message))
		}
		if _, err := t.write("copies", "UPDATE messages SET copies = copies + 1 WHERE seq = ?", r.int(0)); err != nil {
			return err
		}
		if r.int(1) >= issue.MaxCopies {
			return nil
		}
		if err := s.refer(t, cp.Raw.SHA256, bodies[cp.Raw.SHA256]); err != nil {
			return err
		}
		_, err = t.write("copy", "INSERT INTO copies (message, received_at, raw, doc) VALUES (?, ?, ?, ?)",
			r.int(0), issue.Time(cp.ReceivedAt), hash(cp.Raw.SHA256), doc)
		return err
	}})
	return wrap(err, "keep a copy of message %s", message)
}
