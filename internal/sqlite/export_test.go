package sqlite

import (
	"context"
	"fmt"
	"math"
	"strings"
)

// Abandon ends the store as the end of its process would as far as one process can: nothing that waits is
// written, and the folder is free.
func (s *Store) Abandon() {
	s.closing.Do(func() {
		s.w.stop()
		close(s.done)
		s.closed = s.shut()
	})
}

// Exec runs a statement on the writer's connection.
func (s *Store) Exec(query string) error {
	return s.exclusively(context.Background(), func(c *conn) error {
		_, err := c.exec(query)
		return err
	})
}

// LimitPages makes the database's disk full at that many pages.
func (s *Store) LimitPages(n int) error {
	return s.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", n))
}

// Check is SQLite's own check of the database.
func (s *Store) Check() (said string, err error) {
	err = s.exclusively(context.Background(), func(c *conn) error {
		r, _, err := c.one("PRAGMA integrity_check")
		said = r.text(0)
		return err
	})
	return said, err
}

// Plan is how SQLite would run a query.
func (s *Store) Plan(query string) (plan []string, err error) {
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = "1"
	}
	err = s.read(context.Background(), func(c *conn) error {
		return c.query(context.Background(), "EXPLAIN QUERY PLAN "+query, args, func(r row) error {
			plan = append(plan, r.text(3))
			return nil
		})
	})
	return plan, err
}

// Forget closes the statements that the readers have prepared; Statements are those prepared since.
func (s *Store) Forget() {
	s.eachReader(func(c *conn) {
		for query, stmt := range c.stmts {
			_ = stmt.Close()
			delete(c.stmts, query)
		}
	})
}

func (s *Store) Statements() (out []string) {
	s.eachReader(func(c *conn) {
		for query := range c.stmts {
			if !strings.HasPrefix(query, "EXPLAIN") {
				out = append(out, query)
			}
		}
	})
	return out
}

func (s *Store) eachReader(f func(c *conn)) {
	for range s.readers {
		c := <-s.pool
		f(c)
		defer func() { s.pool <- c }()
	}
}

// TurnAt makes the redo log turn after so many bytes.
func (s *Store) TurnAt(n int64) error {
	return s.exclusively(context.Background(), func(*conn) error { s.w.turnAt = n; return nil })
}

// Undo takes the open transaction back behind the writer's back, in a write that has written nothing yet, as SQLite does where
// reading fails.
func (s *Store) Undo() error {
	return s.update(context.Background(), func(t *tx) error {
		_, err := t.exec("ROLLBACK")
		return err
	})
}

// Turning reports whether a file of the redo log is not free yet.
func (s *Store) Turning() (on bool) {
	_ = s.exclusively(context.Background(), func(*conn) error { on = s.w.turning; return nil })
	return on
}

// RoundTrip makes a payload of the redo log and reads it again.
func RoundTrip(query string, args ...any) (queries []string, values [][]any, err error) {
	var f frame
	f.reset()
	for range 2 {
		if err := f.add(query, args); err != nil {
			return nil, nil, err
		}
	}
	err = ReadPayload(f.b[frameRoom:], func(q string, v []any) { queries, values = append(queries, q), append(values, v) })
	return queries, values, err
}

func ReadPayload(b []byte, each func(query string, args []any)) error {
	return statements(b, func(q string, v []any) error { each(q, v); return nil })
}

// A Redo is a redo log by itself.
type Redo struct{ r *redo }

func OpenRedo(dir string, id uint64) (*Redo, error) {
	r, err := openRedo(dir, id)
	return &Redo{r}, err
}

func (r *Redo) Append(payload []byte) error {
	return r.r.append(append(make([]byte, frameRoom), payload...))
}

func (r *Redo) Turn() int     { return r.r.turn() }
func (r *Redo) Release(i int) { r.r.release(i) }
func (r *Redo) Close() error  { return r.r.close() }

func (r *Redo) Replay(after uint64) (payloads []string, err error) {
	_, err = r.r.replay(after, math.MaxUint64, func(_ uint64, b []byte) error { payloads = append(payloads, string(b)); return nil })
	return payloads, err
}
