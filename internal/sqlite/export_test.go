package sqlite

import (
	"context"
	"fmt"
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
