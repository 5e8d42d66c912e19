package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"postern/internal/fault"
	"postern/internal/issue"
)

// PublishRuleset keeps a set as the latest. Each publication is a row, so that the table is also the history.
func (s *Store) PublishRuleset(ctx context.Context, r issue.Ruleset, after int64) (int64, error) {
	err := s.update(ctx, func(t *tx) error {
		row, _, err := t.one("SELECT coalesce(max(seq), 0) FROM rulesets")
		if err != nil {
			return err
		}
		if last := row.int(0); last != after {
			return fault.Errorf(fault.Conflict, "the latest publication is number %d, not %d", last, after)
		}
		_, err = t.write("rule set", "INSERT INTO rulesets (seq, version, files, published_at, by_whom, note) VALUES (?, ?, ?, ?, ?, ?)",
			after+1, r.Version, object(r.Files), issue.Time(r.PublishedAt), r.By, r.Note)
		return err
	})
	if err != nil {
		return 0, wrap(err, "publish a rule set")
	}
	return after + 1, nil
}

// Ruleset reads a publication by its number.
func (s *Store) Ruleset(ctx context.Context, number int64) (*issue.Ruleset, error) {
	return s.ruleset(ctx, "WHERE seq = ?", number)
}

// LatestRuleset reads the set that was published last.
func (s *Store) LatestRuleset(ctx context.Context) (*issue.Ruleset, error) {
	return s.ruleset(ctx, "ORDER BY seq DESC LIMIT 1")
}

func (s *Store) ruleset(ctx context.Context, which string, args ...any) (*issue.Ruleset, error) {
	var out *issue.Ruleset
	err := s.read(ctx, func(c *conn) error {
		r, ok, err := c.one("SELECT seq, version, published_at, by_whom, note, files FROM rulesets "+which, args...)
		if err != nil || !ok {
			return cmpErr(err, fault.Errorf(fault.NotFound, "no such rule set has been published"))
		}
		out = rulesetOf(r)
		if err := json.Unmarshal([]byte(r.text(5)), &out.Files); err != nil {
			return fmt.Errorf("decode rule set %s: %w", out.Version, err)
		}
		return nil
	})
	return out, wrap(err, "read a rule set")
}

func rulesetOf(r row) *issue.Ruleset {
	return &issue.Ruleset{Number: r.int(0), Version: r.text(1), PublishedAt: r.time(2), By: r.text(3), Note: r.text(4)}
}

// Rulesets lists publications without their files, newest first.
func (s *Store) Rulesets(ctx context.Context, q issue.RulesetQuery) ([]*issue.Ruleset, issue.Cursor, error) {
	after, limit, err := window(q.Page, ofRulesets, 1)
	if err != nil {
		return nil, "", err
	}
	var f filter
	f.text("by_whom", q.By)
	if q.Version != "" {
		f.add("version >= ? AND version < ?", q.Version, q.Version+"g") // a version is hex
	}
	if after != nil {
		f.add("seq < ?", after[0])
	}
	out := []*issue.Ruleset{}
	err = s.read(ctx, func(c *conn) error {
		out = out[:0]
		return c.query(ctx, "SELECT seq, version, published_at, by_whom, note FROM rulesets"+f.String()+" ORDER BY seq DESC LIMIT ?",
			append(f.args, limit+1), func(r row) error {
				out = append(out, rulesetOf(r))
				return nil
			})
	})
	if err != nil {
		return nil, "", wrap(err, "list rule sets")
	}
	if len(out) > limit {
		return out[:limit], cursor(ofRulesets, out[limit-1].Number), nil
	}
	return out, "", nil
}
