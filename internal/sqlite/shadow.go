package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"postern/internal/fault"
	"postern/internal/issue"
)

// PutShadow keeps the shadow that there is.
func (s *Store) PutShadow(ctx context.Context, sh issue.Shadow, before string) error {
	files := object(sh.Files)
	sh.Files = nil
	sh.StartedAt, sh.Until, sh.StoppedAt = issue.Time(sh.StartedAt), issue.Time(sh.Until), stamp(sh.StoppedAt)
	doc, err := json.Marshal(sh)
	if err != nil {
		return fmt.Errorf("encode shadow: %w", err)
	}
	return wrap(s.update(ctx, func(t *tx) error {
		row, _, err := t.one("SELECT coalesce(max(id), '') FROM shadow")
		if err != nil {
			return err
		}
		if there := row.text(0); there != before {
			return fault.Errorf(fault.Conflict, "the shadow is %q, not %q", there, before)
		}
		for _, old := range []string{"DELETE FROM shadow WHERE id <> ?", "DELETE FROM shadow_reports WHERE shadow <> ?"} {
			if _, err := t.write("old shadow", old, sh.ID); err != nil {
				return err
			}
		}
		_, err = t.write("shadow", "INSERT INTO shadow (id, doc, files) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc, files = excluded.files",
			sh.ID, string(doc), files)
		return err
	}), "keep a shadow")
}

// Shadow reads the shadow that there is.
func (s *Store) Shadow(ctx context.Context, files bool) (*issue.Shadow, error) {
	out := &issue.Shadow{}
	err := s.read(ctx, func(c *conn) error {
		what := "doc"
		if files {
			what = "doc, files"
		}
		r, ok, err := c.one("SELECT " + what + " FROM shadow")
		if err != nil || !ok {
			return cmpErr(err, fault.Errorf(fault.NotFound, "there is no shadow"))
		}
		if err := json.Unmarshal([]byte(r.text(0)), out); err != nil || !files {
			return err
		}
		return json.Unmarshal([]byte(r.text(1)), &out.Files)
	})
	if err != nil {
		return nil, wrap(err, "read the shadow")
	}
	return out, nil
}

// PutShadowReport keeps what a node found.
func (s *Store) PutShadowReport(ctx context.Context, shadow, node string, report json.RawMessage) error {
	return wrap(s.update(ctx, func(t *tx) error {
		_, ok, err := t.one("SELECT 1 FROM shadow WHERE id = ?", shadow)
		if err != nil || !ok {
			return cmpErr(err, fault.Errorf(fault.Conflict, "shadow %s is over", shadow))
		}
		_, err = t.write("shadow report", "INSERT INTO shadow_reports (shadow, node, report) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET report = excluded.report",
			shadow, node, string(report))
		return err
	}), "keep a report")
}

// ShadowReports reads what the nodes found.
func (s *Store) ShadowReports(ctx context.Context, shadow string) (map[string]json.RawMessage, error) {
	var out map[string]json.RawMessage
	err := s.read(ctx, func(c *conn) error {
		out = map[string]json.RawMessage{}
		return c.query(ctx, "SELECT node, report FROM shadow_reports WHERE shadow = ?", []any{shadow}, func(r row) error {
			out[r.text(0)] = json.RawMessage(r.text(1))
			return nil
		})
	})
	return out, wrap(err, "read reports")
}
