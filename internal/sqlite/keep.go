package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"postern/internal/fault"
	"postern/internal/issue"
)

// AddToken keeps a token.
func (s *Store) AddToken(ctx context.Context, k issue.Token) error {
	return wrap(s.update(ctx, func(t *tx) error {
		n, err := t.write("token", "INSERT INTO tokens (id, name, hash, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			k.ID, k.Name, k.Hash, list(k.Scopes), issue.Time(k.CreatedAt), stamp(k.ExpiresAt))
		if err == nil && n == 0 {
			return fault.Errorf(fault.Conflict, "token %s is there already", k.ID)
		}
		return err
	}), "add a token")
}

// FindToken finds a token that is still good.
func (s *Store) FindToken(ctx context.Context, hash string) (*issue.Token, error) {
	found, err := s.tokens(ctx, "WHERE hash = ? AND (expires_at IS NULL OR expires_at > ?)", hash, s.now())
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.Errorf(fault.NotFound, "no such token, or it expired")
	}
	return found[0], nil
}

// Tokens lists all tokens, expired ones too.
func (s *Store) Tokens(ctx context.Context) ([]*issue.Token, error) {
	return s.tokens(ctx, "ORDER BY seq DESC")
}

func (s *Store) tokens(ctx context.Context, which string, args ...any) ([]*issue.Token, error) {
	var out []*issue.Token
	err := s.read(ctx, func(c *conn) error {
		out = []*issue.Token{}
		return c.query(context.Background(), "SELECT id, name, hash, scopes, created_at, expires_at FROM tokens "+which, args, func(r row) error {
			k := &issue.Token{ID: r.text(0), Name: r.text(1), Hash: r.text(2), CreatedAt: r.time(4), ExpiresAt: r.maybe(5)}
			out = append(out, k)
			return json.Unmarshal([]byte(r.text(3)), &k.Scopes)
		})
	})
	return out, wrap(err, "read tokens")
}

// RevokeToken forgets a token.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	return wrap(s.update(ctx, func(t *tx) error {
		n, err := t.write("token", "DELETE FROM tokens WHERE id = ?", id)
		if err == nil && n == 0 {
			return fault.Errorf(fault.NotFound, "no token %q", id)
		}
		return err
	}), "revoke a token")
}

// Once keeps the first value of a key.
func (s *Store) Once(ctx context.Context, key, value string) (string, error) {
	var kept string
	err := s.update(ctx, func(t *tx) error {
		r, ok, err := t.one("SELECT value FROM once WHERE key = ?", key)
		if err != nil || ok {
			kept = r.text(0)
			return err
		}
		kept = value
		_, err = t.write("once", "INSERT INTO once (key, value) VALUES (?, ?)", key, value)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keep %s: %w", key, err)
	}
	return kept, nil
}
