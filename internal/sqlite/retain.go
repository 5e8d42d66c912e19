package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// batch is how many rows one step of retention or sweep takes: mail that waits for the writer meanwhile
// waits a few milliseconds.
const batch = 100

// DropMessage deletes what a person wants gone.
func (s *Store) DropMessage(ctx context.Context, id string, ev issue.Event) error {
	return wrap(s.update(ctx, func(t *tx) error {
		m, seq, err := s.load(t.conn, "id = ?", id)
		switch {
		case err != nil:
			return err
		case m.Verdict == "committed":
			return fault.Errorf(fault.Denied, "message %s became issue %d: only what became none can be deleted", id, m.Issue)
		case m.DeletedAt != nil:
			return nil
		}
		m.DeletedAt = &ev.At
		if err := s.empty(t, m, seq); err != nil {
			return err
		}
		return putEvent(t, &ev)
	}), "delete message %s", id)
}

// load reads one message and its row's number.
func (s *Store) load(c *conn, which string, arg any) (*issue.Message, int64, error) {
	r, ok, err := c.one("SELECT "+messageColumns+", trace FROM messages WHERE "+which, arg)
	if err != nil {
		return nil, 0, err
	}
	if !ok {
		return nil, 0, fault.Errorf(fault.NotFound, "no message %v", arg)
	}
	m, err := decodeMessage(r)
	return m, r.int(19), err
}

// empty takes raw, text and attachments from a message, and the raw from its copies.
func (s *Store) empty(t *tx, m *issue.Message, seq int64) error {
	was := named(m)
	m.Raw, m.Text, m.TextBlob, m.HTMLBlob, m.Attachments, m.Spans, m.HTMLSpans = issue.Blob{}, "", issue.Blob{}, issue.Blob{}, nil, nil, nil
	doc, _, err := encodeMessage(m)
	if err != nil {
		return err
	}
	if _, err := t.write("empty", "UPDATE messages SET raw = NULL, raw_size = 0, doc = ?, deleted_at = ? WHERE seq = ?", doc, stamp(m.DeletedAt), seq); err != nil {
		return err
	}
	if err := s.letGo(t, seq, was); err != nil {
		return err
	}
	if err := emptyWithdrawn(t, m); err != nil {
		return err
	}
	return s.emptyCopies(t, "message = ?", seq)
}

// emptyWithdrawn takes a message's text from the issue or the notes that it made and that were withdrawn.
func emptyWithdrawn(t *tx, m *issue.Message) error {
	if m.Issue == 0 {
		return nil
	}
	n, err := t.write("issue", "UPDATE issues SET description = '' WHERE number = ? AND message = ? AND withdrawn_at IS NOT NULL", m.Issue, m.ID)
	if err == nil && n > 0 {
		err = enqueue(t, m.Issue, 0)
	}
	if err != nil {
		return err
	}
	_, err = t.write("note", "UPDATE notes SET text = '' WHERE place > ? AND place < ? AND message = ? AND withdrawn_at IS NOT NULL",
		m.Issue<<noteBits, (m.Issue+1)<<noteBits, m.ID)
	return err
}

// emptyCopies takes the raws of copies.
func (s *Store) emptyCopies(t *tx, which string, args ...any) error {
	var seqs []int64
	if err := t.query(context.Background(), "SELECT seq FROM copies WHERE raw IS NOT NULL AND "+which, args, func(r row) error {
		seqs = append(seqs, r.int(0))
		return nil
	}); err != nil {
		return err
	}
	for _, seq := range seqs {
		if _, err := t.write("blob", "UPDATE blobs SET refs = refs - 1, at = ? WHERE sha = (SELECT raw FROM copies WHERE seq = ?)", s.now(), seq); err != nil {
			return err
		}
		if _, err := t.write("copy", "UPDATE copies SET raw = NULL WHERE seq = ?", seq); err != nil {
			return err
		}
	}
	return nil
}

// Retain takes what is older than its time, a batch a transaction.
func (s *Store) Retain(ctx context.Context, r issue.Retention) (int, error) {
	total := 0
	for _, step := range []struct {
		what   string
		before time.Time
		take   func(t *tx, before time.Time) (int, error)
	}{
		{"raw mail", r.Raw, s.retainRaw},
		{"raw copies", r.Raw, s.retainCopies},
		{"the quarantine", r.Quarantine, s.retainQuarantine},
		{"traces", r.Trace, s.retainTraces},
		{"the ledger", r.Ledger, s.retainLedger},
		{"rule counts", r.RuleCounts, s.retainRuleCounts},
		{"claims", s.now(), s.retainUsed},
	} {
		if step.before.IsZero() {
			continue
		}
		for {
			n := 0
			err := s.update(ctx, func(t *tx) (err error) {
				n, err = step.take(t, step.before)
				return err
			})
			if err != nil {
				return total, wrap(err, "retention of %s", step.what)
			}
			total += n
			if n == 0 {
				break
			}
		}
	}
	return total, nil
}

// oldSeqs are the messages received before a time that meet a condition on the columns of messages_time, so that
// none but these is read.
func oldSeqs(t *tx, before time.Time, condition string, args ...any) (seqs []int64, err error) {
	err = t.query(context.Background(), "SELECT seq FROM messages INDEXED BY messages_time WHERE received_at < ? AND "+condition+" LIMIT ?",
		slices.Concat([]any{before}, args, []any{batch}), func(r row) error {
			seqs = append(seqs, r.int(0))
			return nil
		})
	return seqs, err
}

