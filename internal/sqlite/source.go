package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// LeaseSource takes or renews a lease.
func (s *Store) LeaseSource(ctx context.Context, source, holder string, ttl time.Duration) (*issue.Lease, error) {
	if source == "" || holder == "" {
		return nil, fault.Errorf(fault.Invalid, "a lease needs a source and a holder")
	}
	var l *issue.Lease
	err := s.update(ctx, func(t *tx) error {
		r, ok, err := t.one("SELECT holder, fence, until, state FROM sources WHERE name = ?", source)
		if err != nil {
			return err
		}
		now := s.now()
		l = &issue.Lease{Source: source, Holder: holder, Fence: r.int(1), Until: issue.Time(now.Add(ttl)), State: document(r, 3)}
		if has := r.text(0); has != holder {
			if until := moment(r, 2); ok && has != "" && now.Before(until) {
				return fault.Errorf(fault.Conflict, "%s has it until %s", has, until.Format(time.RFC3339))
			}
			l.Fence++
		}
		_, err = t.write("lease", `INSERT INTO sources (name, known, holder, fence, until) VALUES (?, 1, ?, ?, ?)
			ON CONFLICT DO UPDATE SET known = 1, holder = excluded.holder, fence = excluded.fence, until = excluded.until`, source, holder, l.Fence, l.Until)
		return err
	})
	if err != nil {
		return nil, wrap(err, "lease source %s", source)
	}
	return l, nil
}

// SaveSource keeps a state, if the lease is still the last one.
func (s *Store) SaveSource(ctx context.Context, l *issue.Lease, state json.RawMessage) error {
	if len(state) > issue.MaxState {
		return fault.Errorf(fault.TooLarge, "the state of source %s has %d bytes, %d are the most", l.Source, len(state), issue.MaxState)
	}
	return wrap(s.update(ctx, func(t *tx) error {
		n, err := t.write("source state", "UPDATE sources SET state = ? WHERE name = ? AND holder = ? AND fence = ?", string(state), l.Source, l.Holder, l.Fence)
		if err == nil && n == 0 {
			err = fault.Errorf(fault.Conflict, "lease %d of %s is over", l.Fence, l.Holder)
		}
		return err
	}), "save source %s", l.Source)
}

// ReleaseSource ends a lease.
func (s *Store) ReleaseSource(ctx context.Context, l *issue.Lease) error {
	return wrap(s.update(ctx, func(t *tx) error {
		_, err := t.write("release", "UPDATE sources SET holder = '', until = NULL WHERE name = ? AND holder = ? AND fence = ?", l.Source, l.Holder, l.Fence)
		return err
	}), "release source %s", l.Source)
}

const sourceColumns = "name, holder, fence, until, state, heard_at, mail_at, mails, gap, gap_at, error, error_at, rejected"

func sourceOf(r row) *issue.SourceRecord {
	return &issue.SourceRecord{
		Name: r.text(0), Holder: r.text(1), Fence: r.int(2), Until: moment(r, 3), State: document(r, 4), HeardAt: moment(r, 5), MailAt: moment(r, 6), Mails: r.int(7),
		Gap: time.Duration(r.int(8)), GapAt: moment(r, 9), Error: r.text(10), ErrorAt: moment(r, 11), Rejected: r.int(12),
	}
}

// moment is the time in a column, zero where it is NULL.
func moment(r row, i int) time.Time {
	if i < len(r) {
		if t := r.maybe(i); t != nil {
			return *t
		}
	}
	return time.Time{}
}

// document is the JSON in a column, nil where there is none.
func document(r row, i int) json.RawMessage {
	if text := r.text(i); text != "" {
		return json.RawMessage(text)
	}
	return nil
}

// HeardSource adds news to what is known.
func (s *Store) HeardSource(ctx context.Context, source string, h issue.Heard) error {
	return wrap(s.update(ctx, func(t *tx) error {
		r, ok, err := t.one("SELECT name, '', 0, NULL, NULL, heard_at, mail_at, mails, gap, gap_at, error, error_at, rejected FROM sources WHERE name = ?", source)
		if err != nil {
			return err
		}
		rec := &issue.SourceRecord{}
		if ok {
			rec = sourceOf(r)
		}
		rec.Hear(h)
		_, err = t.write("source", `INSERT INTO sources (name, known, heard_at, mail_at, mails, gap, gap_at, error, error_at, rejected) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET known = 1, heard_at = excluded.heard_at, mail_at = excluded.mail_at, mails = excluded.mails, gap = excluded.gap,
			gap_at = excluded.gap_at, error = excluded.error, error_at = excluded.error_at, rejected = excluded.rejected`,
			source, stamp(&rec.HeardAt), stamp(&rec.MailAt), rec.Mails, int64(rec.Gap), stamp(&rec.GapAt), rec.Error, stamp(&rec.ErrorAt), rec.Rejected)
		return err
	}), "note what was heard of source %s", source)
}

