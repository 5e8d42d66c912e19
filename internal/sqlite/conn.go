package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite"

	"postern/internal/fault"
)

// A conn is one connection with the statements it has prepared. It is used by one goroutine at a time.
//
// It stands on the driver and not on database/sql, whose own locking and conversions cost as much as the
// statements of a commit themselves.
type conn struct {
	raw   driver.Conn
	stmts map[string]driver.Stmt
	args  []driver.NamedValue
}

// What a connection is for.
type purpose int

const (
	toRead  purpose = iota
	toWrite         // may make the file; there is one
	toCopy          // reads, and writes another file
)

// private makes the file, where there is none, for its owner alone: mail is in it. What SQLite makes beside it
// gets the same mode, and so does what somebody changed it to.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fault.As(fault.Unavailable, err)
	}
	return f.Close()
}

// connect opens the database file.
func connect(ctx context.Context, path string, p purpose) (*conn, error) {
	q := url.Values{}
	for _, pragma := range []string{"busy_timeout(5000)", "synchronous(FULL)", "foreign_keys(OFF)", "temp_store(MEMORY)"} {
		q.Add("_pragma", pragma)
	}
	switch p {
	case toWrite:
		if err := private(path); err != nil {
			return nil, err
		}
		q.Add("_pragma", "journal_mode(WAL)")
		q.Add("_pragma", "wal_autocheckpoint(0)") // the store has its own, see settle
		q.Add("_pragma", "cache_size(-8000)")     // KiB
	case toRead:
		q.Add("_pragma", "query_only(1)")
		q.Add("_pragma", "cache_size(-1000)")
	}
	connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode())
	if err != nil {
		return nil, err
	}
	raw, err := connector.Connect(ctx)
	if err != nil {
		return nil, classify(err)
	}
	return &conn{raw: raw, stmts: map[string]driver.Stmt{}}, nil
}

// onRollback calls f whenever a transaction is taken back: also by SQLite itself, which does so where the disk is full or fails,
// in the middle of reading too, and goes on as if there had been none.
func (c *conn) onRollback(f func()) error {
	h, ok := c.raw.(sqlite.HookRegisterer)
	if !ok {
		return errors.New("the driver has no hook for rollbacks")
	}
	h.RegisterRollbackHook(f)
	return nil
}

func (c *conn) close() error {
	for _, s := range c.stmts {
		_ = s.Close()
	}
	return c.raw.Close()
}

// statement returns the prepared statement for a text. Texts are constants or built from a few parts, so there
// are a few hundred at most.
func (c *conn) statement(query string) (driver.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.raw.Prepare(query)
	if err != nil {
		return nil, classify(fmt.Errorf("prepare %q: %w", query, err))
	}
	c.stmts[query] = s
	return s, nil
}

func (c *conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: value(a)})
	}
	return c.args
}

// value turns what our code holds into what the driver takes.
func value(a any) driver.Value {
	switch v := a.(type) {
	case int:
		return int64(v)
	case time.Time:
		return v.UnixMilli()
	case *time.Time:
		if v == nil {
			return nil
		}
		return v.UnixMilli()
	case []byte:
		if v == nil {
			return nil
		}
		return v
	default:
		return a
	}
}

// exec runs a statement and says how many rows it changed.
func (c *conn) exec(query string, args ...any) (int64, error) {
	s, err := c.statement(query)
	if err != nil {
		return 0, err
	}
	res, err := s.(driver.StmtExecContext).ExecContext(context.Background(), c.bind(args))
	if err != nil {
		return 0, classify(err)
	}
	return res.RowsAffected()
}

// A row is one row of a result, column by column.
type row []driver.Value

// A column that is NULL, or of a row that is not there, is the zero value.
func (r row) text(i int) string  { return column[string](r, i) }
func (r row) int(i int) int64    { return column[int64](r, i) }
func (r row) bytes(i int) []byte { return column[[]byte](r, i) }

func column[T any](r row, i int) (v T) {
	if i < len(r) {
		v, _ = r[i].(T)
	}
	return v
}

func (r row) time(i int) time.Time { return time.UnixMilli(r.int(i)).UTC() }

// maybe is the time in a column that may be NULL.
func (r row) maybe(i int) *time.Time {
	if r[i] == nil {
		return nil
	}
	t := r.time(i)
	return &t
}

// errStop ends a query early, without an error.
var errStop = errors.New("enough rows")

// query runs each over the rows of a result; what a row holds is valid afterwards too. Use a ctx that ends
// only for queries that may take long: watching it costs more than a short query.
func (c *conn) query(ctx context.Context, query string, args []any, each func(row) error) error {
	s, err := c.statement(query)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, c.bind(args))
	if err != nil {
		return classify(err)
	}
	dest := make(row, len(rows.Columns()))
	for {
		if err = rows.Next(dest); err != nil {
			break
		}
		if err = each(dest); err != nil {
			break
		}
	}
	closing := rows.Close()
	if err == io.EOF || err == errStop {
		err = closing
	}
	return classify(err)
}

// one returns the first row of a result; ok is false where there is none.
func (c *conn) one(query string, args ...any) (r row, ok bool, err error) {
	err = c.query(context.Background(), query, args, func(got row) error {
		r, ok = got, true
		return errStop
	})
	return r, ok, err
}

// SQLite's primary result codes that we tell apart; the driver reports extended ones, which hold them in
// their low byte.
const (
	codeNoMem      = 7
	codeTooBig     = 18
	codeConstraint = 19
	codeBusy       = 5
	codeLocked     = 6
	codeReadOnly   = 8
	codeIOErr      = 10
	codeCorrupt    = 11
	codeFull       = 13
	codeCantOpen   = 14
	codeProtocol   = 15
	codeNotADB     = 26
)

// classify gives an error of SQLite's its kind. What is wrong with the disk or the file is Unavailable: the
// mail stays with its sender until somebody has mended it.
func classify(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.As(fault.Unavailable, err)
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case codeNoMem, codeBusy, codeLocked, codeReadOnly, codeIOErr, codeCorrupt, codeFull, codeCantOpen, codeProtocol, codeNotADB:
		return fault.As(fault.Unavailable, err)
	case codeTooBig:
		return fault.As(fault.TooLarge, err)
	case codeConstraint:
		return fault.As(fault.Conflict, err)
	}
	return err
}