func (s *Store) retainRaw(t *tx, before time.Time) (int, error) {
	seqs, err := oldSeqs(t, before, "raw_size > 0 AND verdict <> 'quarantined'")
	if err != nil {
		return 0, err
	}
	for _, seq := range seqs {
		m, _, err := s.load(t.conn, "seq = ?", seq)
		if err != nil {
			return 0, err
		}
		raw := m.Raw.SHA256
		m.Raw = issue.Blob{}
		if _, err := t.write("raw", "UPDATE messages SET raw = NULL, raw_size = 0 WHERE seq = ?", seq); err != nil {
			return 0, err
		}
		if !contains(named(m), raw) {
			if _, err := t.write("blob", "UPDATE blobs SET refs = refs - 1, at = ? WHERE sha = ?", s.now(), hash(raw)); err != nil {
				return 0, err
			}
		}
	}
	return len(seqs), nil
}

func (s *Store) retainCopies(t *tx, before time.Time) (int, error) {
	r, _, err := t.one("SELECT count(*) FROM (SELECT 1 FROM copies WHERE raw IS NOT NULL AND received_at < ? LIMIT ?)", before, batch)
	if err != nil || r.int(0) == 0 {
		return 0, err
	}
	return int(r.int(0)), s.emptyCopies(t, "received_at < ? LIMIT ?", before, batch)
}

// retainQuarantine counts from when a message came into quarantine, which may be a replay's doing.
func (s *Store) retainQuarantine(t *tx, before time.Time) (int, error) {
	seqs, err := oldSeqs(t, before, "raw_size > 0 AND verdict = 'quarantined' AND run < ?", issue.FirstID(before))
	if err != nil {
		return 0, err
	}
	for _, seq := range seqs {
		m, _, err := s.load(t.conn, "seq = ?", seq)
		if err != nil {
			return 0, err
		}
		if err := s.empty(t, m, seq); err != nil {
			return 0, err
		}
	}
	return len(seqs), nil
}

func (s *Store) retainTraces(t *tx, before time.Time) (int, error) {
	seqs, err := oldSeqs(t, before, "traced = 1")
	if err != nil {
		return 0, err
	}
	for _, seq := range seqs {
		if _, err := t.write("trace", "UPDATE messages SET trace = NULL, traced = 0 WHERE seq = ?", seq); err != nil {
			return 0, err
		}
	}
	return len(seqs), nil
}

func (s *Store) retainLedger(t *tx, before time.Time) (int, error) {
	n, err := t.write("ledger", "DELETE FROM ledger WHERE seq IN (SELECT seq FROM ledger WHERE at < ? ORDER BY at, seq LIMIT ?)", before, 10*batch)
	return int(n), err
}

func (s *Store) retainRuleCounts(t *tx, before time.Time) (int, error) {
	n, err := t.write("rule counts", "DELETE FROM rule_counts WHERE (version, stage, rule) IN (SELECT version, stage, rule FROM rule_counts WHERE last_match > 0 AND last_match < ? LIMIT ?)",
		before, 10*batch)
	return int(n), err
}

// Sweep removes blobs that nothing names: their rows, and then their files. While it does no commit is on its
// way with a file (see placeBodies), so none finds a file there that goes a moment later.
func (s *Store) Sweep(ctx context.Context, grace time.Duration) (int, error) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	before := s.now().Add(-grace)
	total := 0
	for {
		n, err := s.sweepBatch(ctx, before)
		total += n
		if err != nil {
			return total, wrap(err, "sweep blobs")
		}
		if n == 0 {
			return total, wrap(s.sweepOrphans(ctx, grace), "sweep files of blobs")
		}
	}
}

func (s *Store) sweepBatch(ctx context.Context, before time.Time) (int, error) {
	s.files.Lock()
	defer s.files.Unlock()
	n, paths := 0, []string(nil)
	if err := s.update(ctx, func(t *tx) error {
		n, paths = 0, nil
		var ids []int64
		if err := t.query(context.Background(), "SELECT id, lower(hex(sha)), form FROM blobs WHERE refs = 0 AND at <= ? LIMIT ?",
			[]any{before, batch}, func(r row) error {
				ids = append(ids, r.int(0))
				if r.int(2) == asFile {
					paths = append(paths, s.blobPath(r.text(1)))
				}
				return nil
			}); err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := t.write("sweep", "DELETE FROM blobs WHERE id = ?", id); err != nil {
				return err
			}
		}
		n = len(ids)
		return nil
	}); err != nil {
		return 0, err
	}
	for _, path := range paths {
		if err := s.step("sweep file"); err != nil {
			return n, err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return n, err
		}
	}
	return n, nil
}

// sweepOrphans removes files that no row names: of commits that failed after they wrote a file, and of a
// sweep that ended between row and file. What is younger than the grace may still get its row.
func (s *Store) sweepOrphans(ctx context.Context, grace time.Duration) error {
	folders, err := filepath.Glob(filepath.Join(s.dir, "blobs", "??"))
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.sweepFolder(ctx, folder, max(grace, time.Minute)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sweepFolder(ctx context.Context, folder string, grace time.Duration) error {
	s.files.Lock()
	defer s.files.Unlock()
	if err := s.show(ctx); err != nil { // a row that cannot be read yet names its file too
		return err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < grace {
			continue // the file's own time is the system's, whatever clock we were given
		}
		known := false
		if !strings.HasPrefix(e.Name(), "new-") {
			if err := s.read(ctx, func(c *conn) (err error) {
				_, known, err = c.one("SELECT 1 FROM blobs WHERE sha = ? AND form = ?", hash(e.Name()), asFile)
				return err
			}); err != nil {
				return err
			}
		}
		if !known {
			if err := os.Remove(filepath.Join(folder, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
