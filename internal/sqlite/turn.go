package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"postern/internal/fault"
	"postern/internal/logkey"
)

// turnBytes is how large a file of the redo log grows before the database is made durable behind it. It bounds
// SQLite's own log too, and the time that the next start takes after a crash.
const turnBytes = 8 << 20

// What the table "once" says of the redo log: whose it is, and which frame is the last that the database has.
const (
	redoID    = "redo id"
	redoPlace = "redo place"
)

// join connects the database with its redo log: what a crash kept from the database is done now.
func (s *Store) join(c *conn) error {
	id, place, err := readPlace(c)
	if err != nil {
		return err
	}
	r, err := openRedo(s.dir, id)
	if err != nil {
		return err
	}
	r.fault = s.fault
	if r.strange() {
		s.w.log.Warn("the redo log in the data folder is of another state of the database, and is not done again", "folder", s.dir)
	}
	s.w.redo, r.seq = r, place
	if err := catchUp(c, r, math.MaxUint64); err != nil {
		return err
	}
	if err := s.syncDatabase(); err != nil {
		return err
	}
	// A new id each time: should this database be put back one day beside the log it has now, though it was changed without it
	// meanwhile, nothing of that log is done again.
	if id, err = newRedoID(c); err != nil {
		return err
	}
	_, _ = c.exec("PRAGMA wal_checkpoint(TRUNCATE)") // begins with an empty log; on a full disk with the old one
	r.restart(id, r.seq)
	return nil
}

// newRedoID says in the database which redo log is its own; one that lies there of another is not.
func newRedoID(c *conn) (id uint64, err error) {
	for id == 0 {
		id = rand.Uint64()
	}
	_, err = c.exec("INSERT INTO once (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", redoID, strconv.FormatUint(id, 16))
	return id, err
}

func readPlace(c *conn) (id, place uint64, err error) {
	err = c.query(context.Background(), "SELECT key, value FROM once WHERE key IN (?, ?)", []any{redoID, redoPlace}, func(r row) (err error) {
		if r.text(0) == redoID {
			id, err = strconv.ParseUint(r.text(1), 16, 64)
		} else {
			place, err = strconv.ParseUint(r.text(1), 10, 64)
		}
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read the place in the redo log: %w", err)
	}
	return id, place, nil
}

func putPlace(c *conn, seq uint64) error {
	_, err := c.exec("INSERT INTO once (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", redoPlace, strconv.FormatUint(seq, 10))
	return err
}

// catchUp does what the redo log holds and the database has not, up to frame upTo.
func catchUp(c *conn, r *redo, upTo uint64) error {
	_, place, err := readPlace(c)
	if err != nil {
		return err
	}
	open := 0
	end := func(seq uint64) error {
		if open == 0 {
			return nil
		}
		if err := putPlace(c, seq); err != nil {
			return err
		}
		_, err := c.exec("COMMIT")
		open = 0
		return err
	}
	last, err := r.replay(place, upTo, func(seq uint64, payload []byte) error {
		if open == 0 {
			if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
				return err
			}
		}
		open++
		if err := statements(payload, func(query string, args []any) error {
			_, err := c.exec(query, args...)
			return err
		}); err != nil {
			return err
		}
		if open == openWrites {
			return end(seq)
		}
		return nil
	})
	if err == nil && upTo != math.MaxUint64 && last != upTo {
		err = fault.Errorf(fault.Unavailable, "the redo log ends with frame %d, and frame %d was written", last, upTo)
	}
	if err == nil {
		err = end(last)
	}
	if err != nil {
		_, _ = c.exec("ROLLBACK")
		return fmt.Errorf("do again what the redo log holds: %w", err)
	}
	r.seq = max(r.seq, last)
	return nil
}

// syncDatabase makes all durable that was committed: it is in SQLite's log, or was moved from there into the database by
// a checkpoint, which syncs both.
func (s *Store) syncDatabase() error {
	err := syncPath(s.path() + "-wal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.As(fault.Unavailable, fmt.Errorf("sync the database: %w", err))
	}
	return nil
}

// settle makes the database durable behind a file of the redo log with that id, while mail goes on in the other, and then gives
// the file free. SQLite's log is moved into the database here, on a connection of its own, and so the writer has little left to
// move when it starts that log over. Where it fails, on a full disk, it tries again each second.
func (s *Store) settle(file int, id uint64) {
	doubtful := false // a failed fsync may have been the only one to know
	for {
		err := s.syncDatabase()
		doubtful = doubtful || err != nil
		if err == nil {
			err = s.aside(func(c *conn) error {
				_, err := c.exec("PRAGMA wal_checkpoint(PASSIVE)")
				return err
			})
		}
		if err == nil {
			err = s.exclusively(context.Background(), func(c *conn) error { return s.release(c, file, id, doubtful) })
		}
		if err == nil || errors.Is(err, errClosed) {
			return
		}
		s.w.log.Warn("checkpoint failed, the logs grow until one succeeds", logkey.Error, err)
		select {
		case <-time.After(time.Second):
		case <-s.w.quit:
			return
		}
	}
}

// release gives a file of the redo log free and begins SQLite's log anew.
func (s *Store) release(c *conn, file int, id uint64, doubtful bool) error {
	whole, err := startOver(c, s.fault)
	if doubtful && !whole {
		return fault.Errorf(fault.Unavailable, "the database is not whole without its logs yet: %v", err)
	}
	if err != nil {
		s.w.log.Warn("SQLite's log goes on and grows", logkey.Error, err)
	}
	if s.w.redo.id == id { // else another database was restored meanwhile
		s.w.redo.release(file)
	}
	s.w.turning = false
	return nil
}

// startOver begins SQLite's log anew, so that it stays at its size. It reports whether all of it is in the database now; a
// reader that is still in the log only delays this.
func startOver(c *conn, fault func(string) error) (whole bool, err error) {
	if fault != nil {
		if err := fault("checkpoint"); err != nil {
			return false, err
		}
	}
	_, _ = c.exec("PRAGMA busy_timeout = 20") // it would wait for readers
	defer func() { _, _ = c.exec("PRAGMA busy_timeout = 5000") }()
	r, _, err := c.one("PRAGMA wal_checkpoint(RESTART)")
	return err == nil && r.int(0) == 0 && r.int(1) == r.int(2), err
}

// aside opens a connection for one purpose.
func (s *Store) aside(f func(c *conn) error) error {
	c, err := connect(context.Background(), s.path(), toCopy)
	if err != nil {
		return err
	}
	defer c.close()
	return f(c)
}
