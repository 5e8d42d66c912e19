package intake

import (
	"context"
	"sync"
	"time"

	"postern/internal/issue"
)

// known is the store with a short memory of the people in it: who writes often is not looked up each time. A change made
// elsewhere, on another node for instance, counts here after remember. Of somebody nobody knows it keeps nothing, since the
// next mail may make him known.
type known struct {
	issue.Store
	now func() time.Time

	mu     sync.Mutex
	people map[string]acquaintance
}

type acquaintance struct {
	user  *issue.User
	until time.Time
}

const (
	remember  = 3 * time.Second
	maxPeople = 5000
)

func newKnown(s issue.Store, now func() time.Time) *known {
	return &known{Store: s, now: now, people: map[string]acquaintance{}}
}

// FindUser returns a user whom nobody may change.
func (k *known) FindUser(ctx context.Context, email string) (*issue.User, error) {
	now := k.now()
	k.mu.Lock()
	a, ok := k.people[email]
	k.mu.Unlock()
	if ok && now.Before(a.until) {
		return a.user, nil
	}
	u, err := k.Store.FindUser(ctx, email)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.people) >= maxPeople {
		clear(k.people)
	}
	k.people[email] = acquaintance{u, now.Add(remember)}
	return u, nil
}
