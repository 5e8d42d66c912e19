package sqlite

import (
	"context"
	"strings"

	"postern/internal/issue"
	"postern/internal/logkey"
)

// searchWords are the words of a search as the index is asked for them: each a quoted string, which holds nothing
// but letters, digits and marks.
func searchWords(words []string) []string {
	list := issue.Words(strings.Join(words, " "))
	for i, w := range list {
		list[i] = `"` + w + `"`
	}
	return list
}

// indexLittle lets a search find what came just now, where that is so little that mail need not wait for it. Where it fails the search
// finds what was there before.
func (s *Store) indexLittle(ctx context.Context) error {
	err := s.exclusively(ctx, func(*conn) error {
		if 0 < s.w.backlog && s.w.backlog <= indexBatch {
			s.w.index(indexBatch)
		}
		return nil
	})
	if ctx.Err() != nil {
		return err
	}
	return nil
}

// index moves up to n texts from the queue into the search index and says whether more wait. The redo log
// knows nothing of it: what a crash takes back is in the queue again.
func (w *writer) index(n int) (more bool) {
	if w.commit() != nil {
		return false
	}
	done, err := w.indexBatch(n)
	if err != nil {
		_, _ = w.c.exec("ROLLBACK")
		w.log.Warn("the search index is behind", logkey.Error, err)
		return false
	}
	if w.backlog -= done; done < n {
		w.backlog = 0
	}
	return w.backlog > 0
}

func (w *writer) indexBatch(n int) (int, error) {
	t := &tx{conn: w.c, fault: w.fault}
	if _, err := w.c.exec("BEGIN IMMEDIATE"); err != nil {
		return 0, err
	}
	var places []int64
	if err := w.c.query(context.Background(), "SELECT place FROM search_queue ORDER BY place LIMIT ?", []any{n}, func(r row) error {
		places = append(places, r.int(0))
		return nil
	}); err != nil {
		return 0, err
	}
	for _, place := range places {
		text, err := textAt(w.c, place)
		if err != nil {
			return 0, err
		}
		// An issue's subject may change, and a replay changes and withdraws notes.
		if _, err := t.write("search", "DELETE FROM search WHERE rowid = ?", place); err != nil {
			return 0, err
		}
		if _, err := t.write("search", "INSERT INTO search (rowid, words) VALUES (?, ?)", place, strings.Join(issue.Words(text), " ")); err != nil {
			return 0, err
		}
		if _, err := t.write("search queue", "DELETE FROM search_queue WHERE place = ?", place); err != nil {
			return 0, err
		}
	}
	if w.fault != nil {
		if err := w.fault("search commit"); err != nil {
			return 0, err
		}
	}
	_, err := w.c.exec("COMMIT")
	return len(places), err
}

// textAt reads a note's text, none where it is withdrawn, or for note 0 the issue's subject and description.
func textAt(c *conn, place int64) (string, error) {
	if place&maxNotes != 0 {
		r, _, err := c.one("SELECT text FROM notes WHERE place = ? AND withdrawn_at IS NULL", place)
		return r.text(0), err
	}
	r, _, err := c.one("SELECT subject, description FROM issues WHERE number = ?", place>>noteBits)
	return r.text(0) + "\n" + r.text(1), err
}
