package sqlite

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"postern/internal/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks our files, so that one of another program is never taken for ours: "Pstn".
const applicationID = 0x5073746e

// migrate brings the schema to the newest version that we know.
func migrate(c *conn) error {
	have, err := schemaVersion(c)
	if err != nil {
		return err
	}
	return upgrade(c, have)
}

// schemaVersion reads the schema's version from the file's header (user_version); 0 is a new file. A file of a newer
// Postern is refused, and so is one of another program.
func schemaVersion(c *conn) (int, error) {
	row, _, err := c.one("SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)")
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	have, id, tables := int(row.int(0)), row.int(1), row.int(2)
	if tables > 0 && id != applicationID {
		return 0, fault.Errorf(fault.Invalid, "the database was not made by postern: name another data folder")
	}
	steps, err := versions()
	if err != nil {
		return 0, err
	}
	newest := steps[len(steps)-1].version
	if have > newest {
		return 0, fault.Errorf(fault.Invalid, "the database has schema version %d, and this postern knows %d at most: run a newer postern, or restore a backup", have, newest)
	}
	return have, nil
}

// upgrade makes the versions after that one, one a transaction.
func upgrade(c *conn, have int) error {
	steps, err := versions()
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.version <= have {
			continue
		}
		script := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", s.sql, applicationID, s.version)
		if _, err := c.exec(script); err != nil {
			_, _ = c.exec("ROLLBACK")
			return fmt.Errorf("bring the schema to version %d: %w", s.version, err)
		}
	}
	return nil
}

type version struct {
	version int
	sql     string
}

// versions are the embedded scripts in order: 0001.sql makes version 1.
func versions() ([]version, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var out []version
	for _, name := range names {
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(name, "migrations/"), ".sql"))
		if err != nil {
			return nil, fmt.Errorf("a migration's name is its number: %w", err)
		}
		b, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		out = append(out, version{n, string(b)})
	}
	slices.SortFunc(out, func(a, b version) int { return cmp.Compare(a.version, b.version) })
	return out, nil
}
