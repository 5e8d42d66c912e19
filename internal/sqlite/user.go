package sqlite

import (
	"context"
	"sync"

	"postern/internal/fault"
	"postern/internal/issue"
)

// users remembers who was looked for lately: each mail asks for its sender. Nobody else writes this database, so what it
// remembers is right until a commit writes a user.
type users struct {
	mu    sync.Mutex
	known map[string]*issue.User // nil: not in the table
	round int                    // how often something was forgotten
}

const maxRemembered = 4096

func (u *users) recall(email string) (who *issue.User, found bool, round int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	who, found = u.known[email]
	return who, found, u.round
}

// remember keeps what was read, unless users were written since that round.
func (u *users) remember(email string, who *issue.User, round int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if round != u.round {
		return
	}
	if u.known == nil || len(u.known) >= maxRemembered {
		u.known = make(map[string]*issue.User)
	}
	u.known[email] = who
}

// forget is for those who were written just now; nil is everybody.
func (u *users) forget(emails []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if emails == nil {
		u.known = nil
	}
	for _, email := range emails {
		delete(u.known, email)
	}
	u.round++
}

// FindUser returns a user.
func (s *Store) FindUser(ctx context.Context, email string) (*issue.User, error) {
	u, found, round := s.users.recall(email)
	if !found {
		err := s.read(ctx, func(c *conn) error {
			r, ok, err := c.one("SELECT email, name, role, organization, created_at FROM users WHERE email = ?", email)
			if ok {
				u = &issue.User{Email: r.text(0), Name: r.text(1), Role: r.text(2), Organization: r.text(3), CreatedAt: r.time(4)}
			}
			return err
		})
		if err != nil {
			return nil, wrap(err, "find user")
		}
		s.users.remember(email, u, round)
	}
	if u == nil {
		return nil, fault.Errorf(fault.NotFound, "no user %s", email)
	}
	who := *u
	return &who, nil
}