// Source reads what is known of a source.
func (s *Store) Source(ctx context.Context, source string) (*issue.SourceRecord, error) {
	var out *issue.SourceRecord
	err := s.read(ctx, func(c *conn) error {
		r, ok, err := c.one("SELECT "+sourceColumns+" FROM sources WHERE name = ? AND known = 1", source)
		if err != nil || !ok {
			return cmpErr(err, fault.Errorf(fault.NotFound, "nothing is known of it"))
		}
		out = sourceOf(r)
		return nil
	})
	return out, wrap(err, "read source %s", source)
}

// Sources reads what is known of all.
func (s *Store) Sources(ctx context.Context) ([]*issue.SourceRecord, error) {
	var out []*issue.SourceRecord
	err := s.read(ctx, func(c *conn) error {
		out = []*issue.SourceRecord{}
		return c.query(ctx, "SELECT "+sourceColumns+" FROM sources WHERE known = 1 ORDER BY name", nil, func(r row) error {
			out = append(out, sourceOf(r))
			return nil
		})
	})
	return out, wrap(err, "read sources")
}

// ForgetSource removes all but the numbers that were given.
func (s *Store) ForgetSource(ctx context.Context, source string) error {
	return wrap(s.update(ctx, func(t *tx) error {
		_, err := t.write("forget source", `UPDATE sources SET known = 0, holder = '', until = NULL, state = NULL, heard_at = NULL, mail_at = NULL, mails = 0, gap = 0, gap_at = NULL,
			error = '', error_at = NULL, rejected = 0, sealed_version = 0, sealed = NULL WHERE name = ?`, source)
		return err
	}), "forget source %s", source)
}

// Credential reads what was sealed.
func (s *Store) Credential(ctx context.Context, source string) (sealed []byte, version int64, err error) {
	err = s.read(ctx, func(c *conn) error {
		r, _, err := c.one("SELECT sealed_version, sealed FROM sources WHERE name = ?", source)
		if version, sealed = r.int(0), r.bytes(1); err != nil || version == 0 {
			return cmpErr(err, fault.Errorf(fault.NotFound, "there is none"))
		}
		return nil
	})
	if err != nil {
		return nil, 0, wrap(err, "read the credential of source %s", source)
	}
	return sealed, version, nil
}

// PutCredential keeps what was sealed, if nobody else has meanwhile.
func (s *Store) PutCredential(ctx context.Context, source string, sealed []byte, before int64) (version int64, err error) {
	if sealed == nil {
		sealed = []byte{}
	}
	err = s.update(ctx, func(t *tx) error {
		r, _, err := t.one("SELECT sealed_version, sealed_last FROM sources WHERE name = ?", source)
		if err != nil {
			return err
		}
		if now := r.int(0); now != before {
			return fault.Errorf(fault.Conflict, "it has version %d, not %d", now, before)
		}
		version = r.int(1) + 1
		_, err = t.write("credential", `INSERT INTO sources (name, known, sealed_version, sealed_last, sealed) VALUES (?, 1, ?, ?, ?)
			ON CONFLICT DO UPDATE SET known = 1, sealed_version = excluded.sealed_version, sealed_last = excluded.sealed_last, sealed = excluded.sealed`,
			source, version, version, sealed)
		return err
	})
	if err != nil {
		return 0, wrap(err, "keep the credential of source %s", source)
	}
	return version, nil
}

// Claim keeps the first value of a key until its time has passed.
func (s *Store) Claim(ctx context.Context, key, value string, until time.Time) (there string, err error) {
	sum := sha256.Sum256([]byte(key))
	id, until := sum[:], issue.Time(until)
	err = s.update(ctx, func(t *tx) error {
		r, ok, err := t.one("SELECT value, until FROM used WHERE key = ?", id)
		switch {
		case err != nil:
			return err
		case !ok:
			there = value
			_, err = t.write("claim", "INSERT INTO used (key, value, until) VALUES (?, ?, ?)", id, value, until)
		default:
			there = r.text(0)
			if until.After(r.time(1)) {
				_, err = t.write("claim", "UPDATE used SET until = ? WHERE key = ?", until, id)
			}
		}
		return err
	})
	if err != nil {
		return "", wrap(err, "claim")
	}
	return there, nil
}

func (s *Store) retainUsed(t *tx, before time.Time) (int, error) {
	n, err := t.write("used", "DELETE FROM used WHERE key IN (SELECT key FROM used WHERE until < ? ORDER BY until LIMIT ?)", before, 10*batch)
	return int(n), err
}
