package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"

	"postern/internal/fault"
	"postern/internal/issue"
)

// Backup writes the database as of one moment and then the files that it names. Mail goes on meanwhile;
// the sweep waits, so that no file goes before it is copied.
func (s *Store) Backup(ctx context.Context, dir string) error {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o700); err != nil {
		return fault.As(fault.Unavailable, fmt.Errorf("backup: %w", err))
	}
	path := filepath.Join(dir, "postern.db")
	if _, err := os.Lstat(path); err == nil {
		return fault.Errorf(fault.Conflict, "backup: %s is there already: name an empty folder", path)
	}
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.As(fault.Unavailable, fmt.Errorf("backup: %w", err))
	}
	if err := s.show(ctx); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	// A connection of its own: VACUUM INTO reads for as long as it writes.
	c, err := connect(ctx, s.path(), toCopy)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer c.close()
	if err := private(part); err != nil { // VACUUM INTO takes an empty file
		return fmt.Errorf("backup: %w", err)
	}
	if err := c.query(ctx, "VACUUM INTO ?", []any{part}, func(row) error { return nil }); err != nil {
		return fmt.Errorf("backup the database: %w", err)
	}
	if err := copyBlobs(ctx, part, filepath.Join(s.dir, "blobs"), filepath.Join(dir, "blobs")); err != nil {
		return fmt.Errorf("backup blobs: %w", err)
	}
	// Only a finished backup has the name that Restore looks for.
	if err := errors.Join(syncPath(part), os.Rename(part, path), syncPath(dir)); err != nil {
		return fault.As(fault.Unavailable, fmt.Errorf("backup: %w", err))
	}
	return nil
}

// copyBlobs copies all files that a database names and syncs them; those that are there already stay.
func copyBlobs(ctx context.Context, database, from, to string) error {
	c, err := connect(ctx, database, toRead)
	if err != nil {
		return err
	}
	defer c.close()
	folders := map[string]bool{to: true}
	err = c.query(ctx, "SELECT lower(hex(sha)) FROM blobs WHERE form = 0", nil, func(r row) error {
		sha := r.text(0)
		folder := filepath.Join(to, sha[:2])
		if !folders[folder] {
			if err := os.MkdirAll(folder, 0o700); err != nil {
				return fault.As(fault.Unavailable, err)
			}
			folders[folder] = true
		}
		target := filepath.Join(folder, sha)
		if _, err := os.Lstat(target); err == nil {
			return nil
		}
		source, err := os.Open(filepath.Join(from, sha[:2], sha))
		if err != nil {
			return fault.As(fault.Unavailable, err)
		}
		defer source.Close()
		return fault.As(fault.Unavailable, writeFile(target, source, nil))
	})
	for folder := range folders {
		if err == nil {
			err = fault.As(fault.Unavailable, syncPath(folder))
		}
	}
	return err
}

// Restore reads a backup into this store, which must be empty. The jump of the numbers is made in a copy of the
// backup's database, so that it comes in together with the data or not at all.
func (s *Store) Restore(ctx context.Context, dir string) error {
	source := filepath.Join(dir, "postern.db")
	if _, err := os.Stat(source); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fault.Errorf(fault.NotFound, "restore: no finished backup in %s", dir)
		}
		return fault.As(fault.Unavailable, fmt.Errorf("restore: %w", err))
	}
	if err := s.mustBeEmpty(ctx); err != nil {
		return err
	}
	part := s.path() + ".restore"
	if err := makeEpoch(ctx, source, part); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer os.Remove(part)
	if err := copyBlobs(ctx, part, filepath.Join(dir, "blobs"), filepath.Join(s.dir, "blobs")); err != nil {
		return fmt.Errorf("restore blobs: %w", err)
	}
	return wrap(s.exclusively(ctx, func(c *conn) error {
		if empty, err := isEmpty(c); err != nil || !empty {
			return cmpErr(err, errNotEmpty)
		}
		if err := pour(c, part); err != nil {
			return err
		}
		if err := s.adopt(c); err != nil {
			s.w.refuse = fault.As(fault.Unavailable, fmt.Errorf("the restored database cannot be used before a restart: %w", err))
			return s.w.refuse
		}
		return nil
	}), "restore")
}

// adopt goes on with the database that was poured in: none of what the redo log holds is of it.
func (s *Store) adopt(c *conn) error {
	if err := s.syncDatabase(); err != nil {
		return err
	}
	id, place, err := readPlace(c)
	if err != nil {
		return err
	}
	s.w.redo.restart(id, place)
	s.users.forget(nil)
	return s.count(c)
}

var errNotEmpty = fault.Errorf(fault.Conflict, "restore: the store is not empty: name a new data folder")

func (s *Store) mustBeEmpty(ctx context.Context) error {
	return s.read(ctx, func(c *conn) error {
		if empty, err := isEmpty(c); err != nil || !empty {
			return cmpErr(err, errNotEmpty)
		}
		return nil
	})
}

func isEmpty(c *conn) (bool, error) {
	r, _, err := c.one("SELECT NOT EXISTS (SELECT 1 FROM messages) AND NOT EXISTS (SELECT 1 FROM issues)")
	return r.int(0) == 1, err
}

// makeEpoch copies a backup's database, brings it to our schema, and lets its numbers jump.
func makeEpoch(ctx context.Context, source, part string) error {
	for _, name := range []string{part, part + "-wal", part + "-shm"} { // of a try that was killed
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.As(fault.Unavailable, err)
		}
	}
	r, err := os.Open(source)
	if err != nil {
		return fault.As(fault.Unavailable, err)
	}
	defer r.Close()
	if err := writeFile(part, io.Reader(r), nil); err != nil {
		return fault.As(fault.Unavailable, err)
	}
	c, err := connect(ctx, part, toWrite)
	if err != nil {
		return err
	}
	defer c.close()
	row, _, err := c.one("PRAGMA quick_check(1)")
	if err != nil {
		return fault.As(fault.Invalid, fmt.Errorf("the backup is damaged: %w", err))
	}
	if said := row.text(0); said != "ok" {
		return fault.Errorf(fault.Invalid, "the backup is damaged: %s", said)
	}
	if err := migrate(c); err != nil {
		return err
	}
	if _, err := newRedoID(c); err != nil {
		return err
	}
	if _, err := c.exec("UPDATE sources SET holder = '', until = NULL"); err != nil { // who had a lease is not of this epoch
		return err
	}
	if n, err := c.exec("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'issues'", issue.EpochJump); err != nil || n > 0 {
		return err
	}
	_, err = c.exec("INSERT INTO sqlite_sequence (name, seq) VALUES ('issues', ?)", issue.EpochJump)
	return err
}

// pour puts a database in the place of the one that is open, in one transaction of SQLite's backup.
func pour(c *conn, from string) error {
	restorer, ok := c.raw.(interface {
		NewRestore(string) (*sqlite.Backup, error)
	})
	if !ok {
		return errors.New("the driver cannot restore")
	}
	b, err := restorer.NewRestore("file:" + from)
	if err != nil {
		return classify(err)
	}
	_, err = b.Step(-1)
	return classify(errors.Join(err, b.Finish()))
}
