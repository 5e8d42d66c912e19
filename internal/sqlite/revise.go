package sqlite

import (
	"context"
	"encoding/json"

	"postern/internal/fault"
	"postern/internal/issue"
)

// History reads an issue with what its fields were given.
func (s *Store) History(ctx context.Context, number int64) (h *issue.History, err error) {
	err = s.read(ctx, func(c *conn) error {
		h, _, err = readHistory(c, number)
		return err
	})
	return h, err
}

// MessageNotes lists the notes that a message made on an issue.
func (s *Store) MessageNotes(ctx context.Context, number int64, message string) ([]*issue.Note, error) {
	var out []*issue.Note
	err := s.read(ctx, func(c *conn) error {
		out = []*issue.Note{}
		return c.query(ctx, "SELECT "+noteColumns+" FROM notes WHERE place > ? AND place < ? AND message = ? ORDER BY place",
			[]any{number << noteBits, (number + 1) << noteBits, message}, func(r row) error {
				out = append(out, decodeNote(r))
				return nil
			})
	})
	return out, wrap(err, "list the notes of message %s", message)
}

// mayWithdraw says Conflict where an issue is to be withdrawn that others have worked on.
func mayWithdraw(c *conn, h *issue.History, r *issue.Revision) error {
	if r == nil || !r.Withdrawn || h.Issue.Message != r.By {
		return nil
	}
	_, noted, err := c.one("SELECT 1 FROM notes WHERE place > ? AND place < ? AND message <> ? AND withdrawn_at IS NULL",
		r.Number<<noteBits, (r.Number+1)<<noteBits, r.By)
	if err != nil {
		return err
	}
	if noted || h.Others(r.By, func(string) bool { return true }) {
		return fault.Errorf(fault.Conflict, "issue %d is not message %s's alone any more", r.Number, r.By)
	}
	return nil
}

// reviseNotes writes what becomes of a message's notes, and has the index read them again.
func reviseNotes(t *tx, r *issue.Revision) error {
	if r == nil {
		return nil
	}
	for _, n := range r.Notes {
		row, ok, err := t.one("SELECT place FROM notes WHERE place > ? AND place < ? AND id = ?", r.Number<<noteBits, (r.Number+1)<<noteBits, n.ID)
		if err != nil {
			return err
		}
		if !ok {
			return fault.Errorf(fault.NotFound, "issue %d has no note %s", r.Number, n.ID)
		}
		place := row.int(0)
		if _, err := t.write("note", "UPDATE notes SET text = ?, visibility = ?, withdrawn_at = ? WHERE place = ?",
			n.Text, n.Visibility, stamp(n.WithdrawnAt), place); err != nil {
			return err
		}
		if err := enqueue(t, r.Number, int(place&maxNotes)); err != nil {
			return err
		}
	}
	return nil
}

// setList is what an issue's fields were given, as its column has it.
func setList(sets []issue.Set) string {
	if len(sets) == 0 {
		return "[]"
	}
	b, _ := json.Marshal(sets) // texts and times always can be
	return string(b)
}

func decodeSets(text string) (sets []issue.Set, err error) {
	if text == "[]" {
		return nil, nil
	}
	err = json.Unmarshal([]byte(text), &sets)
	return sets, err
}
