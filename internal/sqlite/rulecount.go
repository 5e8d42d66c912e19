package sqlite

import (
	"context"
	"time"

	"postern/internal/issue"
)

// CountRules adds to what rules did.
func (s *Store) CountRules(ctx context.Context, counts []issue.RuleCount) error {
	if len(counts) == 0 {
		return nil
	}
	return wrap(s.update(ctx, func(t *tx) error {
		for _, c := range counts {
			last := int64(0)
			if c.LastMatch != nil {
				last = issue.Time(*c.LastMatch).UnixMilli()
			}
			_, err := t.write("rule count", `INSERT INTO rule_counts (version, stage, rule, matches, errors, took, last_match) VALUES (?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET matches = matches + excluded.matches, errors = errors + excluded.errors, took = took + excluded.took,
				last_match = max(last_match, excluded.last_match)`, c.Version, c.Stage, c.Rule, c.Matches, c.Errors, int64(c.Took), last)
			if err != nil {
				return err
			}
		}
		return nil
	}), "count rules")
}

// RuleCounts reads what rules did.
func (s *Store) RuleCounts(ctx context.Context, version string) ([]issue.RuleCount, error) {
	query, args := "SELECT version, stage, rule, matches, errors, took, last_match FROM rule_counts WHERE version = ? ORDER BY stage, rule", []any{version}
	if version == "" {
		query, args = "SELECT '', stage, rule, sum(matches), sum(errors), sum(took), max(last_match) FROM rule_counts GROUP BY stage, rule ORDER BY stage, rule", nil
	}
	var out []issue.RuleCount
	err := s.read(ctx, func(c *conn) error {
		out = []issue.RuleCount{}
		return c.query(ctx, query, args, func(r row) error {
			n := issue.RuleCount{Version: r.text(0), Stage: r.text(1), Rule: r.text(2), Matches: r.int(3), Errors: r.int(4), Took: time.Duration(r.int(5))}
			if ms := r.int(6); ms != 0 {
				at := time.UnixMilli(ms).UTC()
				n.LastMatch = &at
			}
			out = append(out, n)
			return nil
		})
	})
	return out, wrap(err, "read rule counts")
}
