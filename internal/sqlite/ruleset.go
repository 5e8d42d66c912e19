package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"postern/internal/fault"
	"postern/internal/issue"
)

// PublishRuleset keeps a set as the latest. Each publication is a row, so that the table is also the history.
func (s *Store) PublishRuleset(ctx context.Context, r issue.Ruleset, after int64) (int64, error) {
	files, large, data := apart(r.Files)
	err := s.update(ctx, func(t *tx) error {
		row, _, err := t.one("SELECT coalesce(max(seq), 0) FROM rulesets")
		if err != nil {
			return err
		}
		if last := row.int(0); last != after {
			return fault.Errorf(fault.Conflict, "the latest publication is number %d, not %d", last, after)
		}
		for sha, content := range data {
			_, there, err := t.one("SELECT 1 FROM ruleset_files WHERE sha = ?", hash(sha))
			if err == nil && !there {
				_, err = t.write("file of a rule set", "INSERT INTO ruleset_files (sha, data) VALUES (?, ?)", hash(sha), pack([]byte(content)))
			}
			if err != nil {
				return err
			}
		}
		_, err = t.write("rule set", "INSERT INTO rulesets (seq, version, files, large, published_at, by_whom, note) VALUES (?, ?, ?, ?, ?, ?, ?)",
			after+1, r.Version, object(files), object(large), issue.Time(r.PublishedAt), r.By, r.Note)
		return err
	})
	if err != nil {
		return 0, wrap(err, "publish a rule set")
	}
	return after + 1, nil
}

// largeFile is from how many bytes on a file of a rule set is kept once for all sets.
const largeFile = 4 << 10

// apart takes the large files out, which are then named by their hashes.
func apart(files map[string]string) (small, large, data map[string]string) {
	small, large, data = map[string]string{}, map[string]string{}, map[string]string{}
	for name, content := range files {
		if len(content) < largeFile {
			small[name] = content
			continue
		}
		sum := sha256.Sum256([]byte(content))
		large[name] = hex.EncodeToString(sum[:])
		data[large[name]] = content
	}
	return small, large, data
}

// together puts the large files back.
func together(c *conn, files, large string) (out map[string]string, err error) {
	var shas map[string]string
	if err := errors.Join(json.Unmarshal([]byte(files), &out), json.Unmarshal([]byte(large), &shas)); err != nil {
		return nil, err
	}
	for name, sha := range shas {
		r, ok, err := c.one("SELECT data FROM ruleset_files WHERE sha = ?", hash(sha))
		if err != nil || !ok {
			return nil, cmpErr(err, fmt.Errorf("file %s is lost", name))
		}
		content, err := unpack(r.bytes(0))
		if err != nil {
			return nil, err
		}
		out[name] = string(content)
	}
	return out, nil
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
		r, ok, err := c.one("SELECT seq, version, published_at, by_whom, note, files, large FROM rulesets "+which, args...)
		if err != nil || !ok {
			return cmpErr(err, fault.Errorf(fault.NotFound, "no such rule set has been published"))
		}
		out = rulesetOf(r)
		if out.Files, err = together(c, r.text(5), r.text(6)); err != nil {
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
